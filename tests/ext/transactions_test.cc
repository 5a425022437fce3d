// Savepoints, rollbacks, conflict clauses, failed commits: what is captured is exactly what
// SQLite keeps, versions and seqs included. Traps T1, T5 and T15.
#include <gtest/gtest.h>

#include <string>

#include "tests/ext/ext_test.h"

namespace tributary::testing {
namespace {

class Transactions : public FooTest {};

TEST_F(Transactions, RollbackLeavesNothing) {
  db_.Do("BEGIN; INSERT INTO foo VALUES(1, 2, 3); ROLLBACK");
  EXPECT_EQ(Changes(), "");
  EXPECT_EQ(db_.Int("SELECT crsql_db_version()"), 0);
  EXPECT_EQ(db_.Int("SELECT crsql_get_seq()"), 0);
  db_.Do("INSERT INTO foo VALUES(1, 5, 6)");
  EXPECT_EQ(Changes(), "foo 010901 b 5 1 1 me 1 0\nfoo 010901 c 6 1 1 me 1 1");
}

TEST_F(Transactions, RollbackToGivesSeqsBack) {
  db_.Do("BEGIN; SAVEPOINT s; INSERT INTO foo VALUES(1, 2, 3); ROLLBACK TO s");
  EXPECT_EQ(db_.Int("SELECT crsql_get_seq()"), 0);
  db_.Do("INSERT INTO foo VALUES(2, 2, 3); RELEASE s; COMMIT");
  EXPECT_EQ(Changes(), "foo 010902 b 2 1 1 me 1 0\nfoo 010902 c 3 1 1 me 1 1");
}

TEST_F(Transactions, ASavepointIsATransaction) {
  db_.Do("SAVEPOINT s; INSERT INTO foo VALUES(1, 2, 3); RELEASE s");
  db_.Do("SAVEPOINT s; UPDATE foo SET b = 3; ROLLBACK TO s; RELEASE s");
  db_.Do(
      "SAVEPOINT s; UPDATE foo SET c = 4; SAVEPOINT t; UPDATE foo SET c = 5; ROLLBACK TO t;"
      "RELEASE s");
  EXPECT_EQ(Changes(), "foo 010901 b 2 1 1 me 1 0\nfoo 010901 c 4 2 2 me 1 0");
}

TEST_F(Transactions, NestedSavepoints) {
  db_.Do(
      "BEGIN; INSERT INTO foo VALUES(1, 0, 0); SAVEPOINT a; UPDATE foo SET b = 1;"
      "SAVEPOINT b; UPDATE foo SET b = 2; SAVEPOINT c; DELETE FROM foo; RELEASE c;"
      "ROLLBACK TO b; UPDATE foo SET c = 1; RELEASE a; COMMIT");
  EXPECT_EQ(Foo(), "1|1|1");
  EXPECT_EQ(Changes(), "foo 010901 b 1 2 1 me 1 2\nfoo 010901 c 1 2 1 me 1 3");
}

// T15: the read of crsql_changes inside the savepoint flushes what came before it.
TEST_F(Transactions, FlushedInsideASavepointThatIsRolledBack) {
  db_.Do("BEGIN; INSERT INTO foo VALUES(1, 0, 0); SAVEPOINT s; INSERT INTO foo VALUES(2, 0, 0)");
  EXPECT_EQ(db_.Int("SELECT count(*) FROM crsql_changes"), 4);
  db_.Do("UPDATE foo SET b = 1; ROLLBACK TO s");
  EXPECT_EQ(Changes(), "foo 010901 b 0 1 1 me 1 0\nfoo 010901 c 0 1 1 me 1 1");
  db_.Do("ROLLBACK TO s; INSERT INTO foo VALUES(3, 0, 0); COMMIT");
  EXPECT_EQ(Changes(),
            "foo 010901 b 0 1 1 me 1 0\nfoo 010901 c 0 1 1 me 1 1\n"
            "foo 010903 b 0 1 1 me 1 2\nfoo 010903 c 0 1 1 me 1 3");
}

// Several lives and keys of a row in one transaction, flushed after each: each cell is shown once.
TEST_F(Transactions, FlushedAfterEachStatement) {
  db_.Do("CREATE TABLE k(a, b, PRIMARY KEY(a, b)) WITHOUT ROWID; SELECT crsql_as_crr('k')");
  db_.Do("BEGIN");
  EXPECT_EQ(Merge("k 020901090a -1 NULL 4 8 S1 4 12\nfoo 010901 -1 NULL 4 8 S1 4 13"), "");
  for (const char* sql :
       {"INSERT INTO k VALUES(1, 10)", "INSERT INTO foo VALUES(1, 2, 3)", "UPDATE k SET a = 2",
        "UPDATE foo SET a = 2", "UPDATE foo SET b = 5", "UPDATE k SET a = 1",
        "UPDATE foo SET a = 1", "DELETE FROM k", "DELETE FROM foo", "INSERT INTO k VALUES(1, 10)",
        "INSERT INTO foo VALUES(1, 2, 3)", "REPLACE INTO k VALUES(1, 10)",
        "REPLACE INTO foo VALUES(1, 2, 3)", "UPDATE foo SET c = 4"}) {
    db_.Do(sql);
    EXPECT_EQ(db_.Get("SELECT \"table\", hex(pk), cid, count(*) FROM crsql_changes "
                      "GROUP BY 1, 2, 3 HAVING count(*) > 1"),
              "")
        << sql;
  }
  db_.Do("COMMIT");
  Db at_once;
  at_once.Do(kFoo);
  at_once.Do("CREATE TABLE k(a, b, PRIMARY KEY(a, b)) WITHOUT ROWID; SELECT crsql_as_crr('k')");
  EXPECT_EQ(ApplyChanges(at_once, ReadChanges(db_)), "");
  ExpectEqual(db_, at_once, {"foo", "k"});
}

// Found by the simulator.
TEST_F(Transactions, MergedRevivedFlushedAndMoved) {
  db_.Do("CREATE TABLE k(a, b, PRIMARY KEY(a, b)) WITHOUT ROWID; SELECT crsql_as_crr('k'); BEGIN");
  EXPECT_EQ(Merge("k 020901090a -1 NULL 4 8 S1 4 12"), "");
  db_.Do(
      "INSERT INTO k VALUES(1, 10); SELECT count(*) FROM crsql_changes; UPDATE k SET a = 2;"
      "COMMIT");
  EXPECT_EQ(Changes(), "k 020901090a -1 NULL 6 1 me 6 1\nk 020902090a -1 NULL 1 1 me 1 2");
}

TEST_F(Transactions, FlushedInsideNestedSavepoints) {
  db_.Do("BEGIN; INSERT INTO foo VALUES(1, 0, 0); SAVEPOINT a; UPDATE foo SET b = 1; SAVEPOINT b");
  db_.Do("UPDATE foo SET c = 1");
  EXPECT_EQ(db_.Int("SELECT count(*) FROM crsql_changes"), 2);
  db_.Do("SAVEPOINT c; UPDATE foo SET c = 2");
  EXPECT_EQ(db_.Int("SELECT count(*) FROM crsql_changes"), 2);
  db_.Do("ROLLBACK TO c; RELEASE b; UPDATE foo SET b = 3; ROLLBACK TO a; COMMIT");
  EXPECT_EQ(Foo(), "1|0|0");
  EXPECT_EQ(Changes(), "foo 010901 b 0 1 1 me 1 0\nfoo 010901 c 0 1 1 me 1 1");
}

// The first write joins the transaction when a savepoint is open already; a later savepoint must
// not be taken for that one.
TEST_F(Transactions, ASavepointOlderThanTheFirstWrite) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3)");
  const std::string before = Changes();
  for (const char* begin :
       {"SAVEPOINT o", "BEGIN; SAVEPOINT o", "BEGIN; SAVEPOINT x; SAVEPOINT o"}) {
    for (const char* write :
         {"DELETE FROM foo", "UPDATE foo SET b = 9", "REPLACE INTO foo VALUES(1, 7, 7)",
          "INSERT INTO foo VALUES(2, 2, 3)", "UPDATE foo SET a = 5"}) {
      for (const char* more : {"SELECT 1", "SAVEPOINT s", "SAVEPOINT s; SAVEPOINT t; RELEASE t",
                               "SAVEPOINT s; INSERT INTO foo VALUES(3, 3, 3)"}) {
        const std::string sql = std::string(begin) + ";" + write + ";" + more + "; ROLLBACK TO o";
        db_.Do(sql);
        EXPECT_EQ(db_.Int("SELECT crsql_get_seq()"), 0) << sql;
        db_.Do("COMMIT");
        EXPECT_EQ(Changes(), before) << sql;
        EXPECT_EQ(db_.Get("SELECT * FROM crsql_check()"), "") << sql;
      }
    }
  }
  EXPECT_EQ(db_.Int("SELECT crsql_db_version()"), 1);
}

