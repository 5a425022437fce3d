// The merge decision: what one incoming record does to one row. A total function without side
// effects; every replica that asks the same question gets the same answer.
//
// The rule is cr-sqlite's (so that both kinds of replica converge): the longer causal length
// wins; on a living row the larger col_version of a cell wins, then the larger value. Ours adds
// T18: records that tie in all of that describe the same state, and then the larger stamp is kept,
// so that every replica ends with the same author for it.
#ifndef TRIBUTARY_CRDT_MERGE_H_
#define TRIBUTARY_CRDT_MERGE_H_

#include <compare>
#include <cstdint>

#include "crdt/ids.h"

namespace tributary {

enum class MergeAction : uint8_t {
  kIgnore,        // known already, or beaten
  kRestamp,       // same state; only the stamp moves to the incoming one (T18)
  kDelete,        // the row dies
  kRevive,        // the row comes (back) to life with no cell of its own
  kReviveAndSet,  // the row comes back to life because a cell of its new life arrived
  kCreateAndSet,  // the row was never seen; its first life begins with this cell
  kSet,           // the cell takes the incoming value and clock
};

// One question. "Local" is what this replica holds; a field about cells is ignored for a sentinel.
struct MergeQuestion {
  CausalLength local_cl;        // 0 if the row was never seen
  CausalLength incoming_cl;     // causal length of the row at the sender
  bool is_sentinel = false;     // the record is about the row, not about a cell
  ColVersion local_version;     // of the cell; 0 if it has no clock
  ColVersion incoming_version;  // of the cell
};

// Whether the answer depends on a tie, so that Decide needs TieBreak's facts. They may cost a read.
bool NeedsTieBreak(const MergeQuestion& q);

// Facts about a tie, incoming against local. `value` is unused for a sentinel. A missing local
// stamp counts as the smallest: `stamp` is then `greater`.
struct TieBreak {
  std::strong_ordering value = std::strong_ordering::equal;
  std::strong_ordering stamp = std::strong_ordering::equal;
};

MergeAction Decide(const MergeQuestion& q, const TieBreak& tie);

// How much an action adds to crsql_rows_impacted(). `merge_equal_values` is the setting of that
// name: with it a cell's or tombstone's re-stamping counts, as in cr-sqlite.
int RowsImpacted(MergeAction action, bool is_sentinel, bool merge_equal_values);

// The order of stamps for ties: by site, then version; inside one transaction the *earlier* seq is
// the greater, because a row's own sentinel precedes the cells that stand in for it in what
// cr-sqlite passes on.
std::strong_ordering CompareStamps(const SiteId& site_a, const Stamp& a, const SiteId& site_b,
                                   const Stamp& b);

}  // namespace tributary

#endif  // TRIBUTARY_CRDT_MERGE_H_
