// What a replica sends to ask for the rest.
#include "sync/changeset/header.h"
#include "tests/changeset/sample.h"
#include "tests/fuzz/target.h"

namespace tributary::fuzz {

void Run(std::string_view input) {
  Have read;
  std::string error;
  if (!read.Decode(input, &error)) return;
  Have again;
  Check(again.Decode(read.Encode(), &error), "what was read is written");
  Check(ToText(again) == ToText(read), "and the same");
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (uint64_t seed = 1; seed <= 30; seed++) {
    seeds.push_back(Maker(seed).KnownBySomebody().Encode());
  }
  return seeds;
}

}  // namespace tributary::fuzz