// The list is full after the first statement and flushed before the second, which fails: what was
// flushed stays.
TEST_F(Transactions, FlushedBeforeAStatementThatFails) {
  const std::string fill =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) "
      "INSERT INTO foo SELECT i, i, i FROM n;";
  db_.Do("BEGIN; " + fill);
  EXPECT_NE(db_.Error("UPDATE foo SET a = 1, c = 5 WHERE a < 3"), "");
  db_.Do("SAVEPOINT s; UPDATE foo SET b = -b; SAVEPOINT t; UPDATE foo SET c = -c; ROLLBACK TO t");
  db_.Do("UPDATE foo SET c = 0 WHERE a = 7; COMMIT");
  EXPECT_EQ(db_.Get("SELECT * FROM crsql_check()"), "");
  Db other;
  other.Do(kFoo);
  other.Do("BEGIN; " + fill + "COMMIT; UPDATE foo SET b = -b; UPDATE foo SET c = 0 WHERE a = 7");
  EXPECT_EQ(Foo(), other.Get("SELECT * FROM foo"));
  EXPECT_EQ(db_.Get("SELECT count(*), sum(cid = 'b' AND col_version = 2), "
                    "sum(cid = 'c' AND col_version = 2), max(seq) FROM crsql_changes"),
            "120000|60000|1|180000");
}

