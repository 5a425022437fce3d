// ALTER TABLE of replicated tables outside crsql_begin_alter: the next write notices (T3, T16).
#include "tests/ext/ext_test.h"

namespace tributary::testing {
namespace {

constexpr char kAddD[] = "ALTER TABLE foo ADD COLUMN d DEFAULT 7";
constexpr char kAgain[] = "SELECT crsql_as_crr('foo')";

class Alter : public FooTest {
 protected:
  Alter() { peer_.Do(kFoo); }
  ~Alter() override { EXPECT_EQ(peer_.Get("SELECT * FROM crsql_check()"), ""); }
  void Both(std::string_view sql) {
    db_.Do(sql);
    peer_.Do(sql);
  }
  void Sync() { SyncAll({&db_, &peer_}); }
  void SyncAndExpectEqual() {
    Sync();
    ExpectEqual(db_, peer_, {"foo"});
  }

  Db peer_;
};

TEST_F(Alter, RenameColumn) {
  db_.Do(
      "INSERT INTO foo VALUES(1, 2, 3), (2, 2, 3); UPDATE foo SET b = 4 WHERE a = 1;"
      "ALTER TABLE foo RENAME COLUMN b TO bb; ALTER TABLE foo RENAME COLUMN a TO k");
  EXPECT_EQ(Changes(),
            "foo 010901 c 3 1 1 me 1 1\nfoo 010902 bb 2 1 1 me 1 2\nfoo 010902 c 3 1 1 me 1 3\n"
            "foo 010901 bb 4 2 2 me 1 0");
  db_.Do("UPDATE foo SET bb = 5 WHERE k = 2; UPDATE foo SET k = 3 WHERE k = 2");
  EXPECT_EQ(Merge("foo 010901 b 8 8 8 S1 1 0\nfoo 010901 bb 9 9 9 S1 1 0"), "");
  peer_.Do("ALTER TABLE foo RENAME b TO bb; ALTER TABLE foo RENAME a TO k");
  Sync();
  EXPECT_EQ(TableText(peer_, "foo"), "1|9|3\n3|5|3");
  ExpectEqual(db_, peer_, {"foo"});
}

TEST_F(Alter, RenameInsideATransaction) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3); BEGIN");
  EXPECT_EQ(Merge("foo 010901 b 4 2 9 S1 1 0"), "");
  db_.Do("UPDATE foo SET c = 5; ALTER TABLE foo RENAME COLUMN b TO bb");
  EXPECT_EQ(ChangesText(db_, "cid = 'bb'"), "foo 010901 bb 4 2 9 S1 1 0");
  EXPECT_EQ(Merge("foo 010901 bb 6 3 10 S1 1 0"), "");
  db_.Do("ALTER TABLE foo RENAME COLUMN bb TO bbb");
  EXPECT_EQ(Merge("foo 010901 bbb 7 4 11 S1 1 0"), "");
  db_.Do("UPDATE foo SET bbb = 8; COMMIT");
  EXPECT_EQ(Changes(), "foo 010901 c 5 2 2 me 1 0\nfoo 010901 bbb 8 5 2 me 1 1");
}

// A connection that has only read so far prepares its first write after the change.
TEST_F(Alter, NoticedByAReadersFirstWrite) {
  TempDir dir;
  Db writer(dir.File("x.db"));
  writer.Do(kFoo);
  writer.Do("INSERT INTO foo VALUES(1, 2, 3)");
  Db reader(dir.File("x.db"));
  const std::string before = reader.Get("SELECT crsql_digest()");
  writer.Do(kAddD);
  writer.Do(kAgain);
  writer.Do("ALTER TABLE foo ADD COLUMN e");
  writer.Do(kAgain);
  reader.Do("UPDATE foo SET e = 9 WHERE a = 1; INSERT INTO foo VALUES(2, 2, 3, 4, 5)");
  EXPECT_NE(reader.Get("SELECT crsql_digest()"), before);
  EXPECT_EQ(ChangesText(reader), ChangesText(writer));
  EXPECT_TRUE(Contains(ChangesText(reader), "foo 010901 e 9 2 2 me 1 0"));
}

