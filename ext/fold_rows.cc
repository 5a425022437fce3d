#include "ext/fold_rows.h"

#include <array>
#include <utility>

namespace tributary {
namespace {

// Fewer are sorted by comparing.
constexpr size_t kWorthRadix = 128;

// The first bytes of a key as a number that sorts like them.
uint64_t PrefixOf(std::string_view key) {
  uint64_t prefix = 0;
  for (size_t i = 0; i < 8; i++) {
    prefix = prefix << 8 | (i < key.size() ? static_cast<uint8_t>(key[i]) : 0);
  }
  return prefix;
}

}  // namespace

// From the last byte to the first, passing over those that all prefixes share. Keeps the order of
// equal ones.
void FoldRowSorter::SortByPrefix() {
  constexpr int kBytes = 8;
  std::array<std::array<uint32_t, 256>, kBytes> counts{};
  for (const Item& item : items_) {
    for (int b = 0; b < kBytes; b++) counts[b][item.prefix >> (8 * b) & 0xff]++;
  }
  other_.resize(items_.size());
  for (int b = 0; b < kBytes; b++) {
    std::array<uint32_t, 256>& ends = counts[b];
    if (ends[items_[0].prefix >> (8 * b) & 0xff] == items_.size()) continue;
    uint32_t start = 0;
    for (uint32_t& n : ends) start += std::exchange(n, start);
    for (const Item& item : items_) other_[ends[item.prefix >> (8 * b) & 0xff]++] = item;
    items_.swap(other_);
  }
}

void FoldRowSorter::Sort(const FoldRows& rows, std::vector<uint32_t>* order) {
  if (order->size() < 2) return;
  items_.clear();
  items_.reserve(order->size());
  for (const uint32_t r : *order) items_.push_back({PrefixOf(rows[r].key), r});
  const auto less = [&rows](const Item& a, const Item& b) {
    const FoldRow& x = rows[a.row];
    const FoldRow& y = rows[b.row];
    if (x.table != y.table) return x.table->id() < y.table->id();
    return a.prefix != b.prefix ? a.prefix < b.prefix : x.key < y.key;
  };
  const bool one_table = std::all_of(items_.begin(), items_.end(), [&](const Item& i) {
    return rows[i.row].table == rows[items_[0].row].table;
  });
  if (items_.size() < kWorthRadix || !one_table) {
    std::sort(items_.begin(), items_.end(), less);
  } else {
    SortByPrefix();
    for (auto from = items_.begin(); from != items_.end();) {
      auto to = std::find_if(from + 1, items_.end(),
                             [from](const Item& i) { return i.prefix != from->prefix; });
      if (to - from > 1) std::sort(from, to, less);
      from = to;
    }
  }
  for (size_t i = 0; i < items_.size(); i++) (*order)[i] = items_[i].row;
}

}  // namespace tributary