// Keys so long that one statement passes what the list may hold.
TEST_F(Transactions, FlushedInsideAStatement) {
  db_.Do("CREATE TABLE k(a TEXT PRIMARY KEY NOT NULL, b); SELECT crsql_as_crr('k')");
  const std::string fill =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) "
      "INSERT INTO k SELECT i || hex(zeroblob(15000)), i FROM n;";
  db_.Do("BEGIN; INSERT INTO k VALUES('x', 0); SAVEPOINT s;" + fill + "ROLLBACK TO s");
  EXPECT_EQ(db_.Int("SELECT count(*) FROM crsql_changes"), 1);
  db_.Do(fill);
  // A failing statement that had been flushed in part.
  EXPECT_NE(db_.Error("INSERT INTO k SELECT CASE b WHEN 399 THEN 'x' ELSE 'y' || a END, b FROM k"),
            "");
  db_.Do("COMMIT");
  EXPECT_EQ(db_.Int("SELECT count(*) FROM crsql_changes"), 401);
  EXPECT_EQ(db_.Get("SELECT * FROM crsql_check()"), "");
}

// More than the list of operations holds in memory, so it is flushed on the way.
TEST_F(Transactions, AGiantTransaction) {
  db_.Do(
      "BEGIN; INSERT INTO foo VALUES(0, 0, 0); SAVEPOINT s;"
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)"
      "INSERT INTO foo SELECT i, hex(randomblob(8)), i FROM n");
  db_.Do("UPDATE foo SET c = -c WHERE a % 2; ROLLBACK TO s");
  EXPECT_EQ(Changes(), "foo 0101 b 0 1 1 me 1 0\nfoo 0101 c 0 1 1 me 1 1");
  db_.Do(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)"
      "INSERT INTO foo SELECT i, hex(randomblob(8)), i FROM n; COMMIT");
  EXPECT_EQ(db_.Int("SELECT count(*) FROM crsql_changes"), 2 * 60001);
  EXPECT_EQ(db_.Int("SELECT max(seq) FROM crsql_changes"), 2 * 60001 - 1);
  EXPECT_EQ(db_.Int("SELECT count(DISTINCT seq) FROM crsql_changes"), 2 * 60001);
  EXPECT_EQ(db_.Int("SELECT max(db_version) FROM crsql_changes"), 1);
}

