// tributary log --table T --key K: why one row is as it is.
#ifndef TRIBUTARY_SYNC_CLI_EXPLAIN_H_
#define TRIBUTARY_SYNC_CLI_EXPLAIN_H_

#include <string>

#include "sync/cli/commands.h"
#include "sync/cli/db.h"

namespace tributary::cli {

// Prints the clocks of a row of a replicated table. `key` is its key as it is typed: a number, a
// text, x'0102' for a blob, or all of a longer key as a JSON array. kDifferent if the replica has
// never heard of such a row.
Status ExplainRow(const Context& context, const Database& db, const std::string& table,
                  const std::string& key);

}  // namespace tributary::cli

#endif  // TRIBUTARY_SYNC_CLI_EXPLAIN_H_
