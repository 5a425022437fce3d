// User triggers, foreign keys and their cascades, for local writes and in merges (T13).
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/ext/ext_test.h"

namespace tributary::testing {
namespace {

class UserTriggers : public FooTest {};

// The same trigger made before and after crsql_as_crr: SQLite fires them in different orders.
class TriggerOrder : public ::testing::TestWithParam<bool> {
 protected:
  void Make(Db& db, const std::string& tables, const std::string& upgrade,
            const std::string& triggers) {
    db.Do(tables);
    if (GetParam()) db.Do(triggers);
    db.Do(upgrade);
    if (!GetParam()) db.Do(triggers);
  }
};

TEST_P(TriggerOrder, ATriggerThatChangesTheSameRow) {
  Db a, b;
  for (Db* db : {&a, &b}) {
    Make(*db, "CREATE TABLE foo(a INTEGER PRIMARY KEY, b, c)", "SELECT crsql_as_crr('foo')",
         "CREATE TRIGGER u1 AFTER INSERT ON foo WHEN crsql_internal_sync_bit() = 0 BEGIN"
         " UPDATE foo SET c = 'inserted' WHERE a = NEW.a; END;"
         "CREATE TRIGGER u2 AFTER UPDATE OF b ON foo WHEN crsql_internal_sync_bit() = 0 BEGIN"
         " UPDATE foo SET c = c || '+' WHERE a = NEW.a; END");
  }
  a.Do(
      "INSERT INTO foo VALUES(1, 0, 0), (2, 0, 0); UPDATE foo SET b = 1; REPLACE INTO foo "
      "VALUES(2, 5, 5); BEGIN; DELETE FROM foo WHERE a = 1; INSERT INTO foo VALUES(1, 7, 7);"
      "UPDATE foo SET b = 8; COMMIT");
  EXPECT_EQ(a.Get("SELECT * FROM foo"), "1|8|'inserted+'\n2|8|'inserted+'");
  EXPECT_EQ(a.Get("SELECT count(*) FROM (SELECT db_version, seq FROM crsql_changes GROUP BY 1, 2)"),
            a.Get("SELECT count(*) FROM crsql_changes"))
      << "no seq twice";
  EXPECT_EQ(ApplyChanges(b, ReadChanges(a)), "");
  ExpectEqual(a, b, {"foo"});
  b.Do("UPDATE foo SET b = 9");
  EXPECT_EQ(ApplyChanges(a, ReadChanges(b)), "");
  ExpectEqual(a, b, {"foo"});
  EXPECT_EQ(a.Get("SELECT c FROM foo"), "'inserted++'\n'inserted++'");
}

TEST_P(TriggerOrder, ATriggerThatDeletesOrMovesTheSameRow) {
  Db a, b;
  for (Db* db : {&a, &b}) {
    Make(*db, "CREATE TABLE foo(a INTEGER PRIMARY KEY, b, c)", "SELECT crsql_as_crr('foo')",
         "CREATE TRIGGER u1 AFTER INSERT ON foo WHEN NEW.b = 'gone' AND crsql_internal_sync_bit() ="
         " 0 BEGIN DELETE FROM foo WHERE a = NEW.a; END;"
         "CREATE TRIGGER u2 AFTER UPDATE OF b ON foo WHEN NEW.b = 'move' AND "
         "crsql_internal_sync_bit() = 0 BEGIN UPDATE foo SET a = a + 100 WHERE a = NEW.a; END");
  }
  a.Do(
      "INSERT INTO foo VALUES(1, 'gone', 0), (2, 'stay', 0); UPDATE foo SET b = 'move', c = 1;"
      "BEGIN; INSERT INTO foo VALUES(3, 'x', 0); UPDATE foo SET b = 'move' WHERE a = 3; COMMIT");
  EXPECT_EQ(a.Get("SELECT * FROM foo"), "102|'move'|1\n103|'move'|0");
  EXPECT_EQ(ApplyChanges(b, ReadChanges(a)), "");
  ExpectEqual(a, b, {"foo"});
}

TEST_P(TriggerOrder, ATriggerThatWritesAnotherReplicatedTable) {
  Db a, b;
  for (Db* db : {&a, &b}) {
    Make(*db,
         "CREATE TABLE foo(a INTEGER PRIMARY KEY, b, c);"
         "CREATE TABLE audit(id TEXT PRIMARY KEY, what, n INTEGER NOT NULL DEFAULT 0)",
         "SELECT crsql_as_crr('foo'), crsql_as_crr('audit')",
         "CREATE TRIGGER u1 AFTER UPDATE ON foo WHEN crsql_internal_sync_bit() = 0 BEGIN"
         " INSERT INTO audit(id, what, n) VALUES('row' || NEW.a, NEW.b, 1)"
         " ON CONFLICT(id) DO UPDATE SET what = excluded.what, n = n + 1; END;"
         "CREATE TRIGGER u2 AFTER DELETE ON foo WHEN crsql_internal_sync_bit() = 0 BEGIN"
         " INSERT OR REPLACE INTO audit VALUES('row' || OLD.a, 'deleted', -1); END");
  }
  a.Do(
      "INSERT INTO foo VALUES(1, 0, 0), (2, 0, 0); UPDATE foo SET b = 5; UPDATE foo SET b = 6;"
      "DELETE FROM foo WHERE a = 2");
  EXPECT_EQ(a.Get("SELECT * FROM audit"), "'row1'|6|2\n'row2'|'deleted'|-1");
  EXPECT_EQ(ApplyChanges(b, ReadChanges(a)), "");
  ExpectEqual(a, b, {"foo", "audit"});
}

// In a merge user triggers run with the sync bit at 1, and what they write is not tracked.
TEST_P(TriggerOrder, TriggersRunInMerges) {
  Db db;
  Make(db, "CREATE TABLE foo(a INTEGER PRIMARY KEY, b, c); CREATE TABLE log(what)",
       "SELECT crsql_as_crr('foo')",
       "CREATE TRIGGER l1 AFTER INSERT ON foo BEGIN INSERT INTO log VALUES('insert ' || NEW.a || "
       "crsql_internal_sync_bit()); END;"
       "CREATE TRIGGER l2 AFTER UPDATE ON foo BEGIN INSERT INTO log VALUES('update ' || NEW.a || "
       "crsql_internal_sync_bit()); END;"
       "CREATE TRIGGER l3 AFTER DELETE ON foo BEGIN INSERT INTO log VALUES('delete ' || OLD.a || "
       "crsql_internal_sync_bit()); END;"
       "CREATE TRIGGER l4 BEFORE INSERT ON foo BEGIN INSERT INTO log VALUES('before'); END");
  db.Do("INSERT INTO foo VALUES(5, 0, 0)");
  EXPECT_EQ(db.Get("SELECT * FROM log"), "'before'\n'insert 50'");
  db.Do("DELETE FROM log");
  EXPECT_EQ(MergeText(db, "foo 010901 b 1 1 1 S1 1 0"), "");
  EXPECT_EQ(db.Get("SELECT * FROM log WHERE what GLOB 'insert*'"), "'insert 11'");
  EXPECT_EQ(MergeText(db, "foo 010901 c 1 1 1 S1 1 1"), "");
  EXPECT_EQ(db.Get("SELECT * FROM log WHERE what GLOB 'update*'"), "'update 11'");
  EXPECT_EQ(MergeText(db, "foo 010901 -1 NULL 2 2 S1 2 0"), "");
  EXPECT_EQ(db.Get("SELECT * FROM log WHERE what GLOB 'delete*'"), "'delete 11'");
  db.Do("DELETE FROM log");
  EXPECT_EQ(MergeText(db, "foo 010901 b 9 1 1 S1 1 0\nfoo 010905 b 0 1 1 S1 1 0"), "");
  EXPECT_EQ(db.Get("SELECT * FROM log"), "") << "losers and ties fire nothing";
}

INSTANTIATE_TEST_SUITE_P(All, TriggerOrder, ::testing::Bool(), [](const auto& tested) {
  return std::string(tested.param ? "MadeBefore" : "MadeAfter");
});

TEST_F(UserTriggers, RecursiveTriggers) {
  db_.Do(
      "PRAGMA recursive_triggers = 1; CREATE TRIGGER r AFTER UPDATE OF b ON foo WHEN NEW.b < 5 "
      "AND crsql_internal_sync_bit() = 0 BEGIN UPDATE foo SET b = b + 1 WHERE a = NEW.a; END;"
      "INSERT INTO foo VALUES(1, 9, 0); UPDATE foo SET b = 0");
  EXPECT_EQ(Changes(), "foo 010901 c 0 1 1 me 1 1\nfoo 010901 b 5 7 2 me 1 5");
}

TEST_F(UserTriggers, RaiseIgnoreAndRollback) {
  db_.Do(
      "CREATE TRIGGER i BEFORE INSERT ON foo WHEN NEW.b = 'ignore' BEGIN SELECT RAISE(IGNORE); "
      "END; CREATE TRIGGER r AFTER INSERT ON foo WHEN NEW.b = 'rollback' BEGIN SELECT "
      "RAISE(ROLLBACK, 'rolled back'); END");
  db_.Do("INSERT INTO foo VALUES(1, 'ignore', 0), (2, 'x', 0)");
  db_.Do("BEGIN; INSERT INTO foo VALUES(5, 'lost', 0)");
  EXPECT_EQ(db_.Error("INSERT INTO foo VALUES(6, 'rollback', 0)"), "rolled back");
  EXPECT_TRUE(db_.autocommit());
  EXPECT_EQ(db_.Get("SELECT hex(pk), db_version FROM crsql_changes WHERE cid = 'b'"), "'010902'|1");
  db_.Do("INSERT INTO foo VALUES(7, 'z', 0)");
  EXPECT_EQ(db_.Int("SELECT crsql_db_version()"), 2);
}

// RAISE(FAIL) keeps the row but ends the statement before triggers that come later. Known limit: if
// the user's trigger is newer than ours, the row is not captured. crsql_check() says so, and
// writing it again heals it.
TEST_F(UserTriggers, RaiseFail) {
  db_.Do(
      "CREATE TRIGGER f AFTER INSERT ON foo WHEN NEW.b = 'fail' BEGIN SELECT RAISE(FAIL, "
      "'failed'); END; INSERT INTO foo VALUES(2, 'x', 0)");
  EXPECT_EQ(db_.Error("INSERT INTO foo VALUES(3, 'y', 0), (4, 'fail', 0)"), "failed");
  EXPECT_EQ(Foo(), "2|'x'|0\n3|'y'|0\n4|'fail'|0");
  EXPECT_EQ(db_.Get("SELECT hex(pk), db_version FROM crsql_changes WHERE cid = 'b'"),
            "'010902'|1\n'010903'|2");
  EXPECT_TRUE(Contains(db_.Get("SELECT problem FROM crsql_check()"), "was never recorded"));
  db_.Do("DELETE FROM foo WHERE a = 4; INSERT INTO foo VALUES(4, 'z', 0)");
  EXPECT_TRUE(Contains(Changes(), "foo 010904 b 'z'"));
}

TEST_F(UserTriggers, InsteadOfTriggersOnViews) {
  db_.Do(
      "CREATE VIEW v AS SELECT a, b FROM foo; CREATE TRIGGER vi INSTEAD OF INSERT ON v BEGIN "
      "INSERT INTO foo VALUES(NEW.a, NEW.b, 'via view'); END; INSERT INTO v VALUES(1, 2)");
  EXPECT_EQ(Changes(), "foo 010901 b 2 1 1 me 1 0\nfoo 010901 c 'via view' 1 1 me 1 1");
}

// --- foreign keys
// ---------------------------------------------------------------------------------

constexpr char kFamily[] =
    "PRAGMA foreign_keys = 1;"
    "CREATE TABLE p(k INTEGER PRIMARY KEY, v);"
    "CREATE TABLE cascading(k INTEGER PRIMARY KEY,"
    " p INTEGER REFERENCES p ON DELETE CASCADE ON UPDATE CASCADE);"
    "CREATE TABLE nulling(k INTEGER PRIMARY KEY,"
    " p INTEGER REFERENCES p ON DELETE SET NULL ON UPDATE SET NULL);"
    "CREATE TABLE defaulting(k INTEGER PRIMARY KEY,"
    " p INTEGER DEFAULT 0 REFERENCES p ON DELETE SET DEFAULT);"
    "CREATE TABLE plain(k INTEGER PRIMARY KEY, p INTEGER NOT NULL REFERENCES p);"
    "SELECT crsql_as_crr('p'), crsql_as_crr('cascading'), crsql_as_crr('nulling'),"
    " crsql_as_crr('defaulting'), crsql_as_crr('plain')";
constexpr std::initializer_list<const char*> kFamilyTables = {"p", "cascading", "nulling",
                                                              "defaulting", "plain"};

class ForeignKeys : public ::testing::Test {
 protected:
  ForeignKeys() {
    for (Db* db : {&a_, &b_}) db->Do(kFamily);
    a_.Do(
        "INSERT INTO p VALUES(0, 'zero'), (1, 'one'), (2, 'two'), (3, 'three');"
        "INSERT INTO cascading VALUES(1, 1), (2, 2); INSERT INTO nulling VALUES(1, 1), (2, 2);"
        "INSERT INTO defaulting VALUES(1, 1); INSERT INTO plain VALUES(1, 3)");
    SyncAll({&a_, &b_});
  }
  Db a_, b_;
};

TEST_F(ForeignKeys, CascadesOfLocalWritesTravel) {
  a_.Do("DELETE FROM p WHERE k = 1; UPDATE p SET k = 20 WHERE k = 2");
  EXPECT_EQ(a_.Get("SELECT * FROM cascading"), "2|20");
  EXPECT_EQ(a_.Get("SELECT * FROM nulling"), "1|NULL\n2|NULL");
  EXPECT_EQ(a_.Get("SELECT * FROM defaulting"), "1|0");
  EXPECT_EQ(ApplyChanges(b_, ReadChanges(a_)), "");
  ExpectEqual(a_, b_, kFamilyTables);
}

// A merge fires cascades, too; what they do was also done by the author and arrives with it.
TEST_F(ForeignKeys, CascadesInMergesDoNotDiverge) {
  a_.Do("DELETE FROM p WHERE k = 1");
  b_.Do("INSERT INTO cascading VALUES(7, 2); UPDATE nulling SET p = 2 WHERE k = 1");
  SyncAll({&a_, &b_});
  ExpectEqual(a_, b_, kFamilyTables);
}

// Captured writes are flushed when they become many, but not those of a merge that is being
// flushed.
TEST_F(ForeignKeys, ACascadeInAMergeMayBeLarge) {
  for (Db* db : {&a_, &b_}) {
    db->Do(
        "CREATE TABLE kin(k TEXT PRIMARY KEY, p INTEGER REFERENCES p ON DELETE CASCADE);"
        "SELECT crsql_as_crr('kin')");
  }
  b_.Do(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) "
      "INSERT INTO kin SELECT hex(zeroblob(5000)) || i, 1 FROM n");
  a_.Do("DELETE FROM plain; DELETE FROM p WHERE k > 0");
  EXPECT_EQ(ApplyChanges(b_, ReadChanges(a_)), "");
  EXPECT_EQ(b_.Get("SELECT (SELECT count(*) FROM kin), (SELECT count(*) FROM p)"), "0|1");
  SyncAll({&a_, &b_});
  ExpectEqual(a_, b_, kFamilyTables);
  ExpectEqual(a_, b_, {"kin"});
}

// The same where each statement of the cascade has a savepoint, and user triggers look at changes.
TEST_F(ForeignKeys, ACascadeInAMergeOfOneStatement) {
  a_.Do("DELETE FROM p WHERE k IN (1, 2)");
  b_.Do("CREATE TEMP TABLE incoming AS SELECT * FROM crsql_changes WHERE 0");
  for (const Change& c : ReadChanges(a_)) {
    b_.Do("INSERT INTO incoming VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
          {Cell::Text(c.table), Cell::Blob(c.pk), Cell::Text(c.cid), c.value,
           Cell::Integer(c.col_version), Cell::Integer(c.db_version), Cell::Blob(c.site),
           Cell::Integer(c.cl), Cell::Integer(c.seq)});
  }
  b_.Do(
      "INSERT INTO cascading VALUES(7, 1), (8, 2), (9, 2); UPDATE nulling SET p = 2;"
      "CREATE TABLE seen(n); CREATE TRIGGER look AFTER DELETE ON cascading BEGIN "
      "INSERT INTO seen SELECT count(*) FROM crsql_changes; END;"
      "CREATE TRIGGER look2 AFTER UPDATE ON nulling BEGIN INSERT INTO seen SELECT 1; END;");
  b_.Do("INSERT INTO crsql_changes SELECT * FROM incoming");
  SyncAll({&a_, &b_});
  ExpectEqual(a_, b_, kFamilyTables);
}

TEST_F(ForeignKeys, ChildrenMayComeFirst) {
  a_.Do("INSERT INTO p VALUES(9, 'nine'); INSERT INTO plain VALUES(9, 9)");
  std::vector<Change> changes = ReadChanges(a_);
  std::reverse(changes.begin(), changes.end());
  EXPECT_EQ(ApplyChanges(b_, changes), "");
  ExpectEqual(a_, b_, kFamilyTables);
}

TEST_F(ForeignKeys, ADanglingReferenceFailsTheMergeAsAWhole) {
  a_.Do("DELETE FROM plain; DELETE FROM p WHERE k = 3");
  const std::string digest = b_.Get("SELECT crsql_digest()");
  const std::string rows = TableText(b_, "plain");
  // In autocommit, in one statement.
  const std::string error = MergeText(b_, "plain 010905 p 99 1 9 S1 1 0");
  EXPECT_TRUE(Contains(error, "plain")) << "the child";
  EXPECT_TRUE(Contains(error, "'p'") || Contains(error, "\"p\"") || Contains(error, " p"))
      << "the parent: " << error;
  EXPECT_TRUE(b_.autocommit());
  EXPECT_EQ(b_.Get("SELECT crsql_digest()"), digest);
  EXPECT_EQ(TableText(b_, "plain"), rows);
  EXPECT_EQ(b_.Get("SELECT crsql_internal_sync_bit()"), "0");
  // In a transaction of the caller's: the commit fails, at the latest.
  b_.Do("BEGIN");
  std::string later = MergeText(b_, "plain 010905 p 99 1 9 S1 1 0");
  if (later.empty()) later = b_.Error("COMMIT");
  EXPECT_NE(later, "");
  if (!b_.autocommit()) b_.Do("ROLLBACK");
  EXPECT_EQ(b_.Get("SELECT crsql_digest()"), digest);
  // A delete of a parent whose child lives on here only.
  b_.Do("INSERT INTO plain VALUES(8, 3)");
  const std::string before = b_.Get("SELECT crsql_digest()");
  EXPECT_TRUE(Contains(ApplyChanges(b_, ReadChanges(a_)), "plain"));
  EXPECT_EQ(b_.Get("SELECT crsql_digest()"), before);
  b_.Do("DELETE FROM plain WHERE k = 8");
  SyncAll({&a_, &b_});
  ExpectEqual(a_, b_, kFamilyTables);
}

TEST_F(ForeignKeys, NothingIsCheckedWhenEnforcementIsOff) {
  b_.Do("PRAGMA foreign_keys = 0");
  EXPECT_EQ(MergeText(b_, "plain 010905 p 99 1 9 S1 1 0"), "");
  EXPECT_EQ(b_.Get("SELECT p FROM plain WHERE k = 5"), "99");
}

// A dangling reference that was there before is not this merge's fault.
TEST_F(ForeignKeys, OldDanglingReferencesDoNotBlock) {
  b_.Do("PRAGMA foreign_keys = 0; INSERT INTO plain VALUES(50, 500); PRAGMA foreign_keys = 1");
  EXPECT_EQ(MergeText(b_, "p 010909 v 'nine' 1 9 S1 1 0"), "");
  EXPECT_EQ(b_.Get("SELECT v FROM p WHERE k = 9"), "'nine'");
}

TEST_F(ForeignKeys, TheHostsDeferralIsKept) {
  EXPECT_EQ(b_.Get("PRAGMA defer_foreign_keys"), "0");
  b_.Do("BEGIN");
  EXPECT_EQ(MergeText(b_, "p 010909 v 'nine' 1 9 S1 1 0"), "");
  b_.Do("COMMIT; BEGIN");
  EXPECT_EQ(b_.Error("INSERT INTO plain VALUES(60, 600)"), "FOREIGN KEY constraint failed")
      << "immediate again";
  b_.Do("ROLLBACK");
  EXPECT_EQ(b_.Get("PRAGMA foreign_keys"), "1");
}

// SQLite 3.40 gives a parent's key the affinity of the child's column while it looks for children,
// and triggers then see OLD with that.
TEST_F(ForeignKeys, AParentsKeyKeepsItsType) {
  Db db;
  db.Do(
      "PRAGMA foreign_keys = 1; CREATE TABLE p(k TEXT PRIMARY KEY, v TEXT); CREATE TABLE c(k "
      "INTEGER PRIMARY KEY, p NUMERIC REFERENCES p ON UPDATE SET NULL); CREATE INDEX i ON c(p);"
      "SELECT crsql_as_crr('p'); INSERT INTO p VALUES('2', '5'), ('3', '5'), ('4', '5');"
      "DELETE FROM p WHERE k = '2'; UPDATE p SET k = '7' WHERE k = '3'; UPDATE p SET v = '6' "
      "WHERE k = '4'");
  EXPECT_EQ(ChangesText(db),
            "p 010b0132 -1 NULL 2 2 me 2 0\np 010b0133 -1 NULL 2 3 me 2 0\n"
            "p 010b0137 -1 NULL 1 3 me 1 1\np 010b0137 v '5' 2 3 me 1 2\n"
            "p 010b0134 v '6' 2 4 me 1 0");
}

}  // namespace
}  // namespace tributary::testing
