// In place of libFuzzer: runs the seeds, and each damaged in some ways, the same ones every time.
//
//   fuzz_NAME              the seeds
//   fuzz_NAME FILE...      these inputs
//
// With TRIBUTARY_FUZZ_LAST=FILE each input is written there first: after a failure it is the one.
#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>

#include "tests/crdt/damage.h"
#include "tests/fuzz/target.h"

namespace {

constexpr int kMutations = 100;  // of each seed
constexpr size_t kMaxSize = 1 << 16;

std::mt19937& Random() {
  static std::mt19937 random(1);
  return random;
}

void Try(std::string_view input) {
  if (const char* file = std::getenv("TRIBUTARY_FUZZ_LAST"); file != nullptr) {
    std::ofstream(file, std::ios::binary)
        .write(input.data(), static_cast<std::streamsize>(input.size()));
  }
  tributary::WithExactCopy(input, [](std::string_view copy) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(copy.data()), copy.size());
  });
}

std::string Mutated(std::string input) {
  const size_t size = input.size();
  input.resize(std::max(kMaxSize, size));
  auto* data = reinterpret_cast<uint8_t*>(input.data());
  const size_t n = LLVMFuzzerCustomMutator != nullptr
                       ? LLVMFuzzerCustomMutator(data, size, input.size(), Random()())
                       : LLVMFuzzerMutate(data, size, input.size());
  input.resize(n);
  return input;
}

}  // namespace

// Changes, adds or takes away a byte.
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size) {
  const auto below = [](size_t n) { return Random()() % n; };
  const size_t what = size == 0 ? 1 : below(3);
  if (what == 0) {
    data[below(size)] ^= static_cast<uint8_t>(1 << below(8));
  } else if (what == 1 && size < max_size) {
    const size_t at = below(size + 1);
    std::memmove(data + at + 1, data + at, size - at);
    data[at] = static_cast<uint8_t>(below(256));
    size++;
  } else if (what == 2) {
    const size_t at = below(size);
    std::memmove(data + at, data + at + 1, size - at - 1);
    size--;
  }
  return size;
}

int main(int argc, char** argv) {
  LLVMFuzzerInitialize(&argc, &argv);
  for (int i = 1; i < argc; i++) {
    std::ifstream in(argv[i], std::ios::binary);
    tributary::fuzz::Check(in.good(), "cannot read the file");
    Try(std::string(std::istreambuf_iterator<char>(in), {}));
  }
  if (argc > 1) return 0;
  const std::vector<std::string> seeds = tributary::fuzz::Seeds();
  Try("");
  for (const std::string& seed : seeds) {
    Try(seed);
    std::string damaged = seed;
    for (int i = 0; i < kMutations; i++) {
      // Now and then back to the start, or nothing would be read any more.
      if (i % 5 == 0) damaged = seed;
      damaged = Mutated(std::move(damaged));
      Try(damaged);
    }
  }
  std::printf("%zu seeds, %d damaged ones of each\n", seeds.size(), kMutations);
  return 0;
}
