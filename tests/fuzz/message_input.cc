#include "tests/fuzz/message_input.h"

#include <cstring>
#include <utility>
#include <vector>

#include "crdt/coding.h"
#include "tests/fuzz/target.h"

namespace tributary::fuzz {
namespace {

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

void MutateFixed(Maker* maker, std::string* bytes) {
  uint64_t n = 0;
  std::memcpy(&n, bytes->data(), sizeof n);
  n = AnyNumber(maker, n);
  std::memcpy(bytes->data(), &n, sizeof n);
}

void MutateBytes(std::string* bytes) {
  const size_t size = bytes->size();
  bytes->resize(size + 64);
  bytes->resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(bytes->data()), size, bytes->size()));
}

}  // namespace

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
      if ((at->tag & 7) == kFixed64) {
        MutateFixed(maker, &at->bytes);
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

}  // namespace tributary::fuzz
