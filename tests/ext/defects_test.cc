// Section 19 of the semantics reference: what goes wrong in cr-sqlite, one test or more each, in
// the order of that list. (Order of columns, point look-ups: changes_test. Foreign hooks:
// connections_test. REPLACE that hits another row: transactions_test.)
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/ext/ext_test.h"

namespace tributary::testing {
namespace {

class Defects : public FooTest {
 protected:
  // Runs a merge that must fail; nothing may have changed, inside the caller's transaction too.
  void ExpectRefused(const std::string& sql) {
    db_.Do("INSERT OR IGNORE INTO foo VALUES(77, 'outer', 0)");
    for (const bool in_transaction : {false, true}) {
      if (in_transaction) db_.Do("BEGIN; UPDATE foo SET c = c + 1 WHERE a = 77");
      const std::string rows = Foo(), changes = Changes(), digest = db_.Get(kDigest);
      EXPECT_NE(db_.Error(sql), "") << sql;
      EXPECT_EQ(db_.autocommit(), !in_transaction) << sql;
      EXPECT_EQ(Foo(), rows) << sql;
      EXPECT_EQ(Changes(), changes) << sql;
      EXPECT_EQ(db_.Get(kDigest), digest) << sql;
      EXPECT_EQ(db_.Get("SELECT crsql_internal_sync_bit()"), "0") << sql;
      if (in_transaction) db_.Do("COMMIT");
    }
  }
  static std::string Insert(const std::string& values) {
    return "INSERT INTO crsql_changes VALUES(" + values + ")";
  }
  static constexpr char kDigest[] = "SELECT crsql_digest()";
};

// 1. Sync bit stuck after a failed merge.
TEST_F(Defects, TheSyncBitIsNeverStuck) {
  db_.Do(
      "CREATE TABLE t(a INTEGER PRIMARY KEY, b CHECK(b > 0), c NOT NULL DEFAULT 1);"
      "CREATE TABLE s(a INTEGER PRIMARY KEY, b INT) STRICT;"
      "CREATE TRIGGER fails AFTER INSERT ON t WHEN NEW.b = 99 BEGIN"
      " SELECT RAISE(ABORT, 'by the user'); END;"
      "SELECT crsql_as_crr('t'), crsql_as_crr('s')");
  for (const char* change :
       {"t 010901 b -1 1 1 S1 1 0", "t 010901 c NULL 1 1 S1 1 0", "s 01 b 1 1 1 S1 1 0",
        "t 010901 b 99 1 1 S1 1 0", "t 0105 b 1 1 1 S1 1 0"}) {
    EXPECT_NE(Merge(change), "") << change;
    EXPECT_EQ(db_.Get("SELECT crsql_internal_sync_bit()"), "0");
    db_.Do("INSERT INTO foo VALUES(1, 2, 3); DELETE FROM foo");
  }
  EXPECT_EQ(db_.Int("SELECT crsql_db_version()"), 10) << "every local write was tracked";
  EXPECT_EQ(db_.Get("SELECT count(*) FROM t"), "0");
  EXPECT_TRUE(Contains(Merge("t 010901 b -1 1 1 S1 1 0"), "CHECK constraint failed"));
  EXPECT_TRUE(Contains(Merge("t 010901 b 99 1 1 S1 1 0"), "by the user"));
  EXPECT_EQ(Merge("t 010901 b 5 1 1 S1 1 0"), "") << "a good one still merges";
}

TEST_F(Defects, ASyncBitSetByTheHostIsKept) {
  db_.Do("SELECT crsql_internal_sync_bit(1)");
  EXPECT_EQ(Merge("foo 010901 b 5 1 1 S1 1 0"), "");
  EXPECT_EQ(db_.Get("SELECT crsql_internal_sync_bit()"), "1");
  EXPECT_NE(Merge("foo 0105 b 5 1 1 S1 1 0"), "");
  EXPECT_EQ(Merge("foo 010901 nosuch 5 1 1 S1 1 0"), "");
  EXPECT_EQ(db_.Get("SELECT crsql_internal_sync_bit()"), "1");
  db_.Do("SELECT crsql_internal_sync_bit(0)");
}

// 2. Aborts of the process.
TEST_F(Defects, BadKeyBlobs) {
  db_.Do("CREATE TABLE two(a, b, v, PRIMARY KEY(a, b)); SELECT crsql_as_crr('two')");
  for (const char* pk :
       {"x''",       "NULL",        "x'00'",       "x'01'",           "x'0109'",
        "x'010b'",   "x'010b0561'", "x'0149'",     "x'0151'",         "x'01f9'",
        "x'014b00'", "x'01fb'",     "x'02'",       "x'0100'",         "x'0106'",
        "x'0107'",   "x'0105'",     "x'02090109'", "x'ff'",           "x'0143ffffffffffffffff61'",
        "5",         "'text'",      "1.5",         "zeroblob(100000)"}) {
    ExpectRefused(Insert(std::string("'foo', ") + pk + ", 'b', 1, 1, 1, " + Site(1) + ", 1, 0"));
  }
  for (const char* pk : {"x'02090105'", "x'02050901'"}) {
    ExpectRefused(Insert(std::string("'two', ") + pk + ", 'v', 1, 1, 1, " + Site(1) + ", 1, 0"));
    EXPECT_TRUE(Contains(
        db_.Error(Insert(std::string("'two', ") + pk + ", 'v', 1, 1, 1, " + Site(1) + ", 1, 0")),
        "two"))
        << "names the table";
  }
  EXPECT_EQ(db_.Get("SELECT * FROM two"), "");
  EXPECT_EQ(db_.Get("SELECT * FROM crsql_parked"), "");
  // Those of other schemas are kept apart.
  EXPECT_EQ(Merge("two 010905 v 1 1 1 S1 1 0\ntwo 03090109020903 v 1 1 1 S1 1 1\n"
                  "foo 0209010902 b 1 1 1 S1 1 2"),
            "");
  EXPECT_EQ(db_.Get("SELECT \"table\", hex(pk), reason LIKE '%pk of a change for table ' || "
                    "\"table\" || ' holds%' FROM crsql_parked"),
            "'two'|'010905'|1\n'two'|'03090109020903'|1\n'foo'|'0209010902'|1");
  EXPECT_EQ(db_.Get("SELECT * FROM two"), "");
}

TEST_F(Defects, NullsAndWrongTypes) {
  const std::string site = Site(1);
  const std::string pk = "x'010901'";
  for (const std::string& values : std::vector<std::string>{
           "NULL, " + pk + ", 'b', 1, 1, 1, " + site + ", 1, 0",
           "'', " + pk + ", 'b', 1, 1, 1, " + site + ", 1, 0",
           "'foo', " + pk + ", NULL, 1, 1, 1, " + site + ", 1, 0",
           "'foo', " + pk + ", '', 1, 1, 1, " + site + ", 1, 0",
           "'foo', " + pk + ", 'b', 1, 1, 1, NULL, 1, 0",
           "'foo', " + pk + ", 'b', 1, 1, 1, x'', 1, 0",
           "'foo', " + pk + ", 'b', 1, 1, 1, x'01', 1, 0",
           "'foo', " + pk + ", 'b', 1, 1, 1, zeroblob(15), 1, 0",
           "'foo', " + pk + ", 'b', 1, 1, 1, zeroblob(17), 1, 0",
           "'foo', " + pk + ", 'b', 1, 1, 1, 'sixteen letters!', 1, 0",
           "'foo', " + pk + ", 'b', 1, 1, 1, 7, 1, 0",
           "'foo', " + pk + ", 'b', 1, -1, 1, " + site + ", 1, 0",
           "'foo', " + pk + ", 'b', 1, 1, -1, " + site + ", 1, 0",
           "'foo', " + pk + ", 'b', 1, 1, 1, " + site + ", -1, 0",
           "'foo', " + pk + ", 'b', 1, 1, 1, " + site + ", 1, -1",
       }) {
    ExpectRefused(Insert(values));
  }
}

// T10: versions near 2^63 leave no room for the next write.
TEST_F(Defects, VersionsNearTheEndOfTheRange) {
  const std::string max = "9223372036854775807";
  for (const std::string& clock :
       {max + ", 1, " + Site(1) + ", 1, 0", "1, " + max + ", " + Site(1) + ", 1, 0",
        "1, 1, " + Site(1) + ", " + max + ", 0", "1, 1, " + Site(1) + ", 1, " + max}) {
    const Outcome outcome = db_.Run(Insert("'foo', x'010901', 'b', 1, " + clock));
    if (!outcome.ok()) continue;  // refused: fine
    db_.Do("UPDATE foo SET b = b + 1, c = 2; DELETE FROM foo; INSERT INTO foo VALUES(1, 5, 6)");
    EXPECT_EQ(db_.Int("SELECT count(*) FROM crsql_changes WHERE col_version < 0 OR cl < 0 OR seq < "
                      "0 OR db_version < 0"),
              0)
        << clock;
  }
}

TEST_F(Defects, NamesThatAreTooLong) {
  const std::string rest = ", 1, 1, 1, " + Site(1) + ", 1, 0";
  EXPECT_TRUE(Contains(db_.Error(Insert("hex(zeroblob(1025)), x'010901', 'b'" + rest)),
                       "crsql - table name exceeded max length"));
  EXPECT_TRUE(Contains(db_.Error(Insert("'foo', x'010901', hex(zeroblob(1025))" + rest)),
                       "crsql - column name exceeded max length"));
}

// T10: internal tables and names that are no CRR are not written through crsql_changes.
TEST_F(Defects, NamesThatAreNoCrr) {
  db_.Do("CREATE TABLE plain(a INTEGER PRIMARY KEY, b); CREATE VIEW v AS SELECT * FROM foo");
  const std::string rows = db_.Get("SELECT name FROM sqlite_schema");
  for (const char* table :
       {"plain", "v", "nosuch", "FOO", "foo ", "main.foo", "foo; DROP TABLE foo", "foo\"--"}) {
    EXPECT_EQ(db_.Error(Insert("'" + std::string(table) + "', x'010901', 'b', 1, 1, 1, " + Site(1) +
                               ", 1, 0")),
              "");
    EXPECT_EQ(
        db_.Get("SELECT reason FROM crsql_parked WHERE \"table\" = '" + std::string(table) + "'"),
        "'table " + std::string(table) + " is not replicated here'");
  }
  EXPECT_EQ(db_.Get("SELECT * FROM plain UNION ALL SELECT a, b FROM foo"), "");
  EXPECT_EQ(db_.Get("SELECT name FROM sqlite_schema"), rows);
  for (const char* table : {"sqlite_schema", "crsql_site_id", "crsql_changes", "CRSQL_rows",
                            "foo__crsql_clock", "foo__crsql_clocks", ""}) {
    const std::string sql =
        Insert("'" + std::string(table) + "', x'010901', 'b', 1, 1, 1, " + Site(1) + ", 1, 0");
    ExpectRefused(sql);
    EXPECT_TRUE(Contains(db_.Error(sql), std::string("could not find the schema information for "
                                                     "table ") +
                                             table));
  }
}

// T8: our own site at a version we never issued: a copied file, or a lie.
TEST_F(Defects, OurOwnSiteAboveOurVersion) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3)");
  const std::string error =
      db_.Error(Insert("'foo', x'010901', 'b', 9, 9, 5, crsql_site_id(), 1, 0"));
  EXPECT_TRUE(Contains(error, "5")) << "names the version";
  ExpectRefused(Insert("'foo', x'010901', 'b', 9, 9, 50, crsql_site_id(), 1, 0"));
}

