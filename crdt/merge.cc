#include "crdt/merge.h"

namespace tributary {

namespace {

// One replica that took such a number could not count on from it, see kMaxCounter.
bool OutOfRange(const MergeQuestion& q) {
  return q.incoming_cl.value > kMaxCounter ||
         (!q.is_sentinel && q.incoming_version.value > kMaxCounter);
}

}  // namespace

bool NeedsTieBreak(const MergeQuestion& q) {
  if (q.incoming_cl != q.local_cl || q.local_cl == CausalLength(0) || OutOfRange(q)) return false;
  if (q.is_sentinel || !IsAlive(q.local_cl)) return true;
  return q.incoming_version == q.local_version && q.incoming_version > ColVersion(0);
}

MergeAction Decide(const MergeQuestion& q, const TieBreak& tie) {
  const bool greater_stamp = tie.stamp == std::strong_ordering::greater;
  if (q.incoming_cl < q.local_cl || q.incoming_cl == CausalLength(0) || OutOfRange(q)) {
    return MergeAction::kIgnore;
  }
  if (!IsAlive(q.incoming_cl)) {
    if (q.incoming_cl > q.local_cl) return MergeAction::kDelete;
    return greater_stamp ? MergeAction::kRestamp : MergeAction::kIgnore;
  }
  const bool has_clock = q.incoming_version > ColVersion(0);
  if (q.incoming_cl > q.local_cl) {
    if (q.is_sentinel || !has_clock) return MergeAction::kRevive;
    const bool first_life = q.local_cl == CausalLength(0) && q.incoming_cl == CausalLength(1);
    return first_life ? MergeAction::kCreateAndSet : MergeAction::kReviveAndSet;
  }
  if (q.is_sentinel) return greater_stamp ? MergeAction::kRestamp : MergeAction::kIgnore;
  if (!has_clock || q.incoming_version < q.local_version) return MergeAction::kIgnore;
  if (q.incoming_version > q.local_version) return MergeAction::kSet;
  if (tie.value != std::strong_ordering::equal) {
    return tie.value == std::strong_ordering::greater ? MergeAction::kSet : MergeAction::kIgnore;
  }
  return greater_stamp ? MergeAction::kRestamp : MergeAction::kIgnore;
}

int RowsImpacted(MergeAction action, bool is_sentinel, bool merge_equal_values) {
  switch (action) {
    case MergeAction::kIgnore:
      return 0;
    case MergeAction::kRestamp:
      return merge_equal_values && !is_sentinel ? 1 : 0;
    case MergeAction::kReviveAndSet:
      return 2;
    case MergeAction::kDelete:
    case MergeAction::kRevive:
    case MergeAction::kCreateAndSet:
    case MergeAction::kSet:
      return 1;
  }
  return 0;
}

std::strong_ordering CompareStamps(const SiteId& site_a, const Stamp& a, const SiteId& site_b,
                                   const Stamp& b) {
  if (site_a != site_b) return site_a <=> site_b;
  if (a.version != b.version) return a.version <=> b.version;
  return b.seq <=> a.seq;
}

}  // namespace tributary
