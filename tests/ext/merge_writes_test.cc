// How a merge writes and reads its base tables: rows are remembered by rowid and by value between
// the records of a transaction, and whatever else writes the table meanwhile must be noticed.
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/ext/ext_test.h"

namespace tributary::testing {
namespace {

class MergeWrites : public ::testing::Test {
 protected:
  MergeWrites() {
    db_.Do("CREATE TABLE t(id TEXT PRIMARY KEY NOT NULL, b, c); CREATE TABLE log(what)");
    db_.Do("SELECT crsql_as_crr('t')");
  }

  // The error message of merging one cell of site S1 (or that one), version 1 by default.
  static std::string Merge(Db& db, const std::string& id, const std::string& column,
                           const std::string& value, int seq, int col_version = 1,
                           const std::string& site = "01") {
    return db.Error(absl::StrCat("INSERT INTO crsql_changes(\"table\", pk, cid, val, col_version, ",
                                 "db_version, site_id, cl, seq) VALUES('t', crsql_pack_columns('",
                                 id, "'), '", column, "', ", value, ", ", col_version, ", 1, x'",
                                 std::string(30, '0'), site, "', 1, ", seq, ")"));
  }
  std::string Merge(const std::string& id, const std::string& column, const std::string& value,
                    int seq, int col_version = 1) {
    return Merge(db_, id, column, value, seq, col_version);
  }
  std::string T() { return db_.Get("SELECT * FROM t ORDER BY id"); }

