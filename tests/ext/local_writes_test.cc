// What local writes record: section 5 of the semantics reference, row for row.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/ext/ext_test.h"

namespace tributary::testing {
namespace {

struct Step {
  const char* sql;
  const char* changes;  // what crsql_changes holds afterwards
};

class LocalWrites : public FooTest {
 protected:
  void Play(const std::vector<Step>& steps) {
    for (const Step& step : steps) {
      db_.Do(step.sql);
      EXPECT_EQ(Changes(), step.changes) << "after " << step.sql;
    }
  }
};

TEST_F(LocalWrites, ALifeOfARow) {
  Play({
      {"INSERT INTO foo VALUES(1, 2, 3)", "foo 010901 b 2 1 1 me 1 0\nfoo 010901 c 3 1 1 me 1 1"},
      {"UPDATE foo SET b = 9", "foo 010901 c 3 1 1 me 1 1\nfoo 010901 b 9 2 2 me 1 0"},
      {"UPDATE foo SET b = 10, c = 11", "foo 010901 b 10 3 3 me 1 0\nfoo 010901 c 11 2 3 me 1 1"},
      {"DELETE FROM foo", "foo 010901 -1 NULL 2 4 me 2 0"},
      {"INSERT INTO foo VALUES(1, 5, 6)",
       "foo 010901 -1 NULL 3 5 me 3 0\nfoo 010901 b 5 1 5 me 3 1\nfoo 010901 c 6 1 5 me 3 2"},
      {"DELETE FROM foo", "foo 010901 -1 NULL 4 6 me 4 0"},
      {"INSERT INTO foo(a) VALUES(1)",
       "foo 010901 -1 NULL 5 7 me 5 0\nfoo 010901 b NULL 1 7 me 5 1\nfoo 010901 c NULL 1 7 me 5 2"},
      {"UPDATE foo SET a = 2",
       "foo 010901 -1 NULL 6 8 me 6 0\nfoo 010902 -1 NULL 1 8 me 1 1\n"
       "foo 010902 b NULL 2 8 me 1 2\nfoo 010902 c NULL 2 8 me 1 3"},
  });
}

TEST_F(LocalWrites, AnUpdateOfNothingUsesNoVersion) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3)");
  const std::string before = Changes();
  db_.Do("UPDATE foo SET b = 2; UPDATE foo SET b = b, c = c; UPDATE foo SET a = 1;");
  EXPECT_EQ(Changes(), before);
  EXPECT_EQ(db_.Int("SELECT crsql_db_version()"), 1);
  db_.Do("UPDATE foo SET b = 3");
  EXPECT_EQ(db_.Int("SELECT crsql_db_version()"), 2);
}

TEST_F(LocalWrites, OnlyColumnsThatChangedAreRecorded) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3); UPDATE foo SET b = 2, c = 4;");
  EXPECT_EQ(Changes(), "foo 010901 b 2 1 1 me 1 0\nfoo 010901 c 4 2 2 me 1 0");
}

// T11, and why SQL's IS cannot tell what changed.
TEST_F(LocalWrites, ChangesOfIdentityAreChanges) {
  static constexpr const char* kValues[] = {"1",
                                            "1.0",
                                            "'1'",
                                            "x'31'",
                                            "NULL",
                                            "0.0",
                                            "-0.0",
                                            "0",
                                            "''",
                                            "x''",
                                            "'a'",
                                            "x'61'",
                                            "'a'||char(0)||'b'",
                                            "'A'",
                                            "9e999",
                                            "-9e999",
                                            "9223372036854775807",
                                            "-9223372036854775808",
                                            "9223372036854775807.0",
                                            "CAST(x'ff' AS TEXT)"};
  db_.Do("INSERT INTO foo VALUES(1, 'first', 3)");
  int64_t version = 1;
  for (const char* value : kValues) {
    db_.Do("UPDATE foo SET b = " + std::string(value));
    version++;
    EXPECT_EQ(db_.Int("SELECT col_version FROM crsql_changes WHERE cid = 'b'"), version) << value;
    EXPECT_EQ(db_.One("SELECT val FROM crsql_changes WHERE cid = 'b'"),
              db_.One("SELECT b FROM foo"))
        << value;
    db_.Do("UPDATE foo SET b = " + std::string(value));
    EXPECT_EQ(db_.Int("SELECT col_version FROM crsql_changes WHERE cid = 'b'"), version)
        << value << " again";
  }
}

