#include "crdt/digest.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tributary {

void Digest::Add(std::string_view record) {
  const XXH128_hash_t h = XXH3_128bits(record.data(), record.size());
  low_ += h.low64;
  high_ += h.high64 + (low_ < h.low64 ? 1 : 0);
}

void Digest::Add(const Digest& other) {
  const uint64_t low = other.low_;  // `other` may be this
  high_ += other.high_;
  low_ += low;
  if (low_ < low) high_++;
}

std::string Digest::ToHex() const {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string s;
  for (const uint64_t word : {high_, low_}) {
    for (int shift = 60; shift >= 0; shift -= 4) s.push_back(kHex[word >> shift & 15]);
  }
  return s;
}

}  // namespace tributary
