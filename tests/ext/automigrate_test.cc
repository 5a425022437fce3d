// crsql_automigrate: from whatever schema to the wanted one. First section 12 of the semantics
// reference, with what cr-sqlite does wrong there, then each kind of change.
#include <string>
#include <vector>

#include "tests/ext/ext_test.h"

namespace tributary::testing {
namespace {

constexpr char kSchema[] =
    "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'crsql%' AND name NOT LIKE "
    "'sqlite%' AND name NOT LIKE '%\\_\\_crsql%' ESCAPE '\\' ORDER BY name";

class Automigrate : public ::testing::Test {
 protected:
  Automigrate() { Do("CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, b, c)"); }
  ~Automigrate() override {
    EXPECT_EQ(db_.Get("SELECT * FROM crsql_check()"), "");
    EXPECT_EQ(db_.Get("PRAGMA integrity_check"), "'ok'");
    EXPECT_TRUE(db_.autocommit());
  }
  void Do(std::string_view sql) { db_.Do(sql); }
  std::string Get(std::string_view sql) { return db_.Get(sql); }
  Outcome Run(const std::string& schema, const std::string& options = "{}") {
    return db_.Run("SELECT crsql_automigrate(?1, '', ?2)",
                   {Cell::Text(schema), Cell::Text(options)});
  }
  // The wanted schema, and then that nothing is left to do.
  void Migrate(const std::string& schema, const std::string& options = "{}") {
    EXPECT_EQ(Run(schema, options).ToText(), "'migration complete'") << schema;
    const std::string after = Get(kSchema), changes = ChangesText(db_);
    EXPECT_EQ(Run(schema, options).ToText(), "'migration complete'") << schema;
    EXPECT_EQ(Get(kSchema), after);
    EXPECT_EQ(ChangesText(db_), changes);
    EXPECT_EQ(db_.Int("SELECT count(*) FROM sqlite_schema WHERE name = 'crsql_automigrate'"), 0);
  }
  // Fails, with an error that names these, and changes nothing: outside and inside a transaction.
  void Fails(const std::string& schema, const std::vector<std::string>& named) {
    for (const bool inside : {false, true}) {
      if (inside) Do("BEGIN; SAVEPOINT hosts");
      const std::string before = Get(kSchema), changes = ChangesText(db_);
      const std::string error = Run(schema).error;
      for (const std::string& name : named) EXPECT_TRUE(Contains(error, name)) << schema;
      EXPECT_NE(error, "") << schema;
      EXPECT_EQ(Get(kSchema), before);
      EXPECT_EQ(ChangesText(db_), changes);
      EXPECT_EQ(db_.autocommit(), !inside);
      if (inside) Do("RELEASE hosts; COMMIT");
    }
  }
  void Replicate() { Do("SELECT crsql_as_crr('foo'); INSERT INTO foo VALUES(1, 2, 3), (2, 3, 4)"); }