  Db db_;
};

TEST_F(MergeWrites, CellsAreVisibleAtOnce) {
  db_.Do("BEGIN");
  EXPECT_EQ(Merge("x", "b", "1", 0), "");
  EXPECT_EQ(T(), "'x'|1|NULL");
  EXPECT_EQ(Merge("x", "c", "2", 1), "");
  EXPECT_EQ(T(), "'x'|1|2");
  EXPECT_EQ(db_.Int("SELECT changes()"), 1);
  db_.Do("COMMIT");
  EXPECT_EQ(db_.Get("SELECT * FROM crsql_check()"), "");
}

TEST_F(MergeWrites, RowsThatTheHostMovedMeanwhile) {
  db_.Do("BEGIN");
  EXPECT_EQ(Merge("x", "b", "1", 0), "");
  EXPECT_EQ(Merge("y", "b", "2", 2), "");
  // The two change places, by their rowids.
  db_.Do("UPDATE t SET rowid = -rowid; UPDATE t SET rowid = 3 + rowid");
  EXPECT_EQ(Merge("x", "c", "'of x'", 1), "");
  EXPECT_EQ(T(), "'x'|1|'of x'\n'y'|2|NULL");
  db_.Do("COMMIT");
  EXPECT_EQ(db_.Get("SELECT * FROM crsql_check()"), "");
}

TEST_F(MergeWrites, RowsThatMovedUncaptured) {
  db_.Do("BEGIN");
  EXPECT_EQ(Merge("x", "b", "1", 0), "");
  EXPECT_EQ(Merge("y", "b", "2", 2), "");
  db_.Do("SELECT crsql_internal_sync_bit(1)");
  db_.Do("UPDATE t SET rowid = -rowid; UPDATE t SET rowid = 3 + rowid");
  EXPECT_EQ(Merge("x", "c", "'of x'", 1), "");
  EXPECT_EQ(T(), "'x'|1|'of x'\n'y'|2|NULL");
  db_.Do("UPDATE t SET rowid = -rowid; UPDATE t SET rowid = 3 + rowid");
  db_.Do("SELECT crsql_internal_sync_bit(0)");
  EXPECT_EQ(Merge("y", "c", "'of y'", 3), "");
  EXPECT_EQ(T(), "'x'|1|'of x'\n'y'|2|'of y'");
  db_.Do("COMMIT");
}

// One uncaptured row written between two records counts like the end of one INSERT.
TEST_F(MergeWrites, OneRowThatMovedUncaptured) {
  db_.Do("BEGIN");
  EXPECT_EQ(Merge("x", "b", "1", 0), "");
  db_.Do("SELECT crsql_internal_sync_bit(1)");
  db_.Do("UPDATE t SET rowid = 77; INSERT INTO t(rowid, id) VALUES(1, 'z')");
  db_.Do("SELECT crsql_internal_sync_bit(0)");
  EXPECT_EQ(Merge("x", "c", "2", 1), "");
  EXPECT_EQ(T(), "'x'|1|2\n'z'|NULL|NULL");
  db_.Do("COMMIT");
}

TEST_F(MergeWrites, ARowThatWasDeletedUncaptured) {
  db_.Do("BEGIN");
  EXPECT_EQ(Merge("x", "b", "1", 0), "");
  db_.Do("SELECT crsql_internal_sync_bit(1); DELETE FROM t; SELECT crsql_internal_sync_bit(0)");
  EXPECT_EQ(Merge("x", "c", "2", 1), "");
  EXPECT_EQ(T(), "'x'|NULL|2");
  db_.Do("COMMIT");
}

TEST_F(MergeWrites, RollbackToASavepoint) {
  db_.Do("BEGIN");
  EXPECT_EQ(Merge("x", "b", "1", 0), "");
  db_.Do("SAVEPOINT s");
  EXPECT_EQ(Merge("y", "b", "2", 2), "");
  db_.Do("ROLLBACK TO s");
  EXPECT_EQ(Merge("z", "b", "3", 4), "");
  EXPECT_EQ(Merge("y", "c", "4", 3), "");
  EXPECT_EQ(Merge("x", "c", "5", 1), "");
  EXPECT_EQ(T(), "'x'|1|5\n'y'|NULL|4\n'z'|3|NULL");
  db_.Do("COMMIT");
  EXPECT_EQ(db_.Get("SELECT * FROM crsql_check()"), "");
}

TEST_F(MergeWrites, TiesSeeWhatWasWrittenMeanwhile) {
  EXPECT_EQ(Merge("x", "b", "1", 0), "");
  EXPECT_EQ(Merge("x", "c", "5", 1), "");
  db_.Do("BEGIN");
  EXPECT_EQ(Merge("x", "b", "1", 0), "");  // reads the row
  // A merge of the same row.
  EXPECT_EQ(Merge(db_, "x", "c", "7", 1, 2), "");
  EXPECT_EQ(Merge(db_, "x", "c", "6", 1, 2, "02"), "");
  EXPECT_EQ(T(), "'x'|1|7");
  // The host, behind our back.
  EXPECT_EQ(Merge("x", "b", "1", 0), "");
  db_.Do("SELECT crsql_internal_sync_bit(1)");
  db_.Do("UPDATE t SET c = 9");
  db_.Do("SELECT crsql_internal_sync_bit(0)");
  EXPECT_EQ(Merge(db_, "x", "c", "8", 1, 2, "02"), "");
  EXPECT_EQ(T(), "'x'|1|9");
  db_.Do("DELETE FROM t");
  EXPECT_EQ(Merge("x", "b", "1", 0), "");
  EXPECT_EQ(T(), "");
  db_.Do("COMMIT");
}

class NewTriggers : public MergeWrites, public ::testing::WithParamInterface<const char*> {};

TEST_P(NewTriggers, FireInTheNextMerge) {
  for (const bool in_transaction : {true, false}) {
    db_.Do("DELETE FROM log; DELETE FROM t");
    if (in_transaction) db_.Do("BEGIN");
    const std::string id = in_transaction ? "x" : "y";
    EXPECT_EQ(Merge(id, "b", "1", 0), "");
    EXPECT_EQ(Merge(id, "c", "1", 1), "");
    db_.Do(absl::StrCat("CREATE ", GetParam(),
                        " TRIGGER u AFTER UPDATE ON main.t BEGIN INSERT INTO log VALUES(NEW.c); "
                        "UPDATE t SET rowid = rowid + 10 WHERE id = NEW.id; END"));
    EXPECT_EQ(Merge(id, "c", "2", 2, 2), "");
    EXPECT_EQ(db_.Get("SELECT * FROM log"), "2");
    EXPECT_EQ(Merge(id, "b", "2", 3, 2), "");
    EXPECT_EQ(Merge(id, "c", "3", 4, 3), "");
    EXPECT_EQ(db_.Get("SELECT * FROM log"), "2\n2\n3");
    EXPECT_EQ(T(), absl::StrCat("'", id, "'|2|3"));
    if (in_transaction) db_.Do("COMMIT");
    db_.Do("DROP TRIGGER u");
  }
}

INSTANTIATE_TEST_SUITE_P(All, NewTriggers, ::testing::Values("", "TEMP"), [](const auto& tested) {
  return std::string(*tested.param != 0 ? "Temp" : "Main");
});

TEST_F(MergeWrites, TriggerOfAnotherConnection) {
  TempDir dir;
  const std::string path = dir.File("f.db");
  Db a(path);
  a.Do("CREATE TABLE t(id TEXT PRIMARY KEY NOT NULL, b, c); CREATE TABLE log(what)");
  a.Do("SELECT crsql_as_crr('t')");
  EXPECT_EQ(Merge(a, "x", "b", "1", 0), "");
  EXPECT_EQ(Merge(a, "x", "c", "1", 1), "");
  Db b(path);
  b.Do("CREATE TRIGGER u AFTER UPDATE ON t BEGIN INSERT INTO log VALUES(NEW.c); END");
  EXPECT_EQ(Merge(a, "x", "c", "2", 2, 2), "");
  EXPECT_EQ(a.Get("SELECT * FROM log"), "2");
}

// A flush comes between rows: what has arrived as a whole needs no record of its own.
TEST_F(MergeWrites, WholeRowsStayImplied) {
  db_.Do("BEGIN");
  for (int i = 0; i < 9000; i++) {
    ASSERT_EQ(Merge(absl::StrCat("row ", i), "b", "1", 2 * i), "");
    ASSERT_EQ(Merge(absl::StrCat("row ", i), "c", "2", 2 * i + 1), "");
  }
  db_.Do("COMMIT");
  EXPECT_EQ(db_.Int("SELECT count(*) FROM crsql_rows"), 0);
  EXPECT_EQ(db_.Int("SELECT count(*) FROM crsql_changes"), 18000);
  EXPECT_EQ(db_.Get("SELECT * FROM crsql_check()"), "");
}

TEST_F(MergeWrites, TextInUtf16) {
  Db db;
  db.Do("PRAGMA encoding = 'UTF-16le'");
  db.Do("CREATE TABLE t(id TEXT PRIMARY KEY NOT NULL, b TEXT, c)");
  db.Do("SELECT crsql_as_crr('t')");
  EXPECT_EQ(Merge(db, "x", "b", "'text'", 0), "");
  EXPECT_EQ(Merge(db, "x", "b", "'text'", 0), "");
  EXPECT_EQ(db.Get("SELECT * FROM t"), "'x'|'text'|NULL");
}

// A held row is tried again at each savepoint, the one of CREATE TABLE's own statement, too. What
// then set changes() back ran inside itself, and COMMIT did nothing without saying so.
TEST(HeldRows, AreTriedAgainInsideOtherStatements) {
  const std::string schema =
      "PRAGMA foreign_keys = ON; CREATE TABLE parent(id INTEGER PRIMARY KEY NOT NULL, n); CREATE "
      "TABLE "
      "child(id INTEGER PRIMARY KEY NOT NULL, p INTEGER REFERENCES parent(id)); SELECT "
      "crsql_as_crr('parent'), crsql_as_crr('child');";
  Db a, b;
  for (Db* db : {&a, &b}) db->Do(schema);
  a.Do("BEGIN; INSERT INTO parent VALUES(1, 'p'); INSERT INTO child VALUES(1, 1), (2, 1); COMMIT");
  const std::string id = ToHex(a.One("SELECT crsql_site_id()").bytes);
  b.Do("CREATE TABLE plain(x UNIQUE)");
  for (const bool cured : {false, true}) {
    b.Do("BEGIN");
    // Two at once, so that changes() is not what the flush leaves.
    b.Do(
        "INSERT INTO crsql_changes(\"table\", pk, cid, val, col_version, db_version, site_id, cl, "
        "seq) "
        "VALUES('child', x'010901', 'p', 1, 1, 1, x'" +
        id +
        "', 1, 1), ('child', x'010902', 'p', 1, 1, "
        "1, x'" +
        id + "', 1, 2)");
    b.Do("CREATE TABLE other(x); INSERT INTO plain VALUES(1), (2)");
    if (cured) ASSERT_EQ(ApplyEach(b, ReadChanges(a, "\"table\" = 'parent'")), "");
    b.Do("INSERT OR IGNORE INTO plain VALUES(2), (3)");
    EXPECT_EQ(b.Get("SELECT changes()"), "1");
    const std::string error = b.Error("COMMIT");
    if (cured) EXPECT_EQ(error, "");
    if (!cured) EXPECT_TRUE(Contains(error, "foreign key child(p)"));
  }
  ExpectEqual(a, b, {"parent", "child"});
  EXPECT_EQ(b.Get("SELECT count(*) FROM other"), "0");
}

}  // namespace
}  // namespace tributary::testing
