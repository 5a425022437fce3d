// A whole changeset, changed field by field with a checksum that fits, so that what is behind the
// frame is reached; read, and told as JSON.
#include "sync/changeset/frame.h"
#include "sync/changeset/header.h"
#include "sync/changeset/json.h"
#include "tests/changeset/sample.h"
#include "tests/fuzz/changeset_input.h"
#include "tests/fuzz/target.h"

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  return tributary::fuzz::MutateChangeset(data, size, max_size, seed);
}

namespace tributary::fuzz {

void Run(std::string_view input) {
  Frame frame;
  std::string error;
  std::string buffer;
  std::string_view body;
  if (!frame.Open(input, &error) || !frame.Body(&buffer, &body, &error)) return;
  ChangesetHeader header;
  const bool has_header = header.Decode(frame.header(), &error);
  const bool has_body = TryBody(body);
  std::string json;
  if (!has_header) {
    Check(!ChangesetToJson(input, &json, &error), "what is malformed is not told");
  } else if (has_body) {
    Check(ChangesetToJson(input, &json, &error), "what is well-formed is told as JSON");
  }
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (uint64_t seed = 1; seeds.size() < 40; seed++) {
    Maker maker(seed);
    std::string data = maker.Changeset(1 + seed % 12).ToFrame(maker.Header());
    if (data.size() < 4096) seeds.push_back(std::move(data));
  }
  return seeds;
}

}  // namespace tributary::fuzz
