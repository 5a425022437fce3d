// An order-independent fingerprint of a set of records: the sum modulo 2^128 of their XXH3-128
// hashes. Equal sets give equal digests in whatever order they are added; it finds accidents, not
// forgery.
#ifndef TRIBUTARY_CRDT_DIGEST_H_
#define TRIBUTARY_CRDT_DIGEST_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace tributary {

class Digest {
 public:
  // Adds one record; the same record twice counts twice.
  void Add(std::string_view record);
  void Add(const Digest& other);
  // 32 lower-case hex digits.
  std::string ToHex() const;
  bool operator==(const Digest&) const = default;

 private:
  uint64_t low_ = 0;
  uint64_t high_ = 0;
};

}  // namespace tributary

#endif  // TRIBUTARY_CRDT_DIGEST_H_