TEST_F(LocalWrites, CaseChangesUnderNocaseAreChanges) {
  db_.Do("CREATE TABLE t(k PRIMARY KEY NOT NULL, v TEXT COLLATE NOCASE)");
  db_.Do("SELECT crsql_as_crr('t'); INSERT INTO t VALUES('k', 'a'); UPDATE t SET v = 'A'");
  EXPECT_EQ(ChangesText(db_, "\"table\" = 't'"), "t 010b016b v 'A' 2 2 me 1 0");
}

TEST_F(LocalWrites, MoveOntoADeletedKey) {
  db_.Do("INSERT INTO foo VALUES(2, 0, 0); DELETE FROM foo; INSERT INTO foo VALUES(1, 2, 3)");
  db_.Do("UPDATE foo SET a = 2, b = 99");
  EXPECT_EQ(Changes(),
            "foo 010901 -1 NULL 2 4 me 2 0\nfoo 010902 -1 NULL 3 4 me 3 1\n"
            "foo 010902 c 3 2 4 me 3 3\nfoo 010902 b 99 3 4 me 3 4");
}

// cr-sqlite keeps causal length 1 here, so that peers cannot tell which of the two rows won.
TEST_F(LocalWrites, MoveOntoALivingKey) {
  db_.Do("INSERT INTO foo VALUES(2, 'moved', 0); INSERT INTO foo VALUES(7, 'victim', 1)");
  db_.Do("UPDATE OR REPLACE foo SET a = 7 WHERE a = 2");
  EXPECT_EQ(Changes(),
            "foo 010902 -1 NULL 2 3 me 2 0\nfoo 010907 -1 NULL 3 3 me 3 1\n"
            "foo 010907 b 'moved' 2 3 me 3 2\nfoo 010907 c 0 2 3 me 3 3");
}

TEST_F(LocalWrites, InsertOrReplaceOverALivingRow) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3); INSERT OR REPLACE INTO foo VALUES(1, 2, 4)");
  EXPECT_EQ(Changes(), "foo 010901 b 2 2 2 me 1 1\nfoo 010901 c 4 2 2 me 1 2");
  db_.Do("REPLACE INTO foo VALUES(1, 5, 6)");
  EXPECT_EQ(Changes(), "foo 010901 b 5 3 3 me 1 1\nfoo 010901 c 6 3 3 me 1 2");
}

// Tributary's own statements are no reason to think that rows are replaced; nothing that a host
// writes may pass for one.
TEST_F(LocalWrites, InsertOrReplaceBehindAnyComment) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3)");
  db_.Do("/*crsql*/ INSERT OR REPLACE INTO foo VALUES(1, 2, 4)");
  EXPECT_EQ(Changes(), "foo 010901 b 2 2 2 me 1 1\nfoo 010901 c 4 2 2 me 1 2");
}

TEST_F(LocalWrites, InsertOrReplaceOverARowWithASentinel) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3); DELETE FROM foo; INSERT INTO foo VALUES(1, 2, 3)");
  db_.Do("REPLACE INTO foo VALUES(1, 2, 4)");
  EXPECT_EQ(Changes(),
            "foo 010901 -1 NULL 5 4 me 5 0\nfoo 010901 b 2 2 4 me 5 1\nfoo 010901 c 4 2 4 me 5 2");
}

TEST_F(LocalWrites, InsertOrReplaceWithRecursiveTriggers) {
  db_.Do("PRAGMA recursive_triggers = 1");
  db_.Do("INSERT INTO foo VALUES(1, 2, 3); INSERT OR REPLACE INTO foo VALUES(1, 2, 4)");
  EXPECT_EQ(Changes(),
            "foo 010901 -1 NULL 3 2 me 3 1\nfoo 010901 b 2 1 2 me 3 2\nfoo 010901 c 4 1 2 me 3 3");
}

