// A shared folder as files: what lies in it, reading segments, writing one's own. README.md says
// what the names mean and what may happen to the files on their way.
//
//   Folder folder("/home/ann/Dropbox/notes");
//   Listing listing;
//   if (!folder.Scan(&listing).ok()) ...
//
// Reading believes no name: who wrote a file, and what it is, is in its first frame.
#ifndef TRIBUTARY_SYNC_FOLDER_STORE_H_
#define TRIBUTARY_SYNC_FOLDER_STORE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "sync/folder/plan.h"

namespace tributary::folder {

// A file that cannot be used as it is. It may be on its way still.
struct Problem {
  std::string path;  // below the folder
  std::string text;
};

struct Listing {
  std::deque<SegmentFile> segments;
  std::vector<Marker> markers;
  std::map<Checksum, std::string> schemas;  // paths
  std::vector<Problem> problems;

  // Those of one site, or of all.
  std::vector<const SegmentFile*> Segments(const SiteId* site = nullptr) const;
  // What each other replica is known to know: its marker, its segments.
  std::vector<VersionVector> Readers(const SiteId& except) const;
};

class Folder {
 public:
  // In a dry run nothing is written or removed, and the folder need not be there; from then on it
  // looks as if it had been done.
  explicit Folder(std::string path, bool dry_run = false)
      : path_(std::move(path)), dry_run_(dry_run) {}

  const std::string& path() const { return path_; }
  bool dry_run() const { return dry_run_; }
  // Looks at the first frame and the size of each file; files as they were at the last scan are
  // not read again.
  absl::Status Scan(Listing* listing);

  // Checks every frame of a segment, and all of them together; then hands each changeset to `use`,
  // unless that is empty. Damage is kDataLoss, a message of `use` kAborted. No message names the
  // file.
  using Use = std::function<absl::Status(std::string_view frame)>;
  absl::Status ReadSegment(const SegmentFile& segment, const Use& use) const;
  absl::Status ReadSchema(const Listing& listing, const Checksum& checksum, Schema* schema) const;

  absl::Status WriteMarker(const Marker& marker) const;
  // Leaves a schema that is there already as it is.
  absl::Status WriteSchema(const SiteId& site, const Schema& schema, Checksum* checksum) const;
  absl::Status Remove(std::string_view path);  // below the folder
  // In a dry run: a segment that would have been written.
  void Pretend(SegmentFile segment) { pretended_.push_back(std::move(segment)); }
  // Removes what a writer of that site left behind that was killed.
  void CleanUp(const SiteId& site) const;

 private:
  struct Seen {
    int64_t size;
    int64_t changed_ns;
    uint64_t inode;
    SegmentFile segment;
  };
  void ScanFile(const std::string& path, std::map<std::string, Seen>* seen, Listing* listing);
  bool IsPretended(const std::string& path) const;

  std::string path_;
  bool dry_run_;
  std::vector<SegmentFile> pretended_;
  std::set<std::string, std::less<>> removed_;  // in a dry run
  std::map<std::string, Seen> seen_;            // segments that were sound
};

// Writes a file under a temporary name and gives it its own when all of it is on the disk.
class FileWriter {
 public:
  FileWriter() = default;
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  // `directory` is made if missing.
  absl::Status Create(const std::string& directory, std::string_view name);
  absl::Status Append(std::string_view data);
  absl::Status WriteAt(uint64_t offset, std::string_view data);
  // With `keep`, takes another name (name.1.trib...) where there is a file of that name already.
  absl::Status Commit(bool keep, std::string* final_name);

 private:
  std::string directory_;
  std::string name_;
  std::string temporary_;
  int fd_ = -1;
};

// Writes one segment. The head's sizes and counts are filled in here.
class SegmentWriter {
 public:
  absl::Status Begin(const Folder& folder, const SegmentHead& head);
  absl::Status Add(std::string_view changeset, const ChangesetHeader& header);
  // Not called: nothing is left of it.
  absl::Status Commit(std::string* path);
  const SegmentHead& head() const { return head_; }

 private:
  bool dry_run_ = false;
  FileWriter file_;
  SegmentHead head_;
  FrameSum sum_;
};

// "<first>-<last>.trib": of all transactions that the writer knew, those after the first - 1 that
// the folder had, up to the last. Both only grow, and need no counter that could be lost.
std::string SegmentName(const SegmentHead& head);

}  // namespace tributary::folder

#endif  // TRIBUTARY_SYNC_FOLDER_STORE_H_
