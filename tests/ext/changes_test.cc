// Reading crsql_changes: columns, constraints, orders; what is and is not shown.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "tests/ext/ext_test.h"

namespace tributary::testing {
namespace {

class ReadingChanges : public FooTest {
 protected:
  // Several tables, authors, versions and lives.
  void Fill() {
    db_.Do(
        "CREATE TABLE bar(k TEXT, n REAL, v, PRIMARY KEY(k, n)) WITHOUT ROWID;"
        "CREATE TABLE only(k PRIMARY KEY); SELECT crsql_as_crr('bar'), crsql_as_crr('only')");
    db_.Do(
        "INSERT INTO foo VALUES(1, 'a', 1), (2, 'b', 2.5), (3, x'63', NULL);"
        "INSERT INTO bar VALUES('x', 1, 'v'), ('y', 2.5, 'w'); INSERT INTO only VALUES('o');"
        "UPDATE foo SET b = 'new' WHERE a = 2; DELETE FROM foo WHERE a = 3;"
        "BEGIN; UPDATE bar SET v = 'z'; INSERT INTO foo VALUES(4, 4, 4); COMMIT");
    EXPECT_EQ(Merge("foo 010905 b 5 1 10 S1 1 0\nfoo 010905 c 5 1 10 S1 1 1\n"
                    "foo 010901 c 99 7 3 S2 1 0\nbar 020b0178023ff0000000000000 v 1 9 11 S1 1 0\n"
                    "only 010b0170 -1 NULL 2 4 S2 2 0"),
              "");
  }
};

TEST_F(ReadingChanges, TheColumns) {
  EXPECT_EQ(db_.Get("SELECT name, type FROM pragma_table_info('crsql_changes')"),
            "'table'|'TEXT'\n'pk'|'BLOB'\n'cid'|'TEXT'\n'val'|'ANY'\n'col_version'|'INTEGER'\n"
            "'db_version'|'INTEGER'\n'site_id'|'BLOB'\n'cl'|'INTEGER'\n'seq'|'INTEGER'");
  EXPECT_EQ(db_.Get("SELECT name, type, hidden FROM pragma_table_xinfo('crsql_changes') "
                    "WHERE hidden"),
            "'ts'|'TEXT'|1");
  EXPECT_EQ(db_.Get("SELECT * FROM crsql_changes"), "");
}

// Whatever is pushed down gives what SQLite would give on a copy of the rows.
TEST_F(ReadingChanges, ConstraintsAgreeWithACopy) {
  Fill();
  db_.Do(
      "CREATE TEMP TABLE copy(\"table\" TEXT, pk BLOB, cid TEXT, val, col_version INTEGER,"
      " db_version INTEGER, site_id BLOB, cl INTEGER, seq INTEGER);"
      "INSERT INTO copy SELECT * FROM crsql_changes");
  ASSERT_GT(db_.Int("SELECT count(*) FROM copy"), 10);
  const std::vector<std::string> terms = {
      "db_version > 2",
      "db_version >= 3",
      "db_version < 3",
      "db_version <= 1",
      "db_version = 3",
      "db_version = '3'",
      "db_version = 3.0",
      "db_version > 2.5",
      "db_version = 'x'",
      "db_version IS 3",
      "db_version IS NULL",
      "db_version = NULL",
      "db_version IN (1, 4, 10)",
      "db_version BETWEEN 2 AND 4",
      "db_version != 3",
      "db_version > 9223372036854775807",
      "db_version < -9223372036854775808",
      "db_version > 1e30",
      "db_version > -1e30",
      "db_version IS NOT 3",
      "site_id = crsql_site_id()",
      "site_id != crsql_site_id()",
      "site_id IS NOT crsql_site_id()",
      "site_id = x'01010101010101010101010101010101'",
      "site_id IN (x'01010101010101010101010101010101', x'02020202020202020202020202020202')",
      "site_id = x'01'",
      "site_id IS NULL",
      "site_id = 'text'",
      "\"table\" = 'foo'",
      "\"table\" = 'FOO'",
      "\"table\" = 'FOO' COLLATE NOCASE",
      "\"table\" IN ('foo', 'only')",
      "\"table\" > 'c'",
      "\"table\" LIKE 'F%'",
      "\"table\" = x'666f6f'",
      "pk = x'010901'",
      "pk = x'0109'",
      "pk = '010901'",
      "pk > x'010902'",
      "pk IN (x'010901', x'010905')",
      "pk = crsql_pack_columns('x', 1.0)",
      "cid = 'b'",
      "cid = '-1'",
      "cid = -1",
      "cid = 'B'",
      "cid IN ('b', 'v')",
      "val = 1",
      "val IS NULL",
      "val > 2",
      "val = 'new'",
      "col_version > 1",
      "cl = 2",
      "cl % 2 = 1",
      "seq = 0",
      "seq > 0 OR db_version = 1",
      "cl = 1 AND seq = 1",
      "rowid IS NOT NULL",
      "0",
      "1"};
  const std::string order = " ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9";
  for (const std::string& a : terms) {
    for (const std::string& b : terms) {
      const std::string where = " WHERE (" + a + ") AND (" + b + ")" + order;
      const std::string got = db_.Get("SELECT * FROM crsql_changes" + where);
      ASSERT_EQ(got, db_.Get("SELECT * FROM copy" + where)) << where;
    }
  }
}

TEST_F(ReadingChanges, OrdersAgreeWithACopy) {
  Fill();
  db_.Do("CREATE TEMP TABLE copy AS SELECT * FROM crsql_changes");
  const char* columns[] = {"\"table\"",  "pk",      "cid", "val", "col_version",
                           "db_version", "site_id", "cl",  "seq"};
  // With the remaining columns as tie-breakers both sides have one order only.
  const std::string rest = ", \"table\", pk, cid, db_version, seq";
  for (const std::string a : columns) {
    for (const std::string b : columns) {
      for (const std::string directions : {"  ", " d", "d ", "dd"}) {
        const std::string order = " ORDER BY " + a + (directions[0] == 'd' ? " DESC" : "") + ", " +
                                  b + (directions[1] == 'd' ? " DESC" : "") + rest;
        ASSERT_EQ(db_.Get("SELECT * FROM crsql_changes" + order),
                  db_.Get("SELECT * FROM copy" + order))
            << order;
      }
    }
  }
  EXPECT_EQ(db_.Get("SELECT db_version, seq FROM crsql_changes"),
            db_.Get("SELECT db_version, seq FROM copy ORDER BY db_version, seq"))
      << "the default order";
  EXPECT_TRUE(db_.Run("SELECT * FROM crsql_changes ORDER BY val").ok());
  EXPECT_TRUE(db_.Run("SELECT * FROM crsql_changes ORDER BY rowid").ok());
}

TEST_F(ReadingChanges, JoinsLimitsAndAggregates) {
  Fill();
  db_.Do("CREATE TEMP TABLE copy AS SELECT * FROM crsql_changes");
  for (const std::string query :
       {"SELECT max(db_version), min(seq), count(*), count(DISTINCT pk) FROM @",
        "SELECT max(seq) FROM @ WHERE site_id = crsql_site_id() AND db_version = 1",
        "SELECT max(db_version) FROM @ WHERE site_id = crsql_site_id()",
        "SELECT \"table\", count(*) FROM @ GROUP BY \"table\" ORDER BY 1",
        "SELECT a.cid, b.cid FROM @ a JOIN @ b ON a.pk = b.pk AND a.\"table\" = b.\"table\" "
        "ORDER BY a.pk, 1, 2",
        "SELECT f.a, x.cid FROM foo f LEFT JOIN @ x ON x.\"table\" = 'foo' AND x.pk = "
        "crsql_pack_columns(f.a) ORDER BY 1, 2",
        "SELECT DISTINCT site_id, db_version FROM @ ORDER BY 2 DESC, 1",
        "SELECT db_version FROM @ ORDER BY db_version DESC LIMIT 3 OFFSET 1",
        "SELECT max(cid), min(\"table\"), max(site_id), max(pk), max(val) FROM @",
        "SELECT max((SELECT max(b.cid) FROM @ b WHERE b.pk = a.pk AND b.\"table\" = a.\"table\")), "
        "min((SELECT max(b.site_id) FROM @ b WHERE b.db_version = a.db_version)) FROM @ a",
        "SELECT cid, lag(cid) OVER w, lag(site_id) OVER w FROM @ WINDOW w AS "
        "(ORDER BY db_version, seq, site_id) ORDER BY db_version, seq, site_id",
        "SELECT count(*) FROM @ WHERE EXISTS(SELECT 1 FROM @ b WHERE b.db_version > 5)"}) {
    std::string on_changes = query, on_copy = query;
    for (size_t at; (at = on_changes.find('@')) != std::string::npos;) {
      on_changes.replace(at, 1, "crsql_changes");
    }
    for (size_t at; (at = on_copy.find('@')) != std::string::npos;) on_copy.replace(at, 1, "copy");
    EXPECT_EQ(db_.Get(on_changes), db_.Get(on_copy)) << query;
  }
}

// Rows are read by key or by walking the table, as a whole or by column: in all mixtures of these
// a record has its own cell's value.
TEST_F(ReadingChanges, ValuesAreThoseOfTheirCells) {
  constexpr int kColumns = 20;
  constexpr int kRows = 60;
  std::string columns;
  for (int i = 0; i < kColumns; i++) columns += ", c" + std::to_string(i);
  const std::string keys[] = {"k INTEGER PRIMARY KEY NOT NULL" + columns,
                              "k TEXT PRIMARY KEY NOT NULL" + columns,
                              "k TEXT PRIMARY KEY NOT NULL" + columns + ") WITHOUT ROWID; --"};
  for (const std::string& definition : keys) {
    Db db;
    db.Do("CREATE TABLE t(" + definition + ")\n; SELECT crsql_as_crr('t')");
    const auto row = [](int i) { return std::to_string(i * 37 % kRows + 1); };
    db.Do("BEGIN");
    for (int i = 0; i < kRows; i++) {
      db.Do("INSERT INTO t(k, c0, c1, c19) VALUES(" + row(i) + ", 'a', " + row(i) + ", x'00')");
    }
    db.Do("COMMIT");
    for (int i = 0; i < kRows; i++) {
      const std::string column = "c" + std::to_string(i % kColumns);
      db.Do("UPDATE t SET " + column + " = '" + row(i) + "' WHERE k = " + row(i));
      if (i % 5 == 0) db.Do("UPDATE t SET c3 = k + 1, c4 = -0.5 WHERE k > " + row(i + 1));
      if (i % 7 == 0) db.Do("UPDATE t SET c5 = 'five' || k WHERE k % 2 = 0; ");
      if (i % 11 == 0) db.Do("DELETE FROM t WHERE k = " + row(i + 3));
    }
    const std::vector<Change> changes = ReadChanges(db);
    ASSERT_GT(changes.size(), 1000U);
    for (const Change& c : changes) {
      if (c.is_sentinel()) continue;
      EXPECT_EQ(
          c.value.ToSql(),
          db.One("SELECT " + c.cid + " FROM t WHERE crsql_pack_columns(k) = ?", {Cell::Blob(c.pk)})
              .ToSql())
          << c.cid;
    }
    EXPECT_EQ(ReadChanges(db), changes);
  }
}

// Each cursor has statements of its own, also those that others have left behind.
TEST_F(ReadingChanges, CursorsAtTheSameTime) {
  Fill();
  const auto text = [](const Change& c) { return c.table + c.pk + c.cid + c.value.ToSql(); };
  std::string expected;
  for (const Change& a : ReadChanges(db_)) {
    for (const Change& b : ReadChanges(db_, "db_version > 2")) expected += text(a) + text(b) + "\n";
  }
  for (int i = 0; i < 2; i++) {
    std::string seen;
    for (const Row& r : db_.Run("SELECT a.\"table\", a.pk, a.cid, a.val, b.\"table\", b.pk, b.cid, "
                                "b.val FROM crsql_changes a CROSS JOIN crsql_changes b "
                                "WHERE b.db_version > 2")
                            .rows) {
      seen += r[0].bytes + r[1].bytes + r[2].bytes + r[3].ToSql() + r[4].bytes + r[5].bytes +
              r[6].bytes + r[7].ToSql() + "\n";
    }
    EXPECT_EQ(seen, expected);
  }
}

TEST_F(ReadingChanges, OnlyInsertAndSelect) {
  Fill();
  const std::string before = Changes();
  for (const char* sql : {"DELETE FROM crsql_changes", "UPDATE crsql_changes SET val = 1",
                          "DELETE FROM crsql_changes WHERE pk = x'010901'"}) {
    const Outcome outcome = db_.Run(sql);
    EXPECT_EQ(outcome.error,
              "Only INSERT and SELECT statements are allowed against the crsql changes table");
    EXPECT_EQ(outcome.code & 0xff, SQLITE_MISUSE);
  }
  EXPECT_EQ(Changes(), before);
}

TEST_F(ReadingChanges, NewTablesAreVisibleAtOnce) {
  Db db;
  EXPECT_EQ(ChangesText(db), "");
  db.Do("CREATE TABLE t(k PRIMARY KEY, v); SELECT crsql_as_crr('t'); INSERT INTO t VALUES(1, 1)");
  EXPECT_EQ(ChangesText(db), "t 010901 v 1 1 1 me 1 0");
}

// A row that vanished without a trace is not shown: peers would set its columns to NULL.
TEST_F(ReadingChanges, VanishedRowsAreNotShown) {
  db_.Do(
      "INSERT INTO foo VALUES(1, 2, 3), (2, 3, 4); SELECT crsql_internal_sync_bit(1);"
      "DELETE FROM foo WHERE a = 1; SELECT crsql_internal_sync_bit(0)");
  EXPECT_EQ(Changes(), "foo 010902 b 3 1 1 me 1 2\nfoo 010902 c 4 1 1 me 1 3");
}

TEST_F(ReadingChanges, WritesWhileReading) {
  Fill();
  sqlite3_stmt* stmt = nullptr;
  ASSERT_EQ(sqlite3_prepare_v2(db_.handle(), "SELECT pk FROM crsql_changes", -1, &stmt, nullptr),
            SQLITE_OK);
  ASSERT_EQ(sqlite3_step(stmt), SQLITE_ROW);
  db_.Do("UPDATE foo SET c = 7; INSERT INTO foo VALUES(77, 7, 7); DELETE FROM bar");
  int rows = 1;
  while (sqlite3_step(stmt) == SQLITE_ROW) rows++;
  EXPECT_GT(rows, 5);
  EXPECT_EQ(sqlite3_finalize(stmt), SQLITE_OK);
}

// A cursor that is still open when the file changes under it.
TEST_F(ReadingChanges, AnOpenCursorAndARollback) {
  Fill();
  const std::string before = Changes();
  db_.Do("BEGIN; UPDATE foo SET c = 7");
  sqlite3_stmt* stmt = nullptr;
  ASSERT_EQ(sqlite3_prepare_v2(db_.handle(), "SELECT pk FROM crsql_changes", -1, &stmt, nullptr),
            SQLITE_OK);
  ASSERT_EQ(sqlite3_step(stmt), SQLITE_ROW);
  db_.Do("ROLLBACK");
  while (sqlite3_step(stmt) == SQLITE_ROW) {
  }
  sqlite3_finalize(stmt);
  EXPECT_EQ(Changes(), before);
}

// Section 19: constraints on table and pk must not read everything (T12).
TEST_F(ReadingChanges, PointLookupsAreCheap) {
  db_.Do(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)"
      "INSERT INTO foo SELECT i, i, i FROM n");
  for (int i = 0; i < 200; i++) {
    db_.Do("UPDATE foo SET b = 'x' WHERE a = " + std::to_string(i * 250 + 1));
  }
  const auto seconds = [this](const std::string& sql) {
    double best = 1e9;
    for (int i = 0; i < 5; i++) {
      const auto start = std::chrono::steady_clock::now();
      db_.Do(sql);
      const std::chrono::duration<double> d = std::chrono::steady_clock::now() - start;
      best = std::min(best, d.count());
    }
    return best;
  };
  const double all = seconds("SELECT count(val) FROM crsql_changes");
  EXPECT_LT(seconds("SELECT count(val) FROM crsql_changes WHERE \"table\" = 'foo' AND pk = "
                    "crsql_pack_columns(40001)"),
            all / 20);
  EXPECT_LT(seconds("SELECT count(val) FROM crsql_changes WHERE db_version > 195"), all / 20);
  EXPECT_LT(seconds("SELECT count(val) FROM crsql_changes WHERE site_id = " + Site(3)), all / 20);
  EXPECT_LT(seconds("SELECT count(val) FROM crsql_changes WHERE \"table\" = 'nosuch'"), all / 20);
  EXPECT_EQ(db_.Int("SELECT count(val) FROM crsql_changes WHERE \"table\" = 'foo' AND pk = "
                    "crsql_pack_columns(40001)"),
            2);
}

}  // namespace
}  // namespace tributary::testing
