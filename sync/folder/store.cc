#include "sync/folder/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sync/changeset/frame.h"

namespace tributary::folder {
namespace {

constexpr size_t kFirstRead = 1024;  // mostly all of a first frame

absl::Status Failed(std::string_view path, std::string_view what) {
  return absl::ErrnoToStatus(errno, absl::StrCat(path, ": ", what));
}

// Up to `size` bytes from there; fewer at the end of the file.
bool ReadAt(int fd, uint64_t offset, size_t size, std::string* data) {
  data->resize(size);
  size_t got = 0;
  while (got < size) {
    const ssize_t n = pread(fd, data->data() + got, size - got, static_cast<off_t>(offset + got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    if (n == 0) break;
    got += static_cast<size_t>(n);
  }
  data->resize(got);
  return true;
}

// The frame at that offset; less of it where the file ends before.
bool ReadFrame(int fd, uint64_t offset, std::string* frame, std::string* error) {
  size_t size = 0;
  struct stat info {};
  bool read = fstat(fd, &info) == 0 && ReadAt(fd, offset, kFirstRead, frame);
  if (read && !Frame::Size(*frame, &size, error)) return false;
  if (read && size <= frame->size()) {
    if (size > 0) frame->resize(size);
    return true;
  }
  // No memory for what cannot be there.
  if (read && offset + size > static_cast<uint64_t>(info.st_size)) return true;
  read = read && ReadAt(fd, offset, size, frame);
  if (!read) *error = absl::ErrnoToStatus(errno, "cannot read").ToString();
  return read;
}

// Names in a directory, sorted; none where there is no such directory.
absl::Status ListNames(const std::string& path, std::vector<std::string>* names) {
  names->clear();
  DIR* directory = opendir(path.c_str());
  if (directory == nullptr && errno == ENOTDIR) {
    return absl::NotFoundError(absl::StrCat(path, ": is a file, not a folder"));
  }
  if (directory == nullptr) return Failed(path, "cannot read the folder");
  while (const dirent* entry = readdir(directory)) names->emplace_back(entry->d_name);
  closedir(directory);
  std::sort(names->begin(), names->end());
  return absl::OkStatus();
}

}  // namespace

std::vector<const SegmentFile*> Listing::Segments(const SiteId* site) const {
  std::vector<const SegmentFile*> out;
  for (const SegmentFile& s : segments) {
    if (!s.damaged && (site == nullptr || s.head.site == *site)) out.push_back(&s);
  }
  return out;
}

std::vector<VersionVector> Listing::Readers(const SiteId& except) const {
  std::map<SiteId, VersionVector> known;
  for (const Marker& m : markers) known[m.site].MergeMax(m.known);
  for (const SegmentFile& s : segments) known[s.head.site].MergeMax(s.head.until);
  std::vector<VersionVector> out;
  for (auto& [site, vector] : known) {
    if (site != except) out.push_back(std::move(vector));
  }
  return out;
}

absl::Status Folder::Scan(Listing* listing) {
  *listing = {};
  std::vector<std::string> directories;
  absl::Status status = ListNames(path_, &directories);
  const bool to_be_made = dry_run_ && access(path_.c_str(), F_OK) != 0;
  if (!status.ok() && !to_be_made) return status;
  std::map<std::string, Seen> seen;
  for (const std::string& directory : directories) {
    if (directory.starts_with('.')) continue;
    std::vector<std::string> names;
    if (!ListNames(absl::StrCat(path_, "/", directory), &names).ok()) continue;
    for (const std::string& name : names) {
      // Hidden files are temporary ones, ours or those of file-sync tools.
      if (name.starts_with('.') || !absl::StrContains(name, ".trib")) continue;
      ScanFile(absl::StrCat(directory, "/", name), &seen, listing);
    }
  }
  seen_ = std::move(seen);
  listing->segments.insert(listing->segments.end(), pretended_.begin(), pretended_.end());
  std::erase_if(listing->segments,
                [this](const SegmentFile& s) { return removed_.contains(s.path); });
  return absl::OkStatus();
}

bool Folder::IsPretended(const std::string& path) const {
  return std::any_of(pretended_.begin(), pretended_.end(),
                     [&path](const SegmentFile& s) { return s.path == path; });
}

void Folder::ScanFile(const std::string& path, std::map<std::string, Seen>* seen,
                      Listing* listing) {
  const std::string full = absl::StrCat(path_, "/", path);
  struct stat info {};
  const int fd = open(full.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  const absl::Cleanup closer = [fd] {
    if (fd >= 0) close(fd);
  };
  if (fd < 0 || fstat(fd, &info) != 0) {
    // Gone since its directory was read: as if it had never been there.
    if (errno != ENOENT) listing->problems.push_back({path, "cannot be opened"});
    return;
  }
  if (!S_ISREG(info.st_mode)) return;
  const int64_t changed_ns = info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec;
  const auto known = seen_.find(path);
  if (known != seen_.end() && known->second.size == info.st_size &&
      known->second.changed_ns == changed_ns && known->second.inode == info.st_ino) {
    listing->segments.push_back(known->second.segment);
    seen->insert(*known);
    return;
  }
  std::string data;
  std::string error;
  Frame frame;
  SegmentFile segment;
  Marker marker;
  Schema schema;
  Checksum checksum;
  segment.path = path;
  if (!ReadFrame(fd, 0, &data, &error) || !frame.OpenAny(data, &error)) {
    listing->problems.push_back({path, error});
  } else if (frame.kind() == FrameKind::kSegment && segment.head.Decode(data, &error)) {
    if (segment.head.size == static_cast<uint64_t>(info.st_size)) {
      listing->segments.push_back(segment);
      (*seen)[path] = {info.st_size, changed_ns, info.st_ino, segment};
    } else {
      listing->problems.push_back(
          {path, absl::StrCat("has ", info.st_size, " of ", segment.head.size, " bytes")});
    }
  } else if (frame.kind() == FrameKind::kMarker && marker.Decode(data, &error)) {
    listing->markers.push_back(marker);
  } else if (frame.kind() == FrameKind::kSchema && schema.Decode(data, &checksum, &error)) {
    listing->schemas[checksum] = path;
  } else {
    listing->problems.push_back({path, error.empty() ? "is no file of a shared folder" : error});
  }
}

absl::Status Folder::ReadSegment(const SegmentFile& segment, const Use& use) const {
  if (IsPretended(segment.path)) return absl::OkStatus();
  const std::string full = absl::StrCat(path_, "/", segment.path);
  const int fd = open(full.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, "cannot be opened");
  const absl::Cleanup closer = [fd] { close(fd); };
  // All of it is checked before anything is used: what a segment has beyond `until` must not be
  // torn from the rest (law F).
  for (int pass = 0; pass < (use ? 2 : 1); pass++) {
    std::string data;
    std::string error;
    SegmentHead head;
    FrameSum sum;
    if (!ReadFrame(fd, 0, &data, &error) || !head.Decode(data, &error)) {
      return absl::DataLossError(error);
    }
    uint64_t offset = data.size();
    for (uint64_t i = 0; i < head.frames; i++) {
      Frame frame;
      if (!ReadFrame(fd, offset, &data, &error) || !frame.Open(data, &error)) {
        return absl::DataLossError(absl::StrCat("frame ", i + 2, " at byte ", offset, ": ", error));
      }
      sum.Add(data);
      offset += data.size();
      if (pass == 0) continue;
      absl::Status used = use(data);
      if (!used.ok()) return used;
    }
    if (offset != head.size || sum.Finish() != head.checksum) {
      return absl::DataLossError("its frames do not belong together");
    }
  }
  return absl::OkStatus();
}

absl::Status Folder::ReadSchema(const Listing& listing, const Checksum& checksum,
                                Schema* schema) const {
  const auto found = listing.schemas.find(checksum);
  if (found == listing.schemas.end()) {
    return absl::NotFoundError(absl::StrCat(
        path_, ": schema-", ToHex({checksum.data(), checksum.size()}), ".trib is missing"));
  }
  const std::string full = absl::StrCat(path_, "/", found->second);
  const int fd = open(full.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Failed(full, "cannot be opened");
  const absl::Cleanup closer = [fd] { close(fd); };
  std::string data;
  std::string error;
  Checksum actual;
  if (!ReadFrame(fd, 0, &data, &error) || !schema->Decode(data, &actual, &error) ||
      actual != checksum) {
    return absl::DataLossError(absl::StrCat(full, ": ", error));
  }
  return absl::OkStatus();
}

absl::Status Folder::Remove(std::string_view path) {
  if (dry_run_) {
    removed_.emplace(path);
    return absl::OkStatus();
  }
  const std::string full = absl::StrCat(path_, "/", path);
  return unlink(full.c_str()) == 0 || errno == ENOENT ? absl::OkStatus()
                                                      : Failed(full, "cannot remove it");
}

void Folder::CleanUp(const SiteId& site) const {
  if (dry_run_) return;
  const std::string directory = absl::StrCat(path_, "/", SiteName(site));
  std::vector<std::string> names;
  if (!ListNames(directory, &names).ok()) return;
  for (const std::string& name : names) {
    if (!name.starts_with('.') || !absl::StrContains(name, ".trib.") || !name.ends_with(".tmp")) {
      continue;
    }
    const std::string full = absl::StrCat(directory, "/", name);
    const int fd = open(full.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) continue;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) unlink(full.c_str());
    close(fd);
  }
}

}  // namespace tributary::folder
