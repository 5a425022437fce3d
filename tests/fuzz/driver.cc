// Between libFuzzer and a target. With TRIBUTARY_FUZZ_SEEDS=FOLDER a program writes its seeds there
// and ends.
#include <fstream>

#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* folder = std::getenv("TRIBUTARY_FUZZ_SEEDS");
  if (folder == nullptr) return 0;
  const std::vector<std::string> seeds = tributary::fuzz::Seeds();
  for (size_t i = 0; i < seeds.size(); i++) {
    std::ofstream out(folder + ("/" + std::to_string(i)), std::ios::binary);
    out.write(seeds[i].data(), static_cast<std::streamsize>(seeds[i].size()));
    tributary::fuzz::Check(out.good(), "cannot write a seed");
  }
  std::exit(0);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tributary::fuzz::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