TEST_F(Transactions, AGiantTransactionRolledBack) {
  db_.Do("INSERT INTO foo VALUES(0, 0, 0)");
  const std::string digest = db_.Get("SELECT crsql_digest()");
  db_.Do(
      "BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)"
      "INSERT INTO foo SELECT i, hex(randomblob(8)), i FROM n; UPDATE foo SET b = 1; ROLLBACK");
  EXPECT_EQ(Changes(), "foo 0101 b 0 1 1 me 1 0\nfoo 0101 c 0 1 1 me 1 1");
  EXPECT_EQ(db_.Get("SELECT crsql_digest()"), digest);
  db_.Do("UPDATE foo SET b = 1");
  EXPECT_EQ(db_.Int("SELECT crsql_db_version()"), 2);
}

struct Clause {
  const char* clause;
  const char* rows;     // of t afterwards, in the open transaction or after it
  const char* changes;  // of t afterwards
  bool open;            // is the transaction still open?
};

class Clauses : public ::testing::TestWithParam<Clause> {};

// The third of four rows violates a CHECK.
TEST_P(Clauses, AFailingStatement) {
  const Clause& p = GetParam();
  Db db;
  db.Do(
      "CREATE TABLE t(a INTEGER PRIMARY KEY NOT NULL, b CHECK(b < 10)); SELECT crsql_as_crr('t');"
      "BEGIN; INSERT INTO t VALUES(1, 1)");
  const std::string error = db.Error(std::string("INSERT OR ") + p.clause +
                                     " INTO t VALUES(2, 2), (3, 3), (4, 44), (5, 5)");
  EXPECT_EQ(error, std::string(p.clause) == "IGNORE" ? "" : "CHECK constraint failed: b < 10");
  EXPECT_EQ(!db.autocommit(), p.open);
  EXPECT_EQ(db.Get("SELECT * FROM t"), p.rows);
  if (p.open) db.Do("COMMIT");
  EXPECT_EQ(db.Get("SELECT * FROM t"), p.rows);
  EXPECT_EQ(ChangesText(db), p.changes);
  EXPECT_EQ(db.Get("SELECT * FROM crsql_check()"), "");
}

constexpr char kOne[] = "t 010901 b 1 1 1 me 1 0";
constexpr char kThree[] =
    "t 010901 b 1 1 1 me 1 0\nt 010902 b 2 1 1 me 1 1\nt 010903 b 3 1 1 me 1 2";
constexpr char kFour[] =
    "t 010901 b 1 1 1 me 1 0\nt 010902 b 2 1 1 me 1 1\nt 010903 b 3 1 1 me 1 2\n"
    "t 010905 b 5 1 1 me 1 3";
INSTANTIATE_TEST_SUITE_P(All, Clauses,
                         ::testing::Values(Clause{"ABORT", "1|1", kOne, true},
                                           Clause{"FAIL", "1|1\n2|2\n3|3", kThree, true},
                                           Clause{"IGNORE", "1|1\n2|2\n3|3\n5|5", kFour, true},
                                           Clause{"REPLACE", "1|1", kOne, true},
                                           Clause{"ROLLBACK", "", "", false}),
                         [](const auto& tested) { return std::string(tested.param.clause); });

