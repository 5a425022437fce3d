// Which tables crsql_as_crr accepts and which it refuses, with what words.
#include <gtest/gtest.h>

#include <cctype>
#include <string>
#include <vector>

#include "tests/ext/ext_test.h"

namespace tributary::testing {
namespace {

// A table that is accepted, written to, and carried to a peer.
struct Accepted {
  const char* name;    // of the case
  const char* table;   // as given to crsql_as_crr
  const char* schema;  // of both replicas
  const char* writes;
};

void PrintTo(const Accepted& a, std::ostream* out) { *out << a.name; }

class AcceptedTables : public ::testing::TestWithParam<Accepted> {};

TEST_P(AcceptedTables, TravelToAPeer) {
  const Accepted& p = GetParam();
  Db a, b;
  for (Db* db : {&a, &b}) {
    db->Do(p.schema);
    const Cell result = db->One("SELECT crsql_as_crr(?)", {Cell::Text(p.table)});
    EXPECT_EQ(result.type, SQLITE_TEXT);
    EXPECT_EQ(result.bytes.substr(0, 2), "OK") << result.bytes;
    EXPECT_EQ(db->One("SELECT crsql_as_crr(?)", {Cell::Text(p.table)}).bytes.substr(0, 2), "OK")
        << "again";
  }
  a.Do(p.writes);
  EXPECT_GT(a.Int("SELECT count(*) FROM crsql_changes"), 0);
  EXPECT_EQ(ApplyChanges(b, ReadChanges(a)), "");
  ExpectEqual(a, b, {p.table});
  EXPECT_EQ(ChangesText(a, "site_id IS NULL"), "");
  EXPECT_EQ(a.Get("SELECT \"table\", hex(pk), cid, val, col_version, db_version, seq "
                  "FROM crsql_changes ORDER BY db_version, seq"),
            b.Get("SELECT \"table\", hex(pk), cid, val, col_version, db_version, seq "
                  "FROM crsql_changes ORDER BY db_version, seq"));
}

// The same, when the table is filled before it is upgraded.
TEST_P(AcceptedTables, BackFillTravelsToAPeer) {
  const Accepted& p = GetParam();
  Db a, b;
  a.Do(p.schema);
  a.Do(p.writes);
  b.Do(p.schema);
  const std::string before = TableText(a, p.table);
  for (Db* db : {&a, &b}) db->Do("SELECT crsql_as_crr(?)", {Cell::Text(p.table)});
  EXPECT_EQ(TableText(a, p.table), before);
  EXPECT_EQ(ApplyChanges(b, ReadChanges(a)), "");
  ExpectEqual(a, b, {p.table});
}

const Accepted kAccepted[] = {
    {"IntegerKey", "t", "CREATE TABLE t(k INTEGER PRIMARY KEY, v)",
     "INSERT INTO t VALUES(1, 'a'), (-5, 2.5), (9223372036854775807, NULL); DELETE FROM t WHERE k "
     "= 1"},
    {"IntKeyThatIsNoRowid", "t", "CREATE TABLE t(k INT PRIMARY KEY, v)",
     "INSERT INTO t VALUES(1, 'a'), ('2', 'b')"},
    {"TextKey", "t", "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, v)",
     "INSERT INTO t VALUES('a', 1), ('', 2), ('ключ', 3), (7, 4); UPDATE t SET k = 'b' WHERE k = "
     "'a'"},
    {"BlobKey", "t", "CREATE TABLE t(k BLOB PRIMARY KEY, v) WITHOUT ROWID",
     "INSERT INTO t VALUES(x'00ff', 1), (x'', 2), ('text', 3), (4, 4)"},
    {"UntypedKey", "t", "CREATE TABLE t(k PRIMARY KEY, v)",
     "INSERT INTO t VALUES('1', 1), (1, 2), (x'31', 3), (1.5, 4)"},
    {"RealKey", "t", "CREATE TABLE t(k REAL PRIMARY KEY, v)",
     "INSERT INTO t VALUES(1, 1), (1.5, 2), (-0.25, 3)"},
    {"CompositeKey", "t", "CREATE TABLE t(a INTEGER, b TEXT, c, v, PRIMARY KEY(c, a, b))",
     "INSERT INTO t VALUES(1, 'x', 2, 'v'), (1, 'x', 3, 'w'); UPDATE t SET b = 'y' WHERE c = 3"},
    {"WithoutRowid", "t", "CREATE TABLE t(a, b, v, PRIMARY KEY(b, a)) WITHOUT ROWID",
     "INSERT INTO t VALUES(1, 'x', 2); UPDATE t SET v = 3, a = 9"},
    {"Strict", "t",
     "CREATE TABLE t(k INTEGER PRIMARY KEY, i INT, r REAL, x TEXT, b BLOB, a ANY) "
     "STRICT",
     "INSERT INTO t VALUES(1, 1, 1, 'x', x'00', '1'), (2, 1, 1.5, NULL, NULL, 1.0)"},
    {"GeneratedColumns", "t",
     "CREATE TABLE t(k INTEGER PRIMARY KEY, g AS (v || 'x'), v, s INT AS (v + 1) STORED, w)",
     "INSERT INTO t(k, v, w) VALUES(1, 5, 6); UPDATE t SET v = 7"},
    {"AGeneratedColumnNamedRowid", "t",
     "CREATE TABLE t(k TEXT PRIMARY KEY, v, w, rowid INT AS (v + 1))",
     "INSERT INTO t VALUES('a', 1, 2), ('b', 1, 5); UPDATE t SET w = w + 1, v = v + 1"},
    {"Checks", "t", "CREATE TABLE t(k TEXT PRIMARY KEY, v CHECK(v > 0), CHECK(length(k) < 9))",
     "INSERT INTO t VALUES('a', 1); UPDATE t SET v = 2"},
    {"NotNullWithoutDefault", "t",
     "CREATE TABLE t(k INTEGER PRIMARY KEY, i INTEGER NOT NULL, x TEXT NOT NULL, b BLOB NOT NULL, "
     "r REAL NOT NULL, n NOT NULL)",
     "INSERT INTO t VALUES(1, 2, 'x', x'00', 2.5, 'any'); UPDATE t SET i = 3"},
    {"ForeignKeys", "child",
     "PRAGMA foreign_keys = 1; CREATE TABLE parent(k INTEGER PRIMARY KEY); INSERT INTO parent "
     "VALUES(1), (2); CREATE TABLE child(k INTEGER PRIMARY KEY, p NOT NULL REFERENCES parent)",
     "INSERT INTO child VALUES(1, 1); UPDATE child SET p = 2"},
    {"SelfReference", "t",
     "PRAGMA foreign_keys = 1; CREATE TABLE t(k INTEGER PRIMARY KEY, up REFERENCES t)",
     "INSERT INTO t VALUES(2, NULL), (1, 2); UPDATE t SET up = 1"},
    {"Autoincrement", "t", "CREATE TABLE t(k INTEGER PRIMARY KEY AUTOINCREMENT, v)",
     "INSERT INTO t(v) VALUES('a'), ('b'); DELETE FROM t WHERE k = 2"},
    {"AColumnNamedAutoincrement", "t",
     "CREATE TABLE t(k INTEGER PRIMARY KEY, \"autoincrement\" TEXT)", "INSERT INTO t VALUES(1, 2)"},
    {"NullableKeyWithoutNulls", "t", "CREATE TABLE t(a TEXT, b TEXT, v, PRIMARY KEY(a, b))",
     "INSERT INTO t VALUES('a', 'b', 1)"},
    {"OtherIndexes", "t",
     "CREATE TABLE t(k PRIMARY KEY, v, w COLLATE NOCASE); CREATE INDEX i1 ON t(v);"
     "CREATE INDEX i2 ON t(w) WHERE v IS NOT NULL; CREATE INDEX i3 ON t(length(w))",
     "INSERT INTO t VALUES('a', 1, 'W'), ('b', NULL, 'w')"},
    {"CollationsBesideTheKey", "t", "CREATE TABLE t(k TEXT PRIMARY KEY, v TEXT COLLATE NOCASE)",
     "INSERT INTO t VALUES('a', 'x'), ('A', 'X'); UPDATE t SET v = 'Y'; UPDATE t SET v = 'y'"},
    {"KeyOnly", "t", "CREATE TABLE t(a, b, PRIMARY KEY(a, b))",
     "INSERT INTO t VALUES(1, 2), (3, 4); DELETE FROM t WHERE a = 1"},
    {"Defaults", "t",
     "CREATE TABLE t(k INTEGER PRIMARY KEY, v DEFAULT (1 + 1), w NOT NULL DEFAULT 'x', "
     "x DEFAULT CURRENT_TIMESTAMP)",
     "INSERT INTO t(k) VALUES(1), (2); UPDATE t SET w = 'y' WHERE k = 2"},
    {"NameWithSpaces", "my tab", "CREATE TABLE \"my tab\"(\"the key\" PRIMARY KEY, \"the value\")",
     "INSERT INTO \"my tab\" VALUES('a', 1); REPLACE INTO \"my tab\" VALUES('a', 2)"},
    {"NameWithQuotes", "a\"b'c",
     "CREATE TABLE \"a\"\"b'c\"(\"k\"\"'\" PRIMARY KEY, \"v'\"\"\", `b``q`, [x y])",
     "INSERT INTO \"a\"\"b'c\"(\"k\"\"'\", \"v'\"\"\") VALUES('a', 1);"
     "UPDATE \"a\"\"b'c\" SET \"v'\"\"\" = 2; DELETE FROM \"a\"\"b'c\" WHERE \"k\"\"'\" = 'b'"},
    {"NameWithDots", "main.t", "CREATE TABLE \"main.t\"(\"k.k\" PRIMARY KEY, \"v.v\")",
     "INSERT INTO \"main.t\" VALUES('a', 1)"},
    {"NameWithBrackets", "a[b]", "CREATE TABLE \"a[b]\"(\"k]\" PRIMARY KEY, \"[v\")",
     "INSERT INTO \"a[b]\" VALUES('a', 1)"},
    {"Keywords", "select", "CREATE TABLE \"select\"(\"from\" PRIMARY KEY, \"where\", \"order\")",
     "INSERT INTO \"select\" VALUES('a', 1, 2); UPDATE \"select\" SET \"order\" = 3"},
    {"Unicode", "таблица", "CREATE TABLE \"таблица\"(\"ключ\" PRIMARY KEY, \"värde\", \"値\")",
     "INSERT INTO \"таблица\" VALUES('a', 1, 2)"},
    {"Percent", "100%s%n", "CREATE TABLE \"100%s%n\"(\"%d\" PRIMARY KEY, \"%s\")",
     "INSERT INTO \"100%s%n\" VALUES('a', 1)"},
    {"LongName", "n2345678901234567890123456789012345678901234567890123456789012345678901234567890",
     "CREATE TABLE n2345678901234567890123456789012345678901234567890123456789012345678901234567890"
     "(k PRIMARY KEY, v)",
     "INSERT INTO n2345678901234567890123456789012345678901234567890123456789012345678901234567890"
     " VALUES(1, 2)"},
    {"ColumnsNamedLikeOurs", "t",
     "CREATE TABLE t(pk PRIMARY KEY, \"table\", cid, val, \"-2\", db_version, site_id, cl, seq, "
     "key, rowid, \"new\", \"old\")",
     "INSERT INTO t(pk, \"table\", cid, \"-2\", rowid) VALUES('a', 1, 2, 3, 'r');"
     "UPDATE t SET rowid = 's', \"new\" = 1, \"old\" = 2, \"-2\" = 4"},
    {"MixedCase", "TaBle", "CREATE TABLE \"TaBle\"(Key INTEGER PRIMARY KEY, VALUE)",
     "INSERT INTO \"tabLE\" VALUES(1, 2); UPDATE \"TABLE\" SET value = 3"},
};

INSTANTIATE_TEST_SUITE_P(All, AcceptedTables, ::testing::ValuesIn(kAccepted),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(Schema, TheAutoincrementWarning) {
  Db db;
  db.Do("CREATE TABLE t(k INTEGER PRIMARY KEY AUTOINCREMENT, v)");
  const std::string result = db.Get("SELECT crsql_as_crr('t')");
  EXPECT_TRUE(Contains(result, "'OK")) << "it is accepted";
  EXPECT_TRUE(Contains(result, "AUTOINCREMENT"));
  EXPECT_TRUE(Contains(result, "crsql_uuid7")) << "and says what to do";
  db.Do("CREATE TABLE u(k INTEGER PRIMARY KEY, \"autoincrement\")");
  EXPECT_EQ(db.Get("SELECT crsql_as_crr('u')"), "'OK'");
}

TEST(Schema, TheNameIsTheTablesOwn) {
  Db db;
  db.Do(
      "CREATE TABLE MyTable(K INTEGER PRIMARY KEY, V); SELECT crsql_as_crr('mytable');"
      "INSERT INTO MYTABLE(k, v) VALUES(1, 2); UPDATE mytable SET v = 3");
  EXPECT_EQ(ChangesText(db), "MyTable 010901 V 3 2 2 me 1 0");
}

TEST(Schema, TheArguments) {
  Db db;
  db.Do("CREATE TABLE t(k PRIMARY KEY, v); CREATE TABLE u(k PRIMARY KEY, v)");
  EXPECT_EQ(db.Get("SELECT crsql_as_crr('main', 't')"), "'OK'");
  EXPECT_TRUE(Contains(db.Error("SELECT crsql_as_crr()"),
                       "Wrong number of args provided to crsql_as_crr."));
  EXPECT_NE(db.Error("SELECT crsql_as_crr('main', 'u', 'x')"), "");
  EXPECT_NE(db.Error("SELECT crsql_as_crr(NULL)"), "");
  EXPECT_NE(db.Error("SELECT crsql_as_crr('main', NULL)"), "");
  EXPECT_TRUE(Contains(db.Error("SELECT crsql_as_crr('nosuch')"), "nosuch"));
  EXPECT_TRUE(Contains(db.Error("SELECT crsql_as_crr('nosuch', 't')"), "nosuch"));
  EXPECT_NE(db.Error("SELECT crsql_as_crr('')"), "");
  EXPECT_NE(db.Error("SELECT crsql_as_crr(x'00')"), "");
}

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

struct Refused {
  const char* name;
  const char* table;
  const char* schema;
  const char* says;  // beside the table's name
};

void PrintTo(const Refused& r, std::ostream* out) { *out << r.name; }

class RefusedTables : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedTables, WithAMessageAndWithoutATrace) {
  const Refused& p = GetParam();
  Db db;
  db.Do(p.schema);
  db.Do("CREATE TABLE outer_work(x); BEGIN; INSERT INTO outer_work VALUES(1)");
  const std::string schema = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2";
  const std::string before = db.Get(schema);
  const Outcome outcome = db.Run("SELECT crsql_as_crr(?)", {Cell::Text(p.table)});
  EXPECT_FALSE(outcome.ok());
  EXPECT_TRUE(Contains(outcome.error, p.table));
  EXPECT_TRUE(Contains(Lower(outcome.error), Lower(p.says)));
  if (*p.says != '\0') {
    EXPECT_GT(outcome.error.size(), 40U) << "says what to do: " << outcome.error;
  }
  EXPECT_FALSE(db.autocommit()) << "the caller's transaction goes on";
  EXPECT_EQ(db.Get(schema), before);
  db.Do("COMMIT");
  EXPECT_EQ(db.Get("SELECT * FROM outer_work"), "1");
  EXPECT_EQ(db.Get("SELECT * FROM crsql_changes"), "");
}

const Refused kRefused[] = {
    {"NoPrimaryKey", "t", "CREATE TABLE t(a, b)", "primary key"},
    {"OnlyAUniqueColumn", "t", "CREATE TABLE t(a UNIQUE NOT NULL, b)", ""},
    {"NullInAKey", "t", "CREATE TABLE t(a TEXT PRIMARY KEY, b); INSERT INTO t VALUES(NULL, 1)",
     "NULL"},
    {"NullInACompositeKey", "t",
     "CREATE TABLE t(a TEXT, b, PRIMARY KEY(a, b)); INSERT INTO t VALUES('x', NULL)", "NULL"},
    {"CollationInTheKey", "t", "CREATE TABLE t(a TEXT COLLATE NOCASE PRIMARY KEY, b)", "NOCASE"},
    {"CollationInTheKeysIndex", "t", "CREATE TABLE t(a TEXT, b, PRIMARY KEY(a COLLATE RTRIM))",
     "RTRIM"},
    {"CollationInACompositeKey", "t",
     "CREATE TABLE t(a, b TEXT COLLATE NOCASE, PRIMARY KEY(a, b)) WITHOUT ROWID", "NOCASE"},
    {"UniqueColumn", "t", "CREATE TABLE t(a PRIMARY KEY, b UNIQUE)", "UNIQUE"},
    {"UniqueTogether", "t", "CREATE TABLE t(a PRIMARY KEY, b, c, UNIQUE(b, c))", "UNIQUE"},
    {"UniqueIndex", "t", "CREATE TABLE t(a PRIMARY KEY, b); CREATE UNIQUE INDEX i ON t(b)",
     "UNIQUE"},
    {"PartialUniqueIndex", "t",
     "CREATE TABLE t(a PRIMARY KEY, b); CREATE UNIQUE INDEX i ON t(b) WHERE b > 0", "UNIQUE"},
    {"UniqueExpression", "t",
     "CREATE TABLE t(a PRIMARY KEY, b); CREATE UNIQUE INDEX i ON t(lower(b))", "UNIQUE"},
    {"Temp", "t", "CREATE TEMP TABLE t(a PRIMARY KEY, b)", "TEMP"},
    {"View", "t", "CREATE VIEW t AS SELECT 1 AS a", "view"},
    {"VirtualTable", "t", "CREATE VIRTUAL TABLE t USING rtree(a, b, c)", "virtual"},
    {"ShadowTable", "t_node", "CREATE VIRTUAL TABLE t USING rtree(a, b, c)", ""},
    // In a change this name means the row as a whole.
    {"AColumnNamedLikeTheSentinel", "t", "CREATE TABLE t(a PRIMARY KEY, \"-1\")", "-1"},
    {"Missing", "nosuch", "", ""},
    {"Internal", "sqlite_schema", "", ""},
    {"Sequence", "sqlite_sequence", "CREATE TABLE t(a INTEGER PRIMARY KEY AUTOINCREMENT)", ""},
    {"OurOwn", "crsql_site_id", "", ""},
    {"OurVirtualTable", "crsql_changes", "", ""},
};

INSTANTIATE_TEST_SUITE_P(All, RefusedTables, ::testing::ValuesIn(kRefused),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(Schema, AttachedTablesAreRefused) {
  Db db;
  db.Do("ATTACH ':memory:' AS other; CREATE TABLE other.t(a PRIMARY KEY, b)");
  EXPECT_TRUE(Contains(db.Error("SELECT crsql_as_crr('other', 't')"), "t"));
  EXPECT_NE(db.Error("SELECT crsql_as_crr('t')"), "");
  db.Do("CREATE TEMP TABLE m(a PRIMARY KEY); CREATE TABLE m(a PRIMARY KEY, b)");
  EXPECT_NE(db.Error("SELECT crsql_as_crr('temp', 'm')"), "");
  EXPECT_EQ(db.Get("SELECT crsql_as_crr('main', 'm')"), "'OK'");
  db.Do("INSERT INTO main.m VALUES(1, 2); INSERT INTO temp.m VALUES(5)");
  EXPECT_EQ(ChangesText(db), "m 010901 b 2 1 1 me 1 0");
}

TEST(Schema, ANullInTheKeyIsRefusedLater) {
  Db db;
  db.Do(
      "CREATE TABLE t(a TEXT, b TEXT, v, PRIMARY KEY(a, b)); SELECT crsql_as_crr('t');"
      "INSERT INTO t VALUES('a', 'b', 1)");
  EXPECT_TRUE(Contains(db.Error("INSERT INTO t VALUES('a', NULL, 1)"), "NULL"));
  EXPECT_TRUE(Contains(db.Error("UPDATE t SET b = NULL"), "t"));
  EXPECT_EQ(db.Get("SELECT * FROM t"), "'a'|'b'|1");
  EXPECT_EQ(ChangesText(db), "t 020b01610b0162 v 1 1 1 me 1 0");
}

// One key locally is one key on the wire: in an untyped column 1 and 1.0 are the same key.
TEST(Schema, AnIntegralRealInAnUntypedKeyIsRefused) {
  Db db;
  db.Do("CREATE TABLE t(a PRIMARY KEY, v); SELECT crsql_as_crr('t'); INSERT INTO t VALUES(1, 1)");
  EXPECT_TRUE(Contains(db.Error("INSERT INTO t VALUES(2.0, 1)"), "t"));
  EXPECT_TRUE(Contains(db.Error("UPDATE t SET a = 1.0"), "t"));
  db.Do("INSERT INTO t VALUES(2.5, 1)");
  EXPECT_EQ(db.Get("SELECT a, typeof(a) FROM t ORDER BY a"), "1|'integer'\n2.5|'real'");
  db.Do("CREATE TABLE filled(a PRIMARY KEY, v); INSERT INTO filled VALUES(3.0, 1)");
  EXPECT_TRUE(Contains(db.Error("SELECT crsql_as_crr('filled')"), "filled"));
}

TEST(Schema, AsTable) {
  Db db;
  db.Do(kFoo);
  db.Do(
      "INSERT INTO foo VALUES(1, 2, 3); CREATE TABLE t(k PRIMARY KEY, v); SELECT "
      "crsql_as_crr('t'); INSERT INTO t VALUES(1, 1); REPLACE INTO t VALUES(1, 1)");
  EXPECT_EQ(db.Get("SELECT crsql_as_table('t')"), "NULL");
  EXPECT_EQ(db.Get("SELECT count(*) FROM sqlite_schema WHERE name GLOB 't__crsql*'"), "0");
  EXPECT_EQ(db.Get("SELECT * FROM t"), "1|1");
  EXPECT_EQ(db.Get("SELECT DISTINCT \"table\" FROM crsql_changes"), "'foo'");
  db.Do("UPDATE t SET v = 2");
  EXPECT_EQ(db.Int("SELECT crsql_db_version()"), 3) << "not tracked, and no version falls";
  EXPECT_EQ(db.Get("SELECT crsql_as_table('nosuch')"), "NULL");
  EXPECT_EQ(db.Get("SELECT crsql_as_crr('t')"), "'OK'");
  EXPECT_EQ(ChangesText(db, "\"table\" = 't'"), "t 010901 v 2 1 4 me 1 0");
  EXPECT_EQ(db.Get("SELECT * FROM crsql_check()"), "");
}

TEST(Schema, TriggersHaveTheirNames) {
  Db db;
  db.Do(kFoo);
  const std::string names = "SELECT name FROM sqlite_schema WHERE type = 'trigger' ORDER BY name";
  EXPECT_EQ(db.Get(names), "'foo__crsql_dtrig'\n'foo__crsql_itrig'\n'foo__crsql_utrig'");
  db.Do("INSERT INTO foo VALUES(1, 2, 3); REPLACE INTO foo VALUES(1, 2, 4)");
  EXPECT_EQ(db.Get("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND name NOT IN "
                   "('foo__crsql_dtrig', 'foo__crsql_itrig', 'foo__crsql_utrig', "
                   "'foo__crsql_rtrig')"),
            "0");
}

TEST(Schema, AsCrrInsideATransaction) {
  Db db;
  db.Do("CREATE TABLE t(k PRIMARY KEY, v); INSERT INTO t VALUES(1, 1); BEGIN");
  EXPECT_EQ(db.Get("SELECT crsql_as_crr('t')"), "'OK'");
  db.Do("INSERT INTO t VALUES(2, 2); ROLLBACK");
  EXPECT_EQ(db.Get("SELECT count(*) FROM sqlite_schema WHERE name GLOB 't__crsql*'"), "0");
  EXPECT_EQ(db.Get("SELECT * FROM crsql_changes"), "");
  db.Do(
      "INSERT INTO t VALUES(3, 3); BEGIN; SELECT crsql_as_crr('t'); UPDATE t SET v = 9 WHERE k = "
      "1; COMMIT");
  EXPECT_EQ(db.Get("SELECT hex(pk), val, col_version FROM crsql_changes ORDER BY pk"),
            "'010901'|9|2\n'010903'|3|1");
  EXPECT_EQ(db.Get("SELECT * FROM crsql_check()"), "");
}

}  // namespace
}  // namespace tributary::testing