// The first write notices, of whatever kind it is, and captures the new column's cells.
TEST_F(Alter, AddColumn) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3), (2, 3, 4)");
  const std::string before = Changes();
  db_.Do(kAddD);
  EXPECT_EQ(Changes(), before);
  EXPECT_EQ(db_.Int("SELECT crsql_db_version()"), 1);
  db_.Do("UPDATE foo SET b = 5, d = 8 WHERE a = 1");
  EXPECT_EQ(ChangesText(db_, "db_version = 2"),
            "foo 010901 b 5 2 2 me 1 0\nfoo 010901 d 8 1 2 me 1 1");
  EXPECT_TRUE(Contains(db_.Get("SELECT sql FROM sqlite_schema WHERE name = 'foo__crsql_utrig'"),
                       "NEW.\"d\""));
  db_.Do(
      "INSERT INTO foo VALUES(3, 4, 5, 9); DELETE FROM foo WHERE a = 2; UPDATE foo SET d = 10 "
      "WHERE a = 3");
  peer_.Do(kAddD);
  SyncAndExpectEqual();
  EXPECT_EQ(Foo(), "1|5|3|8\n3|4|5|10");
}

TEST_F(Alter, AddColumnThenOnlyThatIsUpdated) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3), (2, 3, 4)");
  db_.Do(kAddD);
  const std::string before = Changes();
  db_.Do("UPDATE foo SET d = 7");  // its default
  EXPECT_EQ(Changes(), before);
  db_.Do("ALTER TABLE foo ADD COLUMN e; UPDATE foo SET d = 8, e = 2 WHERE a = 2");
  EXPECT_EQ(ChangesText(db_, "cid IN ('d', 'e')"),
            "foo 010902 d 8 2 3 me 1 0\nfoo 010902 e 2 1 3 me 1 1");
}

TEST_F(Alter, AddColumnThenTheFirstWriteIsAMerge) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3)");
  db_.Do(kAddD);
  EXPECT_EQ(Merge("foo 010901 d 6 2 2 S1 1 0\nfoo 010904 d 6 1 2 S1 1 1"), "");
  EXPECT_EQ(Foo(), "1|2|3|6\n4|NULL|NULL|6");
  db_.Do("UPDATE foo SET d = 9 WHERE a = 1");
  EXPECT_EQ(ChangesText(db_, "cid = 'd' AND pk = x'010901'"), "foo 010901 d 9 3 2 me 1 0");
  peer_.Do(kAddD);
  SyncAndExpectEqual();
}

// The transaction that alters the table writes it, too, before and after.
TEST_F(Alter, AddColumnInsideATransaction) {
  for (const char* write :
       {"UPDATE foo SET d = 8", "UPDATE foo SET d = 8, b = 9", "UPDATE foo SET a = a + 10, d = 8",
        "UPDATE foo SET d = 8; UPDATE foo SET d = 9", "UPDATE foo SET d = 8; UPDATE foo SET d = 7",
        "INSERT INTO foo VALUES(3, 3, 3, 3); UPDATE foo SET d = 4",
        "UPDATE foo SET d = 8; DELETE FROM foo WHERE a = 2",
        "UPDATE foo SET d = 8; SAVEPOINT s; UPDATE foo SET d = 5; ROLLBACK TO s",
        "UPDATE foo SET d = 8; SELECT count(*) FROM crsql_changes; UPDATE foo SET d = 5"}) {
    SCOPED_TRACE(write);
    Db a;
    Db b;
    a.Do(kFoo);
    b.Do(kFoo);
    a.Do("INSERT INTO foo VALUES(1, 2, 3), (2, 3, 4)");
    b.Do("INSERT INTO foo VALUES(2, 5, 5)");
    a.Do("BEGIN; UPDATE foo SET c = 5");
    a.Do(kAddD);
    a.Do(write);
    a.Do("COMMIT");
    b.Do(kAddD);
    SyncAll({&a, &b});
    ExpectEqual(a, b, {"foo"});
    EXPECT_EQ(a.Get("SELECT * FROM crsql_check()"), "");
    a.Do("UPDATE foo SET d = 20");
    SyncAll({&a, &b});
    ExpectEqual(a, b, {"foo"});
    EXPECT_EQ(b.Get("SELECT DISTINCT d FROM foo"), "20");
  }
}

