// Builder and reader: what is built is read again.
#include <gtest/gtest.h>

#include <set>

#include "crdt/key.h"
#include "sync/changeset/builder.h"
#include "sync/changeset/frame.h"
#include "sync/changeset/reader.h"
#include "tests/changeset/sample.h"
#include "tests/crdt/damage.h"

namespace tributary {
namespace {

SiteId Site(uint8_t first) {
  SiteId id;
  id.bytes[0] = first;
  return id;
}

std::string IntegerKey(int64_t v) {
  std::string key;
  AppendIntegerKey(v, &key);
  return key;
}

SampleRecord Cell(int column, int64_t seq, int64_t version, const Value& value) {
  SampleRecord r{.column = column,
                 .seq = Seq(seq),
                 .version = ColVersion(version),
                 .value = value,
                 .bytes = std::string(value.bytes)};
  r.value.bytes = {};
  return r;
}

SampleRecord Sentinel(int64_t seq) { return {.column = -1, .seq = Seq(seq), .bytes = {}}; }

// One transaction with one row of table t(k; a, b).
Sample OneRow(int64_t cl, std::vector<SampleRecord> records) {
  Sample s;
  s.tables = {{"t", {"k"}, {"a", "b"}}};
  s.transactions = {{.site = Site(1), .version = DbVersion(1)}};
  s.rows = {{.key = IntegerKey(1), .cl = CausalLength(cl), .records = std::move(records)}};
  return s;
}

void ExpectRoundTrip(const Sample& sample) {
  Sample read;
  std::string error;
  WithExactCopy(sample.ToBody(), [&](std::string_view body) {
    ASSERT_TRUE(ReadSample(body, &read, &error)) << error << "\n" << sample.Text();
  });
  ASSERT_EQ(read.Text(), sample.Text());
}

TEST(Body, RandomRoundTrips) {
  size_t most_tables = 0;
  std::set<ValueType> types;
  bool with_gaps = false;
  bool with_sentinel_among_cells = false;
  for (uint64_t seed = 1; seed <= 300; seed++) {
    const Sample sample = Maker(seed).Changeset(1 + seed % 60);
    ExpectRoundTrip(sample);
    if (HasFatalFailure()) FAIL() << "seed " << seed;
    most_tables = std::max(most_tables, sample.tables.size());
    for (const SampleRow& row : sample.rows) {
      for (const SampleRecord& r : row.records) {
        if (r.column >= 0) types.insert(r.value.type);
        with_gaps = with_gaps || (&r != row.records.data() && r.seq != (&r)[-1].seq + 1);
        with_sentinel_among_cells =
            with_sentinel_among_cells || (r.column < 0 && row.records.size() > 1);
      }
    }
  }
  EXPECT_EQ(types.size(), 5U);
  EXPECT_EQ(most_tables, 4U);
  EXPECT_TRUE(with_gaps && with_sentinel_among_cells) << "the samples have become poorer";
}

TEST(Body, Large) {
  const Sample sample = Maker(1000).Changeset(5000);
  ExpectRoundTrip(sample);
  EXPECT_GT(sample.rows.size(), 4999U);
}

TEST(Body, Limits) {
  const int64_t most = kMaxCounter;
  ExpectRoundTrip(OneRow(most - 1, {Cell(0, 0, most, Value::Integer(INT64_MIN)),
                                    Cell(1, 1, 1, Value::Integer(INT64_MAX))}));
  ExpectRoundTrip(OneRow(most, {Sentinel(0)}));
  ExpectRoundTrip(OneRow(1, {Cell(0, most - 1, 1, Value::Null()), Cell(1, most, 1, {})}));
  ExpectRoundTrip(OneRow(1, {Cell(0, 0, 1, Value::Null()), Cell(1, most, 1, {})}));
  ExpectRoundTrip(OneRow(1, {Cell(1, 5, 1, {}), Sentinel(5)}));  // one seq for both
  ExpectRoundTrip(OneRow(1, {Sentinel(5), Cell(1, 5, 1, {})}));
  ExpectRoundTrip(OneRow(1, {Cell(0, 0, 1, Value::Text(std::string(3, '\0'))),
                             Cell(1, 1, 1, Value::Blob(std::string(5 << 20, '\xff')))}));
}

TEST(Body, Transactions) {
  Sample s = OneRow(1, {Sentinel(0)});
  const SiteId a = Site(1);
  const SiteId b = Site(2);
  s.transactions = {
      {.site = a, .version = DbVersion(1), .commit_ms = INT64_MAX, .ts = UINT64_MAX},
      {.site = a, .version = kMaxVersion, .commit_ms = INT64_MIN},
      {.site = b, .version = kMaxVersion, .commit_ms = -1, .backfill = true},
      {.site = a, .version = DbVersion(7), .commit_ms = INT64_MAX},
  };
  ExpectRoundTrip(s);
  s.rows[0].transaction = 3;
  ExpectRoundTrip(s);
  s.rows.clear();
  ExpectRoundTrip(s);
}

TEST(Body, Empty) {
  Sample empty;
  EXPECT_EQ(empty.ToBody(), "");
  ExpectRoundTrip(empty);
  EXPECT_EQ(OneRow(1, {}).tables.size(), 1U);
  ChangesetBuilder b;
  EXPECT_TRUE(b.empty());
  EXPECT_FALSE(b.full());
}

TEST(Body, RowsOfSeveralTablesTakeTurns) {
  Sample s;
  s.tables = {{"t", {"k"}, {"a"}}, {"u", {"k", "l"}, {}}};
  s.transactions = {{.site = Site(1), .version = DbVersion(1)},
                    {.site = Site(1), .version = DbVersion(2)}};
  int64_t seq = 0;
  for (uint32_t i = 0; i < 40; i++) {
    if (i == 20) seq = 0;
    SampleRow row{.table = i % 2, .transaction = i / 20, .records = {}};
    row.key = IntegerKey(i);
    if (row.table == 1) row.key += IntegerKey(-1);
    row.records = {row.table == 1 ? Sentinel(seq) : Cell(0, seq, 1, Value::Integer(i))};
    seq++;
    s.rows.push_back(row);
  }
  ExpectRoundTrip(s);
}

TEST(Body, WhatTheReaderSaysOfARow) {
  Sample s = OneRow(1, {Cell(0, 0, 1, {}), Cell(1, 1, 1, {})});
  s.rows.push_back({.key = IntegerKey(2), .records = {Cell(1, 2, 1, {}), Cell(0, 3, 2, {})}});
  s.rows.push_back({.key = IntegerKey(3), .records = {Cell(0, 4, 1, {})}});
  s.rows.push_back({.key = IntegerKey(4), .records = {Cell(0, 5, 1, {}), Cell(1, 7, 1, {})}});
  s.rows.push_back({.key = IntegerKey(5), .records = {Sentinel(8), Cell(0, 9, 1, {})}});
  const std::string body = s.ToBody();
  ChangesetReader reader;
  std::string error;
  ASSERT_TRUE(reader.Open(body, &error));
  ASSERT_EQ(reader.groups(), 1U);
  EXPECT_EQ(reader.shapes(0).size(), 5U);
  RowsReader rows(reader, 0);
  const bool whole[] = {true, false, false, false, false};
  const bool first_versions[] = {true, false, true, true, true};
  for (int i = 0; i < 5; i++) {
    ASSERT_TRUE(rows.Next());
    const RowView& row = rows.row();
    EXPECT_EQ(row.shape->whole, whole[i]) << i;
    EXPECT_EQ(row.first_versions, first_versions[i]) << i;
    EXPECT_EQ(row.has_sentinel, i == 4);
    EXPECT_EQ(row.cells.size(), row.shape->cells);
    EXPECT_EQ(&reader.shapes(0)[row.shape_number], row.shape);
  }
  EXPECT_EQ(rows.row().sentinel, Seq(8));
  EXPECT_FALSE(rows.Next());
  EXPECT_TRUE(rows.ok());
  EXPECT_FALSE(rows.Next());
}

TEST(Body, GoldenFrame) {
  Sample s = OneRow(1, {Cell(0, 0, 1, Value::Text("x")), Cell(1, 1, 2, Value::Real(-0.0))});
  EXPECT_EQ(Hex(s.ToBody()),
            Hex(Unhex("0a10 01000000000000000000000000000000"          // site
                      "120c 0a0174 12016b 1a0161 1a0162"               // t(k; a, b)
                      "1a12 0a020001 120101 1a0100 22020001 2a020001"  // transactions
                      "2244 0800 1204 0a020102"                        // rows: table, shape
                      "1a020001 22020001 2a020101 32020002 3a021101"   // columns of the row, key
                      "4210 0800 12020101 1a020201 320101 3a0178"      // a: text
                      "4214 0801 12020201 1a020301 2a080000000000000080")));  // b: real
}

// A whole frame that stays uncompressed.
TEST(Body, GoldenSmallFrame) {
  Sample s;
  s.tables = {{"t", {"k"}, {}}};
  s.transactions = {
      {.site = Site(2), .version = DbVersion(5), .commit_ms = 1, .ts = 2, .backfill = true}};
  EXPECT_EQ(Hex(s.ToFrame({.sender = Site(1), .transfer = 7, .last = true})),
            Hex(Unhex("54524942 01 01 00 00 23000000 2e000000 2e000000"
                      "0e652bd388d76c61bb92d836ac3e804d"
                      "0a10 01000000000000000000000000000000"
                      "11 0700000000000000 2001 4001 4800 5000"
                      "0a10 02000000000000000000000000000000 1206 0a0174 12016b"
                      "1a12 0a020001 120105 1a0102 22020201 2a020101")));
}

TEST(Builder, Counts) {
  ChangesetBuilder b;
  const uint32_t t = b.AddTable({"t", {"k"}, {"a"}});
  EXPECT_EQ(b.AddTable({"u", {"k"}, {}}), t + 1);
  b.BeginTransaction({.site = Site(1), .version = DbVersion(1)});
  EXPECT_TRUE(b.empty());
  b.BeginRow(t, IntegerKey(1), CausalLength(1), Seq(0));
  b.AddSentinel(Seq(0));
  b.AddCell(0, ColVersion(1), Seq(1), Value::Null());
  b.EndRow();
  EXPECT_EQ(b.transactions(), 1U);
  EXPECT_EQ(b.rows(), 1U);
  EXPECT_EQ(b.cells(), 2U) << "with the sentinel";
  Frame frame;
  std::string error;
  ChangesetHeader header;
  const std::string data = b.Finish({.sender = Site(3), .rows = 17});
  ASSERT_TRUE(frame.Open(data, &error));
  ASSERT_TRUE(header.Decode(frame.header(), &error));
  EXPECT_EQ(header.sender, Site(3));
  EXPECT_EQ(header.transactions, 1U);
  EXPECT_EQ(header.rows, 1U);
  EXPECT_EQ(header.cells, 2U);
  // Empty again.
  EXPECT_TRUE(b.empty());
  EXPECT_EQ(b.size() + b.transactions() + b.cells(), 0U);
  EXPECT_EQ(b.AddTable({"u", {"k"}, {}}), 0U);
}

// size() must not be far below what the body becomes, or a piece outgrows the limits: of numbers
// that are long or never the same, of NULLs, of sites.
TEST(Builder, SizeIsThatOfTheBody) {
  for (const bool many_sites : {false, true}) {
    Sample s;
    s.tables = {{"t", {"k"}, {"a", "b", "c"}}};
    ChangesetBuilder b;
    b.AddTable(s.tables[0]);
    Maker maker(1);
    SiteId site = Site(1);
    for (uint32_t i = 0; i < 2000; i++) {
      if (many_sites) site = maker.Site();
      s.transactions.push_back({.site = site,
                                .version = DbVersion(i + 1),
                                .commit_ms = i % 2 == 0 ? INT64_MAX : INT64_MIN,
                                .ts = UINT64_MAX - i,
                                .backfill = i % 2 == 0});
      const int64_t big = kMaxCounter - int64_t{2} * i;
      s.rows.push_back({.transaction = i,
                        .key = IntegerKey(1),
                        .cl = CausalLength(big - 1),
                        .records = {Cell(0, i % 7, big, Value::Null()),
                                    Cell(1, i % 7 + 1 + i, big, Value::Integer(INT64_MIN + i))}});
      b.BeginTransaction(s.transactions.back());
      b.BeginRow(0, s.rows[i].key, s.rows[i].cl, s.rows[i].records[0].seq);
      for (const SampleRecord& r : s.rows[i].records) {
        b.AddCell(static_cast<uint32_t>(r.column), r.version, r.seq, r.value);
      }
      b.EndRow();
    }
    const auto real = static_cast<double>(s.ToBody().size());
    EXPECT_NEAR(static_cast<double>(b.size()) / real, 1, 0.1) << b.size() << " for " << real;
    ExpectRoundTrip(s);
  }
}

TEST(Builder, FullBeforeAReaderRefuses) {
  ChangesetBuilder b;
  b.AddTable({"t", {"k"}, {}});
  for (size_t i = 0; i < ChangesetBuilder::kMaxTransactions; i++) {
    ASSERT_FALSE(b.full());
    b.BeginTransaction({.site = Site(1), .version = DbVersion(static_cast<int64_t>(i) + 1)});
  }
  EXPECT_TRUE(b.full());
  b = {};
  for (size_t i = 0; !b.full(); i++) {
    ASSERT_LT(i, 200U);
    TableNames t{.name = std::to_string(i), .key = {"k"}, .columns = {}};
    for (int c = 0; c < 10000; c++) t.columns.push_back(std::to_string(c));
    b.AddTable(std::move(t));
  }
  b.BeginTransaction({.site = Site(1), .version = DbVersion(1)});
  b.BeginRow(0, IntegerKey(1), CausalLength(1), Seq(0));
  b.AddSentinel(Seq(0));
  b.EndRow();
  Frame frame;
  std::string error;
  std::string buffer;
  std::string_view body;
  const std::string data = b.Finish({});
  ASSERT_TRUE(frame.Open(data, &error) && frame.Body(&buffer, &body, &error));
  EXPECT_TRUE(ChangesetReader().Open(body, &error)) << error;
}

}  // namespace
}  // namespace tributary
