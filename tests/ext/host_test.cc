// What the extension must leave alone on a connection that belongs to a host.
#include <gtest/gtest.h>

#include <string>

#include "tests/ext/ext_test.h"

namespace tributary::testing {
namespace {

struct Hooks {
  int commits = 0;
  int rollbacks = 0;
  int updates = 0;
};

void SetHooks(Db& db, Hooks* hooks) {
  sqlite3_commit_hook(
      db.handle(), [](void* p) { return 0 * ++static_cast<Hooks*>(p)->commits; }, hooks);
  sqlite3_rollback_hook(
      db.handle(), [](void* p) { ++static_cast<Hooks*>(p)->rollbacks; }, hooks);
  sqlite3_update_hook(
      db.handle(),
      [](void* p, int, const char*, const char* table, sqlite3_int64) {
        if (std::string(table) == "foo") ++static_cast<Hooks*>(p)->updates;
      },
      hooks);
}

class Host : public ::testing::TestWithParam<bool> {};

TEST_P(Host, KeepsItsHooks) {
  const bool before_loading = GetParam();
  Hooks hooks;
  Db db(":memory:", {.extension = false});
  if (before_loading) SetHooks(db, &hooks);
  std::string error;
  ASSERT_EQ(LoadExtension(db.handle(), &error), SQLITE_OK) << error;
  db.Do(kFoo);
  if (!before_loading) SetHooks(db, &hooks);
  hooks = {};
  db.Do(
      "INSERT INTO foo VALUES(1, 2, 3); UPDATE foo SET b = 3; DELETE FROM foo;"
      "BEGIN; INSERT INTO foo VALUES(2, 2, 3); ROLLBACK");
  EXPECT_EQ(hooks.commits, 3);
  EXPECT_EQ(hooks.rollbacks, 1);
  EXPECT_EQ(hooks.updates, 4);
  EXPECT_EQ(ChangesText(db), "foo 010901 -1 NULL 2 3 me 2 0");
}

INSTANTIATE_TEST_SUITE_P(All, Host, ::testing::Bool(), [](const auto& tested) {
  return std::string(tested.param ? "SetBeforeLoading" : "SetAfterLoading");
});

TEST(HostConnection, ACommitHookMayRefuse) {
  Db db;
  db.Do(kFoo);
  sqlite3_commit_hook(
      db.handle(), [](void*) { return 1; }, nullptr);
  EXPECT_NE(db.Error("INSERT INTO foo VALUES(1, 2, 3)"), "");
  sqlite3_commit_hook(db.handle(), nullptr, nullptr);
  EXPECT_EQ(ChangesText(db), "");
  db.Do("INSERT INTO foo VALUES(1, 5, 6)");
  EXPECT_EQ(ChangesText(db), "foo 010901 b 5 1 1 me 1 0\nfoo 010901 c 6 1 1 me 1 1");
  EXPECT_EQ(db.Get("SELECT * FROM crsql_check()"), "");
}

TEST(HostConnection, CountsAndRowidsAreThoseOfTheStatement) {
  Db db;
  db.Do(kFoo);
  db.Do("INSERT INTO foo VALUES(10, 0, 0), (20, 0, 0), (30, 0, 0)");
  EXPECT_EQ(db.Get("SELECT changes(), last_insert_rowid()"), "3|30");
  db.Do("UPDATE foo SET b = 1 WHERE a > 10");
  EXPECT_EQ(db.Get("SELECT changes(), last_insert_rowid()"), "2|30");
  db.Do("DELETE FROM foo WHERE a = 10");
  EXPECT_EQ(db.Get("SELECT changes(), last_insert_rowid()"), "1|30");
  db.Do("REPLACE INTO foo VALUES(20, 5, 5)");
  EXPECT_EQ(db.Get("SELECT changes(), last_insert_rowid()"), "1|20");
  db.Do("BEGIN; INSERT INTO foo VALUES(40, 0, 0); UPDATE foo SET c = 7; COMMIT");
  // changes() after COMMIT is a known deviation, see ScopedHostCounters in ext/connection.h.
  EXPECT_EQ(db.Get("SELECT last_insert_rowid()"), "40") << "after COMMIT";
  db.Do(
      "SAVEPOINT s; INSERT INTO foo VALUES(50, 0, 0); UPDATE foo SET c = 7 WHERE a < 40; RELEASE "
      "s");
  EXPECT_EQ(db.Get("SELECT last_insert_rowid()"), "50") << "after RELEASE, which commits";
  db.Do("DELETE FROM foo WHERE a = 50; SELECT crsql_digest()");
  EXPECT_EQ(db.Get("SELECT changes(), last_insert_rowid()"), "1|50");
  db.Do("INSERT INTO foo VALUES(40, 0, 0) ON CONFLICT DO NOTHING");
  db.Do("BEGIN; UPDATE foo SET c = 8; SELECT count(*) FROM crsql_changes");
  EXPECT_EQ(db.Get("SELECT changes(), last_insert_rowid()"), "3|50") << "after a read that flushed";
  db.Do("ROLLBACK");
}

TEST(HostConnection, DefensiveAndUntrustedSchema) {
  TempDir dir;
  Db db(dir.File("f.db"), {.extension = false});
  sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
  std::string error;
  ASSERT_EQ(LoadExtension(db.handle(), &error), SQLITE_OK) << error;
  db.Do(kFoo);
  db.Do(
      "INSERT INTO foo VALUES(1, 2, 3), (2, 3, 4); UPDATE foo SET b = 4 WHERE a = 1;"
      "REPLACE INTO foo VALUES(2, 5, 6); UPDATE OR REPLACE foo SET a = 2 WHERE a = 1;"
      "DELETE FROM foo");
  EXPECT_EQ(MergeText(db, "foo 010903 b 5 1 10 S1 1 0"), "");
  EXPECT_EQ(db.Get("SELECT * FROM foo"), "3|5|NULL");
  EXPECT_EQ(db.Get("SELECT * FROM crsql_check()"), "");
}

TEST(HostConnection, LowLimits) {
  Db db;
  sqlite3_limit(db.handle(), SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_limit(db.handle(), SQLITE_LIMIT_COMPOUND_SELECT, 3);
  sqlite3_limit(db.handle(), SQLITE_LIMIT_VARIABLE_NUMBER, 20);
  sqlite3_limit(db.handle(), SQLITE_LIMIT_EXPR_DEPTH, 30);
  sqlite3_limit(db.handle(), SQLITE_LIMIT_TRIGGER_DEPTH, 5);
  db.Do(
      "CREATE TABLE a(k PRIMARY KEY, v); CREATE TABLE b(k PRIMARY KEY, v);"
      "CREATE TABLE c(k PRIMARY KEY, v); CREATE TABLE d(k PRIMARY KEY, v);"
      "SELECT crsql_as_crr('a'), crsql_as_crr('b'), crsql_as_crr('c'), crsql_as_crr('d')");
  db.Do("INSERT INTO a VALUES('x', 1); INSERT INTO d VALUES('x', 1)");
  EXPECT_EQ(db.Int("SELECT count(*) FROM crsql_changes"), 2);
}

// A clock that outgrows the host's limit fails the statement; it is not stored as NULL.
TEST(HostConnection, LowLimitOnLength) {
  Db db;
  constexpr int kColumns = 200;
  std::string columns;
  for (int i = 0; i < kColumns; i++) columns += ", c" + std::to_string(i);
  db.Do("CREATE TABLE wide(k PRIMARY KEY" + columns + "); SELECT crsql_as_crr('wide')");
  db.Do("INSERT INTO wide(k) VALUES(1)");
  int i = 0;
  for (; i < kColumns - 20; i++) db.Do("UPDATE wide SET c" + std::to_string(i) + " = 1");
  std::string update = "UPDATE wide SET k = k";
  for (; i < kColumns; i++) update += ", c" + std::to_string(i) + " = 1";
  // Room for what SQLite adds to the clock in its record, but not for the clock.
  const int64_t length = db.Int("SELECT length(clock) FROM crsql_rows") + 30;
  const int limit = sqlite3_limit(db.handle(), SQLITE_LIMIT_LENGTH, static_cast<int>(length));
  EXPECT_EQ(db.Error(update), "string or blob too big");
  sqlite3_limit(db.handle(), SQLITE_LIMIT_LENGTH, limit);
  EXPECT_EQ(db.Get("SELECT * FROM crsql_check"), "");
  db.Do(update);
  EXPECT_EQ(db.Get("SELECT * FROM crsql_check"), "");
}

TEST(HostConnection, InterruptAndProgressHandler) {
  Db db;
  db.Do(kFoo);
  db.Do(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
      "INSERT INTO foo SELECT i, i, i FROM n");
  const std::string before = db.Get("SELECT crsql_digest()");
  int left = 20;
  sqlite3_progress_handler(
      db.handle(), 1000, [](void* p) { return --*static_cast<int*>(p) < 0 ? 1 : 0; }, &left);
  EXPECT_EQ(db.Error("UPDATE foo SET b = -1"), "interrupted");
  sqlite3_progress_handler(db.handle(), 0, nullptr, nullptr);
  EXPECT_TRUE(db.autocommit());
  EXPECT_EQ(db.Get("SELECT crsql_digest()"), before);
  db.Do("UPDATE foo SET b = -1 WHERE a = 1");
  EXPECT_EQ(db.Int("SELECT crsql_db_version()"), 2);
}

TEST(HostConnection, AnAuthorizerSeesNoNewFailures) {
  Db db;
  db.Do(kFoo);
  sqlite3_set_authorizer(
      db.handle(), [](void*, int, const char*, const char*, const char*, const char*) { return 0; },
      nullptr);
  db.Do("INSERT INTO foo VALUES(1, 2, 3); UPDATE foo SET b = 4");
  EXPECT_EQ(db.Int("SELECT count(*) FROM crsql_changes"), 2);
}

}  // namespace
}  // namespace tributary::testing
