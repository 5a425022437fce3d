// crsql_apply in the host's transactions and savepoints, with constraints, triggers and journals.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/ext/ext_test.h"
#include "tests/support/changesets.h"

namespace tributary::testing {
namespace {

class ChangesetsHost : public ::testing::Test {
 protected:
  ChangesetsHost() {
    for (Db* db : {&a_, &b_}) db->Do(kFoo);
  }
  ~ChangesetsHost() override {
    for (Db* db : {&a_, &b_}) EXPECT_EQ(db->Get("SELECT * FROM crsql_check()"), "");
  }
  std::string Foo() { return TableText(b_, "foo"); }

  Db a_, b_;
};

TEST_F(ChangesetsHost, InATransaction) {
  a_.Do("INSERT INTO foo VALUES(1, 'a', 1); INSERT INTO foo VALUES(2, 'a', 2)");
  for (const char* end : {"ROLLBACK", "COMMIT"}) {
    b_.Do("BEGIN");
    Send(a_, b_, 1);
    EXPECT_EQ(Foo(), "1|'a'|1\n2|'a'|2");
    EXPECT_TRUE(PiecesFor(b_, a_).empty());
    b_.Do(end);
    EXPECT_EQ(PiecesFor(b_, a_).empty(), end == std::string("COMMIT"));
  }
  ExpectEqual(a_, b_, {"foo"});
}

TEST_F(ChangesetsHost, AfterRowsOfOnesOwn) {
  a_.Do(
      "INSERT INTO foo VALUES(1, 'a', 1), (2, 'a', 2), (3, 'a', 3); UPDATE foo SET c = 9 WHERE a = "
      "2");
  b_.Do("BEGIN; INSERT INTO foo VALUES(1, 'b', 0), (4, 'b', 4); INSERT INTO foo VALUES(3, 'b', 0)");
  b_.Do("DELETE FROM foo WHERE a = 3");
  Send(a_, b_);
  b_.Do("UPDATE foo SET b = 'after' WHERE a = 2");
  Send(a_, b_);
  b_.Do("COMMIT");
  Send(b_, a_);
  Send(a_, b_);
  ExpectEqual(a_, b_, {"foo"});
  EXPECT_EQ(Foo(), "1|'b'|1\n2|'after'|9\n4|'b'|4");
}

TEST_F(ChangesetsHost, InsideSavepoints) {
  a_.Do("INSERT INTO foo VALUES(1, 'a', 1)");
  Send(a_, b_);
  a_.Do("INSERT INTO foo VALUES(2, 'a', 2); UPDATE foo SET b = 'new' WHERE a = 1");
  const std::vector<std::string> pieces = PiecesFor(b_, a_, 1);
  ASSERT_EQ(pieces.size(), 2);
  const std::string before = Everything(b_, {"foo"});
  b_.Do("BEGIN; SAVEPOINT one");
  MustApply(b_, pieces[0]);
  b_.Do("SAVEPOINT two; INSERT INTO foo VALUES(5, 'b', 5)");
  MustApply(b_, pieces[1]);
  EXPECT_TRUE(PiecesFor(b_, a_).empty());
  b_.Do("ROLLBACK TO two");
  EXPECT_EQ(PiecesFor(b_, a_, 1).size(), 1);
  EXPECT_EQ(Foo(), "1|'a'|1\n2|'a'|2");
  b_.Do("ROLLBACK TO one");
  EXPECT_EQ(PiecesFor(b_, a_, 1).size(), 2);
  EXPECT_EQ(Foo(), "1|'a'|1");
  MustApply(b_, pieces[1]);
  b_.Do("RELEASE one; COMMIT");
  EXPECT_EQ(Foo(), "1|'new'|1");
  MustApply(b_, pieces[0]);
  ExpectEqual(a_, b_, {"foo"});
  EXPECT_NE(Everything(b_, {"foo"}), before);
  EXPECT_TRUE(PiecesFor(b_, a_).empty());
}

TEST_F(ChangesetsHost, ARolledBackSavepointLeavesNothing) {
  for (int i = 1; i <= 30; i++) {
    a_.Do(absl::StrCat("INSERT INTO foo VALUES(", i, ", 'a', ", i, ")"));
  }
  a_.Do("UPDATE foo SET b = 'u' WHERE a % 3 = 0; DELETE FROM foo WHERE a % 5 = 0");
  b_.Do("INSERT INTO foo VALUES(3, 'b', 'b')");
  const std::string before = Everything(b_, {"foo"});
  b_.Do("SAVEPOINT s");
  Send(a_, b_, 1);
  b_.Do("ROLLBACK TO s; RELEASE s");
  EXPECT_EQ(Everything(b_, {"foo"}), before);
  Send(a_, b_, 1);
  Send(b_, a_, 1);
  ExpectEqual(a_, b_, {"foo"});
}

TEST_F(ChangesetsHost, CountersStay) {
  a_.Do("INSERT INTO foo VALUES(11, 'a', 1), (12, 'a', 2); INSERT INTO foo VALUES(13, 'a', 3)");
  b_.Do("CREATE TABLE plain(x INTEGER PRIMARY KEY)");
  const std::vector<std::string> pieces = PiecesFor(b_, a_, 1);
  b_.Do("INSERT INTO plain VALUES(41), (42), (43)");
  EXPECT_EQ(MustApply(b_, pieces[0]), 0);
  EXPECT_EQ(b_.Get("SELECT changes(), last_insert_rowid()"), "3|43");
  EXPECT_EQ(MustApply(b_, pieces[1]), 2);
  EXPECT_EQ(b_.Get("SELECT changes(), last_insert_rowid()"), "3|43");
  b_.Do("BEGIN; INSERT INTO plain VALUES(50), (51)");
  EXPECT_EQ(MustApply(b_, pieces[2]), 1);
  EXPECT_EQ(b_.Get("SELECT changes(), last_insert_rowid()"), "2|51");
  b_.Do("COMMIT");
  EXPECT_EQ(b_.Get("SELECT last_insert_rowid()"), "51");
}

TEST_F(ChangesetsHost, FilesAndJournals) {
  for (const char* mode : {"WAL", "DELETE"}) {
    const TempDir dir;
    const std::string path = dir.File("b.db");
    Db::Options options{.before = absl::StrCat("PRAGMA journal_mode = ", mode)};
    a_.Do(
        "INSERT OR REPLACE INTO foo VALUES(1, 'a', 1), (2, 'a', 2); UPDATE foo SET b = 'z' WHERE a "
        "= 2");
    std::vector<std::string> pieces;
    {
      Db b(path, options);
      b.Do(kFoo);
      pieces = PiecesFor(b, a_, 1);
      MustApply(b, pieces[0]);
      EXPECT_EQ(b.Close(), SQLITE_OK);
    }
    Db b(path, options), other(path, options);
    for (const std::string& p : PiecesFor(other, a_, 1)) MustApply(b, p);
    ExpectEqual(a_, b, {"foo"});
    ExpectEqual(a_, other, {"foo"});
    EXPECT_TRUE(PiecesFor(other, a_).empty());
  }
}

TEST_F(ChangesetsHost, TwoConnectionsApplyInTurns) {
  const TempDir dir;
  Db b1(dir.File("b.db")), b2(dir.File("b.db"));
  b1.Do(kFoo);
  a_.Do("INSERT INTO foo VALUES(1, 'a', 1), (2, 'a', 2), (3, 'a', 3)");
  for (int i = 4; i < 9; i++) a_.Do(absl::StrCat("INSERT INTO foo VALUES(", i, ", 'a', ", i, ")"));
  const std::vector<std::string> pieces = PiecesFor(b1, a_, 1);
  for (size_t i = 0; i < pieces.size(); i++) {
    Db& db = i % 2 == 0 ? b1 : b2;
    MustApply(db, pieces[i]);
    db.Do(absl::StrCat("INSERT INTO foo VALUES(", 100 + i, ", 'b', 0)"));
  }
  Send(b2, a_);
  ExpectEqual(a_, b1, {"foo"});
  ExpectEqual(a_, b2, {"foo"});
  EXPECT_TRUE(PiecesFor(b1, a_).empty());
}

TEST_F(ChangesetsHost, UserTriggers) {
  b_.Do("CREATE TABLE history(what)");
  b_.Do(
      "CREATE TRIGGER t1 AFTER INSERT ON foo BEGIN INSERT INTO history VALUES('insert ' || new.a "
      "|| "
      "' ' || crsql_internal_sync_bit()); END");
  b_.Do(
      "CREATE TRIGGER t2 AFTER UPDATE ON foo WHEN crsql_internal_sync_bit() = 0 BEGIN "
      "INSERT INTO history VALUES('own'); END");
  b_.Do("CREATE TRIGGER t3 AFTER DELETE ON foo BEGIN INSERT INTO history VALUES('delete'); END");
  a_.Do("INSERT INTO foo VALUES(1, 'a', 1), (2, 'a', 2)");
  Send(a_, b_, 1);
  a_.Do("UPDATE foo SET b = 'x'; DELETE FROM foo WHERE a = 1");
  Send(a_, b_, 1);
  EXPECT_EQ(b_.Get("SELECT * FROM history"), "'insert 1 1'\n'insert 2 1'\n'delete'");
  ExpectEqual(a_, b_, {"foo"});
  // Not from a trigger that a merge runs, nor from a schema at all.
  b_.Do("CREATE TRIGGER t4 AFTER INSERT ON foo BEGIN SELECT crsql_apply(x'00'); END");
  EXPECT_TRUE(Contains(b_.Error("INSERT INTO foo VALUES(5, 5, 5)"), "unsafe use of crsql_apply"));
}

TEST_F(ChangesetsHost, ATriggerThatRefuses) {
  b_.Do(
      "CREATE TRIGGER no BEFORE INSERT ON foo WHEN new.b = 'bad' BEGIN SELECT RAISE(ABORT, 'no "
      "such thing'); END");
  a_.Do("INSERT INTO foo VALUES(1, 'a', 1); INSERT INTO foo VALUES(2, 'bad', 1)");
  const std::string before = Everything(b_, {"foo"});
  const std::string frame = PiecesFor(b_, a_).at(0);
  EXPECT_TRUE(Contains(Apply(b_, frame).error, "no such thing"));
  EXPECT_EQ(Everything(b_, {"foo"}), before);
  // In a transaction of the host's: it has to roll back.
  b_.Do("BEGIN; SAVEPOINT s");
  EXPECT_TRUE(Contains(Apply(b_, frame).error, "no such thing"));
  b_.Do("ROLLBACK TO s; INSERT INTO foo VALUES(9, 9, 9); COMMIT");
  EXPECT_EQ(Foo(), "9|9|9");
  b_.Do("DROP TRIGGER no");
  MustApply(b_, frame);
  Send(b_, a_);
  ExpectEqual(a_, b_, {"foo"});
}

// --- constraints

constexpr char kFamily[] =
    "PRAGMA foreign_keys = ON; CREATE TABLE parent(id INTEGER PRIMARY KEY NOT NULL, n TEXT NOT "
    "NULL "
    "DEFAULT '' CHECK(length(n) < 9)); CREATE TABLE child(id INTEGER PRIMARY KEY NOT NULL, "
    "p INTEGER REFERENCES parent(id) ";

class Constraints : public ::testing::TestWithParam<const char*> {
 protected:
  static std::string Schema() {
    return absl::StrCat(kFamily, GetParam(), "); SELECT crsql_as_crr('parent'), ",
                        "crsql_as_crr('child');");
  }
  Constraints() {
    for (Db* db : {&a_, &b_}) db->Do(Schema());
    for (int i = 1; i <= 4; i++) {
      a_.Do(absl::StrCat("INSERT INTO parent VALUES(", i, ", 'p", i, "')"));
      a_.Do(absl::StrCat("INSERT INTO child VALUES(", i, ", ", i, ")"));
    }
  }
  void Converged() {
    ExpectEqual(a_, b_, {"parent", "child"});
    EXPECT_TRUE(PiecesFor(b_, a_).empty());
    EXPECT_EQ(b_.Get("PRAGMA foreign_key_check"), "");
  }
  Db a_, b_;
};

INSTANTIATE_TEST_SUITE_P(Keys, Constraints,
                         ::testing::Values("", "DEFERRABLE INITIALLY DEFERRED", "ON DELETE CASCADE",
                                           "ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED"));

TEST_P(Constraints, ChildrenBeforeTheirParents) {
  std::vector<std::string> pieces = PiecesFor(b_, a_, 1);
  ASSERT_EQ(pieces.size(), 8);
  std::reverse(pieces.begin(), pieces.end());
  MustApplyAll(b_, pieces);
  Converged();
}

TEST_P(Constraints, ChildrenBeforeTheirParentsInATransaction) {
  std::vector<std::string> pieces = PiecesFor(b_, a_, 1);
  std::reverse(pieces.begin(), pieces.end());
  b_.Do("BEGIN");
  MustApplyAll(b_, pieces);
  b_.Do("COMMIT");
  Converged();
}

TEST_P(Constraints, AChildAloneInATransaction) {
  const std::vector<std::string> pieces = PiecesFor(b_, a_, 1);
  const std::string before = Everything(b_, {"parent", "child"});
  b_.Do("BEGIN");
  MustApply(b_, pieces[1]);
  const std::string error = b_.Error("COMMIT");
  EXPECT_TRUE(Contains(error, "foreign key") || Contains(error, "FOREIGN KEY")) << error;
  if (!b_.autocommit()) b_.Do("ROLLBACK");
  EXPECT_EQ(Everything(b_, {"parent", "child"}), before);
  MustApplyAll(b_, pieces);
  Converged();
}

TEST_P(Constraints, AChildWaitsAndOthersComeInATransaction) {
  const std::vector<std::string> pieces = PiecesFor(b_, a_, 1);
  MustApply(b_, pieces[1]);  // its parent is pieces[0]
  EXPECT_EQ(b_.Get("SELECT count(*) FROM child"), "0");
  b_.Do("BEGIN");
  MustApply(b_, pieces[2]);
  EXPECT_EQ(b_.Error("COMMIT"), "");
  if (!b_.autocommit()) b_.Do("ROLLBACK");
  EXPECT_EQ(b_.Get("SELECT count(*) FROM parent"), "1");
  MustApplyAll(b_, pieces);
  Converged();
}

TEST_P(Constraints, ALargeTransactionWhoseParentComesLater) {
  Db c;
  c.Do(Schema());
  Send(a_, c);
  c.Do("INSERT INTO child VALUES(11, 1), (12, 2), (13, 3)");
  const std::vector<std::string> pieces = PiecesFor(b_, c, 1);
  ASSERT_EQ(pieces.size(), 11);
  // The children of c's transaction before what they refer to.
  const bool c_first =
      c.One("SELECT crsql_site_id()").bytes < a_.One("SELECT crsql_site_id()").bytes;
  std::vector<std::string> order = pieces;
  if (!c_first) std::rotate(order.begin(), order.begin() + 8, order.end());
  for (size_t i = 0; i < order.size(); i++) {
    MustApply(b_, order[i]);
    const int64_t n = b_.Int("SELECT count(*) FROM child WHERE id > 10");
    EXPECT_TRUE(n == 0 || n == 3) << n;
  }
  ExpectEqual(b_, c, {"parent", "child"});
  EXPECT_TRUE(PiecesFor(b_, c).empty());
}

TEST_P(Constraints, AParentThatNobodyHas) {
  Send(a_, b_);
  a_.Do("DELETE FROM child WHERE id = 1; DELETE FROM parent WHERE id = 1");
  b_.Do("INSERT INTO child VALUES(9, 1)");
  // a deleted the parent that b's new child refers to.
  const Outcome into_b = Apply(b_, PiecesFor(b_, a_).at(0));
  const std::vector<std::string> pieces = PiecesFor(a_, b_, 1);
  const std::string before = Everything(a_, {"parent", "child"});
  const Outcome into_a = Apply(a_, pieces.at(0));
  EXPECT_FALSE(into_a.ok() && into_a.rows[0][0].integer == 0) << "accepted, and not there";
  if (!into_a.ok()) {
    EXPECT_TRUE(Contains(into_a.error, "foreign key") || Contains(into_a.error, "FOREIGN KEY"));
    EXPECT_EQ(Everything(a_, {"parent", "child"}), before);
  }
  if (into_b.ok()) {
    EXPECT_EQ(b_.Get("PRAGMA foreign_key_check"), "");
  } else {
    EXPECT_TRUE(Contains(into_b.error, "foreign key") || Contains(into_b.error, "FOREIGN KEY"));
  }
}

TEST_F(ChangesetsHost, ChecksOverCellsOfSeveralAuthors) {
  // Each author's change holds; b may see one of them first.
  const std::string schema =
      "CREATE TABLE span(id INTEGER PRIMARY KEY NOT NULL, lo NOT NULL DEFAULT 0, hi NOT NULL "
      "DEFAULT "
      "0, CHECK(lo <= hi)); SELECT crsql_as_crr('span');";
  Db a, b, c;
  for (Db* db : {&a, &b, &c}) db->Do(schema);
  a.Do("INSERT INTO span VALUES(1, 1, 2)");
  Send(a, b);
  a.Do("UPDATE span SET hi = 20");
  a.Do("UPDATE span SET lo = 10");
  for (const bool in_transaction : {false, true}) {
    Db d;
    d.Do(schema);
    Send(b, d);
    std::vector<std::string> pieces = PiecesFor(d, a, 1);
    ASSERT_EQ(pieces.size(), 2);
    if (in_transaction) d.Do("BEGIN");
    MustApply(d, pieces[1]);
    MustApply(d, pieces[0]);
    if (in_transaction) d.Do("COMMIT");
    ExpectEqual(a, d, {"span"});
    EXPECT_TRUE(PiecesFor(d, a).empty());
  }
  // A violation that stays: an error, and nothing changed.
  b.Do("UPDATE span SET hi = 5");
  b.Do("UPDATE span SET hi = 6");
  const std::string before = Everything(b, {"span"});
  const Outcome outcome = Apply(b, PiecesFor(b, a).at(0));
  EXPECT_TRUE(Contains(outcome.error, "CHECK constraint failed")) << outcome.error;
  EXPECT_EQ(Everything(b, {"span"}), before);
}

TEST_F(ChangesetsHost, IncompleteRowsIntoNotNull) {
  const std::string schema =
      "CREATE TABLE n(id INTEGER PRIMARY KEY NOT NULL, x TEXT NOT NULL, y INT NOT NULL) STRICT; "
      "SELECT "
      "crsql_as_crr('n');";
  Db a, b, c;
  for (Db* db : {&a, &b, &c}) db->Do(schema);
  a.Do("INSERT INTO n VALUES(1, 'x', 1)");
  Send(a, b);
  b.Do("UPDATE n SET y = 2");
  // c gets b's cell before a's.
  std::vector<std::string> pieces = PiecesFor(c, b, 1);
  ASSERT_EQ(pieces.size(), 2);
  for (const std::string& p : pieces) {
    Db d;
    d.Do(schema);
    MustApply(d, p);
    for (const std::string& q : pieces) MustApply(d, q);
    ExpectEqual(b, d, {"n"});
  }
  MustApply(c, pieces[1]);
  MustApply(c, pieces[0]);
  ExpectEqual(b, c, {"n"});
}

}  // namespace
}  // namespace tributary::testing
