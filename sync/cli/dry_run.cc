#include "sync/cli/dry_run.h"

#include "sync/cli/copy_pages.h"
#include "sync/cli/replica.h"

namespace tributary::cli {
Status OpenForSync(const Context& context, const std::string& path, Progress* progress,
                   Database* db) {
  if (!IsDryRun(context)) return OpenReplica(context, path, OpenMode::kWrite, db);
  Database original;
  TRIBUTARY_RETURN_IF_ERROR(OpenReplica(context, path, OpenMode::kRead, &original));
  TRIBUTARY_RETURN_IF_ERROR(db->OpenTemporary(path));
  TRIBUTARY_RETURN_IF_ERROR(CopyPages(original, progress, db));
  return db->LoadExtension();
}

}  // namespace tributary::cli
