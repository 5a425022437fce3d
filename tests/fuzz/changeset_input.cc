#include "tests/fuzz/changeset_input.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "crdt/coding.h"
#include "sync/changeset/frame.h"
#include "sync/changeset/reader.h"
#include "tests/changeset/sample.h"
#include "tests/fuzz/target.h"

namespace tributary::fuzz {
namespace {

constexpr size_t kTooManyCells = 100000;

// Fields of a message as they are on the wire.
struct Field {
  uint64_t tag = 0;  // number << 3 | wire type
  uint64_t number = 0;
  std::string bytes;  // but for varints
};
constexpr uint64_t kVarint = 0;
constexpr uint64_t kFixed64 = 1;
constexpr uint64_t kBytes = 2;

bool Parse(std::string_view message, std::vector<Field>* fields) {
  ByteReader in(message);
  while (!in.empty()) {
    Field& f = fields->emplace_back();
    uint64_t n = 8;
    if (!in.Varint(&f.tag)) return false;
    const uint64_t wire = f.tag & 7;
    if (wire == kVarint) {
      if (!in.Varint(&f.number)) return false;
      continue;
    }
    if (wire == kBytes ? !in.Varint(&n) : wire != kFixed64) return false;
    std::string_view bytes;
    if (!in.Bytes(n, &bytes)) return false;
    f.bytes = bytes;
  }
  return true;
}

std::string Serialize(const std::vector<Field>& fields) {
  std::string out;
  for (const Field& f : fields) {
    PutVarint(&out, f.tag);
    const uint64_t wire = f.tag & 7;
    if (wire == kVarint) {
      PutVarint(&out, f.number);
      continue;
    }
    if (wire == kBytes) PutVarint(&out, f.bytes.size());
    out.append(f.bytes);
  }
  return out;
}

uint64_t AnyNumber(Maker* maker, uint64_t n) {
  switch (maker->Below(4)) {
    case 0:
      return n + 1;
    case 1:
      return n - 1;
    case 2:
      return uint64_t{1} << maker->Below(64);
    default:
      return maker->OneIn(2) ? maker->Below(8) : UINT64_MAX - maker->Below(3);
  }
}

// Packed varints stay such: one is changed, added or taken away. False where it is something else.
bool MutateNumbers(Maker* maker, std::string* bytes) {
  std::vector<uint64_t> numbers;
  ByteReader in(*bytes);
  while (!in.empty()) {
    if (!in.Varint(&numbers.emplace_back())) return false;
  }
  if (numbers.empty()) return false;
  const size_t at = maker->Below(numbers.size());
  switch (maker->Below(6)) {
    case 0:
      numbers.insert(numbers.begin() + static_cast<std::ptrdiff_t>(at), maker->Below(4));
      break;
    case 1:
      numbers.erase(numbers.begin() + static_cast<std::ptrdiff_t>(at));
      break;
    default:
      numbers[at] = AnyNumber(maker, numbers[at]);
  }
  bytes->clear();
  for (const uint64_t n : numbers) PutVarint(bytes, n);
  return true;
}

void MutateBytes(std::string* bytes) {
  const size_t size = bytes->size();
  bytes->resize(size + 64);
  bytes->resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(bytes->data()), size, bytes->size()));
}

// Changes one field somewhere in the message, or in one inside it.
void MutateMessage(Maker* maker, int depth, std::string* message) {
  std::vector<Field> fields;
  if (!Parse(*message, &fields) || fields.empty()) {
    MutateBytes(message);
    return;
  }
  const size_t i = maker->Below(fields.size());
  const auto at = fields.begin() + static_cast<std::ptrdiff_t>(i);
  switch (maker->Below(16)) {
    case 0:
      fields.insert(at, Field(*at));
      break;
    case 1:
      fields.erase(at);
      break;
    case 2:
      std::swap(*at, fields[maker->Below(fields.size())]);
      break;
    case 3:
      at->tag ^= maker->OneIn(2) ? 8 : 16;
      break;
    default:
      if ((at->tag & 7) == kVarint) {
        at->number = AnyNumber(maker, at->number);
        break;
      }
      // Bytes may be a message, numbers or neither: what they are taken for is often wrong.
      std::vector<Field> inner;
      if (depth > 0 && Parse(at->bytes, &inner) && !inner.empty() && !maker->OneIn(4)) {
        MutateMessage(maker, depth - 1, &at->bytes);
      } else if (maker->OneIn(4) || !MutateNumbers(maker, &at->bytes)) {
        MutateBytes(&at->bytes);
      }
  }
  *message = Serialize(fields);
}

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