TEST_F(Transactions, AFailingStatementInAutocommit) {
  db_.Do("INSERT INTO foo VALUES(3, 0, 0)");
  EXPECT_EQ(db_.Error("INSERT INTO foo VALUES(1, 1, 1), (2, 2, 2), (3, 3, 3)"),
            "UNIQUE constraint failed: foo.a");
  EXPECT_EQ(db_.Int("SELECT crsql_db_version()"), 1);
  EXPECT_EQ(db_.Error("INSERT OR FAIL INTO foo VALUES(1, 1, 1), (3, 3, 3)"),
            "UNIQUE constraint failed: foo.a");
  EXPECT_EQ(Foo(), "1|1|1\n3|0|0");
  EXPECT_EQ(ChangesText(db_, "db_version = 2"),
            "foo 010901 b 1 1 2 me 1 0\nfoo 010901 c 1 1 2 me 1 1");
}

// A COMMIT that fails because of a deferred foreign key can be repeated.
TEST_F(Transactions, AFailedCommit) {
  db_.Do(
      "PRAGMA foreign_keys = 1; CREATE TABLE p(k INTEGER PRIMARY KEY);"
      "CREATE TABLE c(k INTEGER PRIMARY KEY, p REFERENCES p DEFERRABLE INITIALLY DEFERRED);"
      "SELECT crsql_as_crr('p'); SELECT crsql_as_crr('c')");
  db_.Do("BEGIN; INSERT INTO c VALUES(1, 7)");
  EXPECT_EQ(db_.Error("COMMIT"), "FOREIGN KEY constraint failed");
  EXPECT_FALSE(db_.autocommit());
  db_.Do("INSERT INTO p VALUES(7); COMMIT");
  EXPECT_EQ(Changes(), "c 010901 p 7 1 1 me 1 0\np 010907 -1 NULL 1 1 me 1 1");
}

// A COMMIT that meets a reader in rollback-journal mode: xSync has run, the transaction goes on.
TEST_F(Transactions, ABusyCommit) {
  TempDir dir;
  Db writer(dir.File("f.db"));
  writer.Do(std::string("PRAGMA journal_mode = DELETE; ") + kFoo);
  Db reader(dir.File("f.db"));
  sqlite3_busy_timeout(writer.handle(), 0);
  writer.Do("BEGIN; INSERT INTO foo VALUES(1, 2, 3)");
  reader.Do("BEGIN; SELECT count(*) FROM foo");
  EXPECT_EQ(writer.Error("COMMIT"), "database is locked");
  EXPECT_FALSE(writer.autocommit());
  writer.Do("UPDATE foo SET b = 4");
  EXPECT_EQ(writer.Error("COMMIT"), "database is locked");
  reader.Do("COMMIT");
  writer.Do("COMMIT");
  EXPECT_EQ(ChangesText(reader), "foo 010901 c 3 1 1 me 1 1\nfoo 010901 b 4 2 1 me 1 2");
  writer.Do("UPDATE foo SET b = 5");
  EXPECT_EQ(ChangesText(reader), "foo 010901 c 3 1 1 me 1 1\nfoo 010901 b 5 3 2 me 1 0");
  EXPECT_EQ(writer.Get("SELECT * FROM crsql_check()"), "");
}

// T1: notes about a living key that no AFTER trigger settled must not leak into the next insert.
TEST_F(Transactions, DroppedReplaceNotes) {
  db_.Do(
      "CREATE TABLE t(a INTEGER PRIMARY KEY, b CHECK(b < 10)); SELECT crsql_as_crr('t');"
      "INSERT INTO t VALUES(1, 1); REPLACE INTO t VALUES(1, 2)");
  const std::string before = ChangesText(db_, "\"table\" = 't'");
  EXPECT_NE(db_.Error("REPLACE INTO t VALUES(1, 11)"), "");
  db_.Do("INSERT OR IGNORE INTO t VALUES(1, 3)");
  db_.Do("INSERT INTO t VALUES(1, 3) ON CONFLICT DO NOTHING");
  EXPECT_NE(db_.Error("INSERT INTO t VALUES(1, 3)"), "");
  EXPECT_EQ(ChangesText(db_, "\"table\" = 't'"), before);
  db_.Do("DELETE FROM t; INSERT INTO t VALUES(1, 4)");
  EXPECT_EQ(ChangesText(db_, "\"table\" = 't'"),
            "t 010901 -1 NULL 3 4 me 3 0\nt 010901 b 4 1 4 me 3 1");
}

