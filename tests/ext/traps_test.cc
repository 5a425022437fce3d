// Traps of the engine's design, as far as they apply to the core. Where else: T1 and T5, T15
// transactions_test; T8 new_site_id_test; T10 defects_test; T9 DeterminismTest below; T11
// values_test; T12 changes_test; T13 triggers_test. T19 belongs to changesets.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "tests/ext/ext_test.h"

namespace tributary::testing {
namespace {

class Traps : public FooTest {};

// T2: a cell that arrives before the rest of its row.
TEST_F(Traps, T2PartialRows) {
  EXPECT_EQ(Merge("foo 010901 c 6 1 10 S1 1 1"), "");
  EXPECT_EQ(Changes(), "foo 010901 c 6 1 10 S1 1 1") << "b has no clock";
  EXPECT_EQ(Merge("foo 010901 b 5 1 10 S1 1 0"), "");
  Db whole;
  whole.Do(kFoo);
  EXPECT_EQ(MergeText(whole, "foo 010901 b 5 1 10 S1 1 0\nfoo 010901 c 6 1 10 S1 1 1"), "");
  ExpectEqual(db_, whole, {"foo"});
  EXPECT_EQ(Merge("foo 010902 c 6 1 11 S1 1 1"), "");
  // Whatever comes for a cell without a clock wins, even NULL over nothing and version 1.
  EXPECT_EQ(Impact("foo 010902 b NULL 1 3 S1 1 0"), 1);
}

TEST_F(Traps, T2PartialRowsInOneStatementPerCell) {
  db_.Do(
      "INSERT INTO foo VALUES(1, 2, 3), (2, 3, 4), (3, 4, 5); UPDATE foo SET c = 9 WHERE a = 2;"
      "DELETE FROM foo WHERE a = 3");
  std::vector<Change> changes = ReadChanges(db_);
  std::sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) {
    return std::tie(a.cid, a.pk) > std::tie(b.cid, b.pk);
  });
  Db peer;
  peer.Do(kFoo);
  for (const Change& change : changes) {
    EXPECT_TRUE(ApplyChange(peer, change).ok());
    EXPECT_EQ(peer.Get("SELECT * FROM crsql_check()"), "");
  }
  ExpectEqual(db_, peer, {"foo"});
}

// T3 and T16: a column added later.
TEST_F(Traps, T3AColumnAddedLater) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3), (2, 3, 4); UPDATE foo SET b = 9 WHERE a = 2");
  const std::string before = Changes();
  db_.Do("ALTER TABLE foo ADD COLUMN d DEFAULT 7");
  EXPECT_EQ(Changes(), before) << "readable, before the column is replicated";
  db_.Do("SELECT crsql_as_crr('foo')");
  EXPECT_EQ(Changes(), before) << "the default needs no clock";
  db_.Do("UPDATE foo SET d = 8 WHERE a = 1");
  // cr-sqlite would say col_version 1; above 0 is what matters.
  EXPECT_EQ(ChangesText(db_, "cid = 'd'"), "foo 010901 d 8 2 3 me 1 0");
  db_.Do("INSERT INTO foo VALUES(3, 1, 1, 7)");
  EXPECT_EQ(ChangesText(db_, "db_version = 4"),
            "foo 010903 b 1 1 4 me 1 0\nfoo 010903 c 1 1 4 me 1 1\nfoo 010903 d 7 1 4 me 1 2");
  EXPECT_EQ(Merge("foo 010902 d 9 1 1 S1 1 0"), "") << "the other side may have it already";
  EXPECT_EQ(db_.Get("SELECT d FROM foo"), "8\n9\n7");
}

