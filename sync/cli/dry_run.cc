#include "sync/cli/dry_run.h"

#include "sync/cli/copy_pages.h"
#include "sync/cli/parked.h"
#include "sync/cli/replica.h"

namespace tributary::cli {
Status OpenForSync(const Context& context, const std::string& path, Progress* progress,
                   Database* db) {
  if (!IsDryRun(context)) {
    TRIBUTARY_RETURN_IF_ERROR(OpenReplica(context, path, OpenMode::kWrite, db));
    return CatchUp(*db);
  }
  Database original;
  TRIBUTARY_RETURN_IF_ERROR(OpenReplica(context, path, OpenMode::kRead, &original));
  TRIBUTARY_RETURN_IF_ERROR(db->OpenTemporary(path));
  TRIBUTARY_RETURN_IF_ERROR(CopyPages(original, progress, db));
  TRIBUTARY_RETURN_IF_ERROR(db->LoadExtension());
  return CatchUp(*db);
}

}  // namespace tributary::cli
