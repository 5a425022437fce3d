// What a replica's schema cannot take yet: kept, passed on, merged when the schema catches up.
#include <chrono>
#include <cstdio>

#include "tests/ext/ext_test.h"
#include "tests/support/changesets.h"

namespace tributary::testing {
namespace {

constexpr char kAddD[] = "ALTER TABLE foo ADD COLUMN d; SELECT crsql_as_crr('foo')";
constexpr char kBar[] =
    "CREATE TABLE bar(k TEXT PRIMARY KEY NOT NULL, v, w); SELECT crsql_as_crr('bar');";
constexpr char kParked[] =
    "SELECT \"table\", hex(pk), cid, val, col_version, cl FROM crsql_parked ORDER BY 1, 2, 3";

// db_ has foo alone; more_ has a fourth column and a second table.
class ParkingTest : public FooTest {
 protected:
  ParkingTest() {
    more_.Do(kFoo);
    more_.Do(kAddD);
    more_.Do(kBar);
  }
  ~ParkingTest() override { EXPECT_EQ(more_.Get("SELECT * FROM crsql_check()"), ""); }
  static std::string Parked(Db& db) { return db.Get(kParked); }
  static int64_t CountParked(Db& db) { return db.Int("SELECT count(*) FROM crsql_parked"); }
  static void SendRows(Db& from, Db& to) { ASSERT_EQ(ApplyChanges(to, ReadChanges(from)), ""); }
  static void CatchUp(Db& db) {
    db.Do(kAddD);
    db.Do(kBar);
  }

