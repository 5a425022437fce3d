#include "crdt/value.h"

#include <bit>
#include <cstring>

namespace tributary {
namespace {

// IEEE doubles in an integer order: flips negative numbers so that -0.0 sorts just below 0.0.
int64_t OrderedBits(double d) {
  const auto bits = std::bit_cast<int64_t>(d);
  return bits < 0 ? INT64_MIN - bits - 1 : bits;
}

}  // namespace

std::strong_ordering CompareValues(const Value& a, const Value& b) {
  if (a.type != b.type) return a.type <=> b.type;
  switch (a.type) {
    case ValueType::kInteger:
      return a.integer <=> b.integer;
    case ValueType::kReal:
      return OrderedBits(a.real) <=> OrderedBits(b.real);
    case ValueType::kText:
    case ValueType::kBlob:
      return a.bytes.compare(b.bytes) <=> 0;
    case ValueType::kNull:
      break;
  }
  return std::strong_ordering::equal;
}

bool SameValue(const Value& a, const Value& b) { return CompareValues(a, b) == 0; }

}  // namespace tributary
