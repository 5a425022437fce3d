// crsql_explain: every clock of a row, stored, implied or missing, and who set it.
#include <gtest/gtest.h>

#include <string>

#include "tests/ext/ext_test.h"

namespace tributary::testing {
namespace {

class Explain : public FooTest {
 protected:
  std::string Of(const std::string& key) {
    return db_.Get("SELECT cid, value, col_version, ifnull(site_id, 0) = " + Site(1) +
                   ", db_version, seq, cl, clock FROM crsql_explain('foo', " + key + ")");
  }
};

TEST_F(Explain, FirstInsertsAreImplied) {
  db_.Do("INSERT INTO foo VALUES(1, 'x', NULL)");
  EXPECT_EQ(
      db_.Get("SELECT cid, value, col_version, site_id = crsql_site_id(), db_version, seq, cl, "
              "clock, ts FROM crsql_explain('foo', 1)"),
      "'-1'|NULL|1|NULL|NULL|NULL|1|'none'|NULL\n"
      "'b'|'x'|1|1|1|0|1|'implied'|'0'\n"
      "'c'|NULL|1|1|1|1|1|'implied'|'0'");
  const int64_t ms = db_.Int("SELECT commit_ms FROM crsql_explain('foo', 1) WHERE cid = 'b'");
  const int64_t now = db_.Int("SELECT CAST(unixepoch() AS INTEGER)");
  EXPECT_LT(std::abs(ms / 1000 - now), 60);
  EXPECT_EQ(Of("2"), "") << "never heard of";
}

TEST_F(Explain, MergedAndMissingClocks) {
  EXPECT_EQ(Merge("foo 010901 c 6 4 10 S1 1 3"), "");
  EXPECT_EQ(Of("1"),
            "'-1'|NULL|1|0|NULL|NULL|1|'none'\n"
            "'b'|NULL|0|0|NULL|NULL|1|'none'\n"
            "'c'|6|4|1|10|3|1|'explicit'");
  db_.Do(
      "SELECT crsql_set_ts('1'); BEGIN; SELECT crsql_set_ts('77'); UPDATE foo SET c = 7; COMMIT");
  EXPECT_EQ(db_.Get("SELECT ts FROM crsql_explain('foo', 1)"), "NULL\nNULL\n'77'");
  EXPECT_EQ(db_.Get("SELECT commit_ms FROM crsql_explain('foo', 1) WHERE cid = 'b'"), "NULL");
}

TEST_F(Explain, TombstonesAndRevivedRows) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3)");
  EXPECT_EQ(Merge("foo 010901 -1 NULL 2 10 S1 2 3"), "");
  EXPECT_EQ(Of("1"), "'-1'|NULL|2|1|10|3|2|'explicit'");
  db_.Do("INSERT INTO foo VALUES(1, 8, 9)");
  EXPECT_EQ(Of("1"),
            "'-1'|NULL|3|0|2|0|3|'explicit'\n"
            "'b'|8|1|0|2|1|3|'explicit'\n"
            "'c'|9|1|0|2|2|3|'explicit'");
}

// In step with crsql_changes, whatever has happened to the row.
TEST_F(Explain, SaysWhatChangesSay) {
  for (int i = 0; i < 60; i++) {
    const std::string key = std::to_string(i % 7);
    db_.Do("INSERT OR REPLACE INTO foo VALUES(" + key + ", " + std::to_string(i) + ", 1)");
    if (i % 3 == 0) db_.Do("UPDATE foo SET c = c + 1 WHERE a = " + key);
    if (i % 4 == 0) db_.Do("DELETE FROM foo WHERE a = " + key);
  }
  const char* kColumns = "cid, val, col_version, db_version, site_id, cl, seq, ts";
  EXPECT_EQ(
      db_.Get("SELECT k, cid, value, col_version, db_version, site_id, cl, seq, ts FROM (SELECT "
              "DISTINCT pk, (SELECT cell FROM crsql_unpack_columns(pk)) k FROM crsql_changes), "
              "crsql_explain('foo', k) WHERE site_id NOTNULL ORDER BY k, cid"),
      db_.Get(std::string("SELECT (SELECT cell FROM crsql_unpack_columns(pk)) k, ") + kColumns +
              " FROM crsql_changes ORDER BY k, cid"));
}

