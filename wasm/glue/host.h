// What the module imports: the functions of src/host.ts, by these names, in the import module
// "host". Numbers of bytes and offsets are doubles where they may pass 2^31.
#ifndef TRIBUTARY_WASM_GLUE_HOST_H_
#define TRIBUTARY_WASM_GLUE_HOST_H_

#include <cstddef>
#include <cstdint>

#define TRIBUTARY_IMPORT(name) __attribute__((import_module("host"), import_name(#name)))

extern "C" {

// A file by its path: a handle >= 0, or -1 where the host has none under that name. `create`: one
// that is empty may come to be.
TRIBUTARY_IMPORT(open) int32_t host_open(const char* path, size_t length, int32_t create);
TRIBUTARY_IMPORT(close) void host_close(int32_t handle);
// Bytes read, fewer at the end of the file; -1 on failure.
TRIBUTARY_IMPORT(read) int32_t host_read(int32_t handle, void* to, int32_t size, double offset);
// 0; 1 on failure; 2 where there is no space left.
TRIBUTARY_IMPORT(write)
int32_t host_write(int32_t handle, const void* from, int32_t size, double offset);
// 0, or 1 on failure.
TRIBUTARY_IMPORT(truncate) int32_t host_truncate(int32_t handle, double size);
// Returns only when everything written is on the device. Like write, whose bytes it may pass on.
TRIBUTARY_IMPORT(sync) int32_t host_sync(int32_t handle);
// -1 on failure.
TRIBUTARY_IMPORT(size) double host_size(int32_t handle);
// 0, or 1 on failure; 0 too where there is none.
TRIBUTARY_IMPORT(remove) int32_t host_remove(const char* path, size_t length);
TRIBUTARY_IMPORT(exists) int32_t host_exists(const char* path, size_t length);

// Milliseconds since 1970.
TRIBUTARY_IMPORT(now) double host_now();
// How many minutes UTC is ahead of local time at that moment.
TRIBUTARY_IMPORT(utcOffset) int32_t host_utc_offset(double ms);
TRIBUTARY_IMPORT(random) void host_random(void* to, int32_t size);
// Not 0: the running statement is to be interrupted.
TRIBUTARY_IMPORT(interrupted) int32_t host_interrupted();

}  // extern "C"

#endif  // TRIBUTARY_WASM_GLUE_HOST_H_
