// A row's key as it is stored in the log and with the clocks: compact, self-delimiting, and equal
// bytes exactly for equal keys.
//
// Per value, in key order, a tag byte and a payload:
//   0x10+n  integer in n (0..8) big-endian bytes, two's complement, minimal
//   0x20    real, 8 bytes IEEE 754 big-endian
//   0x30    text of 64 bytes or more: varint length, bytes
//   0x31    blob of 63 bytes or more: varint length, bytes
//   0x32    text that is a UUID in lower-case canonical form: its 16 bytes
//   0x33    the same in upper case
//   0x80+n  text of n < 64 bytes
//   0xc0+n  blob of n < 63 bytes
// A key never holds NULL, nor a NaN. Where a value has several forms only the shortest is a key.
#ifndef TRIBUTARY_CRDT_KEY_H_
#define TRIBUTARY_CRDT_KEY_H_

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "crdt/coding.h"
#include "crdt/value.h"

namespace tributary {

// Appends one value of a key. REQUIRES: not NULL.
void AppendKeyValue(const Value& v, std::string* key);
void AppendIntegerKey(int64_t v, std::string* key);

// Takes a key apart again. Views point into the key or, for UUID text, into the decoder, and are
// valid until the next Decode.
class KeyDecoder {
 public:
  // Reads `count` values from the front of `in`. False where the bytes are no such key.
  bool Decode(ByteReader* in, size_t count);
  const std::vector<Value>& values() const { return values_; }

 private:
  bool DecodeOne(ByteReader* in, Value* v, std::array<char, 36>* text);
  std::vector<Value> values_;
  std::vector<std::array<char, 36>> uuid_texts_;
};

// Moves `in` past a key of `count` values and returns its bytes; false where it is malformed.
bool SkipKey(ByteReader* in, size_t count, std::string_view* key);

// True, with its value, where the key is a single integer.
bool DecodeIntegerKey(std::string_view key, int64_t* v);

// 64-bit hash of a key of a table, for filters and for sets that may err on the safe side.
uint64_t HashKey(int64_t table, std::string_view key);

}  // namespace tributary

#endif  // TRIBUTARY_CRDT_KEY_H_
