#include "crdt/filter.h"

namespace tributary {
namespace {

constexpr int kProbes = 6;

// Calls visit(byte index, bit mask) for each probe while it returns true; false where it did not.
template <typename F>
bool ForEachProbe(uint64_t bits, uint64_t hash, F visit) {
  const uint64_t step = (hash >> 33) | 1;
  for (int i = 0; i < kProbes; i++) {
    const uint64_t bit = (hash & UINT32_MAX) * bits >> 32;  // spreads evenly without a division
    if (!visit(bit / 8, static_cast<uint8_t>(1 << (bit % 8)))) return false;
    hash += step;
  }
  return true;
}

}  // namespace

std::string BuildFilter(absl::Span<const uint64_t> hashes, uint64_t bits_per_key) {
  if (hashes.empty()) return {};
  std::string filter((hashes.size() * bits_per_key + 7) / 8, '\0');
  for (const uint64_t h : hashes) {
    ForEachProbe(filter.size() * 8, h, [&](uint64_t byte, uint8_t mask) {
      filter[byte] = static_cast<char>(static_cast<uint8_t>(filter[byte]) | mask);
      return true;
    });
  }
  return filter;
}

bool FilterMayContain(std::string_view filter, uint64_t hash) {
  if (filter.empty()) return false;
  return ForEachProbe(filter.size() * 8, hash, [&](uint64_t byte, uint8_t mask) {
    return (static_cast<uint8_t>(filter[byte]) & mask) != 0;
  });
}

}  // namespace tributary