// 3. ROLLBACK of the caller's transaction: RefusedTables in schema_test, ExpectRefused above, and:
TEST_F(Defects, FailedFunctionsLeaveTheTransaction) {
  db_.Do("BEGIN; INSERT INTO foo VALUES(1, 2, 3); SAVEPOINT s");
  for (const char* sql :
       {"SELECT crsql_as_crr('nosuch')", "SELECT crsql_as_crr()", "SELECT crsql_config_get('x')",
        "SELECT crsql_set_ts('x')", "SELECT crsql_digest('nosuch')", "DELETE FROM crsql_changes",
        "SELECT cell FROM crsql_unpack_columns(x'0109')", "SELECT crsql_set_db_version(1)"}) {
    EXPECT_NE(db_.Error(sql), "") << sql;
    EXPECT_FALSE(db_.autocommit()) << sql;
  }
  db_.Do("RELEASE s; COMMIT");
  EXPECT_EQ(Foo(), "1|2|3");
}

TEST_F(Defects, AFailingRowFailsItsStatementOnly) {
  db_.Do("BEGIN; INSERT INTO foo VALUES(1, 2, 3)");
  EXPECT_NE(db_.Error("INSERT INTO crsql_changes VALUES"
                      "('foo', x'010902', 'b', 1, 1, 1, " +
                      Site(1) +
                      ", 1, 0),"
                      "('foo', x'0105', 'b', 1, 1, 1, " +
                      Site(1) + ", 1, 1)"),
            "");
  EXPECT_EQ(Foo(), "1|2|3");
  EXPECT_EQ(db_.Int("SELECT crsql_rows_impacted()"), 0);
  EXPECT_EQ(Merge("foo 010902 b 1 1 1 S1 1 0"), "");
  db_.Do("COMMIT");
  EXPECT_EQ(Foo(), "1|2|3\n2|1|NULL");
}

