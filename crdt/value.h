// A SQLite value as the merge sees it, its exact identity and its total order.
#ifndef TRIBUTARY_CRDT_VALUE_H_
#define TRIBUTARY_CRDT_VALUE_H_

#include <compare>
#include <cstdint>
#include <string_view>

namespace tributary {

// In the order in which types win ties: NULL < BLOB < TEXT < REAL < INTEGER (the reverse of
// SQLite's type codes, which is cr-sqlite's order; not SQLite's sort order).
enum class ValueType : uint8_t { kNull = 0, kBlob = 1, kText = 2, kReal = 3, kInteger = 4 };

// A view: text and blob bytes belong to somebody else and must outlive it.
struct Value {
  ValueType type = ValueType::kNull;
  int64_t integer = 0;     // kInteger
  double real = 0;         // kReal
  std::string_view bytes;  // kText, kBlob

  static Value Null() { return {}; }
  static Value Integer(int64_t v) { return {.type = ValueType::kInteger, .integer = v}; }
  static Value Real(double v) { return {.type = ValueType::kReal, .real = v}; }
  static Value Text(std::string_view v) { return {.type = ValueType::kText, .bytes = v}; }
  static Value Blob(std::string_view v) { return {.type = ValueType::kBlob, .bytes = v}; }
};

// The order that breaks ties between cells of equal version: by type first, numbers within a type
// by value, text and blobs by bytes and then length. -0.0 < 0.0, so that the order is total on
// everything SQLite can store (it stores NaN as NULL): equal means bit for bit the same.
std::strong_ordering CompareValues(const Value& a, const Value& b);

// Bit-exact identity: 1 and 1.0 differ, so do 0.0 and -0.0, and 'a' and x'61'.
bool SameValue(const Value& a, const Value& b);

}  // namespace tributary

#endif  // TRIBUTARY_CRDT_VALUE_H_
