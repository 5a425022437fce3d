// SQLite's operating system: files of the host (host.h), its clock and its randomness.
//
// One connection uses a file, and nobody else can: the host holds it open exclusively. So locks are
// nothing, and WAL goes without shared memory (locking_mode=EXCLUSIVE). Temporary files are kept in
// memory by SQLite (SQLITE_TEMP_STORE=3). A file of no bytes counts as absent, since the host opens
// the journals ahead, as a browser opens none at once; deleting one empties it.
#include <cstring>
#include <ctime>

#include "sqlite3.h"
#include "wasm/glue/host.h"

namespace {

struct File {
  sqlite3_file base;
  int32_t handle;
};

int32_t HandleOf(sqlite3_file* file) { return reinterpret_cast<File*>(file)->handle; }

int Close(sqlite3_file* file) {
  host_close(HandleOf(file));
  return SQLITE_OK;
}

int Read(sqlite3_file* file, void* to, int size, sqlite3_int64 offset) {
  const int32_t got = host_read(HandleOf(file), to, size, static_cast<double>(offset));
  if (got < 0) return SQLITE_IOERR_READ;
  if (got == size) return SQLITE_OK;
  std::memset(static_cast<char*>(to) + got, 0, static_cast<size_t>(size - got));
  return SQLITE_IOERR_SHORT_READ;
}

// Of a host's answer: 2 is a device that is full.
int ResultOf(int32_t answer, int error) {
  if (answer == 2) return SQLITE_FULL;
  return answer == 0 ? SQLITE_OK : error;
}

int Write(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
  return ResultOf(host_write(HandleOf(file), from, size, static_cast<double>(offset)),
                  SQLITE_IOERR_WRITE);
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  return host_truncate(HandleOf(file), static_cast<double>(size)) == 0 ? SQLITE_OK
                                                                       : SQLITE_IOERR_TRUNCATE;
}

int Sync(sqlite3_file* file, int) {
  return ResultOf(host_sync(HandleOf(file)), SQLITE_IOERR_FSYNC);  // writes may have been held back
}

int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  const double bytes = host_size(HandleOf(file));
  if (bytes < 0) return SQLITE_IOERR_FSTAT;
  *size = static_cast<sqlite3_int64>(bytes);
  return SQLITE_OK;
}

int Lock(sqlite3_file*, int) { return SQLITE_OK; }

int CheckReservedLock(sqlite3_file*, int* reserved) {
  *reserved = 0;
  return SQLITE_OK;
}

int FileControl(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int SectorSize(sqlite3_file*) { return 4096; }
int DeviceCharacteristics(sqlite3_file*) {
  return SQLITE_IOCAP_POWERSAFE_OVERWRITE | SQLITE_IOCAP_UNDELETABLE_WHEN_OPEN;
}

constexpr sqlite3_io_methods kMethods = {
    .iVersion = 1,
    .xClose = Close,
    .xRead = Read,
    .xWrite = Write,
    .xTruncate = Truncate,
    .xSync = Sync,
    .xFileSize = FileSize,
    .xLock = Lock,
    .xUnlock = Lock,
    .xCheckReservedLock = CheckReservedLock,
    .xFileControl = FileControl,
    .xSectorSize = SectorSize,
    .xDeviceCharacteristics = DeviceCharacteristics,
};

int Open(sqlite3_vfs*, const char* path, sqlite3_file* file, int flags, int* flags_out) {
  file->pMethods = nullptr;
  if (path == nullptr) return SQLITE_CANTOPEN;
  const int32_t handle =
      host_open(path, std::strlen(path), (flags & SQLITE_OPEN_CREATE) != 0 ? 1 : 0);
  if (handle < 0) return SQLITE_CANTOPEN;
  reinterpret_cast<File*>(file)->handle = handle;
  file->pMethods = &kMethods;
  if (flags_out != nullptr) *flags_out = flags;
  return SQLITE_OK;
}

int Delete(sqlite3_vfs*, const char* path, int) {
  return host_remove(path, std::strlen(path)) == 0 ? SQLITE_OK : SQLITE_IOERR_DELETE;
}

int Access(sqlite3_vfs*, const char* path, int, int* result) {
  *result = host_exists(path, std::strlen(path));
  return SQLITE_OK;
}

int FullPathname(sqlite3_vfs*, const char* path, int size, char* out) {
  const size_t length = std::strlen(path);
  if (length >= static_cast<size_t>(size)) return SQLITE_CANTOPEN;
  std::memcpy(out, path, length + 1);
  return SQLITE_OK;
}

int Randomness(sqlite3_vfs*, int size, char* out) {
  host_random(out, size);
  return size;
}

// Nobody else could release what is waited for.
int Sleep(sqlite3_vfs*, int microseconds) { return microseconds; }

int CurrentTimeInt64(sqlite3_vfs*, sqlite3_int64* out) {
  constexpr sqlite3_int64 kUnixEpoch = 24405875 * sqlite3_int64{8640000};  // in ms of Julian days
  *out = kUnixEpoch + static_cast<sqlite3_int64>(host_now());
  return SQLITE_OK;
}

int CurrentTime(sqlite3_vfs* vfs, double* out) {
  sqlite3_int64 ms;
  CurrentTimeInt64(vfs, &ms);
  *out = static_cast<double>(ms) / 86400000.0;
  return SQLITE_OK;
}

int GetLastError(sqlite3_vfs*, int, char*) { return 0; }

sqlite3_vfs g_vfs = {
    .iVersion = 2,
    .szOsFile = sizeof(File),
    .mxPathname = 512,
    .zName = "tributary",
    .xOpen = Open,
    .xDelete = Delete,
    .xAccess = Access,
    .xFullPathname = FullPathname,
    .xRandomness = Randomness,
    .xSleep = Sleep,
    .xCurrentTime = CurrentTime,
    .xGetLastError = GetLastError,
    .xCurrentTimeInt64 = CurrentTimeInt64,
};

}  // namespace

extern "C" {

// Called by SQLite (SQLITE_OS_OTHER).
int sqlite3_os_init() { return sqlite3_vfs_register(&g_vfs, 1); }
int sqlite3_os_end() { return SQLITE_OK; }

// SQLite is compiled to call this in place of localtime_r(): the C library knows no time zone here.
struct tm* tributary_localtime_r(const time_t* time, struct tm* out) {
  const time_t local = *time - host_utc_offset(static_cast<double>(*time) * 1000.0) * time_t{60};
  return gmtime_r(&local, out);
}

}  // extern "C"
