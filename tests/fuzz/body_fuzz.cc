// The body of a changeset, all of it: ChangesetReader, then RowsReader to the end of each group.
#include "tests/changeset/sample.h"
#include "tests/fuzz/changeset_input.h"
#include "tests/fuzz/target.h"

namespace tributary::fuzz {

void Run(std::string_view input) { TryBody(input); }

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (uint64_t seed = 1; seeds.size() < 40; seed++) {
    std::string body = Maker(seed).Changeset(1 + seed % 12).ToBody();
    if (body.size() < 4096) seeds.push_back(std::move(body));
  }
  return seeds;
}

}  // namespace tributary::fuzz
