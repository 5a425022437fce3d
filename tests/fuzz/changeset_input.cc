#include "tests/fuzz/changeset_input.h"

#include <algorithm>

#include "sync/changeset/frame.h"
#include "sync/changeset/reader.h"
#include "tests/changeset/sample.h"
#include "tests/fuzz/message_input.h"
#include "tests/fuzz/target.h"

namespace tributary::fuzz {
namespace {

constexpr size_t kTooManyCells = 100000;

}  // namespace

bool TryBody(std::string_view body) {
  ChangesetReader reader;
  std::string error;
  if (!reader.Open(body, &error)) {
    Check(!error.empty(), "an error has a message");
    return false;
  }
  size_t cells = 0;
  size_t rows = 0;
  for (size_t i = 0; i < reader.groups(); i++) {
    RowsReader group(reader, i);
    while (group.Next()) {
      rows++;
      cells += group.row().cells.size();
      Check(cells <= ChangesetBuilder::kMaxCells, "no more cells than a builder makes");
      if (rows + cells > kTooManyCells) return false;
    }
    if (!group.ok()) return false;
  }
  if (reader.transactions().empty() || reader.transactions().size() > kTooManyCells) return true;
  Sample sample;
  Sample again;
  Check(ReadSample(body, &sample, &error), "a second reading is like the first");
  Check(ReadSample(sample.ToBody(), &again, &error), "what was read is written");
  Check(again.Text() == sample.Text(), "and the same");
  return true;
}

size_t MutateChangeset(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  Maker maker(seed);
  const std::string sealed = Reseal({reinterpret_cast<const char*>(data), size});
  std::string result;
  Frame frame;
  std::string error;
  std::string buffer;
  std::string_view view;
  if (frame.Open(sealed, &error) && frame.Body(&buffer, &view, &error)) {
    std::string header(frame.header());
    std::string body(view);
    MutateMessage(&maker, 3, maker.OneIn(8) ? &header : &body);
    result = EncodeFrame(FrameKind::kChangeset, header, body, maker.OneIn(8));
  } else {
    result = maker.Changeset(1 + maker.Below(8)).ToFrame(maker.Header());
  }
  if (result.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::copy(result.begin(), result.end(), data);
  return result.size();
}

}  // namespace tributary::fuzz
