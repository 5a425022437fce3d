// Damaged inputs for decoders (I18, I19): every strict prefix and every single bit flip, each in a
// heap block of exactly its size, so that AddressSanitizer sees a read past its end.
#ifndef TRIBUTARY_TESTS_CRDT_DAMAGE_H_
#define TRIBUTARY_TESTS_CRDT_DAMAGE_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tributary {

template <typename F>
void WithExactCopy(std::string_view bytes, F f) {
  const std::unique_ptr<char[]> copy(new char[bytes.size()]);
  std::copy(bytes.begin(), bytes.end(), copy.get());
  f(std::string_view(copy.get(), bytes.size()));
}

// Calls f(prefix).
template <typename F>
void ForEachPrefix(std::string_view bytes, F f) {
  for (size_t n = 0; n < bytes.size(); n++) WithExactCopy(bytes.substr(0, n), f);
}

// Calls f(bytes with one bit flipped).
template <typename F>
void ForEachBitFlip(std::string_view bytes, F f) {
  for (size_t bit = 0; bit < 8 * bytes.size(); bit++) {
    std::string damaged(bytes);
    damaged[bit / 8] = static_cast<char>(static_cast<uint8_t>(damaged[bit / 8]) ^ 1 << bit % 8);
    WithExactCopy(damaged, f);
  }
}

// Around every power of two, from 0 to INT64_MAX, and the same negated, as in LevelDB's
// coding_test.
inline std::vector<int64_t> BoundaryIntegers() {
  std::vector<int64_t> all{0, INT64_MAX, INT64_MAX - 1, INT64_MIN, INT64_MIN + 1};
  for (int shift = 0; shift < 63; shift++) {
    const int64_t power = int64_t{1} << shift;
    for (const int64_t v : {power - 1, power, power + 1}) {
      all.push_back(v);
      all.push_back(-v);
    }
  }
  return all;
}

inline std::string Unhex(std::string_view hex) {
  std::string out;
  int high = -1;
  for (const char c : hex) {
    if (c == ' ') continue;
    const int digit = c <= '9' ? c - '0' : c - 'a' + 10;
    if (high < 0) {
      high = digit;
    } else {
      out.push_back(static_cast<char>(high << 4 | digit));
      high = -1;
    }
  }
  return out;
}

inline std::string Hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    for (const int digit : {static_cast<uint8_t>(c) >> 4, c & 15}) {
      out.push_back("0123456789abcdef"[digit]);
    }
  }
  return out;
}

}  // namespace tributary

#endif  // TRIBUTARY_TESTS_CRDT_DAMAGE_H_
