// Tributary's own tables after somebody has edited them by hand: crsql_check or an error names what
// is wrong, and nothing goes on as if it were not.
#include <gtest/gtest.h>

#include <string>

#include "tests/ext/ext_test.h"

namespace tributary::testing {
namespace {

class Damage : public ::testing::Test {
 protected:
  Damage() {
    Db db(Path());
    db.Do(std::string(kFoo) + "INSERT INTO foo VALUES(1, 2, 3), (2, 3, 4); UPDATE foo SET b = 5;");
  }
  // The damage, as a connection finds it that knows of nothing yet.
  std::string Path() const { return dir_.File("f.db"); }
  void Do(const char* sql) { Db(Path(), {.extension = false}).Do(sql); }
  TempDir dir_;
};

TEST_F(Damage, OwnSiteId) {
  for (const char* sql :
       {"UPDATE crsql_site_id SET site_id = x'01'", "DELETE FROM crsql_site_id"}) {
    Do(sql);
    Db db(Path());
    const std::string problem = "table crsql_site_id has no 16-byte site id with ordinal 0";
    EXPECT_EQ(db.Get("SELECT problem FROM crsql_check"), "'" + problem + "'") << sql;
    EXPECT_EQ(db.Error("SELECT crsql_site_id()"), problem) << sql;
  }
  Do("DROP TABLE foo; DELETE FROM crsql_log");
  EXPECT_TRUE(Contains(Db(Path()).Get("SELECT problem FROM crsql_check"), "ordinal 0"));
}

// Without it the versions would be issued once more.
TEST_F(Damage, HeadOfTheLog) {
  Do("DELETE FROM crsql_log WHERE version = 9223372036854775807");
  Db db(Path());
  for (const char* sql : {"UPDATE foo SET b = 6", "SELECT * FROM crsql_check",
                          "SELECT crsql_db_version()", "SELECT * FROM crsql_changes"}) {
    EXPECT_TRUE(Contains(db.Error(sql), "no head")) << sql;
  }
}

// The table is not in the catalog: its triggers are reported, and renewed by crsql_as_crr.
TEST_F(Damage, Catalog) {
  Do("DELETE FROM crsql_tables");
  Db db(Path());
  EXPECT_TRUE(Contains(db.Get("SELECT * FROM crsql_check"), "'foo'|'its trigger foo__crsql_itrig"));
  EXPECT_TRUE(Contains(db.Error("UPDATE foo SET b = 6"), "call crsql_as_crr"));
  db.Do("SELECT crsql_as_crr('foo'); UPDATE foo SET b = 6 WHERE a = 1");
  EXPECT_EQ(db.Get("SELECT * FROM crsql_check"), "");
  EXPECT_EQ(db.Int("SELECT val FROM crsql_changes WHERE pk = x'010901' AND cid = 'b' AND "
                   "db_version = crsql_db_version()"),
            6);
}

TEST_F(Damage, ColumnsOfTheCatalog) {
  Do("DELETE FROM crsql_columns");
  Db db(Path());
  EXPECT_TRUE(Contains(db.Error("UPDATE foo SET b = 6"), "call crsql_as_crr on it again"));
}

// The list of rows whose clocks are read at once points to the reader's keys, and any statement can
// see it.
TEST_F(Damage, ClocksLeaveNoListBehind) {
  Db db;
  db.Do(
      "CREATE TABLE t(a PRIMARY KEY NOT NULL, b); SELECT crsql_as_crr('t');"
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 50)"
      "INSERT INTO t SELECT 'key ' || i, 1 FROM n; UPDATE t SET b = 2;"
      "UPDATE crsql_rows SET clock = x'ff'");
  EXPECT_TRUE(Contains(db.Error("UPDATE t SET b = 3"), "malformed"));
  EXPECT_EQ(db.Get("SELECT count(*) FROM crsql_pending_rows"), "0");
}

}  // namespace
}  // namespace tributary::testing