TEST_F(Traps, T3AColumnAddedOnBothSides) {
  Db peer;
  peer.Do(kFoo);
  db_.Do("INSERT INTO foo VALUES(1, 2, 3), (2, 3, 4)");
  SyncAll({&db_, &peer});
  for (Db* db : {&db_, &peer}) {
    db->Do("ALTER TABLE foo ADD COLUMN d NOT NULL DEFAULT 'x'; SELECT crsql_as_crr('foo')");
  }
  ExpectEqual(db_, peer, {"foo"});
  db_.Do("UPDATE foo SET d = 'y' WHERE a = 1");
  peer.Do("UPDATE foo SET d = 'z' WHERE a = 2; UPDATE foo SET c = 5 WHERE a = 1");
  SyncAll({&db_, &peer});
  EXPECT_EQ(db_.Get("SELECT d FROM foo"), "'y'\n'z'");
  ExpectEqual(db_, peer, {"foo"});
}

// T4: for now an error that names table and column.
TEST_F(Traps, T4AColumnThatIsNotHereYet) {
  EXPECT_EQ(Merge("foo 010901 later 5 1 10 S1 1 0"), "");
  EXPECT_EQ(Changes(), "foo 010901 later 5 1 10 S1 1 0") << "passed on";
  db_.Do("ALTER TABLE foo ADD COLUMN later; SELECT crsql_as_crr('foo')");
  EXPECT_EQ(db_.Get("SELECT later FROM foo"), "5");
}

// T6: a row that arrives incomplete into NOT NULL columns without default.
TEST_F(Traps, T6NeutralValues) {
  db_.Do(
      "CREATE TABLE t(k INTEGER PRIMARY KEY, i INTEGER NOT NULL, x TEXT NOT NULL, b BLOB NOT "
      "NULL, r REAL NOT NULL, n NUMERIC NOT NULL, a NOT NULL, d TEXT NOT NULL DEFAULT 'dflt', "
      "z); SELECT crsql_as_crr('t')");
  EXPECT_EQ(Merge("t 010901 z 1 1 10 S1 1 7"), "");
  EXPECT_EQ(db_.Get("SELECT typeof(i), typeof(x), typeof(b), typeof(r), typeof(n), d, z FROM t"),
            "'integer'|'text'|'blob'|'real'|'integer'|'dflt'|1");
  EXPECT_EQ(db_.Get("SELECT i, x, b, r, n FROM t"), "0|''|x''|0.0|0");
  EXPECT_EQ(Changes(), "t 010901 z 1 1 10 S1 1 7") << "what is not known is not shown";
  EXPECT_EQ(Merge("t 010901 i -5 1 10 S1 1 0\nt 010901 x '' 1 10 S1 1 1"), "");
  EXPECT_EQ(db_.Get("SELECT i, x FROM t"), "-5|''");
  EXPECT_EQ(Merge("t 010902 -1 NULL 3 11 S1 3 0"), "") << "a sentinel alone";
  EXPECT_EQ(db_.Get("SELECT count(*) FROM t"), "2");
}

TEST_F(Traps, T6StrictRows) {
  db_.Do(
      "CREATE TABLE t(k TEXT PRIMARY KEY, i INT NOT NULL, x TEXT NOT NULL, b BLOB NOT NULL, r "
      "REAL NOT NULL, a ANY NOT NULL, z ANY) STRICT; SELECT crsql_as_crr('t')");
  EXPECT_EQ(Merge("t 010b0161 z 1 1 10 S1 1 5"), "");
  EXPECT_EQ(db_.Get("SELECT typeof(i), typeof(x), typeof(b), typeof(r), a IS NULL FROM t"),
            "'integer'|'text'|'blob'|'real'|0");
}

// T9: the same work gives the same changes in the same order, whoever does it.
TEST_F(Traps, T9SameWorkSameOrder) {
  std::string first;
  for (int run = 0; run < 3; run++) {
    Db db;
    for (const char* name : {"zeta", "alpha", "mid", "foo", "bar"}) {
      db.Do("CREATE TABLE " + std::string(name) +
            "(k INTEGER PRIMARY KEY, v, w); SELECT "
            "crsql_as_crr('" +
            name + "')");
    }
    db.Do("BEGIN");
    for (int i = 0; i < 50; i++) {
      for (const char* name : {"mid", "zeta", "bar", "alpha"}) {
        const std::string key = std::to_string((i * 37) % 101);
        db.Do(std::string("INSERT INTO ") + name + " VALUES(" + key + ", 1, 2);" + "UPDATE " +
              name + " SET v = 5 WHERE k % 3 = 0");
      }
    }
    db.Do("COMMIT");
    EXPECT_EQ(MergeText(db,
                        "zeta 0109ff v 1 1 7 S3 1 0\nalpha 0109ff v 1 1 7 S2 1 0\n"
                        "mid 0109ff v 1 1 7 S1 1 0"),
              "");
    const std::string changes = ChangesText(db);
    if (run == 0) first = changes;
    EXPECT_EQ(changes, first);
  }
}