TEST_F(Transactions, ReplaceAfterDeleteInOneTransaction) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3); REPLACE INTO foo VALUES(1, 3, 3)");
  db_.Do(
      "BEGIN; DELETE FROM foo; REPLACE INTO foo VALUES(1, 4, 4); REPLACE INTO foo VALUES(1, 5, "
      "5); COMMIT");
  EXPECT_EQ(Changes(),
            "foo 010901 -1 NULL 5 3 me 5 4\nfoo 010901 b 5 2 3 me 5 5\nfoo 010901 c 5 2 3 me 5 6");
}

// Statements without a statement journal: what SQLite would not undo must not be committed.
TEST_F(Transactions, AnUpdateThatCannotBeCaptured) {
  db_.Do(
      "CREATE TABLE u(k PRIMARY KEY NOT NULL, v); SELECT crsql_as_crr('u');"
      "INSERT INTO u VALUES(1, 'a'), (3, 'b')");
  const std::string refused = "cannot hold the REAL 2";
  // This one has a journal, for the key's UNIQUE constraint, and is undone alone.
  db_.Do("BEGIN; UPDATE u SET v = 'c' WHERE k = 3");
  EXPECT_TRUE(Contains(db_.Error("UPDATE u SET k = k + 1.0 WHERE k = 1"), refused));
  db_.Do("COMMIT");
  EXPECT_EQ(db_.Get("SELECT * FROM u"), "1|'a'\n3|'c'");
  // OR FAIL does not want to be undone.
  const std::string or_fail = "UPDATE OR FAIL u SET k = k + 1.0 WHERE k = 1";
  EXPECT_TRUE(Contains(db_.Error(or_fail), refused));
  EXPECT_EQ(db_.Get("SELECT * FROM u"), "1|'a'\n3|'c'");
  db_.Do("BEGIN");
  EXPECT_TRUE(Contains(db_.Error(or_fail), refused));
  EXPECT_TRUE(Contains(db_.Error("COMMIT"), "can only be rolled back"));
  EXPECT_EQ(db_.Get("SELECT * FROM u"), "1|'a'\n3|'c'");
  db_.Do("BEGIN; SAVEPOINT s; UPDATE u SET v = 'd' WHERE k = 3; SAVEPOINT t");
  EXPECT_TRUE(Contains(db_.Error(or_fail), refused));
  db_.Do("ROLLBACK TO t; COMMIT");
  EXPECT_EQ(db_.Get("SELECT * FROM u"), "1|'a'\n3|'d'");
  Db peer;
  peer.Do("CREATE TABLE u(k PRIMARY KEY NOT NULL, v); SELECT crsql_as_crr('u')");
  EXPECT_EQ(ApplyChanges(peer, ReadChanges(db_)), "");
  ExpectEqual(db_, peer, {"u"});
}

// The list is flushed in the middle of a statement, and at every step of a transaction of updates
// and deletes, which have no savepoints.
TEST_F(Transactions, FlushedInsideStatementsWithoutJournal) {
  db_.Do(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)"
      "INSERT INTO foo SELECT i, i, i FROM n");
  db_.Do("BEGIN; UPDATE foo SET b = -b; DELETE FROM foo WHERE a % 2 = 0");
  // A CHECK or the like that fails needs a journal, whatever was flushed before it.
  EXPECT_NE(db_.Error("UPDATE foo SET c = -c, a = CASE a WHEN 59999 THEN 1 ELSE a END"), "");
  db_.Do("UPDATE foo SET c = 7 WHERE a = 1; SAVEPOINT s; UPDATE foo SET c = 8; DELETE FROM foo");
  db_.Do("ROLLBACK TO s; COMMIT");
  EXPECT_EQ(db_.Get("SELECT count(*), sum(b), sum(c) FROM foo"), "30000|-900000000|900000006");
  EXPECT_EQ(db_.Int("SELECT count(*) FROM crsql_changes WHERE cid = '-1'"), 30000);
  EXPECT_EQ(db_.Int("SELECT count(*) FROM crsql_changes WHERE col_version = 2"), 60001);
  EXPECT_EQ(db_.Int("SELECT max(db_version) FROM crsql_changes"), 2);
}

