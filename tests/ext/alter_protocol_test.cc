// crsql_begin_alter and crsql_commit_alter: what is dropped, renamed, added and written between
// them, tables made anew, and alterations that are not ended as they should.
#include "tests/ext/ext_test.h"

namespace tributary::testing {
namespace {

class AlterProtocol : public FooTest {
 protected:
  AlterProtocol() {
    peer_.Do(kFoo);
    db_.Do(
        "INSERT INTO foo VALUES(1, 2, 3), (2, 3, 4), (3, 4, 5); UPDATE foo SET c = 6 WHERE a = 2");
    Sync();
  }
  ~AlterProtocol() override {
    EXPECT_EQ(db_.Get("SELECT * FROM crsql_check()"), "");
    EXPECT_EQ(peer_.Get("SELECT * FROM crsql_check()"), "");
    EXPECT_EQ(db_.Get("SELECT name FROM sqlite_schema WHERE name LIKE '%crsql\\_a%' ESCAPE '\\'"),
              "");
    EXPECT_EQ(db_.Get("SELECT key FROM crsql_master WHERE key LIKE 'alter%'"), "");
  }
  static void Alter(Db& db, std::string_view sql, std::string_view table = "foo") {
    db.Do("SELECT crsql_begin_alter('foo')");
    db.Do(sql);
    db.Do("SELECT crsql_commit_alter('" + std::string(table) + "')");
  }
  void Sync() { SyncAll({&db_, &peer_}); }
  void SyncAndExpectEqual(const char* table = "foo") {
    Sync();
    ExpectEqual(db_, peer_, {table});
  }

