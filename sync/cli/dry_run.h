// What --dry-run works on, so that nothing is written: a copy that is thrown away. The work itself
// is done on it as ever, which makes what is told exact.
#ifndef TRIBUTARY_SYNC_CLI_DRY_RUN_H_
#define TRIBUTARY_SYNC_CLI_DRY_RUN_H_

#include <string>

#include "sync/cli/commands.h"
#include "sync/cli/db.h"
#include "sync/cli/output.h"

namespace tributary::cli {

inline bool IsDryRun(const Context& context) { return context.args.Has("--dry-run"); }

// Opens the replica at `path` for writing or, in a dry run, a private copy of what it holds now.
Status OpenForSync(const Context& context, const std::string& path, Progress* progress,
                   Database* db);

}  // namespace tributary::cli

#endif  // TRIBUTARY_SYNC_CLI_DRY_RUN_H_
