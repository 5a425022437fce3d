// Frames of a shared folder: what is written is read, and nothing damaged is.
#include "sync/folder/format.h"

#include "tests/folder/folder_test.h"

namespace tributary::folder {
namespace {

SegmentHead FullHead() {
  SegmentHead head = Head(1, Vector({{1, 3}}), Vector({{1, 7}, {2, 9}}));
  head.loose.push_back({Site(3), 4, 5});
  head.beyond = Vector({{3, 8}});
  head.keep = true;
  head.schema = ChecksumOf("schema");
  head.checksum = ChecksumOf("frames");
  head.tables = 11;
  head.dropped = 12;
  head.frames = 2;
  head.size = 1000;
  head.transactions = 10;
  head.rows = 20;
  head.cells = 30;
  return head;
}

// No prefix, no longer frame and no flipped bit is taken for the frame.
template <typename Message, typename Decode>
void ExpectOnlyExact(const std::string& frame, const Decode& decode) {
  Message m;
  ASSERT_TRUE(decode(&m, frame));
  for (size_t n = 0; n < frame.size(); n++) EXPECT_FALSE(decode(&m, frame.substr(0, n))) << n;
  EXPECT_FALSE(decode(&m, frame + '\0'));
  for (size_t bit = 0; bit < frame.size() * 8; bit++) {
    std::string damaged = frame;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(decode(&m, damaged)) << bit;
  }
}

TEST(FolderFormat, SegmentHead) {
  const SegmentHead head = FullHead();
  SegmentHead read;
  std::string error;
  ASSERT_TRUE(read.Decode(head.Encode(), &error)) << error;
  EXPECT_EQ(read.site, head.site);
  EXPECT_EQ(read.base, head.base);
  EXPECT_EQ(read.until, head.until);
  EXPECT_EQ(read.loose, head.loose);
  EXPECT_EQ(read.beyond, head.beyond);
  EXPECT_EQ(read.time_ms, head.time_ms);
  EXPECT_TRUE(read.keep);
  EXPECT_EQ(read.schema, head.schema);
  EXPECT_EQ(read.checksum, head.checksum);
  EXPECT_EQ(read.tables, 11u);
  EXPECT_EQ(read.dropped, 12u);
  EXPECT_EQ(read.frames, 2u);
  EXPECT_EQ(read.size, 1000u);
  EXPECT_EQ(read.transactions + read.rows + read.cells, 60u);
  ExpectOnlyExact<SegmentHead>(head.Encode(), [&](SegmentHead* m, const std::string& data) {
    return m->Decode(data, &error);
  });
}

// The head is written first without numbers, and again with them.
TEST(FolderFormat, HeadKeepsItsSize) {
  SegmentHead head = FullHead();
  const size_t size = head.Encode().size();
  head.size = head.frames = head.transactions = head.rows = head.cells = UINT64_MAX;
  EXPECT_EQ(head.Encode().size(), size);
  head.size = head.frames = head.transactions = head.rows = head.cells = 0;
  head.checksum = {};
  EXPECT_EQ(head.Encode().size(), size);
}

TEST(FolderFormat, HeadMustMakeSense) {
  SegmentHead read;
  std::string error;
  EXPECT_FALSE(read.Decode(Head(1, Vector({{1, 8}}), Vector({{1, 7}})).Encode(), &error));
  EXPECT_FALSE(read.Decode(Head(0, {}, Vector({{1, 7}})).Encode(), &error));
  EXPECT_FALSE(read.Decode(Changeset(1, 1), &error));
  EXPECT_TRUE(read.Decode(Head(1, {}, {}).Encode(), &error));
}

TEST(FolderFormat, Marker) {
  Marker marker;
  marker.site = Site(5);
  marker.known = Vector({{1, 2}, {5, 9}});
  marker.time_ms = 77;
  Marker read;
  std::string error;
  ASSERT_TRUE(read.Decode(marker.Encode(), &error));
  EXPECT_EQ(read.site, marker.site);
  EXPECT_EQ(read.known, marker.known);
  EXPECT_EQ(read.time_ms, 77);
  ExpectOnlyExact<Marker>(
      marker.Encode(), [&](Marker* m, const std::string& data) { return m->Decode(data, &error); });
}

TEST(FolderFormat, Schema) {
  Schema schema;
  schema.setup = {"CREATE TABLE t(a)", std::string(5000, 'x')};
  schema.replicated = {"t"};
  schema.finish = {"CREATE INDEX i ON t(a)"};
  Checksum written;
  Checksum found;
  std::string error;
  const std::string frame = schema.Encode(&written);
  EXPECT_LT(frame.size(), 1000u);
  Schema read;
  ASSERT_TRUE(read.Decode(frame, &found, &error)) << error;
  EXPECT_EQ(read, schema);
  EXPECT_EQ(found, written);
  ExpectOnlyExact<Schema>(
      frame, [&](Schema* m, const std::string& data) { return m->Decode(data, &found, &error); });
}

TEST(FolderFormat, Vectors) {
  EXPECT_EQ(CountTransactions(Vector({{1, 3}, {2, 4}})), 7u);
  EXPECT_EQ(CountTransactions(Vector({{1, INT64_MAX - 1}, {2, INT64_MAX - 1}, {3, 9}})),
            UINT64_MAX);
  EXPECT_EQ(Minimum(Vector({{1, 3}, {2, 4}}), Vector({{1, 5}, {3, 6}})), Vector({{1, 3}}));
}

}  // namespace
}  // namespace tributary::folder
