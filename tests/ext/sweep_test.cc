// The sweep of stale log entries (R5): the log stays small, and nobody can tell.
#include <algorithm>
#include <random>

#include "crdt/coding.h"
#include "crdt/key.h"
#include "crdt/row_clock.h"
#include "tests/ext/ext_test.h"

namespace tributary::testing {
namespace {

constexpr char kSweepTable[] =
    "CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, b, c); SELECT crsql_as_crr('foo');";

class SweepTest : public ::testing::Test {
 protected:
  SweepTest() { db_.Do(kSweepTable); }
  ~SweepTest() override { EXPECT_EQ(db_.Get("SELECT * FROM crsql_check()"), ""); }

  // What the log holds, the head aside.
  int64_t LogBytes(Db& db) {
    return db.Int("SELECT coalesce(sum(length(data)), 0) FROM crsql_log WHERE version < (1 << 62)");
  }
  int64_t LogBytes() { return LogBytes(db_); }
  // Rows a = 1..n in one transaction.
  void Fill(int n) { Fill(db_, n); }
  void Fill(Db& db, int n) {
    db.Do("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
          std::to_string(n) + ") INSERT INTO foo SELECT i, i, i FROM n");
  }
  void CopyTo(Db& to, const std::string& condition = "1") {
    EXPECT_EQ(ApplyChanges(to, ReadChanges(db_, condition)), "");
  }

