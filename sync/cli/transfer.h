// One direction of a sync: everything the receiver may lack, from one snapshot of the sender.
#ifndef TRIBUTARY_SYNC_CLI_TRANSFER_H_
#define TRIBUTARY_SYNC_CLI_TRANSFER_H_

#include <cstdint>

#include "sync/cli/conflicts.h"
#include "sync/cli/output.h"

namespace tributary::cli {

struct TransferResult {
  int64_t transactions = 0;
  int64_t rows = 0;  // a row counts once for each transaction that changed it
  int64_t cells = 0;
  int64_t bytes = 0;    // of the changesets
  int64_t applied = 0;  // rows that the receiver changed
};

struct TransferOptions {
  bool everything = false;  // do not trust the receiver's version vector
  // A changeset, which the receiver applies in a transaction of its own, ends with the first
  // transaction at or beyond this many bytes. What is cut in a longer one waits at the receiver
  // until all of it is there.
  int64_t batch_bytes = 1 << 20;
};

// Copies changes by crsql_changesets and crsql_apply. `tracker` may be null. Adds to *result.
Status RunTransfer(const Database& sender, const Database& receiver, const TransferOptions& options,
                   ConflictTracker* tracker, Progress* progress, TransferResult* result);

}  // namespace tributary::cli

#endif  // TRIBUTARY_SYNC_CLI_TRANSFER_H_
