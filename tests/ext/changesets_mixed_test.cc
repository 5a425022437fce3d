// What may happen between the pieces of a transfer: rows merged one by one, writes of the host, a
// second connection, tables that come and go, other transfers. Each of these was a bug once.
#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/ext/ext_test.h"
#include "tests/support/changesets.h"

namespace tributary::testing {
namespace {

constexpr char kGone[] =
    "CREATE TABLE gone(a INTEGER PRIMARY KEY NOT NULL, b); SELECT crsql_as_crr('gone');";

bool Has(Db& db, Db& of) {
  return db.One("SELECT crsql_has(?)", {of.One("SELECT crsql_token()")}).integer == 1;
}

void Fill(Db& db, int from, int to) {
  for (int i = from; i <= to; i++) {
    db.Do(absl::StrCat("INSERT INTO foo VALUES(", i, ", ", i, ", 'row')"));
  }
}

class Mixed : public ::testing::Test {
 protected:
  Mixed() {
    for (Db* db : dbs_) db->Do(kFoo);
  }
  ~Mixed() override {
    for (Db* db : dbs_) EXPECT_EQ(db->Get("SELECT * FROM crsql_check()"), "");
  }
  // As a peer of cr-sqlite would send it: without the knowledge that nothing is missing.
  static void SendRows(Db& from, Db& to) { ASSERT_EQ(ApplyEach(to, ReadChanges(from)), ""); }
  static int64_t Waiting(Db& db) {
    return db.Int("SELECT count(*) FROM sqlite_schema WHERE name = 'crsql_transfers'") == 0
               ? 0
               : db.Int("SELECT count(*) FROM crsql_transfers");
  }