// T14: a change that has been merged is not news for ever; it is passed on with its author.
TEST_F(Traps, T14MergedCellsArePassedOn) {
  EXPECT_EQ(Merge("foo 010901 b 5 1 10 S1 1 0"), "");
  EXPECT_EQ(ChangesText(db_, "site_id = " + Site(1) + " AND db_version > 9"),
            "foo 010901 b 5 1 10 S1 1 0");
  EXPECT_EQ(ChangesText(db_, "site_id = crsql_site_id()"), "");
  EXPECT_EQ(db_.Int("SELECT crsql_db_version()"), 0);
}

// T17: the back-fill of a filled table is merged piece by piece.
TEST_F(Traps, T17BackFillInPieces) {
  db_.Do(
      "CREATE TABLE old(k INTEGER PRIMARY KEY, v, w);"
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
      "INSERT INTO old SELECT i, hex(randomblob(8)), i FROM n; SELECT crsql_as_crr('old')");
  EXPECT_EQ(db_.Int("SELECT crsql_db_version()"), 1);
  const std::vector<Change> changes = ReadChanges(db_);
  ASSERT_EQ(changes.size(), 10000U);
  for (size_t i = 0; i < changes.size(); i++) EXPECT_EQ(changes[i].seq, static_cast<int64_t>(i));
  Db peer;
  peer.Do(std::string(kFoo) +
          "CREATE TABLE old(k INTEGER PRIMARY KEY, v, w);"
          "SELECT crsql_as_crr('old')");
  for (size_t i = 0; i < changes.size(); i += 777) {
    const size_t end = std::min(changes.size(), i + 777);
    EXPECT_EQ(ApplyChanges(peer, {changes.begin() + i, changes.begin() + end}), "");
  }
  ExpectEqual(db_, peer, {"old"});
}

// T18: ties. Three replicas, every order of delivery, the same stamps in the end.
struct Tie {
  const char* name;
  const char* prepare;  // on all three before they part
  const char* a;
  const char* b;
};

void PrintTo(const Tie& tie, std::ostream* out) { *out << tie.name; }

class Ties : public ::testing::TestWithParam<Tie> {};

TEST_P(Ties, EndEqual) {
  for (int order = 0; order < 6; order++) {
    for (const int merge_equal_values : {0, 1}) {
      Db a, b, c;
      for (Db* db : {&a, &b, &c}) {
        db->Do(kFoo);
        db->Do("SELECT crsql_config_set('merge-equal-values', " +
               std::to_string(merge_equal_values) + ")");
      }
      a.Do(GetParam().prepare);
      SyncAll({&a, &b, &c});
      a.Do(GetParam().a);
      b.Do(GetParam().b);
      const std::vector<Change> from_a = ReadChanges(a), from_b = ReadChanges(b);
      // The relay c hears both, in either order; then all hear from c or from each other.
      EXPECT_EQ(ApplyChanges(c, order % 2 == 0 ? from_a : from_b), "");
      EXPECT_EQ(ApplyChanges(c, order % 2 == 0 ? from_b : from_a), "");
      const std::vector<Change> from_c = ReadChanges(c);
      EXPECT_EQ(ApplyChanges(a, order / 2 == 0 ? from_c : from_b), "");
      EXPECT_EQ(ApplyChanges(b, order / 2 == 1 ? from_c : from_a), "");
      for (Db* db : {&b, &c}) {
        EXPECT_EQ(a.Get("SELECT * FROM crsql_changes ORDER BY 1, 2, 3"),
                  db->Get("SELECT * FROM crsql_changes ORDER BY 1, 2, 3"));
        ExpectEqual(a, *db, {"foo"});
      }
    }
  }
}