TEST_F(Alter, AddColumnAndReplicateIt) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3), (2, 3, 4), (3, 4, 5); UPDATE foo SET b = 9 WHERE a = 2");
  const std::string before = Changes();
  db_.Do(kAddD);
  db_.Do(kAgain);
  EXPECT_EQ(Changes(), before) << "the default needs no clock";
  EXPECT_EQ(db_.Int("SELECT crsql_db_version()"), 2);
  db_.Do("UPDATE foo SET d = 8 WHERE a = 1; INSERT INTO foo VALUES(4, 1, 1, 7)");
  EXPECT_EQ(ChangesText(db_, "db_version > 2"),
            "foo 010901 d 8 2 3 me 1 0\nfoo 010904 b 1 1 4 me 1 0\nfoo 010904 c 1 1 4 me 1 1\n"
            "foo 010904 d 7 1 4 me 1 2");
  // No clock: whatever comes wins.
  EXPECT_EQ(Merge("foo 010902 d 1 1 1 S1 1 0\nfoo 010903 d NULL 1 1 S1 1 1"), "");
  EXPECT_EQ(db_.Get("SELECT d FROM foo"), "8\n1\nNULL\n7");
  // col_version 1 by the log: the larger value wins, then the larger stamp.
  EXPECT_EQ(Merge("foo 010904 d 6 1 1 S1 1 2"), "");
  EXPECT_EQ(db_.Get("SELECT d FROM foo WHERE a = 4"), "7");
  EXPECT_EQ(Merge("foo 010904 d 8 1 1 S1 1 2"), "");
  EXPECT_EQ(db_.Get("SELECT d FROM foo WHERE a = 4"), "8");
  peer_.Do(kAddD);
  peer_.Do(kAgain);
  SyncAndExpectEqual();
}

// Values that were written before the column was replicated.
TEST_F(Alter, ValuesFromBeforeReplicate) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3), (2, 3, 4), (3, 4, 5); UPDATE foo SET b = 9 WHERE a = 2");
  Sync();
  db_.Do(kAddD);
  db_.Do(
      "ALTER TABLE foo ADD COLUMN e; UPDATE foo SET d = 8 WHERE a < 3; UPDATE foo SET e = 1 "
      "WHERE a > 1; INSERT INTO foo VALUES(4, 4, 4, '7', NULL)");
  const int64_t version = db_.Int("SELECT crsql_db_version()");
  db_.Do(kAgain);
  EXPECT_EQ(db_.Int("SELECT crsql_db_version()"), version) << "all is captured already";
  EXPECT_EQ(ChangesText(db_, "cid IN ('d', 'e') AND pk <> x'010904'"),
            "foo 010901 d 8 1 3 me 1 0\nfoo 010902 d 8 1 3 me 1 1\nfoo 010902 e 1 2 4 me 1 0\n"
            "foo 010903 e 1 2 4 me 1 1");
  peer_.Do(kAddD);
  peer_.Do("ALTER TABLE foo ADD COLUMN e");
  peer_.Do(kAgain);
  SyncAndExpectEqual();
  EXPECT_EQ(TableText(peer_, "foo"), "1|2|3|8|NULL\n2|9|4|8|1\n3|4|5|7|1\n4|4|4|'7'|NULL");
  // Nothing happens twice.
  const std::string before = Changes();
  Both(kAgain);
  EXPECT_EQ(Changes(), before);
}

// One replica has the column, the other not yet.
TEST_F(Alter, ReplicasAlterAtDifferentTimes) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3), (2, 3, 4)");
  Sync();
  db_.Do(kAddD);
  db_.Do(kAgain);
  peer_.Do(
      "INSERT INTO foo VALUES(3, 1, 1); UPDATE foo SET b = 5 WHERE a = 1; DELETE FROM foo "
      "WHERE a = 2; INSERT INTO foo VALUES(2, 7, 7)");
  EXPECT_EQ(ApplyChanges(db_, ReadChanges(peer_)), "");
  EXPECT_EQ(Foo(), "1|5|3|7\n2|7|7|7\n3|1|1|7");
  db_.Do("UPDATE foo SET c = 6 WHERE a = 3");
  EXPECT_EQ(ApplyChanges(peer_, ReadChanges(db_)), "") << "nothing of d has been said";
  db_.Do("UPDATE foo SET d = 8 WHERE a = 3; INSERT INTO foo VALUES(4, 0, 0, 0)");
  EXPECT_EQ(ApplyChanges(peer_, ReadChanges(db_)), "");
  EXPECT_EQ(peer_.Get("SELECT cid, count(*) FROM crsql_parked GROUP BY 1"), "'d'|2");
  peer_.Do(kAddD);
  peer_.Do("UPDATE foo SET d = 20 WHERE a < 3");
  SyncAndExpectEqual();
  EXPECT_EQ(Foo(), "1|5|3|20\n2|7|7|20\n3|1|6|8\n4|0|0|0");
}