  Db a_, b_, c_;
  std::vector<Db*> dbs_ = {&a_, &b_, &c_};
};

// The merge's own statements took the mark of the savepoint that flushed it.
TEST_F(Mixed, WritesBetweenAMergeAndASavepoint) {
  const std::vector<std::string> writes = {"UPDATE foo SET c = 'b'", "DELETE FROM foo",
                                           "UPDATE foo SET c = 'b' WHERE a = 1",
                                           "INSERT INTO foo VALUES(9, 9, 9)"};
  for (const std::string& write : writes) {
    for (const bool rows : {false, true}) {
      Db a, b;
      for (Db* db : {&a, &b}) db->Do(kFoo);
      Fill(a, 1, 2);
      Send(a, b);
      a.Do("UPDATE foo SET b = 'a'");
      b.Do("BEGIN");
      if (rows) {
        SendRows(a, b);
      } else {
        Send(a, b);
      }
      b.Do(write);
      b.Do("SAVEPOINT s; UPDATE foo SET b = 'gone'; ROLLBACK TO s; COMMIT");
      SendAll({&a, &b});
      ExpectEqual(a, b, {"foo"});
    }
  }
}

// A late piece of a transfer without loose records said that none were missing.
TEST_F(Mixed, ALatePieceBesideALoosePieceThatIsMissing) {
  Fill(a_, 1, 2);
  Send(a_, b_);
  const std::vector<std::string> first = PiecesFor(c_, a_, 1);
  MustApply(c_, first[0]);
  b_.Do("UPDATE foo SET b = 'b' WHERE a = 2");
  ASSERT_EQ(ApplyEach(a_, ReadChanges(b_, "site_id = crsql_site_id()")), "");
  const std::vector<std::string> second = PiecesFor(c_, a_, 1);
  for (size_t i = 1; i < second.size(); i++) MustApply(c_, second[i]);
  MustApply(c_, first[0]);
  EXPECT_FALSE(Has(c_, a_));
  MustApply(c_, second[0]);
  EXPECT_TRUE(Has(c_, a_));
  ExpectEqual(a_, c_, {"foo"});
}

// It came again in a transfer of another name.
TEST_F(Mixed, ALoosePieceThatWasLost) {
  Fill(a_, 1, 3);
  SendRows(a_, b_);
  Fill(b_, 11, 13);
  const std::vector<std::string> pieces = PiecesFor(c_, b_, 1);
  ASSERT_EQ(pieces.size(), 9);
  for (size_t i = 0; i < pieces.size(); i++) {
    if (i != 1) MustApply(c_, pieces[i]);
  }
  EXPECT_FALSE(Has(c_, b_));
  Send(b_, c_, 1);
  EXPECT_TRUE(Has(c_, b_));
  EXPECT_EQ(Waiting(c_), 0);
  ExpectEqual(b_, c_, {"foo"});
}

// More such records came to the sender meanwhile.
TEST_F(Mixed, OtherLooseRecordsThanBefore) {
  Fill(a_, 1, 3);
  SendRows(a_, b_);
  Fill(b_, 11, 13);
  std::vector<std::string> pieces = PiecesFor(c_, b_, 1);
  for (size_t i = 1; i < 5; i++) MustApply(c_, pieces[i]);
  a_.Do("UPDATE foo SET b = 'new' WHERE a = 2");
  SendRows(a_, b_);
  pieces = PiecesFor(c_, b_, 1);
  for (size_t i = 1; i < pieces.size(); i++) MustApply(c_, pieces[i]);
  EXPECT_FALSE(Has(c_, b_));
  Send(b_, c_, 1);
  EXPECT_TRUE(Has(c_, b_));
  EXPECT_EQ(Waiting(c_), 0);
  ExpectEqual(b_, c_, {"foo"});
}

TEST_F(Mixed, ASenderThatForgetsInMidTransfer) {
  for (Db* db : dbs_) db->Do(kGone);
  Fill(a_, 1, 3);
  Send(a_, b_);
  Fill(b_, 11, 13);
  MustApply(c_, PiecesFor(c_, b_, 1)[0]);
  b_.Do("DROP TABLE gone");
  b_.Do(kGone);
  Send(b_, c_);
  EXPECT_TRUE(Has(c_, b_));
  EXPECT_EQ(Waiting(c_), 0);
}

// What this connection takes over is known to the others of the file.
TEST_F(Mixed, WhatASenderLacksIsKnownToAllConnections) {
  const TempDir dir;
  const std::string path = dir.File("f.db");
  Db one(path);
  one.Do(absl::StrCat("PRAGMA journal_mode = WAL;", kFoo));
  Db two(path);
  two.Do("SELECT * FROM crsql_changesets");
  for (Db* db : {&a_, &b_, &c_}) db->Do(kGone);
  a_.Do("INSERT INTO gone VALUES(1, 1)");
  Send(a_, b_);
  b_.Do("DROP TABLE gone");
  Send(b_, one);
  Send(two, c_);
  EXPECT_FALSE(Has(c_, a_));
  // Nor does one that was rolled back stay.
  Db d;
  d.Do(kFoo);
  d.Do("BEGIN");
  Send(b_, d);
  d.Do("ROLLBACK");
  Fill(d, 21, 21);
  EXPECT_FALSE(
      Contains(d.Get("SELECT crsql_changeset_json(changeset) FROM crsql_changesets"), "dropped"));
}

TEST_F(Mixed, RowsThatWaitAreNotReadAsKnown) {
  constexpr char kTree[] =
      "CREATE TABLE p(k INTEGER PRIMARY KEY NOT NULL); CREATE TABLE q(k INTEGER PRIMARY KEY NOT "
      "NULL, p REFERENCES p); SELECT crsql_as_crr('p'), crsql_as_crr('q');";
  for (Db* db : dbs_) db->Do(kTree);
  a_.Do("INSERT INTO q VALUES(1, 7)");
  b_.Do("PRAGMA foreign_keys = ON; BEGIN");
  MustApplyAll(b_, PiecesFor(b_, a_));
  EXPECT_TRUE(Contains(b_.Error("SELECT changeset FROM crsql_changesets"), "COMMIT first"));
  b_.Do("INSERT INTO p VALUES(7); COMMIT");
  Send(b_, c_);
  EXPECT_EQ(TableText(c_, "q"), "1|7");
}

// Each deletes the parent of a row that the other inserts: what the key says on delete is done to
// that row, too, or neither transfer could end.
TEST_F(Mixed, ChildrenOfParentsThatWereDeletedElsewhere) {
  for (const char* action : {"CASCADE", "SET NULL"}) {
    for (const int64_t max_bytes : {1, 1 << 20}) {
      for (const bool rows : {false, true}) {
        Db a, b;
        for (Db* db : {&a, &b}) {
          db->Do(absl::StrCat(
              "PRAGMA foreign_keys = ON; CREATE TABLE p(k INTEGER PRIMARY KEY NOT NULL); CREATE "
              "TABLE q(k INTEGER PRIMARY KEY NOT NULL, p REFERENCES p ON DELETE ",
              action, ", v); SELECT crsql_as_crr('p'), crsql_as_crr('q')"));
        }
        a.Do("INSERT INTO p VALUES(1), (2), (3); INSERT INTO q VALUES(5, 3, 'old')");
        Send(a, b);
        a.Do("DELETE FROM p WHERE k = 1; INSERT INTO q VALUES(10, 2, 'a')");
        b.Do("DELETE FROM p WHERE k = 2; INSERT INTO q VALUES(20, 1, 'b')");
        a.Do("UPDATE q SET p = 2 WHERE k = 5");
        if (rows) {
          b.Do("BEGIN");
          ASSERT_EQ(ApplyEach(b, ReadChanges(a)), "");
          b.Do("COMMIT");
        }
        SendAll({&a, &b}, max_bytes);
        ExpectEqual(a, b, {"p", "q"});
        EXPECT_EQ(TableText(a, "p"), "3");
        EXPECT_EQ(a.Get("PRAGMA foreign_key_check"), "");
        EXPECT_EQ(TableText(a, "q"),
                  std::string(action) == "CASCADE" ? "" : "5|NULL|'old'\n10|NULL|'a'\n20|NULL|'b'");
        for (Db* db : {&a, &b}) EXPECT_EQ(db->Get("SELECT * FROM crsql_check()"), "");
      }
    }
  }
}

// A parent that nobody has is no parent that was deleted.
TEST_F(Mixed, AChildOfAParentThatNobodyHas) {
  constexpr char kTree[] =
      "CREATE TABLE p(k INTEGER PRIMARY KEY NOT NULL); CREATE TABLE q(k INTEGER PRIMARY KEY NOT "
      "NULL, p REFERENCES p ON DELETE CASCADE); SELECT crsql_as_crr('p'), crsql_as_crr('q');";
  for (Db* db : {&a_, &b_}) db->Do(kTree);
  a_.Do("INSERT INTO q VALUES(1, 7)");
  b_.Do("PRAGMA foreign_keys = ON");
  EXPECT_TRUE(Contains(Apply(b_, PiecesFor(b_, a_)[0]).error, "does not exist (foreign key q(p)"));
  EXPECT_EQ(TableText(b_, "q"), "");
}

// What is held names columns as they were.
TEST_F(Mixed, HeldPiecesAndARenamedColumn) {
  a_.Do("BEGIN");
  Fill(a_, 1, 6);
  a_.Do("COMMIT");
  const std::vector<std::string> pieces = PiecesFor(b_, a_, 1);
  ASSERT_EQ(pieces.size(), 6);
  for (size_t i = 0; i < 3; i++) MustApply(b_, pieces[i]);
  for (Db* db : {&a_, &b_}) {
    db->Do("ALTER TABLE foo RENAME COLUMN b TO bb; SELECT crsql_as_crr('foo')");
  }
  Send(a_, b_, 1);
  Send(a_, b_, 1);
  EXPECT_TRUE(Has(b_, a_));
  EXPECT_EQ(Waiting(b_), 0);
  ExpectEqual(a_, b_, {"foo"});
}

TEST_F(Mixed, TransfersOfSomeTablesEndWithThatOfAll) {
  a_.Do("BEGIN");
  Fill(a_, 1, 3);
  a_.Do("COMMIT");
  MustApply(b_, PiecesFor(b_, a_, 1, Cell::Text("[\"foo\"]"))[0]);
  EXPECT_EQ(Waiting(b_), 2);
  Send(a_, b_);
  EXPECT_EQ(Waiting(b_), 0);
}

TEST_F(Mixed, ApplyWaitsForAWriter) {
  const TempDir dir;
  const std::string path = dir.File("f.db");
  Db one(path);
  one.Do(absl::StrCat("PRAGMA journal_mode = WAL;", kFoo));
  Db two(path);
  one.Do("PRAGMA busy_timeout = 10000");
  Fill(a_, 1, 1);
  const std::vector<std::string> pieces = PiecesFor(one, a_);
  two.Do("BEGIN IMMEDIATE; INSERT INTO foo VALUES(2, 2, 2)");
  std::thread writer([&] {
    sqlite3_sleep(200);
    two.Do("COMMIT");
  });
  EXPECT_EQ(Apply(one, pieces[0]).error, "");
  writer.join();
}

}  // namespace
}  // namespace tributary::testing
