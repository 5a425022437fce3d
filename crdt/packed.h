// The packed form of a list of values: how a primary key travels in crsql_changes.
//
// Format (cr-sqlite's): a count byte, then per value a header byte (n << 3 | type) and a payload.
//   1 integer  n big-endian bytes, unsigned-minimal (0 has none); negative numbers have all 8
//   2 real     n = 0, then 8 bytes IEEE 754 big-endian
//   3 text     n-byte big-endian minimal length (n = 0: empty), then the bytes
//   4 blob     likewise
//   5 null     n = 0
// Reading: integers of fewer than 8 bytes are unsigned; bytes after the last value are ignored.
#ifndef TRIBUTARY_CRDT_PACKED_H_
#define TRIBUTARY_CRDT_PACKED_H_

#include <string>
#include <string_view>
#include <vector>

#include "crdt/value.h"

namespace tributary {

inline constexpr size_t kMaxPackedValues = 255;

// Appends the packed form of one value, without the count byte.
void PackValue(const Value& v, std::string* out);

// Appends count byte and values. REQUIRES: at most kMaxPackedValues values.
void PackValues(const std::vector<Value>& values, std::string* out);

// Replaces *values by what `packed` holds; views point into `packed`. False, with *values
// unspecified, where it is truncated, empty or has an unknown type.
bool UnpackValues(std::string_view packed, std::vector<Value>* values);

}  // namespace tributary

#endif  // TRIBUTARY_CRDT_PACKED_H_
