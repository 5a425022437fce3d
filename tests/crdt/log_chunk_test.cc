#include "crdt/log_chunk.h"

#include <gtest/gtest.h>

#include "crdt/coding.h"
#include "crdt/key.h"
#include "tests/crdt/damage.h"

namespace tributary {
namespace {

std::string IntegerKey(int64_t v) {
  std::string key;
  AppendKeyValue(Value::Integer(v), &key);
  return key;
}

// An entry that owns its key.
struct Entry {
  LogEntry entry;
  std::string key;
};

Entry Make(LogKind kind, int64_t seq, std::string key, std::vector<LogCell> cells = {}) {
  LogEntry e{.table = 4, .layout = 2, .width = 3, .key_width = 1, .kind = kind, .seq = Seq(seq)};
  e.cells = std::move(cells);
  return {e, std::move(key)};
}

std::string Write(const std::vector<Entry>& entries, const LogHeader& header = {}) {
  LogChunkWriter writer;
  for (const Entry& e : entries) {
    LogEntry entry = e.entry;
    entry.key = e.key;
    writer.Add(entry);
    EXPECT_EQ(writer.next(), entry.LastSeq() + 1);
  }
  EXPECT_FALSE(writer.empty());
  std::string data = writer.Finish(header);
  EXPECT_TRUE(writer.empty());
  EXPECT_EQ(writer.size(), 0U);
  return data;
}

// All entries; *ok is what the reader says at the end.
std::vector<Entry> Read(std::string_view data, LogHeader* header, bool* ok) {
  std::vector<Entry> entries;
  LogChunkReader reader;
  *ok = reader.Open(data);
  while (reader.Next()) entries.push_back({reader.entry(), std::string(reader.entry().key)});
  EXPECT_FALSE(reader.Next());
  *ok = *ok && reader.ok();
  *header = reader.header();
  return entries;
}

void ExpectSame(const Entry& a, const Entry& b) {
  EXPECT_EQ(a.entry.table, b.entry.table);
  EXPECT_EQ(a.entry.layout, b.entry.layout);
  EXPECT_EQ(a.entry.width, b.entry.width);
  EXPECT_EQ(a.entry.key_width, b.entry.key_width);
  EXPECT_EQ(a.entry.kind, b.entry.kind);
  EXPECT_EQ(a.entry.seq, b.entry.seq);
  EXPECT_EQ(a.entry.cells, b.entry.cells);
  EXPECT_EQ(a.key, b.key);
}

std::vector<Entry> Samples() {
  std::vector<Entry> all;
  all.push_back(Make(LogKind::kRow, 5, IntegerKey(127)));
  all.push_back(Make(LogKind::kAllCells, 8, IntegerKey(128)));  // a successor
  all.push_back(Make(LogKind::kSentinel, 11, IntegerKey(129)));
  all.push_back(Make(LogKind::kCells, 12, IntegerKey(129), {{7, Seq(12)}, {3, Seq(14)}}));
  all.push_back(Make(LogKind::kRow, 300, IntegerKey(130)));  // a successor after a gap
  all.push_back(Make(LogKind::kSentinel, 303, IntegerKey(128)));
  all.push_back(Make(LogKind::kRow, 304, "\x82zz"));  // no integer
  all.push_back(Make(LogKind::kRow, 307, IntegerKey(1)));
  Entry other = Make(LogKind::kRow, 310, IntegerKey(2));
  other.entry.table = 5;
  other.entry.width = 0;
  all.push_back(other);
  other = Make(LogKind::kRow, 311, IntegerKey(3) + IntegerKey(4));
  other.entry.layout = 9;
  other.entry.key_width = 2;
  all.push_back(other);
  other.entry.seq = Seq(314);
  other.key = IntegerKey(3) + IntegerKey(5);
  all.push_back(other);
  return all;
}

TEST(LogChunk, GoldenBytes) {
  const std::string chunk =
      Write({Make(LogKind::kRow, 5, IntegerKey(127)), Make(LogKind::kRow, 8, IntegerKey(128)),
             Make(LogKind::kCells, 12, IntegerKey(1), {{7, Seq(12)}, {3, Seq(14)}})},
            {.backfill = true, .commit_ms = 1000, .ts = 3});
  EXPECT_EQ(Hex(chunk), Hex(Unhex("01 01 e807 03 05 09"
                                  "04 04 02 03 01 117f"
                                  "08"
                                  "11 1101 02 07 00 03 02")));
}

TEST(LogChunk, RoundTrip) {
  const std::vector<Entry> written = Samples();
  const std::string data =
      Write(written, {.backfill = false, .commit_ms = INT64_MAX, .ts = UINT64_MAX});
  LogHeader header;
  bool ok;
  const std::vector<Entry> read = Read(data, &header, &ok);
  ASSERT_TRUE(ok);
  EXPECT_FALSE(header.backfill);
  EXPECT_EQ(header.commit_ms, INT64_MAX);
  EXPECT_EQ(header.ts, UINT64_MAX);
  EXPECT_EQ(header.first_seq, Seq(5));
  EXPECT_EQ(header.last_seq, Seq(316));
  ASSERT_EQ(read.size(), written.size());
  for (size_t i = 0; i < read.size(); i++) ExpectSame(read[i], written[i]);
}

TEST(LogChunk, SuccessorsAtEveryPowerOfTwo) {
  for (const int64_t v : BoundaryIntegers()) {
    if (v == INT64_MAX) continue;
    std::vector<Entry> written{Make(LogKind::kRow, 0, IntegerKey(v)),
                               Make(LogKind::kRow, 3, IntegerKey(v + 1))};
    LogHeader header;
    bool ok;
    const std::vector<Entry> read = Read(Write(written), &header, &ok);
    ASSERT_TRUE(ok && read.size() == 2) << v;
    EXPECT_EQ(read[1].key, written[1].key) << v;
  }
  // After the largest key comes none, and no key is the successor of one of another kind.
  for (const auto& [a, b] : {std::pair{IntegerKey(INT64_MAX), IntegerKey(INT64_MIN)},
                             std::pair{std::string("\x82zz"), IntegerKey(1)},
                             std::pair{IntegerKey(1), std::string("\x82zz")}}) {
    LogHeader header;
    bool ok;
    const std::vector<Entry> read =
        Read(Write({Make(LogKind::kRow, 0, a), Make(LogKind::kRow, 3, b)}), &header, &ok);
    ASSERT_TRUE(ok && read.size() == 2);
    EXPECT_EQ(read[1].key, b);
  }
}

TEST(LogChunk, SeqsUpToTheLargest) {
  std::vector<Entry> written{Make(LogKind::kSentinel, 0, IntegerKey(1)),
                             Make(LogKind::kCells, kMaxCounter, IntegerKey(1),
                                  {{1, Seq(kMaxCounter)}, {2, Seq(kMaxCounter)}})};
  LogHeader header;
  bool ok;
  const std::vector<Entry> read = Read(Write(written), &header, &ok);
  ASSERT_TRUE(ok && read.size() == 2);
  ExpectSame(read[1], written[1]);
  EXPECT_EQ(header.last_seq, Seq(kMaxCounter));
}

TEST(LogChunk, ClockBeforeTheEpochIsUnknown) {
  LogHeader header;
  bool ok;
  Read(Write({Make(LogKind::kRow, 0, IntegerKey(1))}, {.commit_ms = -5}), &header, &ok);
  EXPECT_TRUE(ok);
  EXPECT_EQ(header.commit_ms, 0);
}

TEST(LogChunk, HeaderAloneIsReadable) {
  const std::string data = Write(Samples(), {.commit_ms = INT64_MAX, .ts = UINT64_MAX});
  WithExactCopy(data.substr(0, LogChunkReader::kMaxHeaderSize), [](std::string_view start) {
    LogChunkReader reader;
    ASSERT_TRUE(reader.Open(start));
    EXPECT_EQ(reader.header().last_seq, Seq(316));
  });
}

TEST(LogChunk, ReaderThatWasNeverOpenedIsAtItsEnd) {
  LogChunkReader reader;
  EXPECT_FALSE(reader.Next());
  EXPECT_TRUE(reader.ok());
}

TEST(LogChunk, MalformedIsRefused) {
  const std::string head = "01 00 00 00 00 02";  // seqs 0 .. 2
  const std::string row = "04 04 02 03 01 117f";
  const std::string max = "ffffffffffffffff7f";
  const auto refused = [](const std::string& hex) {
    WithExactCopy(Unhex(hex), [&](std::string_view bytes) {
      LogHeader header;
      bool ok;
      Read(bytes, &header, &ok);
      EXPECT_FALSE(ok) << hex;
    });
  };
  LogHeader header;
  bool ok;
  EXPECT_EQ(Read(Unhex(head + row), &header, &ok).size(), 1U);
  ASSERT_TRUE(ok);
  for (const std::string& bad :
       {std::string(""), std::string("02 00 00 00 00 02") + row, "01 02 00 00 00 02" + row,
        "01 00" + std::string("ffffffffffffffffff01") + "00 00 02" + row, std::string("01"),
        std::string("01 00"), std::string("01 00 00"), std::string("01 00 00 00"),
        std::string("01 00 00 00 00"), "01 00 00 00" + max + "00", "01 00 00 00 01" + max}) {
    refused(bad);
  }
  refused(head);                       // no entry
  refused("01 00 00 00 00 03" + row);  // one record short
  refused("01 00 00 00 00 01" + row);  // one too many
  refused(head + row + "80");          // half an entry
  refused(head + "00 117f");           // no table yet
  refused(head + "08");                // nor a key before
  refused(head + "0c 04 02 03 01");    // another table, and yet the key before
  refused(head + row + "0c 04 02 03 01");
  refused(head + "f4" + "ffffffffffffffff01" + " 04 02 03 01 117f");        // gap beyond all seqs
  refused("01 00 00 00" + std::string("feffffffffffffff7f") + "00" + row);  // no room for columns
  for (const char* table :
       {"", "04", "0402", "040203", "ffffffffffffffffff01 02 03 01", "04 8080808010 03 01",
        "04 02 818004 01", "04 02 03 00", "04 02 03 818004"}) {
    refused(head + "04" + table + (std::string(table).size() > 8 ? "117f" : ""));
  }
  refused(head + "04 04 02 03 01 19");                                // no key
  refused(head + row + "08");                                         // beyond the last seq
  refused("01 00 00 00 00 05" + row + "04 04 02 03 01 1101");         // the same table once more
  refused("01 00 00 00 00 05 04 04 02 03 01 826161 08");              // successor of a text
  refused("01 00 00 00 00 05 04 04 02 03 01 187fffffffffffffff 08");  // of the largest
  refused("01 00 00 00 00 05 04 04 02 03 02 1101 1102 08");           // of two values
  const std::string cells = "01 00 00 00 00 02 05 04 02 03 01 117f";
  EXPECT_EQ(Read(Unhex(cells + "02 07 00 03 02"), &header, &ok).size(), 1U);
  ASSERT_TRUE(ok);
  for (const char* bad : {"", "00", "7f 07 00", "01", "01 07", "01 8080808010 00", "02 07 02 03 00",
                          "01 07 ffffffffffffffffff01", "01 07 ffffffffffffffff7f"}) {
    refused(cells + bad);
  }
}

TEST(LogChunk, DamageIsRefusedOrHarmless) {
  const std::string data = Write(Samples(), {.commit_ms = 1700000000000, .ts = 12});
  LogHeader header;
  bool ok;
  ForEachPrefix(data, [&](std::string_view prefix) {
    Read(prefix, &header, &ok);
    EXPECT_FALSE(ok) << prefix.size();
  });
  ForEachBitFlip(data, [&](std::string_view damaged) {
    const std::vector<Entry> read = Read(damaged, &header, &ok);
    if (!ok) return;
    // What is accepted can be written again, and says the same.
    LogHeader again;
    const std::vector<Entry> same = Read(Write(read, header), &again, &ok);
    ASSERT_TRUE(ok);
    ASSERT_EQ(same.size(), read.size());
    for (size_t i = 0; i < same.size(); i++) ExpectSame(same[i], read[i]);
  });
}

TEST(LogChunk, KindOutOfRangeIsHarmless) {
  EXPECT_EQ(Make(static_cast<LogKind>(9), 4, "").entry.LastSeq(), Seq(4));
}

}  // namespace
}  // namespace tributary
