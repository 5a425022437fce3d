// Included before all else: what Debian's Emscripten (libc++ 13) lacks of C++20 and we use.
#ifndef TRIBUTARY_WASM_GLUE_LIBCXX13_H_
#define TRIBUTARY_WASM_GLUE_LIBCXX13_H_

#include <algorithm>
#include <array>
#include <bit>
#include <compare>
#include <cstddef>

#if _LIBCPP_VERSION < 14000
namespace std {  // NOLINT(cert-dcl58-cpp): where the standard has them

template <typename To, typename From>
constexpr To bit_cast(const From& from) noexcept {
  static_assert(sizeof(To) == sizeof(From));
  return __builtin_bit_cast(To, from);
}

template <typename T, size_t N>
constexpr auto operator<=>(const array<T, N>& a, const array<T, N>& b) -> decltype(a[0] <=> b[0]) {
  for (size_t i = 0; i < N; ++i) {
    if (const auto order = a[i] <=> b[i]; order != 0) return order;
  }
  return decltype(a[0] <=> b[0])::equivalent;
}

}  // namespace std
#endif

#endif  // TRIBUTARY_WASM_GLUE_LIBCXX13_H_
