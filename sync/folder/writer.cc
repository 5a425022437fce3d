// The writing half of store.h.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "sync/folder/store.h"

namespace tributary::folder {
namespace {

absl::Status Failed(std::string_view path, std::string_view what) {
  return absl::ErrnoToStatus(errno, absl::StrCat(path, ": ", what));
}

bool WriteFully(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t n = write(fd, data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    data.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

// Makes a rename in the directory last.
absl::Status SyncDirectory(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Failed(path, "cannot open the folder");
  // Some network file systems cannot, and say so.
  const bool done = fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP;
  close(fd);
  return done ? absl::OkStatus() : Failed(path, "cannot write to the disk");
}

}  // namespace

FileWriter::~FileWriter() {
  if (fd_ < 0) return;
  unlink(temporary_.c_str());
  close(fd_);
}

absl::Status FileWriter::Create(const std::string& directory, std::string_view name) {
  directory_ = directory;
  name_ = name;
  if (mkdir(directory.c_str(), 0777) != 0 && errno != EEXIST) {
    return Failed(directory, "cannot make the folder");
  }
  // The dot hides it from readers and from most file-sync tools. The lock, which ends with the
  // process, tells CleanUp() that somebody is at it.
  for (int i = 0;; i++) {
    temporary_ = absl::StrCat(directory, "/.", name, ".", getpid(), ".", i, ".tmp");
    fd_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (i == 1000 || (fd_ < 0 && errno != EEXIST)) break;
    if (fd_ < 0) continue;
    // Another process may have cleaned up between the two calls.
    struct stat made {};
    if (flock(fd_, LOCK_EX) != 0 || fstat(fd_, &made) != 0 || made.st_nlink > 0) break;
    close(fd_);
    fd_ = -1;
  }
  return fd_ >= 0 ? absl::OkStatus() : Failed(temporary_, "cannot make the file");
}

absl::Status FileWriter::Append(std::string_view data) {
  return WriteFully(fd_, data) ? absl::OkStatus() : Failed(temporary_, "cannot write");
}

absl::Status FileWriter::WriteAt(uint64_t offset, std::string_view data) {
  if (lseek(fd_, static_cast<off_t>(offset), SEEK_SET) < 0) return Failed(temporary_, "seek");
  return Append(data);
}

absl::Status FileWriter::Commit(bool keep, std::string* final_name) {
  if (fsync(fd_) != 0) return Failed(temporary_, "cannot write to the disk");
  std::string name = name_;
  const size_t dot = name_.rfind('.');
  struct stat there {};
  for (int i = 1; keep && stat(absl::StrCat(directory_, "/", name).c_str(), &there) == 0; i++) {
    name = absl::StrCat(name_.substr(0, dot), ".", i, name_.substr(dot));
  }
  if (rename(temporary_.c_str(), absl::StrCat(directory_, "/", name).c_str()) != 0) {
    return Failed(temporary_, absl::StrCat("cannot rename it to ", name));
  }
  close(fd_);
  fd_ = -1;
  if (final_name != nullptr) *final_name = name;
  return SyncDirectory(directory_);
}

std::string SegmentName(const SegmentHead& head) {
  return absl::StrCat(CountTransactions(head.base) + 1, "-", CountTransactions(head.until),
                      ".trib");
}

absl::Status SegmentWriter::Begin(const Folder& folder, const SegmentHead& head) {
  head_ = head;
  const std::string placeholder = head_.Encode();
  head_.size = placeholder.size();
  dry_run_ = folder.dry_run();
  if (dry_run_) return absl::OkStatus();
  absl::Status made =
      file_.Create(absl::StrCat(folder.path(), "/", SiteName(head.site)), SegmentName(head));
  return made.ok() ? file_.Append(placeholder) : made;
}

absl::Status SegmentWriter::Add(std::string_view changeset, const ChangesetHeader& header) {
  ++head_.frames;
  head_.size += changeset.size();
  head_.transactions += header.begun();
  head_.rows += header.rows;
  head_.cells += header.cells;
  head_.dropped = HashNames(header.dropped);
  sum_.Add(changeset);
  return dry_run_ ? absl::OkStatus() : file_.Append(changeset);
}

absl::Status SegmentWriter::Commit(std::string* path) {
  head_.checksum = sum_.Finish();
  std::string name = SegmentName(head_);
  absl::Status status;
  if (!dry_run_) status = file_.WriteAt(0, head_.Encode());
  if (!dry_run_ && status.ok()) status = file_.Commit(true, &name);
  *path = absl::StrCat(SiteName(head_.site), "/", name);
  return status;
}

absl::Status Folder::WriteMarker(const Marker& marker) const {
  if (dry_run_) return absl::OkStatus();
  FileWriter file;
  absl::Status status = file.Create(absl::StrCat(path_, "/", SiteName(marker.site)), "known.trib");
  if (status.ok()) status = file.Append(marker.Encode());
  return status.ok() ? file.Commit(false, nullptr) : status;
}

absl::Status Folder::WriteSchema(const SiteId& site, const Schema& schema,
                                 Checksum* checksum) const {
  const std::string frame = schema.Encode(checksum);
  if (dry_run_) return absl::OkStatus();
  const std::string directory = absl::StrCat(path_, "/", SiteName(site));
  const std::string name =
      absl::StrCat("schema-", ToHex({checksum->data(), checksum->size()}), ".trib");
  struct stat there {};
  const bool complete = stat(absl::StrCat(directory, "/", name).c_str(), &there) == 0 &&
                        there.st_size == static_cast<off_t>(frame.size());
  if (complete) return absl::OkStatus();
  FileWriter file;
  absl::Status status = file.Create(directory, name);
  if (status.ok()) status = file.Append(frame);
  return status.ok() ? file.Commit(false, nullptr) : status;
}

}  // namespace tributary::folder