TEST_F(Alter, BothChangeTheNewColumn) {
  Both("INSERT INTO foo VALUES(1, 2, 3), (2, 3, 4), (3, 4, 5)");
  Sync();
  Both("ALTER TABLE foo ADD COLUMN d NOT NULL DEFAULT 'x'");
  db_.Do("UPDATE foo SET d = 'y' WHERE a = 1");
  peer_.Do("UPDATE foo SET d = 'z' WHERE a < 3");
  Both(kAgain);
  db_.Do("UPDATE foo SET d = 'zz' WHERE a = 2; REPLACE INTO foo VALUES(3, 3, 3, 'x')");
  peer_.Do("UPDATE foo SET a = 4 WHERE a = 1");
  SyncAndExpectEqual();
  EXPECT_EQ(db_.Get("SELECT a, d FROM foo"), "2|'zz'\n3|'x'\n4|'z'");
  Both("ALTER TABLE foo ADD COLUMN e; ALTER TABLE foo ADD COLUMN f");
  db_.Do("INSERT INTO foo VALUES(9, 9, 9, 9, 9, 9)");
  Both(kAgain);
  peer_.Do("UPDATE foo SET b = 1, c = 1, d = 1, e = 1, f = 1; DELETE FROM foo WHERE a = 2");
  SyncAndExpectEqual();
}

// The clock of each row depends on when it was inserted, also where other columns changed since,
// and the log was cleaned of what is stale.
TEST_F(Alter, ImpliedClocksByLayout) {
  db_.Do("INSERT INTO foo VALUES(1, 1, 1), (2, 1, 1)");
  db_.Do(kAddD);
  db_.Do(kAgain);
  db_.Do("INSERT INTO foo VALUES(3, 1, 1, 7), (4, 1, 1, 7)");
  db_.Do("ALTER TABLE foo ADD COLUMN e");
  db_.Do(kAgain);
  db_.Do("INSERT INTO foo VALUES(5, 1, 1, 7, NULL)");
  db_.Do("UPDATE foo SET b = 2 WHERE a IN (2, 4); UPDATE foo SET c = 2 WHERE a IN (2, 4)");
  EXPECT_EQ(ChangesText(db_, "cid IN ('d', 'e')"),
            "foo 010903 d 7 1 2 me 1 2\nfoo 010904 d 7 1 2 me 1 5\nfoo 010905 d 7 1 3 me 1 2\n"
            "foo 010905 e NULL 1 3 me 1 3");
  for (const char* row : {"01", "02", "03", "04", "05"}) {
    EXPECT_EQ(Merge(std::string("foo 0109") + row + " d 6 1 1 S1 1 0"), "");
    EXPECT_EQ(Merge(std::string("foo 0109") + row + " e NULL 1 1 S1 1 1"), "");
  }
  EXPECT_EQ(db_.Get("SELECT d FROM foo"), "6\n6\n7\n7\n7");
  EXPECT_EQ(ChangesText(db_, "cid = 'e' AND pk <> x'010905'"),
            "foo 010901 e NULL 1 1 S1 1 1\nfoo 010902 e NULL 1 1 S1 1 1\n"
            "foo 010903 e NULL 1 1 S1 1 1\nfoo 010904 e NULL 1 1 S1 1 1");
  peer_.Do(kAddD);
  peer_.Do("ALTER TABLE foo ADD COLUMN e");
  peer_.Do(kAgain);
  SyncAndExpectEqual();
}