  Db db_;
};

TEST_F(SweepTest, HotRowKeepsATinyLog) {
  db_.Do("INSERT INTO foo VALUES(1, 0, 0), (2, 0, 0)");
  int64_t most = 0;
  for (int i = 0; i < 30000; i++) {
    db_.Do("UPDATE foo SET b = b + 1 WHERE a = 1");
    if (i % 500 == 0) most = std::max(most, LogBytes());
  }
  EXPECT_LT(most, 100 << 10);
  EXPECT_EQ(db_.Int("SELECT crsql_db_version()"), 30001);
  EXPECT_EQ(ChangesText(db_),
            "foo 010901 c 0 1 1 me 1 1\n"
            "foo 010902 b 0 1 1 me 1 2\n"
            "foo 010902 c 0 1 1 me 1 3\n"
            "foo 010901 b 30000 30001 30001 me 1 0");
}

// An update of any of many rows, far from the first of the log.
TEST_F(SweepTest, HotRowBesideManyOthers) {
  Fill(20000);
  const int64_t filled = LogBytes();
  for (int i = 0; i < 20000; i++) db_.Do("UPDATE foo SET b = b + 1 WHERE a = 77");
  EXPECT_LT(LogBytes(), 2 * filled + (200 << 10));
}

TEST_F(SweepTest, RandomUpdatesStayWithinTwiceTheLiveLog) {
  constexpr int kRows = 10000;
  Fill(kRows);
  Db replica;
  replica.Do(kSweepTable);
  CopyTo(replica);
  std::mt19937 random(1);
  int64_t most = 0;
  int64_t version = db_.Int("SELECT crsql_db_version()");
  for (int t = 0; t < 3000; t++) {
    db_.Do("BEGIN");
    for (int i = 0; i < 40; i++) {
      db_.Do(std::string("UPDATE foo SET ") + (random() % 2 ? "b" : "c") + " = " +
             std::to_string(t) + " WHERE a = " + std::to_string(random() % kRows + 1));
    }
    db_.Do("COMMIT");
    if (t % 100 == 99) {
      most = std::max(most, LogBytes());
      CopyTo(replica, "db_version > " + std::to_string(version));
      version = db_.Int("SELECT crsql_db_version()");
    }
  }
  // All live: a row entry of 1 to 4 bytes, and two entries of cells of 6 bytes each.
  Db fresh;
  fresh.Do(kSweepTable);
  CopyTo(fresh);
  EXPECT_LT(most, 3 * LogBytes(fresh));
  EXPECT_LT(LogBytes(replica), 3 * LogBytes(fresh));
  ExpectEqual(db_, replica, {"foo"});
  ExpectEqual(db_, fresh, {"foo"});
}

TEST_F(SweepTest, BulkUpdatesOfAllRows) {
  Fill(10000);
  db_.Do("UPDATE foo SET b = b + 1, c = c + 1");
  const int64_t live = LogBytes() / 2;
  for (int i = 0; i < 20; i++) {
    db_.Do("UPDATE foo SET b = b + 1, c = c + 1");
    EXPECT_LT(LogBytes(), 5 * live + (64 << 10));
  }
  Db replica;
  replica.Do(kSweepTable);
  CopyTo(replica);
  ExpectEqual(db_, replica, {"foo"});
}

TEST_F(SweepTest, DeletesAndReinserts) {
  Fill(5000);
  Db replica;
  replica.Do(kSweepTable);
  CopyTo(replica);
  int64_t version = 1;
  int64_t most = 0;
  for (int round = 0; round < 30; round++) {
    db_.Do("DELETE FROM foo WHERE a % 3 = " + std::to_string(round % 3));
    db_.Do("INSERT OR IGNORE INTO foo SELECT a + 1, 7, " + std::to_string(round) + " FROM foo");
    CopyTo(replica, "db_version > " + std::to_string(version));
    version = db_.Int("SELECT crsql_db_version()");
    most = std::max({most, LogBytes(), LogBytes(replica)});
  }
  Db fresh;
  fresh.Do(kSweepTable);
  CopyTo(fresh);
  EXPECT_LT(most, 4 * LogBytes(fresh) + (64 << 10));
  ExpectEqual(db_, replica, {"foo"});
  ExpectEqual(db_, fresh, {"foo"});
}

TEST_F(SweepTest, NobodyCanTell) {
  Fill(20000);
  db_.Do("UPDATE foo SET b = 1 WHERE a % 2; DELETE FROM foo WHERE a % 5 = 0;");
  db_.Do("UPDATE foo SET b = 2, c = 3; UPDATE foo SET b = 4 WHERE a % 7 = 0");
  const std::vector<Change> before = ReadChanges(db_);
  const int64_t bytes = LogBytes();
  // Its writes drive the sweep.
  db_.Do(
      "CREATE TABLE driver(a INTEGER PRIMARY KEY NOT NULL, b);"
      "SELECT crsql_as_crr('driver'); INSERT INTO driver VALUES(1, 0)");
  for (int i = 0; i < 40000; i++) db_.Do("UPDATE driver SET b = b + 1");
  EXPECT_LT(LogBytes(), bytes);
  EXPECT_EQ(ReadChanges(db_, "\"table\" = 'foo'"), before);
}

TEST_F(SweepTest, PureInsertsNeverSweep) {
  const TempDir dir;
  auto db = std::make_unique<Db>(dir.File("a.db"));
  db->Do(kSweepTable);
  Fill(*db, 50000);
  for (int i = 0; i < 3000; i++) {
    db->Do("INSERT INTO foo VALUES(" + std::to_string(100000 + 3 * i) + ", 1, 2)");
    // Who reads the head next finds what is not in it yet.
    if (i % 101 == 0) db = std::make_unique<Db>(dir.File("a.db"));
  }
  // The head of a transaction of this size is written at once.
  db->Do("INSERT INTO foo SELECT a + 1000000, 1, 2 FROM foo WHERE a <= 5000");
  // Its format: version byte, last version, bytes, entries, stale bytes; no position of a sweep.
  const std::string head = db->One("SELECT data FROM crsql_log WHERE version > (1 << 62)").bytes;
  ByteReader in(head);
  uint8_t format;
  int64_t version, bytes, entries, stale;
  ASSERT_TRUE(in.Byte(&format) && in.Count(&version) && in.Count(&bytes) && in.Count(&entries) &&
              in.Count(&stale));
  EXPECT_TRUE(in.empty());
  EXPECT_EQ(version, 3002);
  EXPECT_EQ(bytes, LogBytes(*db));
  EXPECT_EQ(entries, 58000);
  EXPECT_EQ(stale, 0);
}

// The row entry was the only place that told when the row was born.
TEST_F(SweepTest, BirthsSurvive) {
  Fill(10000);                                            // version 1
  db_.Do("UPDATE foo SET b = 0, c = 0 WHERE a <= 8000");  // all columns: no cell is implied
  db_.Do("DELETE FROM foo WHERE a BETWEEN 4000 AND 8000");
  db_.Do("INSERT INTO foo SELECT a + 4000, 1, 1 FROM foo WHERE a BETWEEN 1 AND 500");  // version 4
  for (int i = 0; i < 40; i++) db_.Do("UPDATE foo SET b = b + 1, c = c + 1 WHERE a < 8001");
  EXPECT_LT(db_.Int("SELECT sum(length(data)) FROM crsql_log WHERE version = 1"), 3000);
  const auto births = [&](int a) {
    RowClock clock;
    std::string key;
    AppendKeyValue(Value::Integer(a), &key);
    const Cell record = db_.One("SELECT clock FROM crsql_rows WHERE key = ?", {Cell::Blob(key)});
    EXPECT_TRUE(clock.Decode(record.bytes));
    return std::vector<Birth>(clock.births().begin(), clock.births().end());
  };
  const std::vector<Birth> first{{kOwnSite, DbVersion(1)}};
  const std::vector<Birth> second{{kOwnSite, DbVersion(4)}};
  for (const int a : {1, 100, 3999, 5000, 7999, 8000}) EXPECT_EQ(births(a), first) << a;
  for (const int a : {4001, 4500}) EXPECT_EQ(births(a), second) << a;
}

TEST_F(SweepTest, GoesOnInAnotherConnection) {
  const TempDir dir;
  const std::string path = dir.File("db");
  {
    Db db(path);
    db.Do(kSweepTable);
    db.Do("INSERT INTO foo VALUES(1, 0, 0)");
  }
  for (int i = 0; i < 60; i++) {
    Db db(path);
    for (int k = 0; k < 100; k++) db.Do("UPDATE foo SET b = b + 1");
    EXPECT_LT(LogBytes(db), 100 << 10);
  }
  Db db(path);
  EXPECT_EQ(db.Get("SELECT b FROM foo"), "6000");
  EXPECT_EQ(db.Get("SELECT * FROM crsql_check()"), "");
}

TEST_F(SweepTest, RolledBackInTheMiddle) {
  Fill(20000);
  std::string changes = ChangesText(db_);
  const int64_t bytes = LogBytes();
  db_.Do("BEGIN; UPDATE foo SET b = 1, c = 1; SELECT count(*) FROM crsql_changes");
  for (int i = 0; i < 4; i++) {
    db_.Do("SAVEPOINT s; UPDATE foo SET b = 2, c = 2; SELECT count(*) FROM crsql_changes");
    const int64_t inside = LogBytes();
    db_.Do("ROLLBACK TO s; RELEASE s");
    EXPECT_NE(LogBytes(), inside);
  }
  db_.Do("ROLLBACK");
  EXPECT_EQ(LogBytes(), bytes);
  EXPECT_EQ(ChangesText(db_), changes);
  EXPECT_EQ(db_.Get("SELECT * FROM crsql_check()"), "");
  db_.Do("BEGIN; UPDATE foo SET b = 1, c = 1");
  for (int i = 0; i < 6; i++) {
    db_.Do("SAVEPOINT s; UPDATE foo SET b = 3, c = 3; SELECT count(*) FROM crsql_changes;" +
           std::string(i % 2 ? "ROLLBACK TO s; RELEASE s" : "RELEASE s"));
  }
  db_.Do("COMMIT");
  Db replica;
  replica.Do(kSweepTable);
  CopyTo(replica);
  ExpectEqual(db_, replica, {"foo"});
}

TEST_F(SweepTest, EntriesOfATableThatIsNoLongerReplicated) {
  Fill(30000);
  db_.Do(
      "CREATE TABLE bar(a INTEGER PRIMARY KEY NOT NULL, b); SELECT crsql_as_crr('bar');"
      "INSERT INTO bar VALUES(1, 1); SELECT crsql_as_table('foo')");
  for (int i = 0; i < 6000; i++) db_.Do("UPDATE bar SET b = b + 1");
  EXPECT_EQ(db_.Int("SELECT count(*) FROM crsql_log WHERE version = 1"), 0);
  EXPECT_EQ(ChangesText(db_), "bar 010901 b 6001 6001 6002 me 1 0");
}

TEST_F(SweepTest, MergesSweepToo) {
  db_.Do("INSERT INTO foo VALUES(1, 0, 0)");
  Db replica;
  replica.Do(kSweepTable);
  CopyTo(replica);
  for (int i = 0; i < 8000; i++) {
    db_.Do("UPDATE foo SET b = b + 1");
    CopyTo(replica, "db_version = crsql_db_version()");
  }
  EXPECT_LT(LogBytes(replica), 100 << 10);
  ExpectEqual(db_, replica, {"foo"});
}

}  // namespace
}  // namespace tributary::testing