constexpr Tie kTies[] = {
    {"Inserts", "", "INSERT INTO foo VALUES(1, 2, 3)", "INSERT INTO foo VALUES(1, 2, 3)"},
    {"InsertsWithOneDifference", "", "INSERT INTO foo VALUES(1, 2, 3)",
     "INSERT INTO foo VALUES(1, 2, 4)"},
    {"Updates", "INSERT INTO foo VALUES(1, 2, 3)", "UPDATE foo SET b = 5", "UPDATE foo SET b = 5"},
    {"Deletes", "INSERT INTO foo VALUES(1, 2, 3)", "DELETE FROM foo", "DELETE FROM foo"},
    {"Revivals", "INSERT INTO foo VALUES(1, 2, 3); DELETE FROM foo",
     "INSERT INTO foo VALUES(1, 2, 3)", "INSERT INTO foo VALUES(1, 2, 3)"},
    {"DeleteAndUpdate", "INSERT INTO foo VALUES(1, 2, 3)", "DELETE FROM foo",
     "UPDATE foo SET b = 5"},
    {"DeleteAndReplace", "INSERT INTO foo VALUES(1, 2, 3)",
     "DELETE FROM foo; INSERT INTO foo VALUES(1, 2, 3)", "REPLACE INTO foo VALUES(1, 2, 3)"},
    {"Moves", "INSERT INTO foo VALUES(1, 2, 3)", "UPDATE foo SET a = 9", "UPDATE foo SET a = 9"},
    {"MoveAndInsert", "INSERT INTO foo VALUES(1, 2, 3)", "UPDATE foo SET a = 9",
     "INSERT INTO foo VALUES(9, 2, 3)"},
    {"MovesOfTwoOntoOne", "INSERT INTO foo VALUES(1, 2, 3), (2, 4, 5)",
     "UPDATE foo SET a = 9 WHERE a = 1", "UPDATE foo SET a = 9 WHERE a = 2"},
    {"MoveOntoTheLiving", "INSERT INTO foo VALUES(1, 2, 3), (2, 4, 5)",
     "UPDATE OR REPLACE foo SET a = 2 WHERE a = 1", "UPDATE foo SET b = 7 WHERE a = 2"},
    {"Replaces", "INSERT INTO foo VALUES(1, 2, 3)", "REPLACE INTO foo VALUES(1, 5, 6)",
     "REPLACE INTO foo VALUES(1, 5, 7)"},
    {"ManyLives", "INSERT INTO foo VALUES(1, 2, 3)",
     "DELETE FROM foo; INSERT INTO foo VALUES(1, 0, 0); DELETE FROM foo; INSERT INTO foo VALUES(1, "
     "8, 8)",
     "DELETE FROM foo; INSERT INTO foo VALUES(1, 9, 9); UPDATE foo SET b = 10"},
};

INSTANTIATE_TEST_SUITE_P(All, Ties, ::testing::ValuesIn(kTies),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST_F(Traps, T18KeyOnlyTies) {
  std::string digests[2];
  for (int order = 0; order < 2; order++) {
    Db db;
    db.Do("CREATE TABLE k(a PRIMARY KEY); SELECT crsql_as_crr('k')");
    const char* first = "k 010901 -1 NULL 1 5 S1 1 0";
    const char* second = "k 010901 -1 NULL 1 3 S2 1 0";
    EXPECT_EQ(MergeText(db, order == 0 ? first : second), "");
    EXPECT_EQ(MergeText(db, order == 0 ? second : first), "");
    EXPECT_EQ(ChangesText(db), second);
    digests[order] = db.Get("SELECT crsql_digest()");
  }
  EXPECT_EQ(digests[0], digests[1]);
}

}  // namespace
}  // namespace tributary::testing