TEST_F(Alter, TablesOfKeysAlone) {
  Both(
      "CREATE TABLE t(a INTEGER PRIMARY KEY, b INTEGER GENERATED ALWAYS AS (a) VIRTUAL);"
      "SELECT crsql_as_crr('t')");
  db_.Do("INSERT INTO t VALUES(1), (2), (3)");
  peer_.Do("INSERT INTO t VALUES(2)");
  Both("ALTER TABLE t ADD COLUMN v DEFAULT 1; ALTER TABLE t ADD COLUMN w");
  db_.Do("UPDATE t SET v = 2 WHERE a = 1; SELECT crsql_as_crr('t')");
  const std::string sentinels =
      "t 010901 -1 NULL 1 1 me 1 0\nt 010902 -1 NULL 1 1 me 1 1\nt 010903 -1 NULL 1 1 me 1 2";
  EXPECT_EQ(ChangesText(db_), sentinels + "\nt 010901 v 2 1 2 me 1 0");
  db_.Do("UPDATE t SET v = 3, w = 3 WHERE a < 3; INSERT INTO t VALUES(4, 4, 4)");
  EXPECT_EQ(ChangesText(db_, "cid = '-1'"), sentinels);
  peer_.Do("SELECT crsql_as_crr('t'); UPDATE t SET v = 5 WHERE a = 2");
  Sync();
  ExpectEqual(db_, peer_, {"t"});
}

// What counts as the default: as the column stores it.
TEST_F(Alter, Defaults) {
  Both("INSERT INTO foo VALUES(1, 2, 3)");
  const std::string before = Changes();
  const char* columns[] = {"TEXT DEFAULT 7",        "INTEGER DEFAULT '5'", "REAL DEFAULT 1",
                           "NUMERIC DEFAULT '1e3'", "DEFAULT x'00ff'",     "DEFAULT 'it''s (1)'",
                           "DEFAULT -9.5",          "INT DEFAULT 'text'",  "DEFAULT NULL",
                           "DEFAULT TRUE",          "DEFAULT \"q\""};
  int n = 0;
  for (const char* c : columns) {
    db_.Do("ALTER TABLE foo ADD COLUMN n" + std::to_string(n++) + " " + c);
  }
  db_.Do(kAgain);
  EXPECT_EQ(Changes(), before);
  // Not the same in all rows: each cell gets a clock.
  db_.Do(
      "CREATE TABLE t(a INTEGER PRIMARY KEY); SELECT crsql_as_crr('t');"
      "ALTER TABLE t ADD COLUMN x DEFAULT (random()); ALTER TABLE t ADD COLUMN y DEFAULT "
      "CURRENT_TIMESTAMP; INSERT INTO t(a) VALUES(1), (2); SELECT crsql_as_crr('t')");
  EXPECT_EQ(db_.Get("SELECT count(*) FROM crsql_changes WHERE \"table\" = 't' AND cid <> '-1'"),
            "4");
}

TEST_F(Alter, OtherTablesAreUnaffected) {
  Both("CREATE TABLE t(k INTEGER PRIMARY KEY, v, w); SELECT crsql_as_crr('t')");
  db_.Do("INSERT INTO foo VALUES(1, 2, 3); INSERT INTO t VALUES(1, 2, 3)");
  db_.Do("ALTER TABLE t ADD COLUMN x; ALTER TABLE t RENAME COLUMN v TO vv");
  EXPECT_EQ(ChangesText(db_, "\"table\" = 'foo'"),
            "foo 010901 b 2 1 1 me 1 0\nfoo 010901 c 3 1 1 me 1 1");
  db_.Do("UPDATE foo SET b = 4; UPDATE t SET vv = 3, x = 5");
  EXPECT_EQ(Merge("foo 010901 c 6 5 5 S1 1 0"), "");
  EXPECT_EQ(ChangesText(db_, "\"table\" = 't'"),
            "t 010901 w 3 1 2 me 1 1\nt 010901 vv 3 2 4 me 1 0\nt 010901 x 5 1 4 me 1 1");
}

// SQLite does not let a column go that our update trigger names.
TEST_F(Alter, DropColumnIsRefused) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3)");
  const std::string before = Changes();
  EXPECT_TRUE(Contains(db_.Error("ALTER TABLE foo DROP COLUMN c"), "foo__crsql_utrig"));
  EXPECT_EQ(Changes(), before);
  db_.Do("UPDATE foo SET c = 4");
}

