// What the targets that read whole bodies share.
#ifndef TRIBUTARY_TESTS_FUZZ_CHANGESET_INPUT_H_
#define TRIBUTARY_TESTS_FUZZ_CHANGESET_INPUT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace tributary::fuzz {

// Reads a body to its end. What is well-formed, and not too large for it, is built and read again.
// False where it is malformed or has very many cells.
bool TryBody(std::string_view body);

// Takes a frame apart to header and body, changes fields in one of them, and frames them again.
// What is no frame becomes a changeset made at random. A body for libFuzzer's custom mutators.
size_t MutateChangeset(uint8_t* data, size_t size, size_t max_size, unsigned seed);

}  // namespace tributary::fuzz

#endif  // TRIBUTARY_TESTS_FUZZ_CHANGESET_INPUT_H_