  Db more_;
};

// --- what is parked -----------------------------------------------------------------------------

TEST_F(ParkingTest, UnknownTableAndColumn) {
  more_.Do("INSERT INTO foo VALUES(1, 2, 3, 4); INSERT INTO bar VALUES('x', 5, NULL)");
  const std::string expected =
      "'bar'|'010B0178'|'v'|5|1|1\n'bar'|'010B0178'|'w'|NULL|1|1\n'foo'|'010901'|'d'|4|1|1";
  SendRows(more_, db_);
  EXPECT_EQ(Parked(db_), expected);
  EXPECT_EQ(Foo(), "1|2|3");
  EXPECT_EQ(db_.Get("SELECT \"table\", cid, reason FROM crsql_parked ORDER BY 1, 2"),
            "'bar'|'v'|'table bar is not replicated here'\n"
            "'bar'|'w'|'table bar is not replicated here'\n"
            "'foo'|'d'|'table foo has no column d here'");
  Db other;
  other.Do(kFoo);
  Send(more_, other);
  EXPECT_EQ(Parked(other), expected);
  SendRows(more_, db_);
  Send(more_, other);
  EXPECT_EQ(CountParked(db_), 3) << "the same again";
  for (Db* db : {&db_, &other}) {
    CatchUp(*db);
    EXPECT_EQ(Parked(*db), "");
    ExpectEqual(*db, more_, {"foo", "bar"});
  }
}

TEST_F(ParkingTest, AnotherKey) {
  Db two;
  two.Do(
      "CREATE TABLE foo(a INTEGER NOT NULL, b NOT NULL, c, PRIMARY KEY(a, b));"
      "SELECT crsql_as_crr('foo'); INSERT INTO foo VALUES(1, 2, 3)");
  SendRows(two, db_);
  EXPECT_EQ(Parked(db_), "'foo'|'0209010902'|'c'|3|1|1");
  EXPECT_TRUE(Contains(db_.Get("SELECT reason FROM crsql_parked"), "the pk of a change"));
  Db other;
  other.Do(kFoo);
  Send(two, other);
  EXPECT_EQ(Parked(other), Parked(db_));
  EXPECT_TRUE(Contains(other.Get("SELECT reason FROM crsql_parked"), "primary key of table foo"));
  for (Db* db : {&db_, &other}) {
    db->Do(
        "SELECT crsql_begin_alter('foo'); DROP TABLE foo;"
        "CREATE TABLE foo(a INTEGER NOT NULL, b NOT NULL, c, PRIMARY KEY(a, b));"
        "SELECT crsql_commit_alter('foo')");
    EXPECT_EQ(Parked(*db), "");
    ExpectEqual(*db, two, {"foo"});
  }
}

// A STRICT table's type, and text where the key is the rowid.
TEST_F(ParkingTest, OtherTypes) {
  Db loose;
  loose.Do(
      "CREATE TABLE s(k INTEGER PRIMARY KEY NOT NULL, n, m); SELECT crsql_as_crr('s');"
      "CREATE TABLE i(k TEXT PRIMARY KEY NOT NULL, v); SELECT crsql_as_crr('i');"
      "INSERT INTO s VALUES(1, 'text', 5), (2, 7, 8); INSERT INTO i VALUES('5', 1), ('six', 2)");
  const std::string before =
      "'i'|'010B0135'|'v'|1|1|1\n'i'|'010B03736978'|'v'|2|1|1\n's'|'010901'|'n'|'text'|1|1";
  for (const bool by_rows : {true, false}) {
    SCOPED_TRACE(by_rows);
    Db strict;
    strict.Do(
        "CREATE TABLE s(k INTEGER PRIMARY KEY NOT NULL, n INT, m INT) STRICT;"
        "SELECT crsql_as_crr('s');"
        "CREATE TABLE i(k INTEGER PRIMARY KEY NOT NULL, v); SELECT crsql_as_crr('i')");
    by_rows ? SendRows(loose, strict) : Send(loose, strict);
    EXPECT_EQ(Parked(strict), before);
    EXPECT_EQ(strict.Get("SELECT * FROM s ORDER BY k"), "1|NULL|5\n2|7|8");
    EXPECT_EQ(strict.Get("SELECT * FROM i"), "");
    EXPECT_TRUE(Contains(strict.Get("SELECT reason FROM crsql_parked WHERE cid = 'n'"),
                         "column n of STRICT table s does not take"));
    // A value that is fine supersedes the one that is not.
    loose.Do("UPDATE s SET n = 9 WHERE k = 1");
    by_rows ? SendRows(loose, strict) : Send(loose, strict);
    EXPECT_EQ(strict.Get("SELECT * FROM s ORDER BY k"), "1|9|5\n2|7|8");
    strict.Do(
        "SELECT crsql_begin_alter('s'); CREATE TABLE s2(k INTEGER PRIMARY KEY NOT NULL, n, m);"
        "INSERT INTO s2 SELECT * FROM s; DROP TABLE s; ALTER TABLE s2 RENAME TO s;"
        "SELECT crsql_commit_alter('s')");
    EXPECT_EQ(strict.Get("SELECT * FROM crsql_parked WHERE \"table\" = 's'"), "");
    EXPECT_EQ(TableText(strict, "s"), "1|9|5\n2|7|8") << "the older value loses";
    EXPECT_EQ(strict.Get("SELECT crsql_digest('s')"), loose.Get("SELECT crsql_digest('s')"));
    loose.Do("UPDATE s SET n = 'text' WHERE k = 1");
    loose.Do("SELECT crsql_as_table('s'); SELECT crsql_as_crr('s')");
  }
}

// --- what wins while it is parked ---------------------------------------------------------------

TEST_F(ParkingTest, TheWinnerIsKept) {
  EXPECT_EQ(Merge("foo 010901 d 5 2 7 S1 1 0\nfoo 010901 d 4 1 9 S2 1 0"), "");
  EXPECT_EQ(Parked(db_), "'foo'|'010901'|'d'|5|2|1") << "the greater col_version";
  EXPECT_EQ(Merge("foo 010901 d 6 2 3 S1 1 0\nfoo 010901 d 'x' 2 3 S2 1 0"), "");
  EXPECT_EQ(Parked(db_), "'foo'|'010901'|'d'|6|2|1") << "then the greater value";
  EXPECT_EQ(Merge("foo 010901 d 6 2 4 S2 1 0\nfoo 010901 d 6 2 9 S1 1 0"), "");
  EXPECT_EQ(db_.Get("SELECT hex(substr(site_id, 1, 1)), db_version FROM crsql_parked"), "'02'|4")
      << "then the greater stamp";
  EXPECT_EQ(Merge("foo 010901 d 1 1 1 S1 3 0"), "");
  EXPECT_EQ(Parked(db_), "'foo'|'010901'|'d'|1|1|3") << "before all the causal length";
  EXPECT_EQ(CountParked(db_), 1);
  EXPECT_EQ(db_.Int("SELECT count(*) FROM crsql_rows WHERE table_id < 0"), 2);
}

TEST_F(ParkingTest, DeletesAndResurrections) {
  const char* const scripts[] = {
      "DELETE FROM bar WHERE k = 'x'",
      "DELETE FROM bar; INSERT INTO bar VALUES('x', 8, 9)",
      "DELETE FROM bar; INSERT INTO bar VALUES('x', 8, 9); DELETE FROM bar",
      "UPDATE bar SET v = 7; DELETE FROM bar; INSERT INTO bar VALUES('y', 1, 1)",
      "UPDATE bar SET k = 'z'",
      "REPLACE INTO bar VALUES('x', 3, 3)",
      "DELETE FROM foo; INSERT INTO foo VALUES(1, 5, 5, 5); UPDATE foo SET d = 6",
  };
  for (const char* script : scripts) {
    for (int way = 0; way < 4; way++) {
      SCOPED_TRACE(std::string(script) + " by way " + std::to_string(way));
      const bool by_rows = (way & 1) != 0;
      const bool in_between = (way & 2) != 0;
      Db from;
      from.Do(kFoo);
      CatchUp(from);
      Db to;
      to.Do(kFoo);
      from.Do("INSERT INTO foo VALUES(1, 2, 3, 4); INSERT INTO bar VALUES('x', 1, 2)");
      if (in_between) by_rows ? SendRows(from, to) : Send(from, to);
      from.Do(script);
      by_rows ? SendRows(from, to) : Send(from, to);
      CatchUp(to);
      EXPECT_EQ(Parked(to), "");
      ExpectEqual(from, to, {"foo", "bar"});
    }
  }
}

// --- passing it on ------------------------------------------------------------------------------

TEST_F(ParkingTest, RelaysPassItOn) {
  more_.Do("INSERT INTO foo VALUES(1, 2, 3, 4), (2, 2, 3, 4); INSERT INTO bar VALUES('x', 5, 6)");
  more_.Do("UPDATE foo SET d = 7 WHERE a = 1; DELETE FROM foo WHERE a = 2; UPDATE bar SET w = 9");
  for (int way = 0; way < 4; way++) {
    SCOPED_TRACE(way);
    Db relay;
    relay.Do(kFoo);
    Db last;
    last.Do(kFoo);
    CatchUp(last);
    (way & 1) != 0 ? SendRows(more_, relay) : Send(more_, relay, 100);
    (way & 2) != 0 ? SendRows(relay, last) : Send(relay, last, 100);
    ExpectEqual(last, more_, {"foo", "bar"});
    const std::vector<Change> there = ReadChanges(last);
    EXPECT_TRUE(there == ReadChanges(more_)) << "stamps and all";
    EXPECT_EQ(CountParked(last), 0);
    // Nobody asks for what is parked again.
    if ((way & 1) == 0) {
      EXPECT_TRUE(PiecesFor(relay, more_).empty());
      if ((way & 2) == 0) EXPECT_TRUE(PiecesFor(last, more_).empty());
    }
  }
}

// Rows that only together are what a constraint takes.
TEST_F(ParkingTest, ConstraintsOverSeveralRecords) {
  Db family;
  family.Do(
      "CREATE TABLE child(k INTEGER PRIMARY KEY NOT NULL, p, a, b); SELECT crsql_as_crr('child');"
      "CREATE TABLE parent(k INTEGER PRIMARY KEY NOT NULL, v); SELECT crsql_as_crr('parent');"
      "INSERT INTO child VALUES(1, 7, 5, 4); INSERT INTO parent VALUES(7, 7)");
  Send(family, db_);
  db_.Do(
      "PRAGMA foreign_keys = ON; BEGIN; CREATE TABLE parent(k INTEGER PRIMARY KEY NOT NULL, v);"
      "CREATE TABLE child(k INTEGER PRIMARY KEY NOT NULL, p REFERENCES parent, a, b, CHECK((a > b) "
      "IS TRUE)); SELECT crsql_as_crr('parent'); SELECT crsql_as_crr('child'); COMMIT");
  EXPECT_EQ(Parked(db_), "");
  EXPECT_EQ(TableText(db_, "child"), "1|7|5|4");
}

// What has nothing of a row but the parked cell passes on that alone.
TEST_F(ParkingTest, RelayOfLessThanARow) {
  more_.Do("INSERT INTO foo VALUES(1, 2, 3, 4)");
  ASSERT_EQ(ApplyChanges(db_, ReadChanges(more_, "cid = 'd'")), "");
  EXPECT_EQ(Foo(), "");
  EXPECT_EQ(db_.Get("SELECT cid, val FROM crsql_changes"), "'d'|4");
  EXPECT_EQ(db_.Get("SELECT cid FROM crsql_changes WHERE \"table\" = 'foo'"), "'d'");
  EXPECT_EQ(db_.Get("SELECT cid FROM crsql_changes WHERE \"table\" = 'bar'"), "");
  EXPECT_EQ(db_.Get("SELECT cid FROM crsql_changes WHERE cid = 'd' AND db_version > 0"), "'d'");
  EXPECT_EQ(db_.Get("SELECT cid FROM crsql_changes WHERE db_version > 1"), "");
  EXPECT_EQ(db_.Get("SELECT cid FROM crsql_changes WHERE site_id = crsql_site_id()"), "");
  Db last;
  last.Do(kFoo);
  last.Do(kAddD);
  Send(db_, last);
  EXPECT_EQ(TableText(last, "foo"), "1|NULL|NULL|4");
  Send(more_, last);
  ExpectEqual(last, more_, {"foo"});
}

// While they are parked, records of a row travel one by one; merged, they are one entry of the log.
TEST_F(ParkingTest, ATransferThatGoesOnAfterUnparking) {
  more_.Do("INSERT INTO bar VALUES('x', 5, 6)");
  Send(more_, db_);
  Db other;
  other.Do(kFoo);
  other.Do(kBar);
  const std::vector<std::string> pieces = PiecesFor(other, db_, 1);
  ASSERT_GE(pieces.size(), 2U);
  MustApply(other, pieces[0]);
  CatchUp(db_);
  Send(db_, other);
  ExpectEqual(other, more_, {"bar"});
}

TEST_F(ParkingTest, VersionsAndKnowledge) {
  more_.Do("INSERT INTO bar VALUES('x', 5, 6); INSERT INTO bar VALUES('y', 5, 6)");
  const std::string site = ToHex(more_.One("SELECT crsql_site_id()").bytes);
  const std::string digest = db_.Get("SELECT crsql_digest()");
  Send(more_, db_);
  EXPECT_EQ(db_.Get("SELECT crsql_digest()"), digest) << "what is parked is no part of it";
  EXPECT_EQ(db_.Get("SELECT db_version FROM crsql_db_versions WHERE site_id = x'" + site + "'"),
            "2");
  EXPECT_EQ(Known(db_, {&db_, &more_}), R"({"known":{"B":2},"unfinished":[],"loose":[]})");
  EXPECT_EQ(db_.Int("SELECT crsql_db_version()"), 0) << "nothing of its own";
  const std::string token = more_.One("SELECT crsql_token()").bytes;
  EXPECT_EQ(db_.Int("SELECT crsql_has('" + token + "')"), 1);
  EXPECT_TRUE(PiecesFor(db_, more_).empty());
  EXPECT_TRUE(PiecesFor(more_, db_).empty());
}

// --- when the schema has caught up --------------------------------------------------------------

TEST_F(ParkingTest, OwnWritesAfterwards) {
  more_.Do("INSERT INTO foo VALUES(1, 2, 3, 4), (2, 2, 3, 4); UPDATE foo SET d = 5 WHERE a = 1");
  Send(more_, db_);
  // Written before what is parked is looked at: it loses to the greater col_version.
  db_.Do("ALTER TABLE foo ADD COLUMN d; UPDATE foo SET d = 9");
  db_.Do("INSERT INTO foo VALUES(3, 3, 3, 3)");
  db_.Do("SELECT crsql_as_crr('foo')");
  EXPECT_EQ(Parked(db_), "");
  EXPECT_EQ(Foo(), "1|2|3|5\n2|2|3|9\n3|3|3|3");
  db_.Do("UPDATE foo SET d = 10");
  Send(db_, more_);
  Send(more_, db_);
  ExpectEqual(db_, more_, {"foo"});
  EXPECT_EQ(db_.Get("SELECT DISTINCT d FROM foo"), "10");
}

// A changeset that arrives is enough, whatever it has.
TEST_F(ParkingTest, ApplyLooksAgain) {
  more_.Do("INSERT INTO foo VALUES(1, 2, 3, 4)");
  Send(more_, db_);
  db_.Do("ALTER TABLE foo ADD COLUMN d");
  EXPECT_EQ(CountParked(db_), 1);
  Db third;
  third.Do(kFoo);
  third.Do("INSERT INTO foo VALUES(7, 7, 7)");
  Send(third, db_);
  EXPECT_EQ(CountParked(db_), 0);
  EXPECT_EQ(Foo(), "1|2|3|4\n7|7|7|NULL");
}

TEST_F(ParkingTest, OfADroppedColumnAndTable) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3)");
  Send(db_, more_);
  db_.Do(
      "SELECT crsql_begin_alter('foo'); ALTER TABLE foo DROP COLUMN b;"
      "SELECT crsql_commit_alter('foo')");
  more_.Do("UPDATE foo SET b = 8, c = 9, d = 10; INSERT INTO foo VALUES(2, 2, 2, 2)");
  Send(more_, db_);
  EXPECT_EQ(Foo(), "1|9\n2|2");
  EXPECT_EQ(db_.Get("SELECT cid, val FROM crsql_parked ORDER BY 1, 2"),
            "'b'|2\n'b'|8\n'd'|2\n'd'|10");
  more_.Do("INSERT INTO bar VALUES('x', 1, 2)");
  db_.Do(kBar);
  Send(more_, db_);
  db_.Do("DROP TABLE bar");
  more_.Do("UPDATE bar SET v = 3");
  SendRows(more_, db_);
  EXPECT_EQ(db_.Get("SELECT cid, val FROM crsql_parked WHERE \"table\" = 'bar'"), "'w'|2\n'v'|3");
  db_.Do(kBar);
  EXPECT_EQ(TableText(db_, "bar"), "'x'|3|2");
  EXPECT_EQ(db_.Get("SELECT * FROM crsql_parked WHERE \"table\" = 'bar'"), "");
}

