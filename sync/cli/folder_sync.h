// A replica and a shared folder: reading what others wrote, publishing what the folder lacks. The
// half that knows SQL; sync/folder/ has the other.
#ifndef TRIBUTARY_SYNC_CLI_FOLDER_SYNC_H_
#define TRIBUTARY_SYNC_CLI_FOLDER_SYNC_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "sync/cli/db.h"
#include "sync/cli/output.h"
#include "sync/cli/parked.h"
#include "sync/folder/store.h"

namespace tributary::cli {

// What one round did.
struct FolderReport {
  int64_t segments_read = 0;
  int64_t bytes_read = 0;
  int64_t rows_changed = 0;
  struct Written {
    std::string path;
    folder::SegmentHead head;
  };
  std::vector<Written> written;
  int64_t removed = 0;
  std::vector<folder::Problem> problems;  // of files
  std::vector<std::string> refused;       // segments that the database did not take, and why
  std::vector<Parked> parked;             // what the replica keeps for later
  int64_t waiting = 0;                    // segments that build on what is not here yet

  bool changed() const { return segments_read > 0 || !written.empty() || removed > 0; }
};

class FolderSync {
 public:
  struct Options {
    bool backup = false;    // publish only, from nothing but its own files, and delete nothing
    bool snapshot = false;  // write a segment with everything
    bool verify = false;    // read all of one's own segments; what is damaged is written again
    // Nothing is written to the folder; the report says what would be. The database is one that
    // may be written to: a copy.
    bool dry_run = false;
  };
  // The database must outlive this.
  FolderSync(const Database& db, std::string path, Options options)
      : db_(db), folder_(std::move(path), options.dry_run), options_(options) {}

  // Makes the folder if its parent is there.
  Status Start();
  Status Round(Progress* progress, FolderReport* report);

 private:
  Status Verify(FolderReport* report);
  Status RemoveDamaged();
  Status Pull(FolderReport* report);
  Status RefuseStrangers(const folder::Schema& own) const;
  Status Apply(const folder::SegmentFile& segment, FolderReport* report);
  Status Push(FolderReport* report);
  Status Publish(const Have& mine, FolderReport* report);
  Status Write(const folder::SegmentHead& common, const VersionVector& base,
               const std::vector<Have::Loose>& loose, bool always, FolderReport* report);
  Status Compact(const folder::SegmentHead& common, FolderReport* report);
  Status RemoveReplaced(FolderReport* report);
  Status Mark(const Have& mine) const;
  Status Rescan();
  std::vector<const folder::SegmentFile*> Basis() const;

  const Database& db_;
  folder::Folder folder_;
  Options options_;
  Progress* progress_ = nullptr;  // of the round that is on
  SiteId site_;
  folder::Listing listing_;
  std::vector<std::string> damaged_;    // paths, found by reading
  std::vector<std::string> to_remove_;  // of one's own, once what they had is written again
};

// What this replica knows.
Status LoadHave(const Database& db, Have* have);
// SQL that makes an empty database of the same shape, and a hash of what is replicated.
Status LoadSchema(const Database& db, folder::Schema* schema, uint64_t* tables);
// Whether tables or columns have been renamed or dropped.
Status HasFormerNames(const Database& db, bool* has);

Status FromAbsl(const absl::Status& status);
int64_t NowMilliseconds();
std::string ShowTime(int64_t ms);  // 2026-11-23 12:00:05.123Z

}  // namespace tributary::cli

#endif  // TRIBUTARY_SYNC_CLI_FOLDER_SYNC_H_
