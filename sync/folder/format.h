// What lies in a shared folder, as bytes: heads of segments, markers, schemas. README.md has the
// files, proto/folder.proto the messages.
#ifndef TRIBUTARY_SYNC_FOLDER_FORMAT_H_
#define TRIBUTARY_SYNC_FOLDER_FORMAT_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sync/changeset/header.h"

namespace tributary::folder {

using Checksum = std::array<char, 16>;  // XXH3-128, canonical
Checksum ChecksumOf(std::string_view data);
uint64_t Hash64(std::string_view data);  // its first half
// Of names, such as SegmentHead::dropped.
uint64_t HashNames(const std::vector<std::string>& names);
std::string ToHex(std::string_view bytes);
std::string SiteName(const SiteId& site);  // 32 hex digits

// The first frame of a segment. Law (F): who knows `base` and applies all of the segment's
// changesets knows `until` (law K of ext/knowledge.h, with the segment as one transfer).
struct SegmentHead {
  SiteId site;
  VersionVector base;
  VersionVector until;
  std::vector<Have::Loose> loose;  // what the writer held beyond `until`
  VersionVector beyond;            // the highest versions of which something is loose
  int64_t time_ms = 0;
  bool keep = false;  // a restore point: not to be deleted
  Checksum schema{};
  uint64_t tables = 0;
  // HashNames of what the writer has dropped: of all else it had everything. 0: not known.
  uint64_t dropped = 0;
  uint64_t frames = 0;
  uint64_t size = 0;
  Checksum checksum{};
  uint64_t transactions = 0;
  uint64_t rows = 0;
  uint64_t cells = 0;

  // A frame, of one length whatever the numbers from `tables` on.
  std::string Encode() const;
  // False, with a message for people, where the data is not exactly such a frame.
  bool Decode(std::string_view data, std::string* error);
};

struct Marker {
  SiteId site;
  VersionVector known;
  int64_t time_ms = 0;

  std::string Encode() const;
  bool Decode(std::string_view data, std::string* error);
};

struct Schema {
  std::vector<std::string> setup;
  std::vector<std::string> replicated;
  std::vector<std::string> finish;

  // A frame, and the checksum of its content, which names its file.
  std::string Encode(Checksum* sum) const;
  bool Decode(std::string_view data, Checksum* sum, std::string* error);
  bool operator==(const Schema&) const = default;
};

// Sums up the frames of a segment.
class FrameSum {
 public:
  void Add(std::string_view frame);
  Checksum Finish() const { return ChecksumOf(sums_); }

 private:
  std::string sums_;
};

// How many transactions a vector knows. A site's vectors only grow, so this orders them.
uint64_t CountTransactions(const VersionVector& v);
VersionVector Minimum(const VersionVector& a, const VersionVector& b);

}  // namespace tributary::folder

#endif  // TRIBUTARY_SYNC_FOLDER_FORMAT_H_
