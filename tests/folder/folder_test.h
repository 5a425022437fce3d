// Shorthands of the tests of sync/folder/.
#ifndef TRIBUTARY_TESTS_FOLDER_FOLDER_TEST_H_
#define TRIBUTARY_TESTS_FOLDER_FOLDER_TEST_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <initializer_list>
#include <string>
#include <utility>

#include "sync/changeset/builder.h"
#include "sync/folder/store.h"

namespace tributary::folder {

inline SiteId Site(uint8_t n) {
  SiteId site;
  site.bytes.fill(n);
  return site;
}

inline VersionVector Vector(std::initializer_list<std::pair<int, int64_t>> entries) {
  VersionVector v;
  for (const auto& [site, version] : entries) {
    v.Raise(Site(static_cast<uint8_t>(site)), DbVersion(version));
  }
  return v;
}

inline SegmentHead Head(int site, VersionVector base, VersionVector until) {
  SegmentHead head;
  head.site = Site(static_cast<uint8_t>(site));
  head.base = std::move(base);
  head.until = std::move(until);
  head.time_ms = 1'700'000'000'123;
  head.dropped = HashNames({});
  return head;
}

// A changeset without rows.
inline std::string Changeset(int site, int64_t version) {
  ChangesetHeader header;
  header.sender = Site(static_cast<uint8_t>(site));
  header.until = Vector({{site, version}});
  return ChangesetBuilder().Finish(header);
}

// A folder that goes away again.
class TestFolder {
 public:
  TestFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "folder-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace tributary::folder

#endif  // TRIBUTARY_TESTS_FOLDER_FOLDER_TEST_H_