// 6. Version reuse after a savepoint was rolled back.
TEST_F(Defects, VersionsAreNotReusedAfterASavepoint) {
  TempDir dir;
  {
    Db db(dir.File("f.db"));
    db.Do(kFoo);
    db.Do(
        "BEGIN; SAVEPOINT s; INSERT INTO foo VALUES(1, 0, 0); SELECT count(*) FROM crsql_changes;"
        "ROLLBACK TO s; INSERT INTO foo VALUES(2, 0, 0); COMMIT");
    EXPECT_EQ(db.Int("SELECT crsql_db_version()"), 1);
  }
  {
    Db db(dir.File("f.db"));
    EXPECT_EQ(db.Int("SELECT crsql_db_version()"), 1);
    db.Do("INSERT INTO foo VALUES(3, 0, 0)");
    EXPECT_EQ(db.Get("SELECT hex(pk), db_version FROM crsql_changes WHERE cid = 'b'"),
              "'010902'|1\n'010903'|2");
    EXPECT_EQ(db.Get("SELECT * FROM crsql_check()"), "");
  }
}

TEST_F(Defects, AVersionSurvivesTheStatementThatFirstUsedIt) {
  db_.Do("INSERT INTO foo VALUES(5, 0, 0); BEGIN");
  EXPECT_NE(db_.Error("INSERT INTO foo VALUES(6, 0, 0), (5, 0, 0)"), "");
  db_.Do("INSERT INTO foo VALUES(7, 0, 0); COMMIT; INSERT INTO foo VALUES(8, 0, 0)");
  EXPECT_EQ(db_.Get("SELECT hex(pk), db_version, seq FROM crsql_changes WHERE cid = 'b'"),
            "'010905'|1|0\n'010907'|2|0\n'010908'|3|0");
}

