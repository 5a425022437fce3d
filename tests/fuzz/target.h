// A fuzz target is one file, NAME_fuzz.cc, that defines Run and Seeds; it may define a custom
// mutator of libFuzzer's, too. The rest of this folder is shared by all.
//
// Under the preset `fuzz` it becomes a libFuzzer program. In the other builds standalone.cc takes
// libFuzzer's place and the test fuzz.NAME runs the seeds and some damage done to them.
#ifndef TRIBUTARY_TESTS_FUZZ_TARGET_H_
#define TRIBUTARY_TESTS_FUZZ_TARGET_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace tributary::fuzz {

// Tries one input, which is in a heap block of exactly its size. A crash, a sanitizer's report and
// a failed Check are findings.
void Run(std::string_view input);

// Small well-formed inputs to begin with, always the same.
std::vector<std::string> Seeds();

// Ends the program where what must hold does not.
inline void Check(bool holds, std::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "FAILED: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

}  // namespace tributary::fuzz

// libFuzzer's interface.
extern "C" {
int LLVMFuzzerInitialize(int* argc, char*** argv);
int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);
__attribute__((weak)) size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                                     unsigned seed);
}

#endif  // TRIBUTARY_TESTS_FUZZ_TARGET_H_