// Who removes the trigger can drop it, and goes on with the columns that are left.
TEST_F(Alter, DropColumnWithoutTheTrigger) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3), (2, 2, 3); UPDATE foo SET c = 4 WHERE a = 2");
  db_.Do("DROP TRIGGER foo__crsql_utrig; ALTER TABLE foo DROP COLUMN b");
  db_.Do(kAgain);
  EXPECT_EQ(Changes(), "foo 010901 c 3 1 1 me 1 1\nfoo 010902 c 4 2 2 me 1 0");
  db_.Do("UPDATE foo SET c = 5; INSERT INTO foo VALUES(3, 1); DELETE FROM foo WHERE a = 1");
  EXPECT_EQ(Merge("foo 010903 c 9 1 1 S1 1 1\nfoo 010904 c 9 1 1 S1 1 2"), "");
  EXPECT_EQ(Foo(), "2|5\n3|9\n4|9");
  EXPECT_EQ(Merge("foo 010903 b 9 1 1 S1 1 0"), "");
  EXPECT_EQ(db_.Get("SELECT cid, val FROM crsql_parked"), "'b'|9");
}

TEST_F(Alter, RollbackOfEverything) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3)");
  const std::string before = Changes();
  db_.Do("BEGIN; INSERT INTO foo VALUES(2, 3, 4)");
  db_.Do(kAddD);
  db_.Do("UPDATE foo SET d = 8; UPDATE foo SET b = 1 WHERE a = 2; SAVEPOINT s");
  db_.Do(kAgain);
  db_.Do("UPDATE foo SET d = 9 WHERE a = 1");
  EXPECT_EQ(ChangesText(db_, "cid = 'd'"), "foo 010902 d 8 1 2 me 1 5\nfoo 010901 d 9 2 2 me 1 6");
  db_.Do("ROLLBACK TO s; UPDATE foo SET d = 10, c = 1 WHERE a = 1");
  const std::string twice = "foo 010901 d 10 1 2 me 1 5\nfoo 010902 d 8 1 2 me 1 6";
  EXPECT_EQ(ChangesText(db_, "cid = 'd'"), twice);
  db_.Do(kAgain);
  EXPECT_EQ(ChangesText(db_, "cid = 'd'"), twice);
  db_.Do("ROLLBACK");
  EXPECT_EQ(Changes(), before);
  db_.Do("UPDATE foo SET b = 7");
  EXPECT_EQ(ChangesText(db_, "db_version = 2"), "foo 010901 b 7 2 2 me 1 0");
}

TEST_F(Alter, AnotherConnection) {
  TempDir dir;
  Db a(dir.File("f.db"));
  a.Do(kFoo);
  Db b(dir.File("f.db"));
  b.Do("INSERT INTO foo VALUES(1, 2, 3)");
  a.Do("UPDATE foo SET b = 3");
  b.Do(kAddD);
  a.Do("UPDATE foo SET d = 8");
  b.Do(kAgain);
  a.Do("UPDATE foo SET c = 4, d = 9");
  EXPECT_EQ(ChangesText(a),
            "foo 010901 b 3 2 2 me 1 0\nfoo 010901 c 4 2 4 me 1 0\n"
            "foo 010901 d 9 2 4 me 1 1");
  EXPECT_EQ(ChangesText(b), ChangesText(a));
  a.Do("ALTER TABLE foo RENAME COLUMN d TO dd");
  EXPECT_EQ(MergeText(b, "foo 010901 dd 5 7 7 S1 1 0"), "");
  EXPECT_EQ(a.Get("SELECT dd FROM foo"), "5");
}

// So many columns that the update trigger reports in parts.
TEST_F(Alter, WideTables) {
  std::string columns;
  for (int i = 0; i < 48; i++) columns += ", c" + std::to_string(i);
  Both("CREATE TABLE wide(k INTEGER PRIMARY KEY" + columns + "); SELECT crsql_as_crr('wide')");
  db_.Do("INSERT INTO wide(k, c47) VALUES(1, 1)");
  Both("ALTER TABLE wide ADD COLUMN x; ALTER TABLE wide ADD COLUMN y; SELECT crsql_as_crr('wide')");
  db_.Do("UPDATE wide SET c0 = 2, y = 3");
  EXPECT_EQ(ChangesText(db_, "db_version = 2"),
            "wide 010901 c0 2 2 2 me 1 0\nwide 010901 y 3 2 2 me 1 1");
  Sync();
  ExpectEqual(db_, peer_, {"wide"});
}

