// Applying a changeset: crsql_apply().
#ifndef TRIBUTARY_EXT_APPLY_H_
#define TRIBUTARY_EXT_APPLY_H_

#include <cstdint>
#include <string_view>

#include "ext/connection.h"

namespace tributary {

// Applies one frame; *rows is how many rows of base tables were changed. It may also be kept for
// later (0 rows): a piece of a transaction that must become visible as a whole; and, outside a
// transaction of the host's, what a constraint refuses as long as the rest of the transfer is not
// here. Inside such a transaction, rows that a constraint refuses wait in memory until it ends, as
// those of crsql_changes do.
//
// What is wrong with the frame is found before anything is written. Later failures (disk, memory,
// interruption) roll back what is a transaction of its own. The host's transaction then refuses to
// commit until it, or a savepoint of it, is rolled back: a savepoint of our own would cost more
// than the merge (SQLite copies each page into a temporary file before it is first changed;
// measured with 100,000 rows: 8.1 instead of 3.2 us a row).
Status ApplyChangeset(Connection* connection, std::string_view frame, int64_t* rows);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_APPLY_H_