TEST_F(LocalWrites, UpsertIsAnUpdate) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3)");
  db_.Do("INSERT INTO foo VALUES(1, 7, 8) ON CONFLICT DO UPDATE SET b = excluded.b");
  EXPECT_EQ(Changes(), "foo 010901 c 3 1 1 me 1 1\nfoo 010901 b 7 2 2 me 1 0");
  db_.Do("INSERT INTO foo VALUES(1, 9, 9) ON CONFLICT(a) DO NOTHING");
  db_.Do("INSERT OR IGNORE INTO foo VALUES(1, 9, 9)");
  EXPECT_EQ(Changes(), "foo 010901 c 3 1 1 me 1 1\nfoo 010901 b 7 2 2 me 1 0");
  EXPECT_EQ(db_.Int("SELECT crsql_db_version()"), 2);
}

TEST_F(LocalWrites, OneTransaction) {
  db_.Do("BEGIN; INSERT INTO foo VALUES(1, 2, 3); INSERT INTO foo VALUES(2, 2, 3)");
  db_.Do("UPDATE foo SET b = 3; DELETE FROM foo WHERE a = 2; COMMIT");
  EXPECT_EQ(Changes(),
            "foo 010901 c 3 1 1 me 1 1\nfoo 010901 b 3 2 1 me 1 4\nfoo 010902 -1 NULL 2 1 me 2 6");
}

TEST_F(LocalWrites, TheChangesOfAnOpenTransactionCanBeRead) {
  db_.Do("BEGIN; INSERT INTO foo VALUES(1, 2, 3)");
  EXPECT_EQ(Changes(), "foo 010901 b 2 1 1 me 1 0\nfoo 010901 c 3 1 1 me 1 1");
  db_.Do("UPDATE foo SET c = 4");
  EXPECT_EQ(Changes(), "foo 010901 b 2 1 1 me 1 0\nfoo 010901 c 4 2 1 me 1 2");
  EXPECT_EQ(db_.Int("SELECT crsql_db_version()"), 0);
  EXPECT_EQ(db_.Int("SELECT crsql_next_db_version()"), 1);
  EXPECT_EQ(db_.Int("SELECT crsql_get_seq()"), 3);
  db_.Do("DELETE FROM foo; COMMIT");
  EXPECT_EQ(Changes(), "foo 010901 -1 NULL 2 1 me 2 3");
}

TEST_F(LocalWrites, KeyOnlyTable) {
  db_.Do("CREATE TABLE k(a, b, PRIMARY KEY(b, a)) WITHOUT ROWID; SELECT crsql_as_crr('k')");
  db_.Do("INSERT INTO k VALUES(1, 'x')");
  EXPECT_EQ(Changes(), "k 020b01780901 -1 NULL 1 1 me 1 0");
  db_.Do("DELETE FROM k");
  EXPECT_EQ(Changes(), "k 020b01780901 -1 NULL 2 2 me 2 0");
  db_.Do("INSERT INTO k VALUES(1, 'x')");
  EXPECT_EQ(Changes(), "k 020b01780901 -1 NULL 3 3 me 3 0");
}

TEST_F(LocalWrites, ReplaceInAKeyOnlyTable) {
  db_.Do("CREATE TABLE k(a, b, PRIMARY KEY(b, a)) WITHOUT ROWID; SELECT crsql_as_crr('k')");
  db_.Do("INSERT INTO k VALUES(1, 'x'); INSERT OR REPLACE INTO k VALUES(1, 'x')");
  EXPECT_EQ(Changes(), "k 020b01780901 -1 NULL 3 2 me 3 0");
}

