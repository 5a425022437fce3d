// Replicas that exchange changesets become equal: whatever the directions, orders, sizes and
// schemas. Transfers that break off: changesets_transfer_test.cc; refusals:
// changesets_errors_test.cc; transactions, constraints and triggers of the host:
// changesets_host_test.cc.
#include "tests/support/changesets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/ext/ext_test.h"
#include "tests/sim/random.h"

namespace tributary::testing {
namespace {

using sim::Random;

// Replicas of two tables: foo, and tag of keys alone.
class Changesets : public ::testing::TestWithParam<int64_t> {
 protected:
  static std::unique_ptr<Db> New(const std::string& path = ":memory:",
                                 const std::string& before = "") {
    auto db = std::make_unique<Db>(path, Db::Options{.before = before});
    db->Do(kFoo);
    db->Do("CREATE TABLE tag(x TEXT, y INT, PRIMARY KEY(x, y)) WITHOUT ROWID");
    db->Do("SELECT crsql_as_crr('tag')");
    return db;
  }
  static int64_t max_bytes() { return GetParam(); }
  static void Equal(Db& a, Db& b) { ExpectEqual(a, b, {"foo", "tag"}); }
};

INSTANTIATE_TEST_SUITE_P(Sizes, Changesets, ::testing::Values(1, 100, 1000, 1 << 20),
                         ::testing::PrintToStringParamName());

// Many small transactions, with every kind of write.
void Scribble(Db& db, Random* random, int transactions) {
  for (int i = 0; i < transactions; i++) {
    const bool roll_back = random->OneIn(8);
    db.Do("BEGIN");
    for (size_t n = 1 + random->Below(4); n > 0; n--) {
      const std::string a = absl::StrCat(random->Below(12));
      const std::string v = absl::StrCat(random->Below(4));
      switch (random->Below(8)) {
        case 0:
          db.Do(absl::StrCat("DELETE FROM foo WHERE a = ", a));
          break;
        case 1:
          db.Do(absl::StrCat("INSERT OR IGNORE INTO tag VALUES('t", v, "', ", a, ")"));
          break;
        case 2:
          db.Do(absl::StrCat("DELETE FROM tag WHERE x = 't", v, "'"));
          break;
        case 3:
          db.Do(absl::StrCat("UPDATE foo SET b = 'b", v, "' WHERE a = ", a));
          break;
        case 4:
          db.Do(absl::StrCat("UPDATE OR REPLACE foo SET a = a + 1 WHERE a = ", a));
          break;
        case 5:
          db.Do(absl::StrCat("UPDATE foo SET c = x'0", v, "', b = NULL WHERE a > ", a));
          break;
        default:
          db.Do(absl::StrCat("INSERT OR REPLACE INTO foo VALUES(", a, ", ", v, ", 'c", v, "')"));
      }
    }
    db.Do(roll_back ? "ROLLBACK" : "COMMIT");
  }
}

TEST_P(Changesets, TwoReplicas) {
  auto a = New(), b = New();
  a->Do("INSERT INTO foo VALUES(1, 2, 3), (2, 'x', NULL); INSERT INTO tag VALUES('k', 1)");
  b->Do("INSERT INTO foo VALUES(1, 5, 0), (3, 1.5, x'00')");
  Send(*a, *b, max_bytes());
  Send(*b, *a, max_bytes());
  Equal(*a, *b);
  EXPECT_EQ(TableText(*a, "foo"), "1|5|3\n2|'x'|NULL\n3|1.5|x'00'");
  EXPECT_EQ(Known(*a, {a.get(), b.get()}).size(), Known(*b, {a.get(), b.get()}).size());
  EXPECT_TRUE(PiecesFor(*a, *b).empty());
  EXPECT_TRUE(PiecesFor(*b, *a).empty());
}

TEST_P(Changesets, TombstonesAndResurrectionAndKeyChanges) {
  auto a = New(), b = New();
  a->Do("INSERT INTO foo VALUES(1, 2, 3), (2, 2, 2), (3, 3, 3); INSERT INTO tag VALUES('k', 1)");
  Send(*a, *b, max_bytes());
  a->Do("DELETE FROM foo WHERE a = 1; DELETE FROM tag");
  a->Do("UPDATE foo SET a = 9 WHERE a = 2");
  b->Do("UPDATE foo SET b = 'concurrent' WHERE a = 1; UPDATE foo SET c = 4 WHERE a = 2");
  Send(*a, *b, max_bytes());
  Send(*b, *a, max_bytes());
  Equal(*a, *b);
  EXPECT_EQ(TableText(*b, "foo"), "3|3|3\n9|2|2");
  EXPECT_EQ(TableText(*b, "tag"), "");
  b->Do("INSERT INTO foo VALUES(1, 'back', 0); INSERT INTO tag VALUES('k', 1)");
  Send(*b, *a, max_bytes());
  Equal(*a, *b);
  EXPECT_EQ(TableText(*a, "foo"), "1|'back'|0\n3|3|3\n9|2|2");
  EXPECT_EQ(TableText(*a, "tag"), "'k'|1");
}

TEST_P(Changesets, EmptyTransactionsAndSweptVersions) {
  auto a = New(), b = New(), c = New();
  // The first transactions are beaten by the last, so that nothing of them is left to send.
  a->Do("INSERT INTO foo VALUES(1, 0, 0)");
  for (int i = 0; i < 20; i++) a->Do(absl::StrCat("UPDATE foo SET b = ", i, ", c = ", i));
  a->Do("DELETE FROM foo");
  Send(*a, *b, max_bytes());
  Equal(*a, *b);
  EXPECT_TRUE(PiecesFor(*b, *a).empty());
  Send(*b, *c, max_bytes());
  Equal(*c, *a);
  EXPECT_TRUE(PiecesFor(*c, *a).empty());
}

TEST_P(Changesets, RandomHistoriesInAllDirections) {
  for (uint64_t seed = 1; seed <= 6; seed++) {
    Random random(seed);
    auto a = New(), b = New(), c = New();
    const std::vector<Db*> dbs = {a.get(), b.get(), c.get()};
    for (int round = 0; round < 12; round++) {
      Scribble(*dbs[random.Below(3)], &random, 4);
      Db& from = *dbs[random.Below(3)];
      Db& to = *dbs[random.Below(3)];
      if (&from == &to) continue;
      std::vector<std::string> pieces = PiecesFor(to, from, max_bytes());
      random.Shuffle(&pieces);
      // Some are lost, some come twice; the rest may come between writes.
      for (const std::string& piece : pieces) {
        if (random.OneIn(6)) continue;
        MustApply(to, piece);
        if (random.OneIn(4)) MustApply(to, piece);
        if (random.OneIn(8)) Scribble(to, &random, 1);
      }
    }
    SendAll(dbs, max_bytes());
    Equal(*a, *b);
    Equal(*a, *c);
    for (Db* x : dbs) {
      for (Db* y : dbs) EXPECT_TRUE(PiecesFor(*x, *y).empty()) << "seed " << seed;
      EXPECT_EQ(x->Get("SELECT count(*) FROM crsql_transfers"),
                x->Int("SELECT count(*) FROM sqlite_schema WHERE name = 'crsql_transfers'") == 1
                    ? "0"
                    : "error: no such table: crsql_transfers");
    }
    if (HasFailure()) FAIL() << "seed " << seed;
  }
}

TEST_P(Changesets, LikeRowsOfCrsqlChanges) {
  // The same history through both paths gives the same digest, clocks included.
  Random random(7);
  auto a = New(), b = New(), by_rows = New(), by_sets = New();
  for (int i = 0; i < 10; i++) {
    Scribble(*a, &random, 3);
    Scribble(*b, &random, 3);
    Send(*a, *b, max_bytes());
    Send(*b, *by_sets, max_bytes());
  }
  ASSERT_EQ(ApplyChanges(*by_rows, ReadChanges(*a)), "");
  ASSERT_EQ(ApplyChanges(*by_rows, ReadChanges(*b)), "");
  Send(*a, *by_sets, max_bytes());
  Send(*b, *by_sets, max_bytes());
  Equal(*by_rows, *by_sets);
}

TEST_P(Changesets, TiesOnEveryRow) {
  // Two sites seeded with the same rows: T18, the larger stamp on every replica.
  auto a = New(), b = New(), c = New(), d = New();
  for (Db* db : {a.get(), b.get()}) {
    db->Do(
        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) "
        "INSERT INTO foo SELECT i, i, 'same' FROM n");
    db->Do("INSERT INTO tag VALUES('same', 1); DELETE FROM foo WHERE a = 3");
  }
  Send(*a, *c, max_bytes());
  Send(*b, *c, max_bytes());
  Send(*b, *d, max_bytes());
  Send(*a, *d, max_bytes());
  Equal(*c, *d);
  SendAll({a.get(), b.get(), c.get(), d.get()}, max_bytes());
  Equal(*a, *b);
  Equal(*a, *c);
  Equal(*a, *d);
}

TEST_P(Changesets, ABackfillComesPieceByPiece) {
  Db a;
  a.Do("CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, b, c)");
  a.Do(
      "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) "
      "INSERT INTO foo SELECT i, i * 7, 'text ' || i FROM n");
  a.Do("SELECT crsql_as_crr('foo')");
  Db b;
  b.Do(kFoo);
  std::vector<std::string> pieces = PiecesFor(b, a, max_bytes());
  Random(3).Shuffle(&pieces);
  int64_t rows = 0;
  for (const std::string& piece : pieces) {
    rows += MustApply(b, piece);
    EXPECT_EQ(b.Int("SELECT count(*) FROM foo"), rows);
  }
  EXPECT_EQ(rows, 100);
  if (max_bytes() == 1) EXPECT_EQ(pieces.size(), 100);
  ExpectEqual(a, b, {"foo"});
}

TEST_P(Changesets, RelaysPassOnWhatTheyPruned) {
  // c gets all of it from b only, which has beaten parts of a's transactions (T19).
  auto a = New(), b = New(), c = New();
  a->Do("INSERT INTO foo VALUES(1, 'a', 'a'), (2, 'a', 'a'); INSERT INTO foo VALUES(3, 'a', 'a')");
  Send(*a, *b, max_bytes());
  b->Do("UPDATE foo SET b = 'b' WHERE a = 1; DELETE FROM foo WHERE a = 3");
  a->Do("UPDATE foo SET c = 'z' WHERE a = 3");
  Send(*a, *b, max_bytes());
  Send(*b, *c, max_bytes());
  Equal(*b, *c);
  EXPECT_TRUE(PiecesFor(*c, *a).empty());
  EXPECT_TRUE(PiecesFor(*c, *b).empty());
  Send(*c, *a, max_bytes());
  Equal(*a, *c);
}

TEST_P(Changesets, ValuesBitForBit) {
  for (const char* encoding : {"UTF-8", "UTF-16le", "UTF-16be"}) {
    auto a = New(), b = New(":memory:", absl::StrCat("PRAGMA encoding = '", encoding, "'"));
    a->Do(
        "INSERT INTO foo VALUES(-9223372036854775808, 9223372036854775807, -0.0), "
        "(9223372036854775807, 9e999, -9e999), (0, 5e-324, 1.7976931348623157e308), "
        "(1, '', x''), (2, 1, 1.0), (3, 'it''s', x'61'), (4, 'a' || char(0) || 'b', NULL), "
        "(5, zeroblob(3000), CAST(zeroblob(3000) AS TEXT)), (6, 9007199254740993, 0.1)");
    a->Do("INSERT INTO foo VALUES(7, char(0x1F600, 233), char(0xFFFD))");
    a->Do("INSERT INTO tag VALUES('', -1), ('a' || char(0), 0), (char(0x10FFFF), 1)");
    a->Do("UPDATE foo SET b = -0.0 WHERE a = 2");
    Send(*a, *b, max_bytes());
    Equal(*a, *b);
    Send(*b, *a, max_bytes());
    Equal(*a, *b);
    auto c = New();
    Send(*b, *c, max_bytes());
    Equal(*a, *c);
    EXPECT_EQ(c->Get("SELECT typeof(b), typeof(c) FROM foo WHERE a = 2"), "'real'|'real'");
  }
}

TEST_P(Changesets, TextThatIsNoUtf8) {
  auto a = New(), b = New();
  a->Do("INSERT INTO foo VALUES(1, CAST(x'ff00fe' AS TEXT), CAST(x'c3' AS TEXT))");
  a->Do("INSERT INTO tag VALUES(CAST(x'80ff' AS TEXT), 1)");
  Send(*a, *b, max_bytes());
  Equal(*a, *b);
  EXPECT_EQ(b->Get("SELECT hex(b), typeof(b) FROM foo"), "'FF00FE'|'text'");
}

TEST_P(Changesets, TimesOfTransactionsTravel) {
  auto a = New(), b = New();
  a->Do("BEGIN; SELECT crsql_set_ts('12345'); INSERT INTO foo VALUES(1, 2, 3); COMMIT");
  Send(*a, *b, max_bytes());
  EXPECT_EQ(b->Get("SELECT DISTINCT ts FROM crsql_changes"), "'12345'");
}

TEST(ChangesetsSql, ColumnsAndArguments) {
  Db a;
  a.Do(kFoo);
  EXPECT_EQ(a.Get("SELECT count(*) FROM crsql_changesets"), "0");
  a.Do("INSERT INTO foo VALUES(1, 2, 3); INSERT INTO foo VALUES(2, 2, 3), (3, NULL, 1)");
  EXPECT_EQ(a.Get("SELECT transactions, rows, cells FROM crsql_changesets"), "2|3|6");
  EXPECT_EQ(a.Get("SELECT transactions, rows, cells FROM crsql_changesets(NULL, 1)"),
            "1|1|2\n1|1|2\n1|1|2");
  EXPECT_EQ(a.Get("SELECT rows FROM crsql_changesets WHERE max_bytes = 1 AND tables = '[\"foo\"]'"),
            "1\n1\n1");
  EXPECT_EQ(a.Get("SELECT count(*) FROM crsql_changesets(crsql_version_vector())"), "0");
  // The arguments of a join; the cursor is used again.
  EXPECT_EQ(a.Get("WITH n(size) AS (VALUES (1), (1000)) SELECT size, count(*) FROM n, "
                  "crsql_changesets(NULL, size) GROUP BY size"),
            "1|3\n1000|1");
  EXPECT_EQ(a.Get("SELECT typeof(changeset), length(changeset) > 36 FROM crsql_changesets"),
            "'blob'|1");
  for (const char* size : {"0", "-1", "1e12", "'x'"}) {
    EXPECT_TRUE(Contains(a.Error(absl::StrCat("SELECT 1 FROM crsql_changesets(NULL, ", size, ")")),
                         "crsql_changesets: max_bytes must be 1 to"))
        << size;
  }
  for (const char* have : {"1", "'x'", "x'01'"}) {
    EXPECT_TRUE(Contains(a.Error(absl::StrCat("SELECT 1 FROM crsql_changesets(", have, ")")),
                         "malformed version vector"))
        << have;
  }
  for (const char* tables : {"'x'", "'{}'", "'[]'", "1"}) {
    EXPECT_TRUE(
        Contains(a.Error(absl::StrCat("SELECT 1 FROM crsql_changesets(NULL, 1, ", tables, ")")),
                 "tables must be a JSON array of names"))
        << tables;
  }
  EXPECT_TRUE(Contains(a.Error("SELECT 1 FROM crsql_changesets(NULL, 1, '[\"bar\"]')"),
                       "table bar is not replicated here"));
}

TEST(ChangesetsSql, ForPeople) {
  Db a;
  a.Do(kFoo);
  a.Do("INSERT INTO foo VALUES(1, 'two', x'03')");
  EXPECT_EQ(a.Get("SELECT json_valid(crsql_version_vector_json()), "
                  "json_valid(crsql_version_vector_json(crsql_version_vector()))"),
            "1|1");
  const std::string shown =
      a.One("SELECT crsql_changeset_json(changeset) FROM crsql_changesets").bytes;
  EXPECT_EQ(a.One("SELECT json_valid(?)", {Cell::Text(shown)}).integer, 1) << shown;
  for (const char* part : {"foo", "two", "03"}) EXPECT_TRUE(Contains(shown, part));
}

TEST(ChangesetsSql, SubsetsOfTables) {
  const std::string schema =
      "CREATE TABLE x(a INTEGER PRIMARY KEY NOT NULL, b); SELECT crsql_as_crr('x');"
      "CREATE TABLE y(a INTEGER PRIMARY KEY NOT NULL, b); SELECT crsql_as_crr('y');";
  const Cell x = Cell::Text("[\"x\"]"), y = Cell::Text("[\"y\"]"),
             both = Cell::Text("[\"y\",\"x\"]");
  Db a, b, only_x, c;
  for (Db* db : {&a, &b, &c}) db->Do(schema);
  only_x.Do("CREATE TABLE x(a INTEGER PRIMARY KEY NOT NULL, b); SELECT crsql_as_crr('x')");
  a.Do("BEGIN; INSERT INTO x VALUES(1, 1); INSERT INTO y VALUES(1, 1); COMMIT");
  a.Do("INSERT INTO y VALUES(2, 2); INSERT INTO x VALUES(2, 2)");

  MustApplyAll(only_x, PiecesFor(only_x, a, 1, x));
  EXPECT_EQ(TableText(only_x, "x"), "1|1\n2|2");
  EXPECT_TRUE(PiecesFor(only_x, a, 1, x).empty());

  MustApplyAll(b, PiecesFor(b, a, 1000, x));
  EXPECT_EQ(TableText(b, "x"), "1|1\n2|2");
  EXPECT_EQ(TableText(b, "y"), "");
  // Of all tables nothing is known by that.
  EXPECT_TRUE(Contains(b.Get("SELECT crsql_version_vector_json()"), "{\"known\":{}"));
  EXPECT_EQ(b.One("SELECT crsql_has(?)", {a.One("SELECT crsql_token()")}).integer, 0);
  MustApplyAll(b, PiecesFor(b, a, 1, y));
  EXPECT_EQ(TableText(b, "y"), "1|1\n2|2");
  Send(a, b);
  ExpectEqual(a, b, {"x", "y"});
  EXPECT_TRUE(PiecesFor(b, a, 1, both).empty());
  EXPECT_TRUE(PiecesFor(b, a, 1, x).empty());
  EXPECT_TRUE(PiecesFor(b, a, 1).empty());

  // A relay that knows a table of a third replica passes that on, and its knowledge of it.
  b.Do("INSERT INTO x VALUES(3, 'b')");
  MustApplyAll(c, PiecesFor(c, b, 1, x));
  EXPECT_EQ(TableText(c, "x"), TableText(b, "x"));
  EXPECT_TRUE(PiecesFor(c, a, 1, x).empty());
  MustApplyAll(only_x, PiecesFor(only_x, c, 1, x));
  EXPECT_EQ(TableText(only_x, "x"), TableText(b, "x"));
  EXPECT_TRUE(PiecesFor(only_x, b, 1, x).empty());
}

TEST(ChangesetsSql, ASubsetThroughARelayThatHasNoRowsOfItsAuthor) {
  // c knows a's version 1 as to x without having any of its cells.
  const std::string schema =
      "CREATE TABLE x(a INTEGER PRIMARY KEY NOT NULL, b); SELECT crsql_as_crr('x');"
      "CREATE TABLE y(a INTEGER PRIMARY KEY NOT NULL, b); SELECT crsql_as_crr('y');";
  const Cell x = Cell::Text("[\"x\"]");
  Db a, b, c;
  for (Db* db : {&a, &b, &c}) db->Do(schema);
  a.Do("INSERT INTO y VALUES(1, 1)");
  MustApplyAll(b, PiecesFor(b, a, 1000, x));
  b.Do("INSERT INTO x VALUES(1, 'b')");
  MustApplyAll(c, PiecesFor(c, b, 1000, x));
  EXPECT_EQ(TableText(c, "x"), "1|'b'");
  EXPECT_TRUE(PiecesFor(c, b, 1000, x).empty());
  EXPECT_TRUE(PiecesFor(c, a, 1000, x).empty());
  EXPECT_EQ(c.Get("SELECT count(*) FROM crsql_transfers"), "error: no such table: crsql_transfers");
}

}  // namespace
}  // namespace tributary::testing
