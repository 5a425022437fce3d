// What the hub counts. Any thread adds; /metrics reads.
#ifndef TRIBUTARY_SYNC_HUB_METRICS_H_
#define TRIBUTARY_SYNC_HUB_METRICS_H_

#include <atomic>
#include <cstdint>

namespace tributary::hub {

struct Metrics {
  using Counter = std::atomic<uint64_t>;
  using Gauge = std::atomic<int64_t>;

  Gauge connections;  // TCP, of any kind
  Gauge sessions;     // WebSocket
  Gauge rooms_open;
  Counter sessions_total;
  Counter sessions_failed;
  Counter requests;        // HTTP
  Counter refused;         // of both, by a limit or for want of a right
  Counter received_bytes;  // of sessions and posted changesets
  Counter sent_bytes;
  Counter transactions;  // in changesets that were committed
  Counter commits;       // how often the disk was waited for
  Counter changesets;    // committed
  Counter shared_reads;  // changesets for a session that were encoded for another
  Counter own_reads;
};

}  // namespace tributary::hub

#endif  // TRIBUTARY_SYNC_HUB_METRICS_H_