// 7. rows_impacted after a rollback.
TEST_F(Defects, RowsImpactedFallsAtRollback) {
  db_.Do("BEGIN");
  EXPECT_EQ(Merge("foo 010901 b 5 1 1 S1 1 0"), "");
  EXPECT_EQ(db_.Int("SELECT crsql_rows_impacted()"), 1);
  db_.Do("SAVEPOINT s");
  EXPECT_EQ(Merge("foo 010902 b 5 1 1 S1 1 1"), "");
  EXPECT_EQ(db_.Int("SELECT crsql_rows_impacted()"), 2);
  db_.Do("ROLLBACK TO s");
  EXPECT_EQ(db_.Int("SELECT crsql_rows_impacted()"), 1);
  db_.Do("ROLLBACK");
  EXPECT_EQ(db_.Int("SELECT crsql_rows_impacted()"), 0);
}

// 9. Names: schema_test. The triggers' own names need quoting, too.
TEST_F(Defects, OddNamesMerge) {
  db_.Do(
      "CREATE TABLE \"it's \"\"odd\"\"\"(\"k y\" PRIMARY KEY, \"v'\"\"\" NOT NULL, \"select\");"
      "SELECT crsql_as_crr('it''s \"odd\"')");
  db_.Do("INSERT INTO crsql_changes VALUES('it''s \"odd\"', x'010901', 'v''\"', 'x', 1, 1, " +
         Site(1) + ", 1, 0)");
  db_.Do("REPLACE INTO \"it's \"\"odd\"\"\" VALUES(1, 'y', 'z')");
  EXPECT_EQ(db_.Get("SELECT * FROM \"it's \"\"odd\"\"\""), "1|'y'|'z'");
  EXPECT_EQ(db_.Get("SELECT cid, val, col_version FROM crsql_changes"),
            "'v''\"'|'y'|2\n'select'|'z'|1");
}

// 10. One dropped, renamed or altered table makes all of crsql_changes unreadable.
class OtherTables : public ::testing::TestWithParam<const char*> {};

