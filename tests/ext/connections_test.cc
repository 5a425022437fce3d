// Connections, processes, files and journal modes.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "tests/ext/ext_test.h"

namespace tributary::testing {
namespace {

class Files : public ::testing::Test {
 protected:
  std::string Path() const { return dir_.File("f.db"); }
  TempDir dir_;
};

TEST_F(Files, CloseNeedsNoFinalize) {
  Db db(Path());
  db.Do(std::string(kFoo) + "INSERT INTO foo VALUES(1, 2, 3); REPLACE INTO foo VALUES(1, 4, 5);");
  EXPECT_EQ(MergeText(db, "foo 010902 b 5 1 10 S1 1 0"), "");
  db.Do("SELECT * FROM crsql_changes; SELECT crsql_digest()");
  EXPECT_EQ(db.Close(), SQLITE_OK);
  Db again(Path());
  EXPECT_EQ(again.Get("SELECT crsql_finalize()"), "'finalized'");
  EXPECT_EQ(again.Get("SELECT crsql_finalize()"), "'finalized'");
  again.Do("UPDATE foo SET b = 6");
  EXPECT_EQ(again.Close(), SQLITE_OK);
}

// A close that fails because a scan is open leaves everything as it was.
TEST_F(Files, CloseDuringAScan) {
  Db db(Path());
  db.Do(std::string(kFoo) + "INSERT INTO foo VALUES(1, 2, 3), (2, 3, 4); UPDATE foo SET b = 5;");
  sqlite3_stmt* scan = nullptr;
  ASSERT_EQ(
      sqlite3_prepare_v2(db.handle(), "SELECT cid, val FROM crsql_changes", -1, &scan, nullptr),
      SQLITE_OK);
  for (int run = 0; run < 2; run++) {
    ASSERT_EQ(sqlite3_step(scan), SQLITE_ROW);
    ASSERT_EQ(sqlite3_close(db.handle()), SQLITE_BUSY);
    std::string seen;
    do {
      seen += reinterpret_cast<const char*>(sqlite3_column_text(scan, 0));
      seen += reinterpret_cast<const char*>(sqlite3_column_text(scan, 1));
    } while (sqlite3_step(scan) == SQLITE_ROW);
    EXPECT_EQ(seen, "c3c4b5b5");
    sqlite3_reset(scan);
    EXPECT_EQ(ChangesText(db, "cid = 'c'"), "foo 010901 c 3 1 1 me 1 1\nfoo 010902 c 4 1 1 me 1 3");
  }
  sqlite3_finalize(scan);
  db.Do("INSERT INTO foo VALUES(3, 4, 5)");
  EXPECT_EQ(db.Int("SELECT max(db_version) FROM crsql_changes"), 3);
  EXPECT_EQ(db.Close(), SQLITE_OK);
}

TEST_F(Files, SiteAndVersionsSurviveReopening) {
  std::string site, digest, changes;
  {
    Db db(Path());
    db.Do(std::string(kFoo) + "INSERT INTO foo VALUES(1, 2, 3); UPDATE foo SET b = 4;");
    site = db.Get("SELECT crsql_site_id()");
    digest = db.Get("SELECT crsql_digest()");
    changes = ChangesText(db);
  }
  Db db(Path());
  EXPECT_EQ(db.Get("SELECT crsql_site_id()"), site);
  EXPECT_EQ(db.Get("SELECT crsql_digest()"), digest);
  EXPECT_EQ(db.Int("SELECT crsql_db_version()"), 2);
  EXPECT_EQ(ChangesText(db), changes);
  db.Do("UPDATE foo SET b = 5");
  EXPECT_EQ(db.Int("SELECT crsql_db_version()"), 3);
}

TEST_F(Files, TheSiteIdIsARandomUuid) {
  Db a, b;
  const std::string id = a.One("SELECT crsql_site_id()").bytes;
  ASSERT_EQ(id.size(), 16U);
  EXPECT_EQ(id[6] & 0xf0, 0x40) << "version 4";
  EXPECT_EQ(id[8] & 0xc0, 0x80) << "variant";
  EXPECT_NE(id, b.One("SELECT crsql_site_id()").bytes);
  EXPECT_EQ(a.Get("SELECT site_id = crsql_site_id() FROM crsql_site_id WHERE ordinal = 0"), "1");
}

class JournalModes : public ::testing::TestWithParam<const char*> {};

TEST_P(JournalModes, TwoConnections) {
  TempDir dir;
  const std::string path = dir.File("f.db");
  Db a(path);
  a.Do(std::string("PRAGMA journal_mode = ") + GetParam() + ";" + kFoo);
  Db b(path);
  a.Do("INSERT INTO foo VALUES(1, 'a', 0)");
  b.Do("INSERT INTO foo VALUES(2, 'b', 0)");
  a.Do("UPDATE foo SET c = 1 WHERE a = 2");
  b.Do("UPDATE foo SET c = 2 WHERE a = 2");
  EXPECT_EQ(ChangesText(a),
            "foo 010901 b 'a' 1 1 me 1 0\nfoo 010901 c 0 1 1 me 1 1\n"
            "foo 010902 b 'b' 1 2 me 1 0\nfoo 010902 c 2 3 4 me 1 0");
  EXPECT_EQ(ChangesText(a), ChangesText(b));
  EXPECT_EQ(a.Int("SELECT crsql_db_version()"), 4);
  EXPECT_EQ(b.Int("SELECT crsql_db_version()"), 4);
  b.Do(
      "CREATE TABLE late(k TEXT PRIMARY KEY, v); SELECT crsql_as_crr('late');"
      "INSERT INTO late VALUES('x', 1)");
  a.Do("INSERT INTO late VALUES('y', 2)");
  EXPECT_EQ(ChangesText(b, "\"table\" = 'late'"),
            "late 010b0178 v 1 1 5 me 1 0\nlate 010b0179 v 2 1 6 me 1 0");
  EXPECT_EQ(a.Get("SELECT * FROM crsql_check()"), "");
}

// The first that a connection hears of a schema that another has changed is in crsql_as_table.
TEST_P(JournalModes, AsTableAfterAnothersAlter) {
  TempDir dir;
  const std::string path = dir.File("f.db");
  Db a(path);
  a.Do(std::string("PRAGMA journal_mode = ") + GetParam() + ";" + kFoo);
  a.Do("INSERT INTO foo VALUES(1, 2, 3)");
  {
    Db b(path);
    b.Do("ALTER TABLE foo RENAME TO bar; CREATE TABLE t(k PRIMARY KEY, v)");
  }
  EXPECT_EQ(a.Get("SELECT crsql_as_table('bar')"), "NULL");
  EXPECT_EQ(a.Get("SELECT name FROM sqlite_schema WHERE type = 'trigger'"), "");
  EXPECT_EQ(a.Get("SELECT * FROM crsql_info"), "");
  a.Do("UPDATE bar SET b = 4");
  EXPECT_EQ(a.Int("SELECT crsql_db_version()"), 1) << "not tracked";
}

INSTANTIATE_TEST_SUITE_P(All, JournalModes,
                         ::testing::Values("WAL", "DELETE", "TRUNCATE", "PERSIST", "MEMORY"),
                         [](const auto& tested) { return std::string(tested.param); });

// A rolled-back version of one connection is the next of the other.
TEST_F(Files, VersionsAreAllottedInsideTheTransaction) {
  Db a(Path());
  a.Do(std::string("PRAGMA journal_mode = WAL;") + kFoo);
  Db b(Path());
  a.Do("BEGIN; INSERT INTO foo VALUES(1, 0, 0)");
  EXPECT_EQ(a.Int("SELECT crsql_next_db_version()"), 1);
  a.Do("ROLLBACK");
  b.Do("INSERT INTO foo VALUES(2, 0, 0)");
  a.Do("INSERT INTO foo VALUES(3, 0, 0)");
  EXPECT_EQ(a.Get("SELECT hex(pk), db_version FROM crsql_changes WHERE cid = 'b'"),
            "'010902'|1\n'010903'|2");
}

TEST_F(Files, TwoProcesses) {
  Db db(Path());
  db.Do(std::string("PRAGMA journal_mode = WAL;") + kFoo);
  db.Do("INSERT INTO foo VALUES(1, 'parent', 0)");
  const pid_t child = fork();
  if (child == 0) {
    int code = 1;
    try {
      Db own(Path());
      own.Do("INSERT INTO foo VALUES(2, 'child', 0); UPDATE foo SET c = 1 WHERE a = 1");
      code = own.Close();
    } catch (const TestError&) {
    }
    _exit(code);
  }
  int status = 1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  db.Do("UPDATE foo SET c = 2 WHERE a = 1");
  EXPECT_EQ(ChangesText(db),
            "foo 010901 b 'parent' 1 1 me 1 0\nfoo 010902 b 'child' 1 2 me 1 0\n"
            "foo 010902 c 0 1 2 me 1 1\nfoo 010901 c 2 3 4 me 1 0");
}

TEST_F(Files, ReadOnlyAndImmutable) {
  std::string changes;
  {
    Db db(Path());
    db.Do(std::string(kFoo) + "INSERT INTO foo VALUES(1, 2, 3); UPDATE foo SET b = 4;");
    changes = db.Get("SELECT * FROM crsql_changes");
  }
  for (const char* mode : {"?mode=ro", "?immutable=1"}) {
    Db db("file:" + Path() + mode, {.flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI});
    EXPECT_EQ(db.Get("SELECT * FROM crsql_changes"), changes) << mode;
    EXPECT_EQ(db.Get("SELECT * FROM crsql_check()"), "") << mode;
    EXPECT_EQ(db.Int("SELECT crsql_db_version()"), 2) << mode;
    EXPECT_EQ(db.Error("UPDATE foo SET b = 5"), "attempt to write a readonly database") << mode;
    EXPECT_NE(MergeText(db, "foo 010901 b 5 9 1 S1 1 0"), "") << mode;
  }
}

TEST_F(Files, Vacuum) {
  Db db(Path());
  db.Do(std::string(kFoo) +
        "CREATE TABLE t(k TEXT PRIMARY KEY, v); SELECT crsql_as_crr('t');"
        "INSERT INTO t VALUES('a', 1), ('b', 2), ('c', 3); DELETE FROM t WHERE k = 'b';"
        "INSERT INTO foo VALUES(1, 2, 3); UPDATE foo SET b = 4;");
  const std::string before = ChangesText(db) + db.Get("SELECT crsql_digest()");
  db.Do("VACUUM");
  EXPECT_EQ(ChangesText(db) + db.Get("SELECT crsql_digest()"), before);
  db.Do("VACUUM INTO '" + dir_.File("copy.db") +
        "'; UPDATE foo SET b = 5; PRAGMA page_size = 8192;"
        "VACUUM");
  EXPECT_EQ(db.Get("SELECT * FROM crsql_check()"), "");
  Db copy(dir_.File("copy.db"));
  EXPECT_EQ(ChangesText(copy) + copy.Get("SELECT crsql_digest()"), before);
}

TEST_F(Files, BackupApi) {
  Db db(Path());
  db.Do(std::string(kFoo) + "INSERT INTO foo VALUES(1, 2, 3); UPDATE foo SET b = 4;");
  {
    Db target(dir_.File("copy.db"), {.extension = false});
    sqlite3_backup* backup = sqlite3_backup_init(target.handle(), "main", db.handle(), "main");
    ASSERT_NE(backup, nullptr);
    EXPECT_EQ(sqlite3_backup_step(backup, 1), SQLITE_OK);
    db.Do("UPDATE foo SET c = 9");
    EXPECT_EQ(sqlite3_backup_step(backup, -1), SQLITE_DONE);
    EXPECT_EQ(sqlite3_backup_finish(backup), SQLITE_OK);
  }
  Db copy(dir_.File("copy.db"));
  ExpectEqual(db, copy, {"foo"});
}

// Restoring over an open connection: what was cached of the old file must not speak for the new.
TEST_F(Files, BackupOverAnOpenConnection) {
  Db target(Path());
  target.Do(std::string(kFoo) + "INSERT INTO foo VALUES(1, 2, 3); UPDATE foo SET b = 4;");
  Db source(dir_.File("other.db"));
  source.Do(
      "CREATE TABLE bar(k TEXT PRIMARY KEY, v); SELECT crsql_as_crr('bar');"
      "INSERT INTO bar VALUES('x', 1)");
  sqlite3_backup* backup = sqlite3_backup_init(target.handle(), "main", source.handle(), "main");
  ASSERT_NE(backup, nullptr);
  EXPECT_NE(target.Get("SELECT crsql_site_id()"), source.Get("SELECT crsql_site_id()"));
  EXPECT_EQ(sqlite3_backup_step(backup, -1), SQLITE_DONE);
  EXPECT_EQ(sqlite3_backup_finish(backup), SQLITE_OK);
  EXPECT_EQ(target.Get("SELECT crsql_site_id()"), source.Get("SELECT crsql_site_id()"));
  target.Do("UPDATE bar SET v = 2");
  EXPECT_EQ(target.Get("SELECT \"table\", val, db_version FROM crsql_changes"), "'bar'|2|2");
  EXPECT_EQ(target.Get("SELECT * FROM crsql_check()"), "");
}

TEST_F(Files, Utf16) {
  Db db(Path(), {.before = "PRAGMA encoding = 'UTF-16le'"});
  db.Do(
      "CREATE TABLE \"tèst\"(k TEXT PRIMARY KEY, \"vé\"); SELECT crsql_as_crr('tèst');"
      "INSERT INTO \"tèst\" VALUES('ключ', 'värde')");
  ASSERT_EQ(db.Get("PRAGMA encoding"), "'UTF-16le'");
  EXPECT_EQ(db.Get("SELECT \"table\" = 'tèst', hex(pk), cid = 'vé', val = 'värde' "
                   "FROM crsql_changes"),
            "1|'010B08D0BAD0BBD18ED187'|1|1");
  Db peer;
  peer.Do("CREATE TABLE \"tèst\"(k TEXT PRIMARY KEY, \"vé\"); SELECT crsql_as_crr('tèst')");
  EXPECT_EQ(ApplyChanges(peer, ReadChanges(db)), "");
  peer.Do("UPDATE \"tèst\" SET \"vé\" = 'x' || char(0x1F600)");
  EXPECT_EQ(ApplyChanges(db, ReadChanges(peer)), "");
  ExpectEqual(db, peer, {"tèst"});
  EXPECT_EQ(db.Get("SELECT hex(CAST(\"vé\" AS BLOB)) FROM \"tèst\""), "'78003DD800DE'");
}

TEST_F(Files, Attached) {
  { Db(dir_.File("other.db"), {.extension = false, .before = "CREATE TABLE x(y)"}); }
  Db db(Path());
  db.Do(std::string(kFoo) + "ATTACH '" + dir_.File("other.db") + "' AS other;");
  db.Do(
      "BEGIN; INSERT INTO foo VALUES(1, 2, 3); INSERT INTO other.x VALUES(1); COMMIT;"
      "CREATE TABLE other.foo(a PRIMARY KEY, b); INSERT INTO other.foo VALUES('not', 'tracked')");
  EXPECT_EQ(ChangesText(db), "foo 010901 b 2 1 1 me 1 0\nfoo 010901 c 3 1 1 me 1 1");
}

}  // namespace
}  // namespace tributary::testing
