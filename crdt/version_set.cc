#include "crdt/version_set.h"

#include <algorithm>

#include "crdt/coding.h"

namespace tributary {
namespace {

// What the first range of an encoding has for the end of the one before it.
constexpr int64_t kNoRange = -1;

// Appends a range that starts no earlier than the last one did.
void Join(VersionRange range, std::vector<VersionRange>* ranges) {
  if (ranges->empty() || ranges->back().last + 1 < range.first) {
    ranges->push_back(range);
  } else if (ranges->back().last < range.last) {
    ranges->back().last = range.last;
  }
}

}  // namespace

bool VersionSet::AddRange(VersionRange range) {
  if (range.first < DbVersion(1) || range.last < range.first || range.last > kMaxVersion) {
    return false;
  }
  // All ranges that touch or overlap the new one melt into it.
  const auto begin =
      std::lower_bound(ranges_.begin(), ranges_.end(), range.first,
                       [](const VersionRange& r, DbVersion first) { return r.last + 1 < first; });
  auto end = begin;
  while (end != ranges_.end() && end->first <= range.last + 1) ++end;
  if (begin == end) {
    if (ranges_.size() == kMaxRanges) return false;
    ranges_.insert(begin, range);
    return true;
  }
  begin->first = std::min(begin->first, range.first);
  begin->last = std::max((end - 1)->last, range.last);
  ranges_.erase(begin + 1, end);
  return true;
}

bool VersionSet::Union(const VersionSet& other) {
  std::vector<VersionRange> united;
  auto a = ranges_.begin();
  auto b = other.ranges_.begin();
  while (a != ranges_.end() || b != other.ranges_.end()) {
    const bool take_a = b == other.ranges_.end() || (a != ranges_.end() && a->first <= b->first);
    Join(take_a ? *a++ : *b++, &united);
    if (united.size() > kMaxRanges) return false;
  }
  ranges_ = std::move(united);
  return true;
}

bool VersionSet::Difference(const VersionSet& other) {
  std::vector<VersionRange> left;
  auto b = other.ranges_.begin();
  for (VersionRange r : ranges_) {
    // `r` is what remains of the range, from the left.
    while (b != other.ranges_.end() && b->last < r.first) ++b;
    for (auto cut = b; cut != other.ranges_.end() && cut->first <= r.last; ++cut) {
      if (cut->first > r.first) left.push_back({r.first, DbVersion(cut->first.value - 1)});
      r.first = cut->last + 1;
      if (r.first > r.last) break;
    }
    if (r.first <= r.last) left.push_back(r);
    if (left.size() > kMaxRanges) return false;
  }
  ranges_ = std::move(left);
  return true;
}

bool VersionSet::Contains(DbVersion version) const {
  const auto it = std::lower_bound(ranges_.begin(), ranges_.end(), version,
                                   [](const VersionRange& r, DbVersion v) { return r.last < v; });
  return it != ranges_.end() && it->first <= version;
}

DbVersion VersionSet::HighestClosed() const {
  return !ranges_.empty() && ranges_[0].first == DbVersion(1) ? ranges_[0].last : DbVersion(0);
}

std::vector<VersionRange> VersionSet::Gaps(DbVersion until) const {
  std::vector<VersionRange> gaps;
  DbVersion next(1);
  for (const VersionRange& r : ranges_) {
    if (r.first > until) break;
    if (next < r.first) gaps.push_back({next, DbVersion(r.first.value - 1)});
    next = r.last + 1;
  }
  if (next <= until) gaps.push_back({next, until});
  return gaps;
}

void VersionSet::Encode(std::string* out) const {
  PutVarint(out, ranges_.size());
  int64_t previous = kNoRange;
  for (const VersionRange& r : ranges_) {
    PutVarint(out, static_cast<uint64_t>(r.first.value - previous - 2));
    PutVarint(out, static_cast<uint64_t>(r.last.value - r.first.value));
    previous = r.last.value;
  }
}

bool VersionSet::Decode(std::string_view data) {
  ranges_.clear();
  ByteReader in(data);
  uint64_t n;
  // A range takes two bytes at least, so that the input bounds what is allocated.
  if (!in.Varint(&n) || n > kMaxRanges || n > in.remaining() / 2) return false;
  std::vector<VersionRange> ranges;
  ranges.reserve(n);
  int64_t previous = kNoRange;
  for (uint64_t i = 0; i < n; i++) {
    int64_t skip;
    int64_t length;
    if (!in.Count(&skip) || !in.Count(&length) || skip > kMaxVersion.value - 2 - previous) {
      return false;
    }
    const int64_t first = previous + 2 + skip;
    if (length > kMaxVersion.value - first) return false;
    previous = first + length;
    ranges.push_back({DbVersion(first), DbVersion(previous)});
  }
  if (!in.empty()) return false;
  ranges_ = std::move(ranges);
  return true;
}

}  // namespace tributary
