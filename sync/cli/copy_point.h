// Two files with one site id: where their histories parted.
#ifndef TRIBUTARY_SYNC_CLI_COPY_POINT_H_
#define TRIBUTARY_SYNC_CLI_COPY_POINT_H_

#include <cstdint>

#include "sync/cli/db.h"

namespace tributary::cli {

// The last version of that site id that both files still have in their logs from one and the same
// transaction, by its commit time; 0 if none. What they share beyond it neither has any more in
// full, so that this is the number for crsql_new_site_id: a greater one could lose writes.
Status FindCopyPoint(const Database& a, const Database& b, int64_t* version);

}  // namespace tributary::cli

#endif  // TRIBUTARY_SYNC_CLI_COPY_POINT_H_