  Db peer_;
};

TEST_F(AlterProtocol, DropColumnKeepsTheOthers) {
  const std::string others = ChangesText(db_, "cid = 'c'");
  Alter(db_, "ALTER TABLE foo DROP COLUMN b");
  EXPECT_EQ(Changes(), others);
  db_.Do(
      "UPDATE foo SET c = 9 WHERE a = 3; INSERT INTO foo VALUES(4, 4); DELETE FROM foo WHERE a = "
      "1");
  peer_.Do("INSERT INTO foo VALUES(5, 5, 5); UPDATE foo SET c = 1 WHERE a = 2");
  Alter(peer_, "ALTER TABLE foo DROP COLUMN b");
  SyncAndExpectEqual();
  EXPECT_EQ(Foo(), "2|1\n3|9\n4|4\n5|5");
  EXPECT_TRUE(
      Contains(db_.Error("SELECT crsql_commit_alter('foo')"), "no alteration of table foo"));
}

TEST_F(AlterProtocol, EverythingAtOnce) {
  const char* alter =
      "ALTER TABLE foo DROP COLUMN b; ALTER TABLE foo RENAME COLUMN c TO \"c \"\"c\";"
      "ALTER TABLE foo RENAME COLUMN a TO k; ALTER TABLE foo ADD COLUMN d DEFAULT 7;"
      "ALTER TABLE foo RENAME TO \"new foo\"";
  Alter(db_, alter, "new foo");
  db_.Do("UPDATE \"new foo\" SET d = 8 WHERE k = 1");
  EXPECT_EQ(ChangesText(db_, "db_version > 1"),
            "new foo 010902 c \"c 6 2 2 me 1 0\nnew foo 010901 d 8 2 3 me 1 0");
  Alter(peer_, alter, "foo");  // its old name does, too
  peer_.Do("UPDATE \"new foo\" SET d = 9 WHERE k < 3");
  SyncAndExpectEqual("new foo");
  EXPECT_EQ(db_.Get("SELECT * FROM \"new foo\""), "1|3|9\n2|6|9\n3|5|7");
}

// What is written in between, by each kind of statement, before and after the columns change.
TEST_F(AlterProtocol, WritesInBetween) {
  db_.Do("SELECT crsql_begin_alter('foo')");
  db_.Do("UPDATE foo SET c = 10 WHERE a = 1; INSERT INTO foo VALUES(7, 7, 7)");
  db_.Do("ALTER TABLE foo DROP COLUMN b; ALTER TABLE foo ADD COLUMN d; ALTER TABLE foo ADD e");
  db_.Do(
      "UPDATE foo SET d = 1 WHERE a = 2; UPDATE foo SET a = 20, c = 21, e = 22 WHERE a = 2;"
      "DELETE FROM foo WHERE a = 3; INSERT INTO foo VALUES(3, 31, 32, 33);"
      "INSERT INTO foo VALUES(8, 1, 1, 1); DELETE FROM foo WHERE a = 8; DELETE FROM foo WHERE a = "
      "7;"
      "REPLACE INTO foo VALUES(1, 12, 13, 14)");
  db_.Do("SELECT crsql_commit_alter('foo', 1)");
  EXPECT_EQ(Foo(), "1|12|13|14\n3|31|32|33\n20|21|1|22");
  EXPECT_EQ(ChangesText(db_, "pk = x'010902'"), "foo 010902 -1 NULL 2 3 me 2 4");
  Alter(peer_, "ALTER TABLE foo DROP COLUMN b; ALTER TABLE foo ADD d; ALTER TABLE foo ADD e");
  SyncAndExpectEqual();
}

TEST_F(AlterProtocol, DroppedAndAddedAgainIsAnotherColumn) {
  Alter(db_, "ALTER TABLE foo DROP COLUMN b; ALTER TABLE foo ADD COLUMN b DEFAULT 1");
  EXPECT_EQ(ChangesText(db_, "cid = 'b'"), "");
  db_.Do("UPDATE foo SET b = 5 WHERE a = 1");
  EXPECT_EQ(ChangesText(db_, "cid = 'b'"), "foo 010901 b 5 2 3 me 1 0");
  EXPECT_EQ(ChangesText(db_, "pk = x'010902'"), "foo 010902 c 6 2 2 me 1 0") << "others stay";
}

// Rows are there even if nothing is left of what they were inserted with.
TEST_F(AlterProtocol, AllColumnsDropped) {
  Db newcomer;
  for (Db* db : {&db_, &peer_}) {
    Alter(*db, "ALTER TABLE foo ADD COLUMN d; ALTER TABLE foo DROP b; ALTER TABLE foo DROP c");
  }
  newcomer.Do("CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, d); SELECT crsql_as_crr('foo')");
  db_.Do("INSERT INTO foo VALUES(4, 4)");
  SyncAll({&db_, &newcomer});
  EXPECT_EQ(TableText(newcomer, "foo"), "1|NULL\n2|NULL\n3|NULL\n4|4");
  SyncAll({&newcomer, &peer_});
  ExpectEqual(newcomer, peer_, {"foo"});
}

TEST_F(AlterProtocol, MadeAnew) {
  Alter(db_,
        "CREATE TABLE foo2(c INTEGER CHECK(c > 0), d DEFAULT 7, a INTEGER PRIMARY KEY NOT NULL);"
        "INSERT INTO foo2(a, c) SELECT a, c FROM foo WHERE a <> 3;"
        "INSERT INTO foo2(a, c) VALUES(9, 9); DROP TABLE foo; ALTER TABLE foo2 RENAME TO foo");
  EXPECT_EQ(ChangesText(db_, "cid <> 'b'"),
            "foo 010901 c 3 1 1 me 1 1\nfoo 010902 c 6 2 2 me 1 0\nfoo 010903 -1 NULL 2 3 me 2 0\n"
            "foo 010909 c 9 1 3 me 1 1\nfoo 010909 d 7 1 3 me 1 2");
  db_.Do("UPDATE foo SET d = 8 WHERE a = 2");
  Alter(peer_, "ALTER TABLE foo DROP COLUMN b; ALTER TABLE foo ADD COLUMN d DEFAULT 7");
  Sync();
  EXPECT_EQ(db_.Get("SELECT a, c, d FROM foo"), TableText(peer_, "foo"));
  EXPECT_EQ(db_.Get("SELECT crsql_digest()"), peer_.Get("SELECT crsql_digest()"));
}

// What was written before the table was made anew counts, with `fast`, too; so does its new name.
TEST_F(AlterProtocol, WrittenThenMadeAnew) {
  for (const char* fast : {"", ", 1"}) {
    SCOPED_TRACE(fast);
    Db a;
    Db b;
    for (Db* db : {&a, &b}) db->Do(kFoo);
    a.Do("INSERT INTO foo VALUES(1, 2, 3), (2, 3, 4)");
    SyncAll({&a, &b});
    a.Do(
        "SELECT crsql_begin_alter('foo'); UPDATE foo SET b = 9 WHERE a = 1; DELETE FROM foo WHERE "
        "a "
        "= 2; INSERT INTO foo VALUES(3, 3, 3); ALTER TABLE foo RENAME TO bar;"
        "CREATE TABLE bar2(a INTEGER PRIMARY KEY NOT NULL, b, c);"
        "INSERT INTO bar2 SELECT * FROM bar; DROP TABLE bar; ALTER TABLE bar2 RENAME TO bar");
    a.Do(std::string("SELECT crsql_commit_alter('main', 'bar'") + fast + ")");
    b.Do("ALTER TABLE foo RENAME TO bar");
    SyncAll({&a, &b});
    ExpectEqual(a, b, {"bar"});
    EXPECT_EQ(TableText(b, "bar"), "1|9|3\n3|3|3");
    EXPECT_EQ(a.Get("SELECT * FROM crsql_check()"), "");
  }
}

// Columns keep their clocks wherever they are in the new table, and whatever comes later.
TEST_F(AlterProtocol, MadeAnewInAnotherOrder) {
  const std::string before = ChangesText(db_);
  Alter(db_,
        "CREATE TABLE foo2(c, a INTEGER PRIMARY KEY NOT NULL, b); INSERT INTO foo2(a, b, c) SELECT "
        "a, b, c FROM foo; DROP TABLE foo; ALTER TABLE foo2 RENAME TO foo");
  EXPECT_EQ(ChangesText(db_), before);
  db_.Do("UPDATE foo SET b = 9 WHERE a = 1");
  EXPECT_EQ(ChangesText(db_, "db_version > 2"), "foo 010901 b 9 2 3 me 1 0");
  peer_.Do("UPDATE foo SET c = 7 WHERE a = 3");
  Sync();
  EXPECT_EQ(db_.Get("SELECT a, b, c FROM foo ORDER BY a"), "1|9|3\n2|3|6\n3|4|7");
  db_.Do("ALTER TABLE foo RENAME b TO e; ALTER TABLE foo ADD d; UPDATE foo SET d = 5 WHERE a = 1");
  EXPECT_EQ(ChangesText(db_, "pk = x'010901'"),
            "foo 010901 c 3 1 1 me 1 1\nfoo 010901 e 9 2 3 me 1 0\nfoo 010901 d 5 1 4 me 1 0");
  Alter(db_, "ALTER TABLE foo DROP COLUMN d; ALTER TABLE foo RENAME COLUMN e TO f");
  EXPECT_EQ(ChangesText(db_, "pk = x'010901'"),
            "foo 010901 c 3 1 1 me 1 1\nfoo 010901 f 9 2 3 me 1 0");
  Alter(db_, "ALTER TABLE foo DROP COLUMN c; ALTER TABLE foo ADD COLUMN c");
  EXPECT_EQ(ChangesText(db_, "pk = x'010901'"), "foo 010901 f 9 2 3 me 1 0");
}

TEST_F(AlterProtocol, MadeAnewWithAnotherKeyItIsNew) {
  Alter(db_,
        "CREATE TABLE foo2(a INTEGER NOT NULL, b, c, PRIMARY KEY(a, b));"
        "INSERT INTO foo2 SELECT a, b, c FROM foo; DROP TABLE foo; ALTER TABLE foo2 RENAME TO foo");
  EXPECT_EQ(db_.Get("SELECT DISTINCT hex(pk), cl FROM crsql_changes"),
            "'0209010902'|1\n'0209020903'|1\n'0209030904'|1");
}

TEST_F(AlterProtocol, DroppedInBetween) {
  db_.Do("SELECT crsql_begin_alter('foo'); DROP TABLE foo; SELECT crsql_commit_alter('foo')");
  EXPECT_EQ(Changes(), "");
}

// COMMIT comes instead: the next write ends the alteration.
TEST_F(AlterProtocol, Abandoned) {
  for (const char* write : {"INSERT INTO foo(a, c) VALUES(9, 9)", "UPDATE foo SET c = 8",
                            "DELETE FROM foo WHERE a = 1", "UPDATE foo SET d = 3"}) {
    SCOPED_TRACE(write);
    TempDir dir;
    Db a(dir.File("a.db"));
    a.Do(kFoo);
    a.Do("INSERT INTO foo VALUES(1, 2, 3), (2, 3, 4); SELECT crsql_begin_alter('foo')");
    a.Do("ALTER TABLE foo DROP COLUMN b; ALTER TABLE foo ADD COLUMN d; COMMIT");
    Db other(dir.File("a.db"));
    other.Do(write);
    EXPECT_EQ(
        other.Get("SELECT count(*) FROM sqlite_schema WHERE name LIKE '%\\_a%trig' ESCAPE '\\'"),
        "0");
    EXPECT_EQ(other.Get("SELECT * FROM crsql_check()"), "");
    Db b;
    b.Do("CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, c, d); SELECT crsql_as_crr('foo')");
    SyncAll({&a, &b});
    ExpectEqual(a, b, {"foo"});
    a.Do("SELECT crsql_commit_alter('foo')");  // late, but harmless
  }
}

// Begun again under the name that the table has since.
TEST_F(AlterProtocol, AbandonedRenamedAndMadeAnew) {
  db_.Do("SELECT crsql_begin_alter('foo'); ALTER TABLE foo RENAME TO bar; COMMIT");
  db_.Do(
      "SELECT crsql_begin_alter('bar'); CREATE TABLE b2(a INTEGER PRIMARY KEY NOT NULL, b, c);"
      "INSERT INTO b2 SELECT * FROM bar; DROP TABLE bar; ALTER TABLE b2 RENAME TO bar;"
      "SELECT crsql_commit_alter('bar'); UPDATE bar SET b = 9 WHERE a = 1");
  EXPECT_EQ(ChangesText(db_, "cid = 'b' AND db_version > 1"), "bar 010901 b 9 2 3 me 1 0");
}

TEST_F(AlterProtocol, RolledBack) {
  const std::string before = Changes();
  db_.Do(
      "SELECT crsql_begin_alter('foo'); ALTER TABLE foo DROP COLUMN b; DELETE FROM foo; ROLLBACK");
  EXPECT_EQ(Changes(), before);
  db_.Do("BEGIN; SAVEPOINT s; SELECT crsql_begin_alter('foo'); ALTER TABLE foo DROP COLUMN b");
  db_.Do("ROLLBACK TO s; UPDATE foo SET b = 9 WHERE a = 1; COMMIT");
  EXPECT_EQ(ChangesText(db_, "db_version > 2"), "foo 010901 b 9 2 3 me 1 0");
  // A commit that fails leaves the alteration open.
  db_.Do("SELECT crsql_begin_alter('foo'); DROP TABLE foo; CREATE TABLE foo(x)");
  EXPECT_TRUE(Contains(db_.Error("SELECT crsql_commit_alter('foo')"), "no primary key"));
  EXPECT_EQ(sqlite3_get_autocommit(db_.handle()), 0);
  db_.Do("DROP TABLE foo; CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, c)");
  db_.Do("INSERT INTO foo VALUES(1, 3), (2, 6), (3, 5); SELECT crsql_commit_alter('foo')");
  EXPECT_EQ(sqlite3_get_autocommit(db_.handle()), 1);
  db_.Do("UPDATE foo SET c = 7");
}

TEST_F(AlterProtocol, Nested) {
  db_.Do("CREATE TABLE bar(k INTEGER PRIMARY KEY NOT NULL, v, w); SELECT crsql_as_crr('bar')");
  db_.Do("SELECT crsql_begin_alter('foo'), crsql_begin_alter('main', 'bar')");
  db_.Do("ALTER TABLE foo DROP COLUMN b; ALTER TABLE bar DROP COLUMN v");
  db_.Do("SELECT crsql_commit_alter('main', 'foo', 1)");
  EXPECT_EQ(sqlite3_get_autocommit(db_.handle()), 0);
  db_.Do("INSERT INTO bar VALUES(1, 1); SELECT crsql_commit_alter('bar')");
  EXPECT_EQ(sqlite3_get_autocommit(db_.handle()), 1);
  EXPECT_EQ(ChangesText(db_, "\"table\" = 'bar'"), "bar 010901 w 1 1 3 me 1 0");
}

TEST_F(AlterProtocol, Errors) {
  EXPECT_TRUE(Contains(db_.Error("SELECT crsql_begin_alter('nope')"), "nope is not replicated"));
  EXPECT_TRUE(Contains(db_.Error("SELECT crsql_begin_alter('temp', 'foo')"), "schema temp"));
  EXPECT_TRUE(Contains(db_.Error("SELECT crsql_begin_alter(NULL)"), "NULL"));
  EXPECT_TRUE(Contains(db_.Error("SELECT crsql_begin_alter()"), "takes"));
  EXPECT_TRUE(Contains(db_.Error("SELECT crsql_commit_alter('a', 'b', 'c', 'd')"), "takes"));
  EXPECT_EQ(sqlite3_get_autocommit(db_.handle()), 1) << "no savepoint stays open";
}

// A column has two names for a while: changes under the former one are taken.
TEST_F(AlterProtocol, FormerNames) {
  db_.Do("ALTER TABLE foo RENAME COLUMN c TO cc; UPDATE foo SET cc = 8 WHERE a = 1");
  peer_.Do("UPDATE foo SET c = 9 WHERE a = 3");
  EXPECT_EQ(ApplyChanges(db_, ReadChanges(peer_)), "");
  EXPECT_EQ(Foo(), "1|2|8\n2|3|6\n3|4|9");
  db_.Do("ALTER TABLE foo RENAME TO bar; SELECT crsql_as_crr('bar')");
  peer_.Do("UPDATE foo SET c = 10 WHERE a = 2");
  EXPECT_EQ(ApplyChanges(db_, ReadChanges(peer_)), "");
  EXPECT_EQ(db_.Get("SELECT cc FROM bar"), "8\n10\n9");
  peer_.Do("ALTER TABLE foo RENAME c TO cc; ALTER TABLE foo RENAME TO bar");
  SyncAndExpectEqual("bar");
  // The name may be used again.
  db_.Do("CREATE TABLE foo(x PRIMARY KEY NOT NULL); SELECT crsql_as_crr('foo')");
  EXPECT_EQ(Merge("foo 010901 -1 NULL 1 99 S1 1 0"), "");
  EXPECT_EQ(db_.Get("SELECT * FROM foo"), "1");
}

}  // namespace
}  // namespace tributary::testing
