// Whatever lies in a shared folder: the scan names what is no good, only whole segments are used,
// and what is planned, reached and removed on the strength of the rest keeps the laws of
// sync/folder/README.md.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "sync/folder/store.h"
#include "tests/fuzz/frames_input.h"
#include "tests/fuzz/target.h"

namespace tributary::fuzz {
namespace {

namespace fs = std::filesystem;
using folder::Checksum;
using folder::Folder;
using folder::Listing;
using folder::Marker;
using folder::SegmentFile;
using folder::SegmentHead;

// A command names the file that the frames behind it are in: `FOLDER/NAME`. One that begins with a
// `!` makes a directory or a link of that name.
class Disk {
 public:
  Disk() {
    // In memory, if there is such a place.
    const fs::path parent = fs::is_directory("/dev/shm") ? "/dev/shm" : fs::temp_directory_path();
    std::string name = (parent / "fuzz-folder-XXXXXX").string();
    Check(mkdtemp(name.data()) != nullptr, "a temporary folder can be made");
    path_ = name;
  }
  ~Disk() { fs::remove_all(path_); }
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;
  const std::string& path() const { return path_; }

  void Write(std::string_view input) {
    fs::remove_all(path_);
    fs::create_directories(path_ + "/site");
    std::string file = path_ + "/site/first.trib";
    std::string data;
    for (const std::string_view frame : SplitFrames(input)) {
      if (frame.size() < kFrameFixedSize || Frame::KindOf(frame) != kCommand) {
        data.append(frame);
        continue;
      }
      Save(file, data);
      data.clear();
      file = Name(HeaderOf(frame));
    }
    Save(file, data);
  }

 private:
  std::string Name(std::string_view text) {
    std::string name(text.substr(0, 100));
    for (char& c : name) {
      if (c == '\0') c = '0';
    }
    const bool special = name.starts_with('!');
    if (special) name.erase(0, 1);
    const size_t slash = std::min(name.find('/'), name.size());
    std::string directory = name.substr(0, slash);
    std::string file = slash < name.size() ? name.substr(slash + 1) : "x.trib";
    std::replace(file.begin(), file.end(), '/', '_');
    if (directory.empty() || directory == "." || directory == "..") directory = "site";
    if (file.empty() || file == "." || file == "..") file = "x.trib";
    std::error_code ignored;
    fs::create_directories(path_ + "/" + directory, ignored);
    file = path_ + "/" + directory + "/" + file;
    if (special && file.size() % 2 == 0) fs::create_directory(file, ignored);
    if (special && file.size() % 2 == 1) fs::create_symlink("/dev/zero", file, ignored);
    return file;
  }

  static void Save(const std::string& file, const std::string& data) {
    if (data.empty() || fs::is_symlink(file)) return;
    std::ofstream(file, std::ios::binary) << data;
  }