TEST_F(LocalWrites, BackFill) {
  db_.Do("CREATE TABLE old(k TEXT PRIMARY KEY NOT NULL, v, w DEFAULT 7)");
  db_.Do("INSERT INTO old(k, v) VALUES('b', 1), ('a', NULL)");
  EXPECT_EQ(db_.Get("SELECT crsql_as_crr('old')"), "'OK'");
  EXPECT_EQ(Changes(),
            "old 010b0161 v NULL 1 1 me 1 0\nold 010b0161 w 7 1 1 me 1 1\n"
            "old 010b0162 v 1 1 1 me 1 2\nold 010b0162 w 7 1 1 me 1 3");
  EXPECT_EQ(db_.Int("SELECT crsql_db_version()"), 1);
}

TEST_F(LocalWrites, GeneratedColumnsDoNotTravel) {
  db_.Do("CREATE TABLE g(k INTEGER PRIMARY KEY, v, d AS (v + 1), s AS (v * 2) STORED, w)");
  db_.Do("SELECT crsql_as_crr('g'); INSERT INTO g(k, v, w) VALUES(1, 5, 6); UPDATE g SET v = 6");
  EXPECT_EQ(Changes(), "g 010901 w 6 1 1 me 1 1\ng 010901 v 6 2 2 me 1 0");
}

TEST_F(LocalWrites, DeleteWithoutWhereIsCaptured) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3), (2, 3, 4); DELETE FROM foo");
  EXPECT_EQ(Changes(), "foo 010901 -1 NULL 2 2 me 2 0\nfoo 010902 -1 NULL 2 2 me 2 1");
}

TEST_F(LocalWrites, SwapOfKeysInOneStatement) {
  db_.Do("INSERT INTO foo VALUES(1, 'one', 0), (2, 'two', 0)");
  db_.Do("UPDATE foo SET a = a + 10; UPDATE foo SET a = a - 10");
  EXPECT_EQ(Foo(), "1|'one'|0\n2|'two'|0");
  EXPECT_EQ(db_.Get("SELECT hex(pk), cl FROM crsql_changes WHERE cid = '-1' ORDER BY pk"),
            "'010901'|3\n'010902'|3\n'01090B'|2\n'01090C'|2");
}

TEST_F(LocalWrites, UpdateFromAndReturning) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3), (2, 3, 4); CREATE TABLE src(a, v)");
  db_.Do("INSERT INTO src VALUES(2, 'x')");
  EXPECT_EQ(db_.Get("UPDATE foo SET b = src.v FROM src WHERE src.a = foo.a RETURNING a, b"),
            "2|'x'");
  EXPECT_EQ(db_.Get("INSERT INTO foo VALUES(3, 1, 1) RETURNING a, b, c"), "3|1|1");
  EXPECT_EQ(db_.Get("DELETE FROM foo WHERE a = 1 RETURNING b"), "2");
  EXPECT_EQ(ChangesText(db_, "db_version > 1"),
            "foo 010902 b 'x' 2 2 me 1 0\nfoo 010903 b 1 1 3 me 1 0\nfoo 010903 c 1 1 3 me 1 1\n"
            "foo 010901 -1 NULL 2 4 me 2 0");
}

// An update that changes nothing is noted in a transaction, which may have added columns; nothing
// of it stays.
TEST_F(LocalWrites, UpdatesOfNothingBesideInserts) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3)");
  db_.Do(
      "BEGIN; UPDATE foo SET b = 2; INSERT INTO foo VALUES(2, 3, 4); UPDATE foo SET c = c; COMMIT");
  EXPECT_EQ(Changes(),
            "foo 010901 b 2 1 1 me 1 0\nfoo 010901 c 3 1 1 me 1 1\n"
            "foo 010902 b 3 1 2 me 1 0\nfoo 010902 c 4 1 2 me 1 1");
  db_.Do("BEGIN; UPDATE foo SET b = b; COMMIT");
  EXPECT_EQ(db_.Int("SELECT crsql_db_version()"), 2);
  EXPECT_EQ(db_.Get("SELECT * FROM crsql_check()"), "");
}

}  // namespace
}  // namespace tributary::testing