// What a constraint refuses stays; all else goes on.
TEST_F(ParkingTest, AConstraintRefuses) {
  more_.Do("INSERT INTO bar VALUES('x', 1, 2), ('y', -5, 6); INSERT INTO foo VALUES(1, 2, 3, 4)");
  Send(more_, db_);
  db_.Do(kAddD);
  EXPECT_EQ(Foo(), "1|2|3|4");
  db_.Do(
      "CREATE TABLE bar(k TEXT PRIMARY KEY NOT NULL, v CHECK(v > 0), w);"
      "SELECT crsql_as_crr('bar')");
  EXPECT_EQ(Parked(db_), "'bar'|'010B0179'|'v'|-5|1|1") << "all others are merged";
  EXPECT_TRUE(Contains(db_.Get("SELECT reason FROM crsql_parked"),
                       "row of table bar: CHECK constraint failed"));
  EXPECT_EQ(TableText(db_, "bar"), "'x'|1|2\n'y'|NULL|6");
  EXPECT_EQ(db_.Get("SELECT cid, val FROM crsql_changes WHERE pk = x'010b0179'"), "'v'|-5\n'w'|6")
      << "passed on";
  more_.Do("UPDATE foo SET d = 5; INSERT INTO bar VALUES('z', 3, 3)");
  Send(more_, db_);
  EXPECT_EQ(Foo(), "1|2|3|5") << "the sync goes on";
  EXPECT_EQ(db_.Get("SELECT * FROM bar WHERE k = 'z'"), "'z'|3|3");
  db_.Do(
      "SELECT crsql_begin_alter('bar'); CREATE TABLE b2(k TEXT PRIMARY KEY NOT NULL, v, w);"
      "INSERT INTO b2 SELECT * FROM bar; DROP TABLE bar; ALTER TABLE b2 RENAME TO bar;"
      "SELECT crsql_commit_alter('bar')");
  EXPECT_EQ(Parked(db_), "");
  ExpectEqual(db_, more_, {"foo", "bar"});
}