TEST_P(OtherTables, AreReadableAfterDdlOutsideAnyBracket) {
  TempDir dir;
  {
    Db db(dir.File("f.db"));
    db.Do(kFoo);
    db.Do(
        "CREATE TABLE t(k INTEGER PRIMARY KEY, v, w); SELECT crsql_as_crr('t');"
        "INSERT INTO foo VALUES(1, 2, 3); INSERT INTO t VALUES(1, 2, 3); UPDATE t SET v = 4");
    db.Run(GetParam());  // SQLite may refuse it because of our triggers; then nothing has changed
    EXPECT_EQ(ChangesText(db, "\"table\" = 'foo'"),
              "foo 010901 b 2 1 1 me 1 0\nfoo 010901 c 3 1 1 me 1 1");
    EXPECT_TRUE(db.Run("SELECT * FROM crsql_changes").ok());
    EXPECT_TRUE(db.Run("SELECT crsql_digest()").ok());
    EXPECT_TRUE(db.Run("SELECT * FROM crsql_info").ok());
    db.Do("UPDATE foo SET b = 5");
    EXPECT_EQ(MergeText(db, "foo 010901 c 6 5 5 S1 1 0"), "");
  }
  Db db(dir.File("f.db"));
  EXPECT_TRUE(db.Run("SELECT * FROM crsql_changes").ok());
  db.Do("UPDATE foo SET b = 6");
  EXPECT_EQ(ChangesText(db, "cid = 'b'"), "foo 010901 b 6 3 5 me 1 0");
  EXPECT_EQ(ChangesText(db, "cid = 'c'"), "foo 010901 c 6 5 5 S1 1 0");
  EXPECT_EQ(db.Get("PRAGMA integrity_check"), "'ok'");
}

INSTANTIATE_TEST_SUITE_P(
    All, OtherTables,
    ::testing::Values("DROP TABLE t", "ALTER TABLE t RENAME TO renamed",
                      "ALTER TABLE t DROP COLUMN w", "ALTER TABLE t RENAME COLUMN v TO vv",
                      "ALTER TABLE t ADD COLUMN x DEFAULT 7",
                      "DROP TABLE t; CREATE TABLE t(a TEXT PRIMARY KEY, b)",
                      "DROP TABLE t; CREATE VIEW t AS SELECT 1 AS k",
                      "DROP TRIGGER t__crsql_itrig; DROP TRIGGER t__crsql_utrig"));

// 11. An unknown column, for now an error that names it; the rest of crsql_changes works on.
TEST_F(Defects, UnknownColumns) {
  for (const char* cid : {"nosuch", "a", "B", "rowid", "_rowid_", "-2", "b ", "\"b\""}) {
    EXPECT_EQ(db_.Error(Insert("'foo', x'010901', '" + std::string(cid) + "', 1, 1, 1, " + Site(1) +
                               ", 1, 0")),
              "");
    EXPECT_EQ(db_.Get("SELECT reason FROM crsql_parked WHERE cid = '" + std::string(cid) + "'"),
              "'table foo has no column " + std::string(cid) + " here'");
  }
  EXPECT_EQ(Foo(), "");
}

// 13. RENAME COLUMN keeps the history.
TEST_F(Defects, RenamedColumnsKeepTheirClocks) {
  db_.Do(
      "INSERT INTO foo VALUES(1, 2, 3), (2, 2, 3); UPDATE foo SET b = 4 WHERE a = 1;"
      "ALTER TABLE foo RENAME COLUMN b TO renamed");
  EXPECT_EQ(ChangesText(db_, "cid = 'renamed'"),
            "foo 010902 renamed 2 1 1 me 1 2\nfoo 010901 renamed 4 2 2 me 1 0");
  db_.Do("UPDATE foo SET renamed = 5");
  EXPECT_EQ(ChangesText(db_, "cid = 'renamed'"),
            "foo 010901 renamed 5 3 3 me 1 0\nfoo 010902 renamed 5 2 3 me 1 1");
}

// 15. A unique index that was added later: a clash is an error, never another row's loss.
TEST_F(Defects, AUniqueIndexAddedLater) {
  db_.Do("INSERT INTO foo VALUES(1, 'taken', 0); CREATE UNIQUE INDEX later ON foo(b)");
  ExpectRefused(Insert("'foo', x'010902', 'b', 'taken', 1, 1, " + Site(1) + ", 1, 0"));
  EXPECT_EQ(Merge("foo 010902 b 'free' 1 1 S1 1 0"), "");
  ExpectRefused(Insert("'foo', x'010902', 'b', 'taken', 2, 2, " + Site(1) + ", 1, 0"));
  EXPECT_EQ(db_.Get("SELECT a, b FROM foo WHERE a < 77"), "1|'taken'\n2|'free'");
}

