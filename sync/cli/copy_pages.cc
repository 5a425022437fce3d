#include "sync/cli/copy_pages.h"

#include <memory>

namespace tributary::cli {
namespace {

constexpr int kPagesAtOnce = 1000;

}  // namespace

Status CopyPages(const Database& from, Progress* progress, Database* to) {
  // Holds one snapshot, or a copy that others write to meanwhile would begin anew.
  Transaction snapshot(from);
  TRIBUTARY_RETURN_IF_ERROR(snapshot.BeginRead());
  int64_t page_size = 0;
  TRIBUTARY_RETURN_IF_ERROR(from.QueryInt("PRAGMA page_size", &page_size));
  const auto finish = [](sqlite3_backup* backup) { sqlite3_backup_finish(backup); };
  const std::unique_ptr<sqlite3_backup, decltype(finish)> backup(
      sqlite3_backup_init(to->get(), "main", from.get(), "main"), finish);
  if (backup == nullptr) return to->Error(sqlite3_extended_errcode(to->get()));
  int64_t pages = 0;
  TRIBUTARY_RETURN_IF_ERROR(from.QueryInt("PRAGMA page_count", &pages));
  progress->Part("copying " + from.path(), Progress::Unit::kBytes, pages * page_size);
  int rc;
  do {
    rc = sqlite3_backup_step(backup.get(), kPagesAtOnce);
    progress->Set((pages - sqlite3_backup_remaining(backup.get())) * page_size);
  } while (rc == SQLITE_OK);
  return rc == SQLITE_DONE ? Status() : from.Error(rc);
}

}  // namespace tributary::cli