  std::string path_;
};

using Segments = std::vector<const SegmentFile*>;

void CheckHead(const SegmentHead& head) {
  SegmentHead again;
  std::string error;
  Check(again.Decode(head.Encode(), &error), "what was read is written");
  Check(again.Encode() == head.Encode(), "and the same");
  Check(again.base == head.base && again.until == head.until && again.beyond == head.beyond &&
            again.loose == head.loose && again.size == head.size && again.frames == head.frames &&
            again.keep == head.keep && again.time_ms == head.time_ms,
        "in all its parts");
}

// True where all of it is sound: its changesets are then written as another segment.
bool TrySegment(const Folder& folder, const SegmentFile& segment, const Folder& copies) {
  CheckHead(segment.head);
  Check(segment.head.until.Covers(segment.head.base), "a segment leads forward");
  std::vector<std::string> frames;
  const absl::Status read = folder.ReadSegment(segment, [&](std::string_view frame) {
    frames.emplace_back(frame);
    return absl::OkStatus();
  });
  Check(read.ok() == folder.ReadSegment(segment, nullptr).ok(), "a check tells what reading does");
  if (!read.ok()) {
    Check(absl::IsDataLoss(read) && !read.message().empty(), "damage is named");
    Check(frames.empty(), "of what is damaged nothing is used");
    return false;
  }
  Check(frames.size() == segment.head.frames, "all of it is used");
  SegmentHead head = segment.head;
  head.frames = 0;
  folder::SegmentWriter writer;
  Check(writer.Begin(copies, head).ok(), "a segment can be begun");
  size_t size = writer.head().size;
  for (const std::string& f : frames) {
    size += f.size();
    Check(writer.Add(f, {}).ok(), "a changeset can be added");
  }
  std::string path;
  Check(writer.Commit(&path).ok(), "a segment can be finished");
  Check(writer.head().checksum == segment.head.checksum &&
            writer.head().frames == segment.head.frames && writer.head().size == size,
        "the same frames have the same head");
  Check(fs::file_size(copies.path() + "/" + path) == size, "the file is as long as its parts");
  return true;
}

// Law (F), with vectors in place of data.
void CheckPlans(const Segments& segments, const Listing& listing) {
  std::vector<Have> readers(1);
  for (const Marker& m : listing.markers) readers.emplace_back().known = m.known;
  for (const Have& have : readers) {
    const folder::Plan plan = folder::MakePlan(segments, have);
    VersionVector known = have.known;
    uint64_t bytes = 0;
    for (const SegmentFile* s : plan.steps) {
      Check(!s->damaged, "what is damaged is not there");
      Check(known.Covers(s->head.base), "each step begins at what is known");
      Check(known.MergeMax(s->head.until), "and leads to what can be known");
      bytes += s->head.size;
    }
    Check(known == plan.reached && bytes == plan.bytes, "a plan leads where it says");
    for (const SegmentFile* s : segments) {
      VersionVector more = known;
      Check(!known.Covers(s->head.base) || known.Covers(s->head.until) ||
                !more.MergeMax(s->head.until),
            "nothing is left out that could be read");
    }
  }
  Check(folder::MakePlan(segments, {}).reached == folder::Reach(segments),
        "a newcomer reaches what the folder knows");
}

// All replicas remove at once, unaware of each other: the folder knows as much as before.
void CheckRemoval(const Segments& segments, const Listing& listing) {
  Segments left = segments;
  for (const SegmentFile* own : segments) {
    const SiteId& site = own->head.site;
    VersionVector base;
    const bool due = folder::DueForMerge(segments, site, &base);
    const bool own_begins_there = std::any_of(
        segments.begin(), segments.end(),
        [&](const SegmentFile* s) { return s->head.site == site && s->head.base == base; });
    Check(!due || base.empty() || own_begins_there, "one's own are replaced from the first on");
    for (const SegmentFile* s : folder::Removable(segments, site, listing.Readers(site))) {
      Check(s->head.site == site && !s->head.keep, "only one's own goes, and no restore point");
      std::erase(left, s);
    }
  }
  Check(folder::Reach(left) == folder::Reach(segments), "what goes is not missed");
}

std::string Text(const Listing& listing) {
  std::string text;
  for (const SegmentFile& s : listing.segments) text += s.path + s.head.Encode();
  for (const Marker& m : listing.markers) text += m.Encode();
  for (const auto& [sum, path] : listing.schemas) text += path;
  for (const folder::Problem& p : listing.problems) text += p.path + p.text + "\n";
  return text;
}

// --- Inputs

std::string AnyName(Maker* maker) {
  constexpr const char* kDirectories[] = {"site", "other", ".hidden", "site (conflicted copy)"};
  constexpr const char* kNames[] = {"known.trib",  "1-9.trib",       "1-9.1.trib",
                                    ".x.trib.tmp", "schema-0.trib",  "x (copy).trib",
                                    "x.trib.part", "no segment.txt", "9999999999-1.trib"};
  return std::string(maker->OneIn(16) ? "!" : "") + kDirectories[maker->Below(4)] + "/" +
         kNames[maker->Below(std::size(kNames))];
}

// Makes a segment's head say what follows it, which else hardly anything ever would.
void Seal(Maker* maker, std::vector<std::string>* frames) {
  for (size_t i = 0; i < frames->size(); i++) {
    SegmentHead head;
    std::string error;
    if (maker->OneIn(8) || !head.Decode((*frames)[i], &error)) continue;
    folder::FrameSum sum;
    head.size = head.Encode().size();
    head.frames = 0;
    for (size_t k = i + 1; k < frames->size(); k++) {
      const std::string& f = (*frames)[k];
      if (f.size() < kFrameFixedSize || Frame::KindOf(f) == kCommand) break;
      head.frames++;
      head.size += f.size();
      sum.Add(f);
    }
    head.checksum = sum.Finish();
    (*frames)[i] = head.Encode();
  }
}

}  // namespace

void Run(std::string_view input) {
  static Disk disk;
  static Disk copies;
  disk.Write(input);
  copies.Write("");
  Folder folder(disk.path());
  const Folder copy(copies.path());
  Listing listing;
  Check(folder.Scan(&listing).ok(), "a folder can be scanned");
  for (SegmentFile& s : listing.segments) {
    Check(s.head.size == fs::file_size(disk.path() + "/" + s.path), "a segment has its length");
    s.damaged = !TrySegment(folder, s, copy);
  }
  for (const Marker& m : listing.markers) {
    Marker again;
    std::string error;
    Check(again.Decode(m.Encode(), &error) && again.site == m.site && again.known == m.known,
          "a marker that was read is written");
  }
  for (const auto& [sum, path] : listing.schemas) {
    folder::Schema schema;
    folder::Schema again;
    Check(folder.ReadSchema(listing, sum, &schema).ok(), "a schema that was found is read");
    Checksum written;
    Checksum found;
    std::string error;
    Check(again.Decode(schema.Encode(&written), &found, &error) && again == schema &&
              found == written,
          "and written");
  }
  for (const folder::Problem& p : listing.problems) Check(!p.text.empty(), "a problem says what");
  const Segments segments = listing.Segments();
  CheckPlans(segments, listing);
  CheckRemoval(segments, listing);
  Listing again;
  Check(folder.Scan(&again).ok() && Text(again) == Text(listing), "a second scan finds the same");
}

// Folders of three replicas: what they published, markers, a schema, things that do not belong.
std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (uint64_t seed = 1; seed <= 15; seed++) {
    Maker maker(seed);
    std::vector<std::string> frames;
    std::vector<SiteId> sites(3);
    for (SiteId& s : sites) s = maker.Site();
    VersionVector all;
    for (int n = 1; n <= 6; n++) {
      SegmentHead head;
      head.site = sites[maker.Below(3)];
      if (!maker.OneIn(3)) head.base = all;
      all.Raise(head.site, DbVersion(int64_t{2} * n));
      head.until = all;
      head.keep = maker.OneIn(8);
      if (maker.OneIn(4)) head.loose.push_back({sites[0], 2, seed});
      frames.push_back(
          Command(folder::SiteName(head.site).substr(0, 4) + "/" + folder::SegmentName(head)));
      frames.push_back(head.Encode());
      for (uint64_t i = maker.Below(3); i > 0; i--) {
        ChangesetHeader header;
        header.sender = head.site;
        header.until = all;
        frames.push_back(maker.Changeset(maker.Below(3)).ToFrame(header));
      }
      if (!maker.OneIn(3)) continue;
      frames.push_back(Command(AnyName(&maker)));
      Marker marker;
      marker.site = sites[maker.Below(3)];
      marker.known = all;
      frames.push_back(marker.Encode());
    }
    frames.push_back(Command("site/schema-1.trib"));
    folder::Schema schema;
    schema.setup = {"CREATE TABLE t(a)", std::string(200, 'x')};
    Checksum sum;
    frames.push_back(schema.Encode(&sum));
    Seal(&maker, &frames);
    std::string input;
    for (const std::string& f : frames) input.append(f);
    if (input.size() < 8192) seeds.push_back(std::move(input));
  }
  return seeds;
}

}  // namespace tributary::fuzz

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  const tributary::fuzz::FrameMutator mutator{.command = tributary::fuzz::AnyName,
                                              .finish = tributary::fuzz::Seal};
  return mutator.Mutate(data, size, max_size, seed);
}