// The triggers take the table's new name with them, so that its old one is free again.
TEST_F(Alter, RenamedTables) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3); ALTER TABLE foo RENAME TO bar");
  db_.Do("ALTER TABLE bar ADD COLUMN d; SELECT crsql_as_crr('bar')");
  db_.Do("INSERT INTO bar VALUES(2, 3, 4, 5); UPDATE bar SET d = 1 WHERE a = 1");
  EXPECT_EQ(ChangesText(db_, "db_version > 1"),
            "bar 010902 b 3 1 2 me 1 0\nbar 010902 c 4 1 2 me 1 1\nbar 010902 d 5 1 2 me 1 2\n"
            "bar 010901 d 1 2 3 me 1 0");
  db_.Do("ALTER TABLE bar RENAME TO baz");
  db_.Do(
      "CREATE TABLE bar(k PRIMARY KEY, v); SELECT crsql_as_crr('bar'); INSERT INTO bar VALUES(1, "
      "2)");
  db_.Do("UPDATE baz SET b = 9 WHERE a = 1");
  EXPECT_EQ(ChangesText(db_, "db_version > 3"),
            "bar 010901 v 2 1 4 me 1 0\nbaz 010901 b 9 2 5 me 1 0");
  db_.Do("ALTER TABLE bar RENAME TO t; ALTER TABLE baz RENAME TO bar; ALTER TABLE t RENAME TO baz");
  db_.Do(
      "SELECT crsql_as_crr('bar'); INSERT INTO baz VALUES(5, 5); INSERT INTO bar VALUES(5,5,5,5)");
  EXPECT_EQ(ChangesText(db_, "pk = x'010905'"),
            "baz 010905 v 5 1 6 me 1 0\nbar 010905 b 5 1 7 me 1 0\nbar 010905 c 5 1 7 me 1 1\n"
            "bar 010905 d 5 1 7 me 1 2");
  db_.Do("SELECT crsql_as_table('bar'), crsql_as_table('baz'); INSERT INTO baz VALUES(6, 6)");
  EXPECT_EQ(db_.Get("SELECT name FROM sqlite_schema WHERE type = 'trigger'"), "");
  db_.Do("CREATE TABLE foo(a INTEGER PRIMARY KEY)");
}

// The catalog has the column already, the update trigger not yet.
TEST_F(Alter, AddColumnAndRenameItInATransaction) {
  db_.Do("BEGIN; INSERT INTO foo VALUES(1, 2, 3)");
  db_.Do(kAddD);
  db_.Do(kAgain);
  db_.Do("UPDATE foo SET d = 8; ALTER TABLE foo RENAME COLUMN d TO e; SELECT crsql_as_crr('foo')");
  db_.Do("UPDATE foo SET c = 4; COMMIT");
  EXPECT_EQ(ChangesText(db_, "cid = 'e'"), "foo 010901 e 8 2 1 me 1 5");
  EXPECT_EQ(db_.Get("SELECT name FROM crsql_columns ORDER BY id"), "'b'\n'c'\n'e'");
}

// The transaction has asked for its tables, but not yet for this one, when that gets another name.
TEST_F(Alter, RenamedInATransactionThatWroteOthers) {
  db_.Do("CREATE TABLE t(k INTEGER PRIMARY KEY, v); SELECT crsql_as_crr('t')");
  db_.Do("INSERT INTO foo VALUES(1, 2, 3), (2, 3, 4)");
  db_.Do("BEGIN; ALTER TABLE foo ADD COLUMN d; INSERT INTO t VALUES(1, 1)");
  db_.Do(
      "ALTER TABLE foo RENAME TO bar; DELETE FROM bar WHERE a = 1; UPDATE bar SET b = 9; COMMIT");
  EXPECT_EQ(ChangesText(db_, "\"table\" = 'bar' AND db_version = 2"),
            "bar 010901 -1 NULL 2 2 me 2 1\nbar 010902 b 9 2 2 me 1 2");
}

}  // namespace
}  // namespace tributary::testing
