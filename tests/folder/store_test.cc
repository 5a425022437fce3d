// Files of a shared folder.
#include "sync/folder/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/folder/folder_test.h"

namespace tributary::folder {
namespace {

namespace fs = std::filesystem;

std::string Write(const Folder& folder, const SegmentHead& head, int changesets) {
  SegmentWriter writer;
  EXPECT_TRUE(writer.Begin(folder, head).ok());
  for (int i = 0; i < changesets; i++) {
    ChangesetHeader header;
    header.transactions = 1;
    header.rows = 2;
    header.cells = 3;
    EXPECT_TRUE(writer.Add(Changeset(1, i + 1), header).ok());
  }
  std::string path;
  EXPECT_TRUE(writer.Commit(&path).ok());
  return path;
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void WriteFile(const std::string& path, std::string_view data) {
  std::ofstream(path, std::ios::binary) << data;
}

TEST(FolderStore, WhatIsWrittenIsFound) {
  TestFolder dir;
  Folder folder(dir.path());
  const std::string path = Write(folder, Head(1, Vector({{1, 2}}), Vector({{1, 4}, {2, 1}})), 3);
  EXPECT_EQ(path, SiteName(Site(1)) + "/3-5.trib");
  Listing listing;
  ASSERT_TRUE(folder.Scan(&listing).ok());
  ASSERT_EQ(listing.segments.size(), 1u);
  EXPECT_TRUE(listing.problems.empty());
  const SegmentHead& head = listing.segments[0].head;
  EXPECT_EQ(head.frames, 3u);
  EXPECT_EQ(head.rows, 6u);
  EXPECT_EQ(head.size, fs::file_size(dir.path() + "/" + path));
  int frames = 0;
  EXPECT_TRUE(folder
                  .ReadSegment(listing.segments[0],
                               [&](std::string_view frame) {
                                 EXPECT_EQ(frame, Changeset(1, ++frames));
                                 return absl::OkStatus();
                               })
                  .ok());
  EXPECT_EQ(frames, 3);
  // The same name again: both stay.
  EXPECT_EQ(Write(folder, head, 1), SiteName(Site(1)) + "/3-5.1.trib");
}

TEST(FolderStore, UnfinishedWritersLeaveNothing) {
  TestFolder dir;
  Folder folder(dir.path());
  {
    SegmentWriter writer;
    ASSERT_TRUE(writer.Begin(folder, Head(1, {}, Vector({{1, 1}}))).ok());
    ASSERT_TRUE(writer.Add(Changeset(1, 1), {}).ok());
    Listing listing;
    ASSERT_TRUE(folder.Scan(&listing).ok());
    EXPECT_TRUE(listing.segments.empty() && listing.problems.empty());
    folder.CleanUp(Site(1));  // somebody is at it
    EXPECT_FALSE(fs::is_empty(dir.path() + "/" + SiteName(Site(1))));
  }
  EXPECT_TRUE(fs::is_empty(dir.path() + "/" + SiteName(Site(1))));
  WriteFile(dir.path() + "/" + SiteName(Site(1)) + "/.1-1.trib.99.0.tmp", "killed");
  folder.CleanUp(Site(1));
  EXPECT_TRUE(fs::is_empty(dir.path() + "/" + SiteName(Site(1))));
}

// Every length, every flipped byte: found by the scan or by reading, and nothing of it is used.
TEST(FolderStore, DamageIsFound) {
  TestFolder dir;
  Folder folder(dir.path());
  const std::string path = dir.path() + "/" + Write(folder, Head(1, {}, Vector({{1, 3}})), 3);
  const std::string good = ReadFile(path);
  const auto sound = [&] {
    Folder fresh(dir.path());
    Listing listing;
    EXPECT_TRUE(fresh.Scan(&listing).ok());
    if (listing.segments.empty()) {
      EXPECT_EQ(listing.problems.size(), 1u);
      return false;
    }
    bool used = false;
    const absl::Status read = fresh.ReadSegment(listing.segments[0], [&](std::string_view) {
      used = true;
      return absl::OkStatus();
    });
    EXPECT_EQ(read.ok(), used) << read;
    return read.ok();
  };
  EXPECT_TRUE(sound());
  for (size_t n = 0; n < good.size(); n++) {
    WriteFile(path, good.substr(0, n));
    EXPECT_FALSE(sound()) << n;
  }
  for (size_t i = 0; i < good.size(); i++) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    WriteFile(path, bad);
    EXPECT_FALSE(sound()) << i;
  }
  // Frames of another segment, in the place of the same number of bytes.
  const size_t frame = Changeset(1, 1).size();
  WriteFile(path, good.substr(0, good.size() - frame) + Changeset(1, 2));
  EXPECT_FALSE(sound());
  WriteFile(path, good + good);
  EXPECT_FALSE(sound());
  WriteFile(path, good);
  EXPECT_TRUE(sound());
}

TEST(FolderStore, NamesAreNotBelieved) {
  TestFolder dir;
  Folder folder(dir.path());
  const std::string path = dir.path() + "/" + Write(folder, Head(1, {}, Vector({{1, 3}})), 1);
  fs::create_directory(dir.path() + "/elsewhere (1)");
  fs::copy(path, dir.path() + "/elsewhere (1)/3-3 (conflicted copy).trib");
  fs::copy(path, dir.path() + "/not in a folder.trib");
  WriteFile(dir.path() + "/elsewhere (1)/.syncthing.1-3.trib.tmp", "partial");
  WriteFile(dir.path() + "/elsewhere (1)/desktop.ini", "x");
  fs::create_directory(dir.path() + "/elsewhere (1)/folder.trib");
  fs::create_symlink("/etc/passwd", dir.path() + "/elsewhere (1)/link.trib");
  fs::create_directory(dir.path() + "/.stversions");
  fs::copy(path, dir.path() + "/.stversions/1-3.trib");
  Listing listing;
  ASSERT_TRUE(folder.Scan(&listing).ok());
  EXPECT_EQ(listing.segments.size(), 2u);
  EXPECT_EQ(listing.Segments(&listing.segments[0].head.site).size(), 2u);
  ASSERT_EQ(listing.problems.size(), 1u);
  EXPECT_EQ(listing.problems[0].path, "elsewhere (1)/link.trib");
}

TEST(FolderStore, MarkersAndSchemas) {
  TestFolder dir;
  Folder folder(dir.path());
  Marker marker;
  marker.site = Site(2);
  marker.known = Vector({{1, 1}});
  ASSERT_TRUE(folder.WriteMarker(marker).ok());
  marker.known = Vector({{1, 2}});
  ASSERT_TRUE(folder.WriteMarker(marker).ok());
  Write(folder, Head(3, {}, Vector({{3, 3}})), 1);
  Schema schema;
  schema.setup = {"CREATE TABLE t(a)"};
  Checksum checksum;
  ASSERT_TRUE(folder.WriteSchema(Site(2), schema, &checksum).ok());
  Listing listing;
  ASSERT_TRUE(folder.Scan(&listing).ok());
  EXPECT_EQ(listing.Readers(Site(9)),
            (std::vector<VersionVector>{Vector({{1, 2}}), Vector({{3, 3}})}));
  EXPECT_EQ(listing.Readers(Site(3)), (std::vector<VersionVector>{Vector({{1, 2}})}));
  Schema read;
  ASSERT_TRUE(folder.ReadSchema(listing, checksum, &read).ok());
  EXPECT_EQ(read, schema);
  EXPECT_TRUE(absl::IsNotFound(folder.ReadSchema(listing, ChecksumOf("other"), &read)));
  EXPECT_FALSE(Folder("/no/such/folder").Scan(&listing).ok());
}

// A file whose size did not change since the last scan may have changed nevertheless.
TEST(FolderStore, ScansAgainWhatChanged) {
  TestFolder dir;
  Folder folder(dir.path());
  const std::string path = dir.path() + "/" + Write(folder, Head(1, {}, Vector({{1, 3}})), 1);
  const std::string good = ReadFile(path);
  Listing listing;
  WriteFile(path, good.substr(0, good.size() - 1));
  ASSERT_TRUE(folder.Scan(&listing).ok());
  EXPECT_EQ(listing.problems.size(), 1u);
  WriteFile(path, good);
  ASSERT_TRUE(folder.Scan(&listing).ok());
  EXPECT_EQ(listing.segments.size(), 1u);
  ASSERT_TRUE(folder.Scan(&listing).ok());
  EXPECT_EQ(listing.segments.size(), 1u);
  ASSERT_TRUE(folder.Remove(listing.segments[0].path).ok());
  ASSERT_TRUE(folder.Scan(&listing).ok());
  EXPECT_TRUE(listing.segments.empty());
}

}  // namespace
}  // namespace tributary::folder