  Db db_;
};

// --- Section 12, and its defects ---

TEST_F(Automigrate, TablesThatAreOmittedStay) {
  Do("INSERT INTO foo VALUES(1, 2, 3)");
  Migrate("CREATE TABLE bar(a INTEGER PRIMARY KEY)");
  Migrate("");
  EXPECT_EQ(Get("SELECT * FROM foo"), "1|2|3");
  Do("CREATE VIEW v AS SELECT * FROM foo; CREATE TRIGGER t AFTER INSERT ON bar BEGIN SELECT 1; "
     "END");
  Migrate("CREATE TABLE bar(a INTEGER PRIMARY KEY)");
  EXPECT_EQ(db_.Int("SELECT count(*) FROM sqlite_schema WHERE name IN ('foo', 'bar', 'v', 't')"),
            4);
}

TEST_F(Automigrate, TheyAreDroppedWhereThatIsAskedFor) {
  Replicate();
  Do("CREATE VIEW v AS SELECT * FROM foo; CREATE INDEX i ON foo(b); CREATE TABLE bar(a);"
     "CREATE TRIGGER t AFTER INSERT ON bar BEGIN SELECT 1; END; CREATE VIRTUAL TABLE f USING "
     "fts5(x)");
  Migrate("CREATE TABLE bar(a)", "{\"drop\": true}");
  EXPECT_EQ(Get(kSchema), "'table'|'bar'|'CREATE TABLE bar(a)'");
  EXPECT_EQ(ChangesText(db_), "");
  Migrate("", "{\"drop\": true}");
  EXPECT_EQ(Get(kSchema), "");
}

TEST_F(Automigrate, Options) {
  for (const char* options : {"", "1", "null", "[1]", "{", "{\"drop\": 1}", "{\"drop\": \"true\"}",
                              "{\"dorp\": true}", "drop"}) {
    EXPECT_TRUE(Contains(Run("", options).error, "drop")) << options;
  }
  EXPECT_EQ(Get("SELECT crsql_automigrate('', NULL, NULL)"), "'migration complete'");
  Migrate("", "{\"drop\": false}");
  EXPECT_EQ(Get("SELECT count(*) FROM foo"), "0");
}

TEST_F(Automigrate, Arguments) {
  EXPECT_EQ(Get("SELECT crsql_automigrate()"),
            "error: Had no args. Expected a schema to migrate to");
  EXPECT_TRUE(Contains(Get("SELECT crsql_automigrate(NULL)"), "error: crsql_automigrate takes"));
  EXPECT_TRUE(
      Contains(Get("SELECT crsql_automigrate('', '', '{}', 1)"), "error: crsql_automigrate takes"));
  Fails("CREATE TABLE foo(a", {"incomplete input"});
  Fails("CREATE TABLE foo(a); CREATE nonsense", {"near \"nonsense\""});
}

// cr-sqlite reports success as "not an error" where a column is dropped that an index uses.
TEST_F(Automigrate, AColumnThatAnIndexUsesIsDropped) {
  Replicate();
  Do("CREATE INDEX i ON foo(b); CREATE INDEX j ON foo(c); CREATE INDEX k ON foo(a) WHERE c > b");
  Migrate(
      "CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, c); CREATE INDEX j ON foo(c);"
      "SELECT crsql_as_crr('foo')");
  EXPECT_EQ(Get("SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'foo'"), "'j'");
  EXPECT_EQ(Get("SELECT * FROM foo"), "1|3\n2|4");
  EXPECT_EQ(ChangesText(db_), "foo 010901 c 3 1 1 me 1 1\nfoo 010902 c 4 1 1 me 1 3");
}

// There it leaves a transaction open.
TEST_F(Automigrate, CleanupIsRunOnTheScratchDatabase) {
  EXPECT_EQ(Get("SELECT crsql_automigrate('CREATE TABLE x(a)', 'SELECT crsql_finalize()')"),
            "'migration complete'");
  EXPECT_EQ(Get("SELECT crsql_automigrate('CREATE TABLE x(a)', 'DROP TABLE x; DROP TABLE y')"),
            "error: crsql_automigrate: the cleanup SQL: no such table: y");
  EXPECT_EQ(db_.Int("SELECT count(*) FROM x"), 0);
}

// Changes that cr-sqlite does not notice.
TEST_F(Automigrate, ChangesOfADefinition) {
  Replicate();
  const char* definitions[] = {
      "a INTEGER PRIMARY KEY NOT NULL, b TEXT, c",
      "a INTEGER PRIMARY KEY NOT NULL, b TEXT, c CHECK(c > 0)",
      "a INTEGER PRIMARY KEY NOT NULL, b TEXT COLLATE NOCASE, c CHECK(c > 0)",
      "a INTEGER PRIMARY KEY NOT NULL, b TEXT NOT NULL DEFAULT 'x', c",
      "a INTEGER PRIMARY KEY NOT NULL, b TEXT NOT NULL DEFAULT 'y', c, CHECK(b <> c)",
      "a INTEGER PRIMARY KEY NOT NULL, b REFERENCES foo(a), c AS (b + 1)",
  };
  for (const char* d : definitions) {
    Migrate(std::string("CREATE TABLE foo(") + d + "); SELECT crsql_as_crr('foo');");
    EXPECT_EQ(Get("SELECT a, b FROM foo"), "1|'2'\n2|'3'");
    Do("UPDATE foo SET b = b WHERE a = 1");
  }
  EXPECT_EQ(ChangesText(db_), "foo 010901 b '2' 1 1 me 1 0\nfoo 010902 b '3' 1 1 me 1 2");
  Migrate("CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, b TEXT, c INT) STRICT");
}

TEST_F(Automigrate, AChangedPrimaryKeyIsRefused) {
  Replicate();
  Fails(
      "CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, b, c, d); CREATE TABLE x(a); DROP TABLE "
      "foo;"
      "CREATE TABLE foo(a INTEGER NOT NULL, b, c, PRIMARY KEY(a, b))",
      {"foo", "primary key", "column b"});
  Fails("CREATE TABLE foo(a INTEGER NOT NULL, b, c)", {"foo", "column a"});
  Fails("CREATE TABLE foo(a TEXT PRIMARY KEY NOT NULL, b, c)", {"foo", "column a"});
  Fails("CREATE TABLE foo(z INTEGER PRIMARY KEY NOT NULL, b, c)", {"foo", "column a"});
  Fails(
      "CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, b, c) ; CREATE TABLE g(a); CREATE VIEW "
      "foo2 "
      "AS SELECT 1; CREATE UNIQUE INDEX u ON foo(b)",
      {"foo", "unique index u"});
}

TEST_F(Automigrate, DataThatDoesNotFitIsRefused) {
  Replicate();
  Fails("CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, b, c, d NOT NULL)",
        {"foo.d", "NOT NULL"});
  Fails("CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, b CHECK(b < 3), c)",
        {"foo", "CHECK", "b < 3"});
  Fails("CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, b NOT NULL DEFAULT 1, c UNIQUE)",
        {"foo", "UNIQUE constraint on c"});
  Do("CREATE VIEW v AS SELECT b FROM foo");
  Fails("CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, c)", {"foo", "view v"});
  Do("DROP VIEW v; CREATE TABLE plain(a, b); INSERT INTO plain VALUES(1, 2)");
  Fails("CREATE TABLE plain(c, d)", {"plain", "no column left"});
  Do("CREATE VIRTUAL TABLE f USING fts5(x)");
  Fails("CREATE VIRTUAL TABLE f USING fts5(x, y)", {"table f", "virtual"});
  Fails("CREATE TABLE f(x)", {"table f", "virtual"});
  Fails("CREATE VIEW foo AS SELECT 1", {"foo"});
}

// --- Kinds of change ---

TEST_F(Automigrate, NewTables) {
  Migrate(
      "CREATE TABLE IF NOT EXISTS \"my t\"(a PRIMARY KEY, \"b c\" TEXT) WITHOUT ROWID;"
      "SELECT crsql_as_crr('my t'); -- as cr-sqlite wants it\n"
      "CREATE TABLE plain(x); CREATE VIEW v AS SELECT * FROM plain; CREATE INDEX i ON plain(x + 1);"
      "CREATE VIRTUAL TABLE f USING fts5(x);"
      "CREATE TRIGGER t AFTER INSERT ON plain BEGIN INSERT INTO f VALUES(NEW.x); END;"
      "INSERT INTO plain VALUES('not in main');");
  Do("INSERT INTO \"my t\" VALUES(1, 2); INSERT INTO plain VALUES('y')");
  EXPECT_EQ(ChangesText(db_), "my t 010901 b c '2' 1 1 me 1 0");
  EXPECT_EQ(Get("SELECT * FROM v; SELECT * FROM f"), "'y'\n'y'");
}

TEST_F(Automigrate, AddedColumnsWithTheirWholeDefinition) {
  Replicate();
  Do("UPDATE foo SET b = 9 WHERE a = 2");
  const std::string before = ChangesText(db_);
  Migrate(
      "CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, d TEXT NOT NULL DEFAULT 'it''s, (x' "
      "COLLATE "
      "NOCASE CHECK(length(d) > 0) /* a, comment */, b, c, e INT REFERENCES foo(a), g AS (b + c)"
      ", h DEFAULT (1 + 1)); SELECT crsql_as_crr('foo')");
  EXPECT_EQ(ChangesText(db_), before) << "defaults are known to all";
  EXPECT_EQ(Get("SELECT a, b, c, d, e, g, h FROM foo"),
            "1|2|3|'it''s, (x'|NULL|5|2\n2|9|4|'it''s, (x'|NULL|13|2");
  EXPECT_EQ(Get("SELECT a FROM foo WHERE d = 'IT''S, (X'"), "1\n2");
  EXPECT_TRUE(Contains(db_.Error("UPDATE foo SET d = ''"), "CHECK"));
  EXPECT_EQ(Get("SELECT \"from\" FROM pragma_foreign_key_list('foo')"), "'e'");
  Do("UPDATE foo SET e = 1 WHERE a = 1");
  EXPECT_EQ(ChangesText(db_, "cid = 'e'"), "foo 010901 e 1 2 3 me 1 0");
}

// What ALTER TABLE cannot add.
TEST_F(Automigrate, AddedColumnsThatNeedARebuild) {
  Replicate();
  const std::string before = ChangesText(db_);
  Migrate(
      "CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, b, c, s AS (b * 2) STORED, t NOT NULL "
      "DEFAULT (abs(-1)))");
  EXPECT_EQ(Get("SELECT * FROM foo"), "1|2|3|4|1\n2|3|4|6|1");
  EXPECT_EQ(ChangesText(db_).substr(0, before.size()), before);
}

TEST_F(Automigrate, FormsThatMeanTheSameChangeNothing) {
  Replicate();
  Do("CREATE INDEX i ON foo(b, c)");
  const std::string before = Get(kSchema);
  Migrate(
      "create  table IF NOT EXISTS \"FOO\" (\n  [c], -- first\n `a` integer primary key not null, "
      "B /* x */);\n"
      "create index IF NOT EXISTS main.I on Foo (b , C)");
  EXPECT_EQ(Get(kSchema), before);
}

TEST_F(Automigrate, Indexes) {
  Do("CREATE INDEX same ON foo(b); CREATE INDEX gone ON foo(b); CREATE INDEX columns ON foo(b);"
     "CREATE INDEX partial ON foo(b) WHERE c > 1; CREATE INDEX expression ON foo(b + 1);"
     "CREATE INDEX uniqueness ON foo(c); CREATE TABLE other(x); CREATE INDEX others ON other(x)");
  Migrate(
      "CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, b, c); CREATE INDEX same ON foo(b);"
      "CREATE INDEX columns ON foo(b, c); CREATE INDEX partial ON foo(b) WHERE c > 2;"
      "CREATE INDEX expression ON foo(b + 2); CREATE UNIQUE INDEX uniqueness ON foo(c);"
      "CREATE INDEX fresh ON foo(c DESC)");
  EXPECT_EQ(Get("SELECT sql FROM sqlite_schema WHERE type = 'index' AND tbl_name IN ('foo', "
                "'other') ORDER BY name"),
            "'CREATE INDEX columns ON foo(b, c)'\n'CREATE INDEX expression ON foo(b + 2)'\n"
            "'CREATE INDEX fresh ON foo(c DESC)'\n'CREATE INDEX others ON other(x)'\n"
            "'CREATE INDEX partial ON foo(b) WHERE c > 2'\n'CREATE INDEX same ON foo(b)'\n"
            "'CREATE UNIQUE INDEX uniqueness ON foo(c)'");
}

TEST_F(Automigrate, ViewsAndTriggers) {
  Replicate();
  Do("CREATE TABLE log(x); CREATE VIEW v AS SELECT b FROM foo; CREATE VIEW kept AS SELECT c FROM "
     "foo;"
     "CREATE TRIGGER t AFTER INSERT ON foo BEGIN INSERT INTO log VALUES(NEW.b); END;"
     "CREATE TRIGGER k AFTER INSERT ON foo BEGIN INSERT INTO log VALUES(-NEW.c); END");
  Migrate(
      "CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, c INT CHECK(c > 0)); CREATE VIEW v AS "
      "SELECT a FROM foo;"
      "CREATE TRIGGER t AFTER INSERT ON foo BEGIN INSERT INTO log VALUES(NEW.c); END");
  Do("INSERT INTO foo VALUES(7, 70)");
  EXPECT_EQ(Get("SELECT x FROM log ORDER BY x; SELECT * FROM v; SELECT * FROM kept"),
            "-70\n70\n1\n2\n7\n3\n4\n70");
}

TEST_F(Automigrate, ForeignKeysAreKeptThroughARebuild) {
  Do("PRAGMA foreign_keys = ON; INSERT INTO foo VALUES(1, 2, 3);"
     "CREATE TABLE child(x PRIMARY KEY, y REFERENCES foo(a) ON DELETE CASCADE); INSERT INTO child "
     "VALUES(1, 1)");
  Migrate(
      "CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, b INT, c);"
      "CREATE TABLE child(x PRIMARY KEY, y INT REFERENCES foo(a) ON DELETE CASCADE)");
  EXPECT_EQ(Get("SELECT * FROM child; PRAGMA foreign_keys"), "1|1\n1");
  Fails("CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, b INT REFERENCES foo(a), c)",
        {"foo", "foreign key"});
  Do("DELETE FROM foo");
  EXPECT_EQ(Get("SELECT * FROM child"), "");
}

TEST_F(Automigrate, TwoReplicasMigrateAndStayEqual) {
  Db peer;
  peer.Do(kFoo);
  Replicate();
  SyncAll({&db_, &peer});
  Do("UPDATE foo SET b = 20 WHERE a = 1; DELETE FROM foo WHERE a = 2");
  peer.Do("UPDATE foo SET c = 30 WHERE a = 1; INSERT INTO foo VALUES(5, 6, 7)");
  const std::string schema =
      "CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, c INT CHECK(c > 0), d DEFAULT 4);"
      "SELECT crsql_as_crr('foo');\nCREATE INDEX i ON foo(d)";
  Migrate(schema);
  peer.Do("SELECT crsql_automigrate(?1)", {Cell::Text(schema)});
  Do("INSERT INTO foo VALUES(8, 8, 8)");
  peer.Do("UPDATE foo SET d = 5 WHERE a = 1");
  SyncAll({&db_, &peer});
  ExpectEqual(db_, peer, {"foo"});
  EXPECT_EQ(Get("SELECT * FROM foo"), "1|30|5\n5|7|4\n8|8|8");
}

TEST_F(Automigrate, OrderedLists) {
  const std::string calls =
      "SELECT crsql_as_crr('todo'), crsql_fract_as_ordered('todo', 'ord', 'list');";
  Migrate("CREATE TABLE todo(id INTEGER PRIMARY KEY NOT NULL, list, x, ord);" + calls);
  Do("INSERT INTO todo VALUES(1, 1, 1, 1), (2, 1, 1, 1)");
  Migrate("CREATE TABLE todo(id INTEGER PRIMARY KEY NOT NULL, list, ord, y DEFAULT 3);" + calls);
  Do("INSERT INTO todo_fractindex(id, list, y, after_id) VALUES(3, 1, 5, 1)");
  EXPECT_EQ(Get("SELECT id, y FROM todo ORDER BY ord"), "1|3\n3|5\n2|3");
  Migrate("CREATE TABLE todo(id INTEGER PRIMARY KEY NOT NULL, list INT, ord, y DEFAULT 3)");
  Do("INSERT INTO todo VALUES(4, 1, -1, 6)");
  EXPECT_EQ(Get("SELECT id FROM todo ORDER BY ord"), "4\n1\n3\n2") << "kept by a rebuild";
}

TEST_F(Automigrate, InsideATransaction) {
  Replicate();
  Do("BEGIN; UPDATE foo SET b = 5 WHERE a = 1");
  EXPECT_EQ(Run("CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, c INT, d)").ToText(),
            "'migration complete'");
  Do("UPDATE foo SET d = 6 WHERE a = 1; COMMIT");
  EXPECT_EQ(Get("SELECT * FROM foo"), "1|3|6\n2|4|NULL");
  EXPECT_EQ(ChangesText(db_, "db_version > 1"), "foo 010901 d 6 2 2 me 1 1");
  Do("BEGIN");
  EXPECT_EQ(Run("CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL)").ToText(),
            "'migration complete'");
  Do("ROLLBACK");
  EXPECT_EQ(Get("SELECT * FROM foo"), "1|3|6\n2|4|NULL");
}

// No schema is trusted, none may be edited; and what is left over is nobody's.
TEST_F(Automigrate, InADefensiveConnection) {
  sqlite3_db_config(db_.handle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db_.handle(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  Replicate();
  Migrate(
      "CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, b TEXT, d); SELECT crsql_as_crr('foo')");
  EXPECT_EQ(Get("SELECT * FROM foo"), "1|'2'|NULL\n2|'3'|NULL");
  EXPECT_TRUE(Contains(db_.Error("CREATE VIEW w AS SELECT crsql_automigrate(''); SELECT * FROM w"),
                       "unsafe use"));
}

}  // namespace
}  // namespace tributary::testing
