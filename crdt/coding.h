// Variable-length integers and a bounds-checked reader: the bricks of every stored format here.
//
// A varint is little-endian base 128 (LEB128, as in Protocol Buffers): seven bits a byte, the high
// bit set on all but the last; at most 10 bytes; an encoding longer than needed is refused.
#ifndef TRIBUTARY_CRDT_CODING_H_
#define TRIBUTARY_CRDT_CODING_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tributary {

inline void PutVarint(std::string* out, uint64_t v) {
  if (v < 0x80) {
    out->push_back(static_cast<char>(v));
    return;
  }
  char buf[10];
  size_t n = 0;
  while (v >= 0x80) {
    buf[n++] = static_cast<char>(v | 0x80);
    v >>= 7;
  }
  buf[n++] = static_cast<char>(v);
  out->append(buf, n);
}

// Reads from the front of a byte string. Every read returns false, and reads nothing, where the
// input is too short or malformed. The input must outlive the reader.
class ByteReader {
 public:
  explicit ByteReader(std::string_view in) : in_(in) {}

  bool empty() const { return in_.empty(); }
  size_t remaining() const { return in_.size(); }
  std::string_view rest() const { return in_; }

  bool Byte(uint8_t* b) {
    if (in_.empty()) return false;
    *b = static_cast<uint8_t>(in_[0]);
    in_.remove_prefix(1);
    return true;
  }

  bool Varint(uint64_t* v) {
    uint64_t r = 0;
    for (size_t i = 0; i < in_.size() && i < 10; i++) {
      const auto b = static_cast<uint8_t>(in_[i]);
      r |= static_cast<uint64_t>(b & 0x7f) << (7 * i);
      if (b < 0x80) {
        if (i > 0 && b == 0) return false;  // longer than needed
        if (i == 9 && b > 1) return false;  // beyond 64 bits
        *v = r;
        in_.remove_prefix(i + 1);
        return true;
      }
    }
    return false;
  }

  // A varint that must fit a non-negative int64.
  bool Count(int64_t* v) {
    const std::string_view before = in_;
    uint64_t u;
    if (!Varint(&u)) return false;
    if (u > INT64_MAX) {
      in_ = before;
      return false;
    }
    *v = static_cast<int64_t>(u);
    return true;
  }

  bool Bytes(uint64_t n, std::string_view* out) {
    if (n > in_.size()) return false;
    *out = in_.substr(0, n);
    in_.remove_prefix(n);
    return true;
  }

 private:
  std::string_view in_;
};

}  // namespace tributary

#endif  // TRIBUTARY_CRDT_CODING_H_