// --- transactions, connections, files -----------------------------------------------------------

TEST_F(ParkingTest, RollbacksAndSavepoints) {
  more_.Do("INSERT INTO bar VALUES('x', 1, 2)");
  const std::string before = Everything(db_, {"foo"});
  db_.Do("BEGIN");
  ASSERT_EQ(ApplyEach(db_, ReadChanges(more_)), "");
  EXPECT_EQ(CountParked(db_), 2);
  db_.Do("ROLLBACK");
  EXPECT_EQ(Everything(db_, {"foo"}), before);
  EXPECT_EQ(CountParked(db_), 0);
  db_.Do("BEGIN; SAVEPOINT s");
  MustApplyAll(db_, PiecesFor(db_, more_));
  db_.Do("ROLLBACK TO s");
  EXPECT_EQ(CountParked(db_), 0);
  EXPECT_EQ(Merge("bar 010b0178 v 1 1 1 S1 1 0"), "");
  db_.Do("SAVEPOINT t");
  EXPECT_EQ(Merge("bar 010b0178 v 2 2 2 S1 1 0\nbar 010b0179 v 2 2 2 S1 1 1"), "");
  db_.Do("ROLLBACK TO t; COMMIT");
  EXPECT_EQ(Parked(db_), "'bar'|'010B0178'|'v'|1|1|1");
  // The schema catches up and does not, in the end.
  db_.Do("BEGIN");
  db_.Do(kBar);
  EXPECT_EQ(CountParked(db_), 0);
  db_.Do("ROLLBACK");
  EXPECT_EQ(CountParked(db_), 1);
  db_.Do("BEGIN; SAVEPOINT s");
  db_.Do(kBar);
  db_.Do("ROLLBACK TO s; COMMIT");
  EXPECT_EQ(CountParked(db_), 1);
  db_.Do(kBar);
  EXPECT_EQ(db_.Get("SELECT * FROM bar"), "'x'|1|NULL");
}

