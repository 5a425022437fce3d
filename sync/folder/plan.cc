#include "sync/folder/plan.h"

#include <algorithm>
#include <optional>
#include <tuple>

namespace tributary::folder {
namespace {

using Segments = std::vector<const SegmentFile*>;

constexpr uint64_t kLeastSnapshotBytes = 4 << 20;
constexpr size_t kMostSmallSegments = 64;

// In this order whatever a segment builds on comes before it: its base counts at least as many
// transactions as what that base was reached by. Of segments with one end, short ones come first,
// so that long ones that only replace them are not read by who needs them not.
Segments Sorted(const Segments& segments) {
  std::vector<std::tuple<uint64_t, uint64_t, std::string_view, const SegmentFile*>> keyed;
  for (const SegmentFile* s : segments) {
    if (s->damaged) continue;
    keyed.emplace_back(CountTransactions(s->head.until),
                       UINT64_MAX - CountTransactions(s->head.base), s->path, s);
  }
  std::sort(keyed.begin(), keyed.end());
  Segments sorted;
  sorted.reserve(keyed.size());
  for (const auto& k : keyed) sorted.push_back(std::get<3>(k));
  return sorted;
}

// False, with nothing changed, where a vector cannot hold as many sites: who went on with such a
// segment would try it for ever.
bool Apply(const SegmentFile* s, Plan* plan) {
  if (!plan->reached.MergeMax(s->head.until)) return false;
  plan->steps.push_back(s);
  plan->bytes += s->head.size;
  return true;
}

bool HasAll(const std::vector<Have::Loose>& some, const std::vector<Have::Loose>& all) {
  return std::all_of(some.begin(), some.end(), [&](const Have::Loose& l) {
    return std::find(all.begin(), all.end(), l) != all.end();
  });
}

bool Helps(const SegmentFile* s, const Plan& plan, const Have& have) {
  if (!plan.reached.Covers(s->head.until)) return true;
  if (s->head.loose.empty() || plan.reached.Covers(s->head.beyond)) return false;
  if (HasAll(s->head.loose, have.loose)) return false;
  return std::find(plan.steps.begin(), plan.steps.end(), s) == plan.steps.end();
}

// Takes whatever fits and helps, until nothing more does.
void Extend(const Segments& sorted, const Have& have, Plan* plan) {
  for (bool progress = true; progress;) {
    progress = false;
    for (const SegmentFile* s : sorted) {
      if (!Helps(s, *plan, have) || !plan->reached.Covers(s->head.base)) continue;
      progress |= Apply(s, plan);
    }
  }
}

// Of replicas with these tables, or any.
const SegmentFile* BestSnapshot(const Segments& sorted, std::optional<uint64_t> tables) {
  const SegmentFile* best = nullptr;
  for (const SegmentFile* s : sorted) {
    if (s->head.base.empty() && (!tables || s->head.tables == *tables)) best = s;
  }
  return best;
}

}  // namespace

bool Dominates(const SegmentHead& large, const SegmentHead& small) {
  const bool has_all = large.dropped == HashNames({}) || large.dropped == small.dropped;
  if (large.site != small.site && (large.dropped == 0 || !has_all)) return false;
  if (small.base == small.until && small.schema != large.schema) return false;
  return small.base.Covers(large.base) && large.until.Covers(small.until);
}

Plan MakePlan(const Segments& segments, const Have& have, std::optional<uint64_t> tables) {
  const Segments sorted = Sorted(segments);
  Plan steps;
  steps.reached = have.known;
  Extend(sorted, have, &steps);
  const bool newcomer = have.known.entries().size() <= 1;  // itself
  const SegmentFile* own = newcomer && tables ? BestSnapshot(sorted, tables) : nullptr;
  const SegmentFile* snapshot = own != nullptr ? own : BestSnapshot(sorted, std::nullopt);
  if (snapshot == nullptr || have.known.Covers(snapshot->head.until)) return steps;
  Plan jump;
  jump.reached = have.known;
  if (!Apply(snapshot, &jump)) return steps;
  Extend(sorted, have, &jump);
  return (own != nullptr || jump.bytes < steps.bytes) && jump.reached.Covers(steps.reached) ? jump
                                                                                            : steps;
}

VersionVector Reach(const Segments& segments) {
  const Segments sorted = Sorted(segments);
  VersionVector reached;
  for (bool progress = true; progress;) {
    progress = false;
    for (const SegmentFile* s : sorted) {
      if (reached.Covers(s->head.until) || !reached.Covers(s->head.base)) continue;
      progress |= reached.MergeMax(s->head.until);
    }
  }
  return reached;
}

Segments Removable(const Segments& segments, const SiteId& site,
                   const std::vector<VersionVector>& readers) {
  Segments removable;
  for (const SegmentFile* s : segments) {
    if (s->damaged || s->head.keep || s->head.site != site) continue;
    const bool passed = std::all_of(readers.begin(), readers.end(), [&](const VersionVector& v) {
      return v.Covers(s->head.until);
    });
    // Where two replace each other, the one with the larger name stays.
    const bool replaced =
        std::any_of(segments.begin(), segments.end(), [&](const SegmentFile* other) {
          if (other == s || other->damaged || !Dominates(other->head, s->head)) return false;
          // A later one of the same site has what was loose before; another's need not.
          const bool loose = HasAll(s->head.loose, other->head.loose) ||
                             (other->head.site == site && other->head.until != s->head.until);
          return loose && (!Dominates(s->head, other->head) ||
                           std::tie(other->head.site, other->path) > std::tie(site, s->path));
        });
    if (passed && replaced) removable.push_back(s);
  }
  return removable;
}

bool DueForMerge(const Segments& segments, const SiteId& site, VersionVector* base) {
  const Segments sorted = Sorted(segments);
  const SegmentFile* snapshot = BestSnapshot(sorted, std::nullopt);
  if (snapshot == nullptr) return false;
  uint64_t beyond = 0;
  size_t own = 0;
  const SegmentFile* oldest = nullptr;
  for (const SegmentFile* s : sorted) {
    const bool replaced = std::any_of(sorted.begin(), sorted.end(), [s](const SegmentFile* other) {
      return other != s && Dominates(other->head, s->head) && !Dominates(s->head, other->head);
    });
    if (replaced || s == snapshot) continue;
    beyond += s->head.size;
    if (s->head.site != site || s->head.base.empty()) continue;
    if (oldest == nullptr) oldest = s;
    ++own;
  }
  if (beyond > std::max(kLeastSnapshotBytes, snapshot->head.size)) {
    *base = {};
    return true;
  }
  if (own < kMostSmallSegments) return false;
  *base = oldest->head.base;
  return true;
}

}  // namespace tributary::folder
