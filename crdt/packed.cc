#include "crdt/packed.h"

#include <bit>

namespace tributary {
namespace {

enum PackedType : uint8_t { kInteger = 1, kReal = 2, kText = 3, kBlob = 4, kNull = 5 };

void PutHeader(size_t n, PackedType type, std::string* out) {
  out->push_back(static_cast<char>(n << 3 | type));
}

void PutBigEndian(uint64_t v, size_t n, std::string* out) {
  for (size_t i = n; i-- > 0;) out->push_back(static_cast<char>(v >> (8 * i)));
}

size_t MinimalBytes(uint64_t v) { return (static_cast<size_t>(std::bit_width(v)) + 7) / 8; }

bool GetBigEndian(std::string_view* in, size_t n, uint64_t* v) {
  if (in->size() < n) return false;
  *v = 0;
  for (size_t i = 0; i < n; i++) *v = *v << 8 | static_cast<uint8_t>((*in)[i]);
  in->remove_prefix(n);
  return true;
}

bool UnpackOne(std::string_view* in, Value* v) {
  if (in->empty()) return false;
  const auto header = static_cast<uint8_t>((*in)[0]);
  in->remove_prefix(1);
  const size_t n = header >> 3;
  if (n > 8) return false;
  uint64_t u;
  switch (header & 7) {
    case kInteger:
      if (!GetBigEndian(in, n, &u)) return false;
      *v = Value::Integer(static_cast<int64_t>(u));
      return true;
    case kReal:
      if (!GetBigEndian(in, 8, &u)) return false;
      *v = Value::Real(std::bit_cast<double>(u));
      return true;
    case kText:
    case kBlob:
      if (!GetBigEndian(in, n, &u) || u > in->size()) return false;
      *v = (header & 7) == kText ? Value::Text(in->substr(0, u)) : Value::Blob(in->substr(0, u));
      in->remove_prefix(u);
      return true;
    case kNull:
      *v = Value::Null();
      return true;
    default:
      return false;
  }
}

}  // namespace

void PackValue(const Value& v, std::string* out) {
  switch (v.type) {
    case ValueType::kInteger: {
      const auto u = static_cast<uint64_t>(v.integer);
      PutHeader(MinimalBytes(u), kInteger, out);
      PutBigEndian(u, MinimalBytes(u), out);
      return;
    }
    case ValueType::kReal:
      PutHeader(0, kReal, out);
      PutBigEndian(std::bit_cast<uint64_t>(v.real), 8, out);
      return;
    case ValueType::kText:
    case ValueType::kBlob: {
      const size_t n = MinimalBytes(v.bytes.size());
      PutHeader(n, v.type == ValueType::kText ? kText : kBlob, out);
      PutBigEndian(v.bytes.size(), n, out);
      out->append(v.bytes);
      return;
    }
    case ValueType::kNull:
      PutHeader(0, kNull, out);
      return;
  }
}

void PackValues(const std::vector<Value>& values, std::string* out) {
  out->push_back(static_cast<char>(values.size()));
  for (const Value& v : values) PackValue(v, out);
}

bool UnpackValues(std::string_view packed, std::vector<Value>* values) {
  values->clear();
  if (packed.empty()) return false;
  const size_t count = static_cast<uint8_t>(packed[0]);
  packed.remove_prefix(1);
  for (size_t i = 0; i < count; i++) {
    Value v;
    if (!UnpackOne(&packed, &v)) return false;
    values->push_back(v);
  }
  return true;
}

}  // namespace tributary