TEST_F(ParkingTest, FilesAndConnections) {
  TempDir dir;
  const std::string path = dir.File("f.db");
  more_.Do("INSERT INTO foo VALUES(1, 2, 3, 4); INSERT INTO bar VALUES('x', 5, 6)");
  {
    Db first(path);
    first.Do(kFoo);
    Db second(path);
    EXPECT_EQ(CountParked(second), 0);
    Send(more_, first);
    EXPECT_EQ(CountParked(second), 3);
    EXPECT_EQ(PiecesFor(second, more_).size(), 0U);
  }
  Db first(path);
  Db second(path);
  EXPECT_EQ(CountParked(first), 3);
  second.Do(kAddD);
  EXPECT_EQ(CountParked(first), 2);
  EXPECT_EQ(first.Get("SELECT * FROM foo"), "1|2|3|4");
  first.Do(kBar);
  EXPECT_EQ(CountParked(second), 0);
  ExpectEqual(second, more_, {"foo", "bar"});
  // The one that did not see it parked notices, too.
  EXPECT_EQ(MergeText(first, "baz 010901 v 1 1 1 S1 1 0"), "");
  second.Do("CREATE TABLE baz(k INTEGER PRIMARY KEY NOT NULL, v); SELECT crsql_as_crr('baz')");
  EXPECT_EQ(first.Get("SELECT * FROM baz"), "1|1");
}

