// CREATE VIRTUAL TABLE foo_schema USING clset(...): the table foo, replicated, or nothing.
#include "tests/ext/ext_test.h"

namespace tributary::testing {
namespace {

constexpr char kMake[] =
    "CREATE VIRTUAL TABLE foo_schema USING clset(a INTEGER PRIMARY KEY NOT NULL, b, c)";
constexpr char kSchema[] =
    "SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'crsql%' AND name NOT LIKE 'sqlite%' "
    "ORDER BY rowid";

class Clset : public ::testing::Test {
 protected:
  ~Clset() override {
    EXPECT_EQ(db_.Get("SELECT * FROM crsql_check()"), "");
    EXPECT_EQ(db_.Get("PRAGMA integrity_check"), "'ok'");
  }
  std::string Schema() { return db_.Get(kSchema); }

  Db db_;
};

TEST_F(Clset, MakesAReplicatedTable) {
  db_.Do(kMake);
  db_.Do("INSERT INTO foo VALUES(1, 2, 3)");
  EXPECT_EQ(ChangesText(db_), "foo 010901 b 2 1 1 me 1 0\nfoo 010901 c 3 1 1 me 1 1");
  db_.Do("CREATE VIRTUAL TABLE IF NOT EXISTS foo_schema USING clset(z PRIMARY KEY NOT NULL)");
  EXPECT_EQ(db_.Get("SELECT name FROM pragma_table_info('foo')"), "'a'\n'b'\n'c'");
  Db plain;
  plain.Do(kFoo);
  SyncAll({&db_, &plain});
  ExpectEqual(db_, plain, {"foo"});
}

TEST_F(Clset, DefinitionsAsTheyWereWritten) {
  db_.Do(
      "CREATE VIRTUAL TABLE \"my \"\"t\"\"_SCHEMA\" USING clset(\"a,\" TEXT NOT NULL DEFAULT "
      "',)',\n"
      " b INT -- a comment, of one line\n , [c d] CHECK([c d] IN (1, 2)), g AS (b + 1),"
      " PRIMARY KEY(\"a,\", b) /* and, another */ -- the last\n)");
  db_.Do("INSERT INTO \"my \"\"t\"\"\"(b, [c d]) VALUES(1, 2)");
  EXPECT_EQ(db_.Get("SELECT * FROM \"my \"\"t\"\"\""), "',)'|1|2|2");
  EXPECT_EQ(db_.Int("SELECT count(*) FROM crsql_changes"), 1);
  EXPECT_TRUE(Contains(db_.Error("INSERT INTO \"my \"\"t\"\"\"(b, [c d]) VALUES(1, 3)"), "CHECK"));
}

TEST_F(Clset, HasNothingToReadOrWrite) {
  db_.Do(kMake);
  EXPECT_EQ(db_.Get("SELECT * FROM foo_schema"), "error: no tables specified");
  EXPECT_EQ(db_.Get("SELECT alteration, schema FROM foo_schema"), "");
  EXPECT_EQ(db_.Get("INSERT INTO foo_schema(schema) VALUES(1)"),
            "error: table foo_schema may not be modified");
}

TEST_F(Clset, AFailureLeavesNothing) {
  db_.Do(
      "CREATE TABLE taken(a); CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, b);"
      "SELECT crsql_as_crr('foo')");
  const std::pair<const char*, const char*> cases[] = {
      {"bar USING clset(a PRIMARY KEY NOT NULL)",
       "bar MUST end with _schema. E.g., bar_schema. Two tables will be created: bar_schema for "
       "managing the CRDT schemas and bar for storing the data."},
      {"_schema USING clset(a PRIMARY KEY NOT NULL)", "_schema MUST end with _schema"},
      {"t_schema USING clset(a, b)", "no primary key"},
      {"t_schema USING clset(a PRIMARY KEY, b UNIQUE)", "UNIQUE constraint on b"},
      {"t_schema USING clset(a PRIMARY KEY COLLATE NOCASE)", "collation NOCASE"},
      {"t_schema USING clset(a PRIMARY KEY, \"-1\")", "column \"-1\""},
      {"t_schema USING clset(a PRIMARY, b)", "syntax error"},
      {"t_schema USING clset", "syntax error"},
      {"crsql_t_schema USING clset(a PRIMARY KEY)", "reserved"},
      {"sqlite_t_schema USING clset(a PRIMARY KEY)", "reserved"},
      {"taken_schema USING clset(a PRIMARY KEY NOT NULL)", "already exists"},
      {"temp.t_schema USING clset(a PRIMARY KEY NOT NULL)", "to be made in temp"},
  };
  for (const auto& [what, why] : cases) {
    const std::string sql = std::string("CREATE VIRTUAL TABLE ") + what;
    const std::string schema = Schema();
    const int64_t rows = db_.Int("SELECT count(*) FROM foo");
    EXPECT_TRUE(Contains(db_.Error(sql), why)) << sql;
    EXPECT_TRUE(db_.autocommit());
    EXPECT_EQ(Schema(), schema) << sql;
    db_.Do("BEGIN; INSERT INTO foo(b) VALUES(1)");
    EXPECT_TRUE(Contains(db_.Error(sql), why)) << sql;
    EXPECT_EQ(Schema(), schema) << sql;
    db_.Do("INSERT INTO foo(b) VALUES(2); COMMIT");
    EXPECT_EQ(db_.Int("SELECT count(*) FROM foo"), rows + 2);
    EXPECT_EQ(db_.Int("SELECT count(*) FROM crsql_changes"), rows + 2);
    EXPECT_EQ(db_.Get("SELECT name FROM crsql_tables"), "'foo'");
  }
}

TEST_F(Clset, DropTakesAllWithIt) {
  const std::string schema = Schema();
  db_.Do(kMake);
  db_.Do("INSERT INTO foo VALUES(1, 2, 3); UPDATE foo SET b = 4; DROP TABLE foo_schema");
  EXPECT_EQ(Schema(), schema);
  EXPECT_EQ(ChangesText(db_), "");
  EXPECT_EQ(
      db_.Int("SELECT (SELECT count(*) FROM crsql_columns) + (SELECT count(*) FROM crsql_rows)"),
      0);
  db_.Do(kMake);
  db_.Do("INSERT INTO foo VALUES(1, 2, 3); DROP TABLE foo; DROP TABLE foo_schema");
  EXPECT_EQ(Schema(), schema) << "dropped by hand before";
}

TEST_F(Clset, RollsBack) {
  db_.Do("BEGIN");
  db_.Do(kMake);
  db_.Do("INSERT INTO foo VALUES(1, 2, 3); ROLLBACK");
  EXPECT_EQ(Schema(), "");
  EXPECT_EQ(ChangesText(db_), "");
  db_.Do(kMake);
  db_.Do("INSERT INTO foo VALUES(1, 2, 3)");
  const std::string schema = Schema(), changes = ChangesText(db_);
  db_.Do("BEGIN; SAVEPOINT s; DROP TABLE foo_schema; ROLLBACK TO s");
  EXPECT_EQ(Schema(), schema);
  EXPECT_EQ(ChangesText(db_), changes);
  db_.Do("ALTER TABLE foo_schema RENAME TO bar_schema; INSERT INTO bar VALUES(2, 2, 3); ROLLBACK");
  EXPECT_EQ(Schema(), schema);
  EXPECT_EQ(ChangesText(db_), changes);
  db_.Do("INSERT INTO foo VALUES(3, 2, 3); DROP TABLE foo_schema");
  EXPECT_EQ(Schema(), "");
}

TEST_F(Clset, RenameTakesTheTableAlong) {
  db_.Do(kMake);
  db_.Do("INSERT INTO foo VALUES(1, 2, 3)");
  EXPECT_TRUE(Contains(db_.Error("ALTER TABLE foo_schema RENAME TO bar"), "MUST end with _schema"));
  db_.Do("CREATE TABLE there(a)");
  EXPECT_TRUE(Contains(db_.Error("ALTER TABLE foo_schema RENAME TO there_schema"), "there"));
  EXPECT_EQ(db_.Int("SELECT count(*) FROM foo"), 1);
  db_.Do("ALTER TABLE foo_schema RENAME TO bar_schema; UPDATE bar SET b = 4");
  EXPECT_EQ(ChangesText(db_), "bar 010901 c 3 1 1 me 1 1\nbar 010901 b 4 2 2 me 1 0");
  db_.Do("DROP TABLE bar_schema");
  EXPECT_EQ(Schema(), "'table'|'there'");
}

TEST(ClsetFile, ReopenedWithAndWithoutTheExtension) {
  TempDir dir;
  const std::string path = dir.File("a.db");
  {
    Db db(path);
    db.Do(kMake);
    db.Do("INSERT INTO foo VALUES(1, 2, 3)");
  }
  {
    Db plain(path, {.extension = false});
    EXPECT_EQ(plain.Get("SELECT * FROM foo"), "1|2|3");
    EXPECT_TRUE(
        Contains(plain.Error("SELECT alteration FROM foo_schema"), "no such module: clset"));
  }
  Db db(path);
  db.Do("INSERT INTO foo VALUES(2, 2, 3)");
  EXPECT_EQ(db.Int("SELECT count(*) FROM crsql_changes"), 4);
  db.Do("DROP TABLE foo_schema");
  EXPECT_EQ(db.Get(kSchema), "");
}

}  // namespace
}  // namespace tributary::testing
