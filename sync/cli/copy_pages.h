// A database copied page by page.
#ifndef TRIBUTARY_SYNC_CLI_COPY_PAGES_H_
#define TRIBUTARY_SYNC_CLI_COPY_PAGES_H_

#include "sync/cli/db.h"
#include "sync/cli/output.h"

namespace tributary::cli {

// Makes `to` what `from` is now, whoever writes to it meanwhile. A copied file has its original's
// site id.
Status CopyPages(const Database& from, Progress* progress, Database* to);

}  // namespace tributary::cli

#endif  // TRIBUTARY_SYNC_CLI_COPY_PAGES_H_