TEST_F(ParkingTest, ANewSiteId) {
  more_.Do("INSERT INTO foo VALUES(1, 2, 3, 4); INSERT INTO bar VALUES('x', 5, 6)");
  db_.Do("INSERT INTO foo VALUES(9, 9, 9)");
  Send(more_, db_);
  const std::string before = Parked(db_);
  EXPECT_EQ(CountParked(db_), 3);
  db_.Do("SELECT crsql_new_site_id()");
  EXPECT_EQ(Parked(db_), before);
  db_.Do("INSERT INTO foo VALUES(8, 8, 8)");
  Db last;
  last.Do(kFoo);
  CatchUp(last);
  Send(db_, last);
  Send(last, more_);
  CatchUp(db_);
  ExpectEqual(db_, more_, {"foo", "bar"});
  ExpectEqual(last, more_, {"foo", "bar"});
}

// --- many ---------------------------------------------------------------------------------------

TEST_F(ParkingTest, Many) {
  constexpr int64_t kRows = 50000;
  more_.Do(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) INSERT INTO "
      "bar SELECT printf('%08d', i), i, 'value ' || i FROM n");
  const auto timed = [](const char* what, const auto& work) {
    const auto start = std::chrono::steady_clock::now();
    sqlite3_memory_highwater(1);
    const int64_t before = sqlite3_memory_used();
    work();
    const int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                           std::chrono::steady_clock::now() - start)
                           .count();
    std::printf("%s: %lld ms, +%lld KiB at most\n", what, static_cast<long long>(ms),
                static_cast<long long>((sqlite3_memory_highwater(0) - before) / 1024));
  };
  const std::vector<std::string> pieces = PiecesFor(db_, more_);
  timed("100,000 cells are parked", [&] { MustApplyAll(db_, pieces); });
  EXPECT_EQ(CountParked(db_), 2 * kRows);
  Db last;
  last.Do(kBar);
  std::vector<std::string> relayed;
  timed("and passed on", [&] { relayed = PiecesFor(last, db_); });
  MustApplyAll(last, relayed);
  timed("and merged", [&] { db_.Do(kBar); });
  EXPECT_EQ(CountParked(db_), 0);
  ExpectEqual(db_, more_, {"bar"});
  ExpectEqual(last, more_, {"bar"});
}

// Of a key of several columns, whose names crsql_changes does not tell, passed on by changesets;
// and one cell under the two names that its column has had.
TEST(ParkingOnTheWay, ComposedKeysAndTwoNames) {
  Db relay;
  relay.Do(kFoo);
  const std::string changes =
      "two 0209010902 old 5 1 1 S1 1 0\ntwo 0209010902 new 5 1 1 S1 1 0\n"
      "two 0209010903 new 6 1 1 S1 1 1";
  EXPECT_EQ(MergeText(relay, changes), "");
  Db b;
  b.Do("CREATE TABLE two(x, y, new, PRIMARY KEY(x, y)); SELECT crsql_as_crr('two')");
  for (const std::string& piece : PiecesFor(b, relay)) MustApply(b, piece);
  EXPECT_EQ(b.Get("SELECT * FROM two"), "1|2|5\n1|3|6");
  EXPECT_EQ(b.Get("SELECT cid, val FROM crsql_parked"), "'old'|5");
  Db c;
  for (const std::string& piece : PiecesFor(c, b)) MustApply(c, piece);
  EXPECT_EQ(c.Get("SELECT count(*) FROM crsql_parked"), "3");
}

}  // namespace
}  // namespace tributary::testing