TEST_F(Explain, PendingWritesCount) {
  db_.Do("BEGIN; INSERT INTO foo VALUES(1, 2, 3)");
  EXPECT_EQ(db_.Int("SELECT count(*) FROM crsql_explain('foo', 1)"), 3);
  db_.Do("ROLLBACK");
  EXPECT_EQ(Of("1"), "");
}

TEST_F(Explain, KeysOfAnyShape) {
  db_.Do(
      "CREATE TABLE pair(a TEXT NOT NULL, b INTEGER NOT NULL, v, PRIMARY KEY(a, b));"
      "SELECT crsql_as_crr('pair'); INSERT INTO pair VALUES('x', 2, 'pair')");
  const std::string cell = "'v'|'pair'";
  EXPECT_EQ(db_.Get("SELECT cid, value FROM crsql_explain('pair', 'x', 2) WHERE cid = 'v'"), cell);
  EXPECT_EQ(db_.Get("SELECT cid, value FROM crsql_explain('pair', 'x', '2') WHERE cid = 'v'"),
            cell);
  EXPECT_EQ(db_.Get("SELECT e.cid, value FROM crsql_changes c, crsql_explain(c.\"table\", c.pk) e "
                    "WHERE e.cid = 'v'"),
            cell);
  EXPECT_EQ(db_.Get("SELECT * FROM crsql_explain('pair', 'x', 'no number')"), "");
  db_.Do(
      "CREATE TABLE t(k REAL PRIMARY KEY NOT NULL, v); SELECT crsql_as_crr('t');"
      "CREATE TABLE s(k TEXT PRIMARY KEY NOT NULL); SELECT crsql_as_crr('s');"
      "INSERT INTO t VALUES(3, 'real'); INSERT INTO s VALUES(7)");
  EXPECT_EQ(db_.Get("SELECT value FROM crsql_explain('t', 3) WHERE cid = 'v'"), "'real'");
  EXPECT_EQ(db_.Get("SELECT cid, clock FROM crsql_explain('s', 7)"), "'-1'|'implied'");
  std::string columns;
  for (int i = 1; i <= 9; i++) columns += "k" + std::to_string(i) + " INT NOT NULL, ";
  db_.Do("CREATE TABLE wide(" + columns +
         "v, PRIMARY KEY(k1, k2, k3, k4, k5, k6, k7, k8, k9)); "
         "SELECT crsql_as_crr('wide'); INSERT INTO wide VALUES(1, 2, 3, 4, 5, 6, 7, 8, 9, 'w')");
  EXPECT_EQ(db_.Get("SELECT value FROM crsql_explain('wide', crsql_pack_columns(1, 2, 3, 4, 5, 6, "
                    "7, 8, 9)) WHERE cid = 'v'"),
            "'w'");
}

TEST_F(Explain, Errors) {
  db_.Do(
      "CREATE TABLE pair(a NOT NULL, b NOT NULL, v, PRIMARY KEY(a, b)); SELECT "
      "crsql_as_crr('pair')");
  for (const char* bad :
       {"'pair', 1, 2, 3", "'pair', 1", "'pair', x'00'", "'pair'",
        "'pair', crsql_pack_columns(1, 2, 3)", "'pair', 1, 2, 3, 4, 5, 6, 7, 8"}) {
    EXPECT_TRUE(Contains(db_.Error(std::string("SELECT * FROM crsql_explain(") + bad + ")"),
                         "the key of table pair is (a, b): pass a value for each"))
        << bad;
  }
  EXPECT_TRUE(Contains(db_.Error("SELECT * FROM crsql_explain('foo', NULL)"), "cannot be NULL"));
  EXPECT_TRUE(Contains(db_.Error("SELECT * FROM crsql_explain('nope', 1)"),
                       "crsql_explain: table nope is not replicated here"));
  EXPECT_NE(db_.Error("SELECT * FROM crsql_explain"), "");
  EXPECT_TRUE(Contains(db_.Error("SELECT * FROM crsql_explain('foo', 1, 2, 3, 4, 5, 6, 7, 8, 9)"),
                       "too many arguments"));
}

}  // namespace
}  // namespace tributary::testing
