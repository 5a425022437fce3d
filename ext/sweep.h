// Keeps the log within about twice its live size (R5): stale entries are cut out of its chunks, a
// little at each commit.
//
// Each flush counts by how many entries it made others stale: what it logged, less what the clocks
// name more than before. Once the bytes of these are half of the log's, a sweep begins; it walks
// the log once, in key order, at the pace of what is logged from then on: a commit sweeps about
// four times the bytes that it logs. So a sweep costs at most a few entries per stale one, no
// commit does much more for it than for its own writes, and who makes nothing stale never starts
// one. Its position is in the log's head, so that it goes on in the next process.
//
// A transaction of which nothing is left leaves the log. That it is known, or was issued here, is
// kept elsewhere: in crsql_peers and in the head.
#ifndef TRIBUTARY_EXT_SWEEP_H_
#define TRIBUTARY_EXT_SWEEP_H_

#include <cstdint>

#include "crdt/row_clock.h"
#include "ext/connection.h"

namespace tributary {

// How many log entries, about, speak for a row with this clock.
int64_t EntriesNamed(const RowClock& clock, const Layouts& layouts);

// To be called by a flush when its clocks and log entries are written. `newly_named`: how many
// entries more than before the flush the clocks name. Counts, and does this commit's share of a
// sweep. The caller writes the head; the second form reads and writes it, if anything was logged.
Status SweepLog(Connection* connection, int64_t newly_named, LogHead* head);
Status SweepLog(Connection* connection, int64_t newly_named);

// Any part of the log may have become stale: a table is no longer replicated.
Status SweepSoon(Connection* connection);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_SWEEP_H_