// The same through the ways of writing REPLACE that name it elsewhere than in the statement.
TEST_F(Transactions, ReplaceDeclaredByTheTable) {
  db_.Do(
      "CREATE TABLE r(a TEXT PRIMARY KEY ON CONFLICT REPLACE, b) WITHOUT ROWID;"
      "SELECT crsql_as_crr('r'); INSERT INTO r VALUES('x', 1); INSERT INTO r VALUES('x', 2);"
      "INSERT INTO r VALUES('y', 1); UPDATE r SET a = 'y' WHERE a = 'x'");
  EXPECT_EQ(db_.Get("SELECT * FROM r"), "'y'|2");
  EXPECT_EQ(
      ChangesText(db_),
      "r 010b0178 -1 NULL 2 4 me 2 0\nr 010b0179 -1 NULL 3 4 me 3 1\nr 010b0179 b 2 3 4 me 3 2");
}

TEST_F(Transactions, ReplaceInsideAUserTrigger) {
  db_.Do(
      "CREATE TABLE log(x); CREATE TRIGGER u AFTER INSERT ON log BEGIN"
      " INSERT OR REPLACE INTO foo VALUES(1, NEW.x, 0); END;"
      "INSERT INTO log VALUES('a'); INSERT INTO log VALUES('b')");
  EXPECT_EQ(Changes(), "foo 010901 b 'b' 2 2 me 1 1\nfoo 010901 c 0 2 2 me 1 2");
}

// Section 19: a rowid that is not the key lets REPLACE delete *another* row.
TEST_F(Transactions, ReplaceThatHitsAnotherRow) {
  db_.Do(
      "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, v); SELECT crsql_as_crr('t');"
      "INSERT INTO t(rowid, k, v) VALUES(1, 'a', 1), (2, 'b', 2);"
      "INSERT OR REPLACE INTO t(rowid, k, v) VALUES(2, 'c', 3)");
  EXPECT_EQ(db_.Get("SELECT k FROM t ORDER BY k"), "'a'\n'c'");
  Db peer;
  peer.Do("CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, v); SELECT crsql_as_crr('t')");
  EXPECT_EQ(ApplyChanges(peer, ReadChanges(db_)), "");
  EXPECT_EQ(peer.Get("SELECT k, v FROM t ORDER BY k"), "'a'|1\n'c'|3");
  EXPECT_EQ(peer.Get("SELECT crsql_digest('t')"), db_.Get("SELECT crsql_digest('t')"));
}

TEST_F(Transactions, ReplaceThatReachesAPeer) {
  Db peer;
  peer.Do(kFoo);
  db_.Do("INSERT INTO foo VALUES(1, 1, 1), (2, 2, 2), (3, 3, 3)");
  SyncAll({&db_, &peer});
  db_.Do("REPLACE INTO foo VALUES(1, 'r', 1); UPDATE OR REPLACE foo SET a = 3 WHERE a = 2");
  peer.Do("UPDATE foo SET c = 'p'");
  SyncAll({&db_, &peer});
  ExpectEqual(db_, peer, {"foo"});
  EXPECT_EQ(db_.Get("SELECT a FROM foo"), "1\n3");
  EXPECT_EQ(db_.Get("SELECT b FROM foo"), "'r'\n2");
}

}  // namespace
}  // namespace tributary::testing