// 16. Affinity in the key: one row locally is one row on the wire (T7).
TEST_F(Defects, KeysAreConvertedAsTheTableDoes) {
  db_.Do(
      "CREATE TABLE t(k TEXT PRIMARY KEY, v); CREATE TABLE i(k INT PRIMARY KEY, v);"
      "CREATE TABLE r(k REAL PRIMARY KEY, v); CREATE TABLE n(k INTEGER PRIMARY KEY, v);"
      "SELECT crsql_as_crr('t'), crsql_as_crr('i'), crsql_as_crr('r'), crsql_as_crr('n')");
  db_.Do(
      "INSERT INTO t VALUES(5, 0); INSERT INTO i VALUES('5', 0); INSERT INTO r VALUES(5, 0);"
      "INSERT INTO n VALUES('5', 0)");
  EXPECT_EQ(db_.Get("SELECT \"table\", hex(pk) FROM crsql_changes"),
            "'t'|'010B0135'\n'i'|'010905'\n'r'|'01024014000000000000'\n'n'|'010905'");
  // A key in another storage class is converted or parked; it never becomes a second key.
  for (const char* change : {"t 010905 v 1 2 1 S1 1 0", "i 010b0135 v 1 2 1 S1 1 1",
                             "i 01024014000000000000 v 2 3 1 S1 1 2", "r 010905 v 1 2 1 S1 1 3",
                             "r 010b0135 v 2 3 1 S1 1 4", "n 010b0135 v 1 2 1 S1 1 5",
                             "n 01024014000000000000 v 2 3 1 S1 1 6"}) {
    EXPECT_EQ(Merge(change), "");
    EXPECT_EQ(db_.Get("SELECT count(*) FROM t, i, r, n"), "1") << change;
  }
  EXPECT_EQ(Merge("n 010b0161 v 1 1 1 S1 1 0"), "");
  EXPECT_EQ(db_.Get("SELECT \"table\", hex(pk) FROM crsql_parked ORDER BY 1, 2"),
            "'i'|'01024014000000000000'\n'i'|'010B0135'\n'n'|'01024014000000000000'\n"
            "'n'|'010B0135'\n'n'|'010B0161'\n'r'|'010B0135'\n't'|'010905'");
}

// Values take the column's affinity when they are stored; the comparison is of what is stored.
TEST_F(Defects, RedeliveryIsIdempotentDespiteAffinity) {
  db_.Do("CREATE TABLE t(k INTEGER PRIMARY KEY, v TEXT, r REAL, i INT); SELECT crsql_as_crr('t')");
  const std::string changes =
      "t 010901 v 5 1 1 S1 1 0\nt 010901 r 2 1 1 S1 1 1\nt 010901 i '7' 1 1 S1 1 2";
  EXPECT_EQ(Impact(changes), 3);
  EXPECT_EQ(db_.Get("SELECT * FROM t"), "1|'5'|2.0|7");
  EXPECT_EQ(Impact(changes), 0);
  EXPECT_EQ(Impact("t 010901 v '5' 1 1 S1 1 0\nt 010901 r 2.0 1 1 S1 1 1\nt 010901 i 7 1 1 S1 1 2"),
            0);
}

// 17. Losing changes leave nothing behind.
TEST_F(Defects, LosersLeaveNoTrace) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3); UPDATE foo SET b = 4; UPDATE foo SET b = 5");
  const std::string info = "SELECT rows, exceptions, log_bytes, tombstones FROM crsql_info";
  const std::string before = db_.Get(info) + db_.Get("SELECT crsql_digest()");
  EXPECT_EQ(Impact("foo 010901 b 99 1 1 S1 1 0\nfoo 010901 b 99 2 2 S1 1 0\n"
                   "foo 010902 b 5 1 1 S1 0 0\nfoo 010903 -1 NULL 0 1 S1 0 0"),
            0);
  EXPECT_EQ(db_.Get(info) + db_.Get("SELECT crsql_digest()"), before);
}

}  // namespace
}  // namespace tributary::testing
