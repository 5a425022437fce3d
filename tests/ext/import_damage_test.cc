// Files of cr-sqlite that are odd, damaged, read-only, or whose upgrade is interrupted.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/ext/ext_test.h"
#include "tests/support/crsql_peer.h"

namespace tributary::testing {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class ImportDamage : public ::testing::Test {
 protected:
  explicit ImportDamage(CrsqlPeer::Kind kind = CrsqlPeer::kFork) : peer_(kind, 1) {
    peer_.AddTable("foo", "INTEGER", {"b", "c"});
    peer_.AddTable("word", "TEXT", {"n"});
    peer_.Insert("foo", Cell::Integer(1), {{"b", Cell::Integer(2)}, {"c", Cell::Integer(3)}});
    peer_.Insert("word", Cell::Text("5"), {{"n", Cell::Integer(1)}});
    peer_.Commit();
    peer_.Update("foo", Cell::Integer(1), {{"b", Cell::Integer(4)}});
    peer_.Commit();
    peer_.Merge({{.table = "foo",
                  .pk = std::string("\x01\x09\x02", 3),
                  .cid = "b",
                  .value = Cell::Integer(7),
                  .col_version = 1,
                  .db_version = 3,
                  .site = std::string(16, '\x02'),
                  .cl = 1}});
  }
  std::string Path() const { return dir_.File("f.db"); }
  // Writes the file anew, changed by this SQL.
  void Write(const std::string& sql) const {
    std::filesystem::remove(Path());
    Db(Path(), {.extension = false, .before = peer_.ToSql()}).Do(sql);
  }
  // Why the file cannot be opened; it must be as it was.
  std::string Refusal() const {
    const std::string before = ReadFile(Path());
    std::string error;
    {
      Db db(Path(), {.extension = false});
      EXPECT_NE(LoadExtension(db.handle(), &error), SQLITE_OK);
      EXPECT_TRUE(db.autocommit());
    }
    EXPECT_EQ(ReadFile(Path()) == before, true) << "the file has changed";
    EXPECT_TRUE(Contains(error, "written by cr-sqlite"));
    EXPECT_TRUE(Contains(error, "the file is unchanged"));
    return error;
  }
  void ExpectSound(Db& db) const {
    EXPECT_EQ(db.Get("SELECT * FROM crsql_check()"), "");
    EXPECT_EQ(db.Get("PRAGMA integrity_check"), "'ok'");
  }
  static std::string Noted(Db& db, const std::string& what) {
    return db.Get("SELECT value ->> '" + what +
                  "' FROM crsql_master WHERE key = 'upgraded_from_crsqlite'");
  }
  CrsqlPeer peer_;
  TempDir dir_;
};

// The table of clocks as one that takes any value.
constexpr char kLoose[] =
    "CREATE TABLE old AS SELECT * FROM foo__crsql_clock; DROP TABLE foo__crsql_clock;"
    "CREATE TABLE foo__crsql_clock(key, col_name, col_version, db_version, site_id, seq, "
    "PRIMARY KEY(key, col_name)); INSERT INTO foo__crsql_clock SELECT key, col_name, col_version, "
    "db_version, site_id, seq FROM old; DROP TABLE old;";

TEST_F(ImportDamage, IsRefused) {
  const struct {
    std::string sql;
    const char* reason;
  } kCases[] = {
      {"DROP TABLE foo__crsql_pks", "no such table: main.foo__crsql_pks"},
      {"DROP TABLE crsql_site_id", "no such table: main.crsql_site_id"},
      {"ALTER TABLE foo__crsql_clock RENAME COLUMN seq TO s", "foo__crsql_clock\" has not the col"},
      {"ALTER TABLE foo__crsql_pks RENAME COLUMN k TO x", "no such column"},
      {"DELETE FROM foo__crsql_pks", "clocks whose key is not in main.\"foo__crsql_pks\""},
      {"UPDATE foo__crsql_clock SET col_version = -1", "foo__crsql_clock\" has a col_version"},
      {"UPDATE foo__crsql_clock SET col_version = 1 << 62", "foo__crsql_clock\" has a col_version"},
      {"UPDATE foo__crsql_clock SET db_version = -1", "foo__crsql_clock\" has a col_version"},
      {"UPDATE foo__crsql_clock SET db_version = 9223372036854775807", "too large"},
      {"UPDATE crsql_db_versions SET db_version = 9223372036854775807", "too large"},
      {"UPDATE foo__crsql_clock SET seq = -1", "foo__crsql_clock\" has a col_version"},
      {"UPDATE foo__crsql_clock SET seq = 1 << 62", "foo__crsql_clock\" has a col_version"},
      {"UPDATE foo__crsql_clock SET site_id = -1", "foo__crsql_clock\" has a col_version"},
      {"UPDATE foo__crsql_clock SET site_id = 77", "the site with ordinal 77"},
      {std::string(kLoose) + "UPDATE foo__crsql_clock SET seq = NULL", "is no number"},
      {std::string(kLoose) + "UPDATE foo__crsql_clock SET col_version = 'x'", "is no number"},
      {std::string(kLoose) + "UPDATE foo__crsql_clock SET db_version = 1.5", "is no number"},
      {std::string(kLoose) + "UPDATE foo__crsql_clock SET key = x'00' WHERE col_name = 'c'",
       "clocks whose key"},
      {"UPDATE foo__crsql_clock SET col_name = '-1', col_version = 0 WHERE col_name = 'c'",
       "causal length 0"},
      {"UPDATE crsql_site_id SET site_id = x'01' WHERE ordinal = 1", "under ordinal 1, no site id"},
      {"UPDATE crsql_site_id SET site_id = '0123456789abcdef' WHERE ordinal = 0",
       "under ordinal 0, no site id"},
      {"DROP INDEX crsql_site_id_site_id; UPDATE crsql_site_id SET site_id = zeroblob(16)",
       "crsql_site_id.site_id"},
      {"UPDATE crsql_master SET value = 149999", "version number is 149999"},
      {"UPDATE crsql_master SET value = 'x'", "version number is 0"},
      {"DELETE FROM crsql_master", "version number is 0"},
      {"ALTER TABLE foo RENAME TO bar", "table foo was renamed to bar"},
      {"CREATE UNIQUE INDEX foo_b ON foo(b)", "Table foo cannot be replicated"},
      {"DROP TABLE foo; CREATE TABLE foo(k TEXT COLLATE NOCASE PRIMARY KEY NOT NULL, b, c)",
       "Table foo cannot be replicated"},
  };
  for (const auto& c : kCases) {
    // The triggers of the site ids call a function that only cr-sqlite has.
    Write("DROP TRIGGER crsql_site_id_update_trig; DROP TRIGGER crsql_site_id_delete_trig;" +
          c.sql);
    EXPECT_TRUE(Contains(Refusal(), c.reason)) << c.sql;
  }
}

TEST_F(ImportDamage, ATruncatedFileIsRefused) {
  Write("");
  const std::string whole = ReadFile(Path());
  int refused = 0;
  for (size_t size = 4096; size < whole.size(); size += 4096) {
    std::ofstream(Path(), std::ios::binary | std::ios::trunc) << whole.substr(0, size);
    Db db(Path(), {.extension = false});
    std::string error;
    refused += LoadExtension(db.handle(), &error) != SQLITE_OK ? 1 : 0;
    EXPECT_EQ(db.Close(), SQLITE_OK);
    EXPECT_EQ(ReadFile(Path()) == whole.substr(0, size), true) << size;
  }
  EXPECT_EQ(refused, whole.size() / 4096 - 1);
}

TEST_F(ImportDamage, ReadOnlyOrLocked) {
  Write("");
  const std::string before = ReadFile(Path());
  {
    Db db("file:" + Path() + "?mode=ro", {.flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI});
    EXPECT_TRUE(Contains(db.Error("SELECT * FROM crsql_changes"),
                         "written by cr-sqlite and cannot be upgraded now, because it is "
                         "read-only"));
    EXPECT_EQ(db.Get("SELECT b FROM foo WHERE k = 1"), "4");
  }
  Db other(Path(), {.extension = false});
  other.Do("BEGIN IMMEDIATE");
  Db db(Path());
  EXPECT_TRUE(Contains(db.Error("SELECT * FROM crsql_changes"), "cannot be upgraded now"));
  other.Do("ROLLBACK");
  EXPECT_EQ(ReadFile(Path()) == before, true);
  // A statement that reads keeps SQLite from removing tables; nothing has changed then.
  EXPECT_TRUE(Contains(db.Error("SELECT * FROM crsql_changes"), "cannot be upgraded now"));
  EXPECT_EQ(ReadFile(Path()) == before, true);
  std::string error;
  EXPECT_EQ(LoadExtension(db.handle(), &error), SQLITE_OK) << error;
  EXPECT_EQ(db.Int("SELECT count(*) FROM crsql_changes"), 4);
  ExpectSound(db);
}

// What belongs to the host is kept; what was cr-sqlite's, or somebody's indexes on it, is gone.
TEST_F(ImportDamage, SettingsAndPeersAreKept) {
  const std::string s3 = "x'" + ToHex(std::string(16, '\x03')) + "'";
  Write(
      "INSERT INTO crsql_master VALUES('config.merge-equal-values', 'x');"
      "INSERT INTO crsql_master VALUES('pre_compact_dbversion', 40);"
      "INSERT INTO crsql_tracked_peers VALUES(" +
      s3 +
      ", 12, 3, 0, 1);"
      "INSERT INTO crsql_db_versions VALUES(" +
      s3 +
      ", 99), (x'01', 5);"
      "CREATE INDEX corro_foo__crsql_clock_site_id_dbv ON foo__crsql_clock(site_id, db_version);"
      "CREATE TRIGGER foo_k__crsql_utrig AFTER UPDATE OF k ON foo BEGIN SELECT gone(); END;"
      "UPDATE foo__crsql_clock SET ts = '18446744073709551615' WHERE db_version = 2");
  Db db(Path());
  EXPECT_EQ(db.Int("SELECT crsql_config_get('merge-equal-values')"), 0);
  EXPECT_EQ(db.Int("SELECT crsql_db_version()"), 40);
  EXPECT_EQ(
      db.Get("SELECT version, seq, tag, event FROM crsql_tracked_peers WHERE site_id = " + s3),
      "12|3|0|1");
  EXPECT_EQ(db.Get("SELECT hex(substr(site_id, 1, 1)), db_version FROM crsql_db_versions ORDER BY "
                   "site_id"),
            "'01'|40\n'02'|3\n'03'|99");
  EXPECT_EQ(db.Get("SELECT cid, ts FROM crsql_changes WHERE db_version = 2"),
            "'b'|'18446744073709551615'");
  EXPECT_EQ(db.Get("SELECT name FROM sqlite_schema WHERE name LIKE '%corro%' OR name LIKE "
                   "'%k!_!_crsql%' ESCAPE '!'"),
            "");
  ExpectSound(db);
}

// The tables are the truth.
TEST_F(ImportDamage, RowsThatWereNotRecordedAreNow) {
  Write(
      "DROP TRIGGER foo__crsql_itrig; DROP TRIGGER foo__crsql_dtrig;"
      "INSERT INTO foo VALUES(3, 30, 31), (4, 40, 41);"
      "INSERT INTO foo__crsql_pks VALUES(50, 4), (51, 5), (52, NULL);"
      "INSERT INTO foo__crsql_clock VALUES(50, '-1', 2, 2, 0, 7, '0')");
  Db db(Path());
  EXPECT_EQ(Noted(db, "recorded"), "2");
  EXPECT_EQ(ChangesText(db, "db_version = 3 AND site_id = crsql_site_id()"),
            "foo 010904 -1 NULL 3 3 me 3 0\n"
            "foo 010904 b 40 1 3 me 3 1\n"
            "foo 010904 c 41 1 3 me 3 2\n"
            "foo 010903 b 30 1 3 me 1 3\n"
            "foo 010903 c 31 1 3 me 1 4");
  EXPECT_EQ(db.Int("SELECT crsql_db_version()"), 3);
  ExpectSound(db);
}

TEST_F(ImportDamage, RowsThatHaveVanished) {
  Write("DROP TRIGGER foo__crsql_dtrig; DELETE FROM foo");
  Db db(Path());
  EXPECT_EQ(Noted(db, "deleted") + " " + Noted(db, "forgotten"), "1 1");
  EXPECT_EQ(ChangesText(db, "\"table\" = 'foo'"), "foo 010901 -1 NULL 2 3 me 2 0");
  ExpectSound(db);
  EXPECT_EQ(MergeText(db, "foo 010902 b 7 1 3 S2 1 0"), "") << "others may send it again";
  EXPECT_EQ(db.Get("SELECT * FROM foo"), "2|7|NULL");
}

TEST_F(ImportDamage, ColumnsAndTablesThatAreGone) {
  Write(
      "DROP TRIGGER foo__crsql_utrig; ALTER TABLE foo DROP COLUMN c; ALTER TABLE foo ADD d; "
      "DROP TABLE word");
  Db db(Path());
  EXPECT_EQ(Noted(db, "dropped_tables"), "'[\"word\"]'");
  EXPECT_EQ(ChangesText(db), "foo 010901 b 4 2 2 me 1 0\nfoo 010902 b 7 1 3 S2 1 0");
  EXPECT_EQ(db.Int("SELECT crsql_db_version()"), 2);
  db.Do("UPDATE foo SET d = 1 WHERE k = 1");
  EXPECT_EQ(ChangesText(db, "cid = 'd'"), "foo 010901 d 1 1 3 me 1 0");
  ExpectSound(db);
}

// '5' of the table is 5, too, in cr-sqlite's; and 7 is only there as a number.
TEST_F(ImportDamage, TwoKeysOfOneRow) {
  Write(
      "DROP TRIGGER word__crsql_itrig; INSERT INTO word VALUES('7', 70);"
      "INSERT INTO word__crsql_pks VALUES(50, 5), (51, 7);"
      "INSERT INTO word__crsql_clock VALUES(50, 'n', 9, 2, 1, 5, '0'), (51, 'n', 3, 2, 1, 6, '0')");
  Db db(Path());
  EXPECT_EQ(ChangesText(db, "\"table\" = 'word'"),
            "word 010b0135 n 1 9 2 S2 1 5\nword 010b0137 n 70 3 2 S2 1 6");
  EXPECT_EQ(db.Get("SELECT * FROM word"), "'5'|1\n'7'|70");
  ExpectSound(db);
  Write(
      "DROP TRIGGER word__crsql_dtrig; DELETE FROM word;"
      "INSERT INTO word__crsql_pks VALUES(50, 5);"
      "INSERT INTO word__crsql_clock VALUES(50, '-1', 4, 2, 1, 5, '0')");
  Db dead(Path());
  EXPECT_EQ(ChangesText(dead, "\"table\" = 'word'"), "word 010b0135 -1 NULL 4 2 S2 4 5");
  ExpectSound(dead);
}

TEST_F(ImportDamage, WithoutASiteIdThereIsANewOne) {
  Write("DROP TRIGGER crsql_site_id_delete_trig; DELETE FROM crsql_site_id WHERE ordinal = 0");
  Db db(Path());
  EXPECT_EQ(db.One("SELECT crsql_site_id()").bytes.size(), 16U);
  EXPECT_NE(db.One("SELECT crsql_site_id()"), Cell::Blob(peer_.site()));
  ExpectSound(db);
}

// Each record has a name of its own afterwards, in the clocks as in the log.
TEST_F(ImportDamage, RecordsOfOneName) {
  std::string sql = "DROP TRIGGER foo__crsql_itrig;";
  for (int i = 10; i < 20; i++) {
    const std::string n = std::to_string(i);
    sql += "INSERT INTO foo VALUES(" + n + ", 1, 1); INSERT INTO foo__crsql_pks VALUES(" + n +
           ", " + n + "); INSERT INTO foo__crsql_clock VALUES(" + n + ", 'b', " +
           std::to_string(1 + i % 3) + ", 2, 0, " + std::to_string(i % 2) + ", '0'), (" + n +
           ", 'c', " + std::to_string(1 + i % 3 + i % 2) + ", 2, 0, 1, '0');";
  }
  Write(sql);
  Db db(Path());
  EXPECT_EQ(db.Get("SELECT count(*), count(DISTINCT seq) FROM crsql_changes WHERE db_version = 2"),
            "21|21");
  EXPECT_EQ(db.Int("SELECT sum(col_version) FROM crsql_changes WHERE db_version = 2"), 47);
  ExpectSound(db);
}

// Names that need quotes, keys of several columns, no rowid, text in UTF-16; hosts that trust
// nobody.
TEST_F(ImportDamage, OddSchemas) {
  const char kClock[] =
      "(key INTEGER NOT NULL, col_name TEXT NOT NULL, col_version INTEGER NOT NULL, db_version "
      "INTEGER NOT NULL, site_id INTEGER NOT NULL DEFAULT 0, seq INTEGER NOT NULL, PRIMARY KEY(key,"
      " col_name)) WITHOUT ROWID, STRICT;";
  for (const char* rowid : {"", "WITHOUT ROWID"}) {
    const std::string path = dir_.File(std::string("odd") + rowid);
    Db(path, {.extension = false, .before = "PRAGMA encoding = 'UTF-16le'"})
        .Do("CREATE TABLE crsql_master(\"key\" TEXT PRIMARY KEY, \"value\" ANY);"
            "INSERT INTO crsql_master VALUES('crsqlite_version', 150000);"
            "CREATE TABLE crsql_site_id(site_id BLOB NOT NULL, ordinal INTEGER PRIMARY KEY);"
            "INSERT INTO crsql_site_id VALUES(x'01010101010101010101010101010101', 0);"
            "CREATE TABLE \"a 'b\"\"c\"(x REAL NOT NULL, \"y \"\"z\", \"1 -\" TEXT NOT NULL, "
            "\"-x\" INT, PRIMARY KEY(\"1 -\", x)) " +
            std::string(rowid) +
            "; INSERT INTO \"a 'b\"\"c\" VALUES(2, 'ä', 'é', 1.5), (3, x'00', 'ö', NULL);"
            "CREATE TABLE \"a 'b\"\"c__crsql_clock\"" +
            kClock +
            "CREATE TABLE \"a 'b\"\"c__crsql_pks\"(__crsql_key INTEGER PRIMARY KEY, \"1 -\", x);"
            "INSERT INTO \"a 'b\"\"c__crsql_pks\" VALUES(1, 'é', 2.0), (2, 'ö', 3);"
            "INSERT INTO \"a 'b\"\"c__crsql_clock\" VALUES(1, 'y \"z', 1, 1, 0, 0), "
            "(1, '-x', 1, 1, 0, 1), (2, 'y \"z', 1, 2, 0, 0), (2, '-x', 3, 2, 0, 1)");
    Db db(path, {.extension = false, .before = "PRAGMA trusted_schema = OFF"});
    sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    std::string error;
    ASSERT_EQ(LoadExtension(db.handle(), &error), SQLITE_OK) << error;
    EXPECT_EQ(db.Get("SELECT cid, val, col_version, db_version, seq FROM crsql_changes"),
              "'y \"z'|CAST(x'c3a4' AS TEXT)|1|1|0\n'-x'|1.5|1|1|1\n"
              "'y \"z'|x'00'|1|2|0\n'-x'|NULL|3|2|1");
    EXPECT_EQ(db.Int("SELECT count(*) FROM crsql_rows"), 1);
    db.Do("UPDATE \"a 'b\"\"c\" SET \"-x\" = 5");
    EXPECT_EQ(db.Get("SELECT val, col_version, db_version FROM crsql_changes WHERE cid = '-x'"),
              "5|2|3\n5|4|3");
    ExpectSound(db);
  }
}

// Killed at any time, or out of memory: the old file, or all of the new one.
class ImportInterrupted : public ImportDamage {
 protected:
  ImportInterrupted() {
    for (int i = 100; i < 5000; i++) {
      peer_.Insert("foo", Cell::Integer(i), {{"b", Cell::Integer(i)}});
      if (i % 3 == 0) peer_.Update("foo", Cell::Integer(i), {{"b", Cell::Integer(0)}});
      if (i % 10 == 0) peer_.Commit();
    }
    peer_.Commit();
  }
};

TEST_F(ImportInterrupted, Killed) {
  Write("");
  const std::string whole = ReadFile(Path());
  int old = 0;
  for (int i = 0; i < 24; i++) {
    std::filesystem::remove(Path() + "-journal");
    std::ofstream(Path(), std::ios::binary | std::ios::trunc) << whole;
    const pid_t child = fork();
    if (child == 0) {
      sqlite3* db = nullptr;
      std::string error;
      sqlite3_open(Path().c_str(), &db);
      // So that the file itself is written before the end.
      sqlite3_exec(db, "PRAGMA cache_size = 10", nullptr, nullptr, nullptr);
      (void)LoadExtension(db, &error);
      _exit(0);
    }
    usleep(static_cast<useconds_t>(i) * 4000);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    {
      Db plain(Path(), {.extension = false});
      const bool is_old =
          plain.Int("SELECT count(*) FROM crsql_master WHERE key = 'crsqlite_version'") == 1;
      old += is_old ? 1 : 0;
      EXPECT_EQ(plain.Get("PRAGMA integrity_check"), "'ok'");
      EXPECT_EQ(plain.Int("SELECT count(*) FROM sqlite_schema WHERE name = 'foo__crsql_clock'"),
                is_old ? 1 : 0);
      if (is_old) EXPECT_EQ(ReadFile(Path()) == whole, true);
    }
    Db db(Path());
    EXPECT_EQ(db.Int("SELECT count(*) FROM crsql_changes"), 9804);
    ExpectSound(db);
  }
  EXPECT_GT(old, 0);
}

TEST_F(ImportInterrupted, WithLittleMemory) {
  Write("");
  const std::string whole = ReadFile(Path());
  int failed = 0;
  for (int64_t room = 20000;; room = room * 11 / 10) {
    Db db(Path(), {.extension = false, .before = "PRAGMA cache_size = 10"});
    std::string error;
    sqlite3_hard_heap_limit64(sqlite3_memory_used() + room);
    const int rc = LoadExtension(db.handle(), &error);
    sqlite3_hard_heap_limit64(0);
    if (rc == SQLITE_OK) {
      EXPECT_EQ(db.Int("SELECT count(*) FROM crsql_changes"), 9804);
      ExpectSound(db);
      break;
    }
    failed++;
    EXPECT_TRUE(db.autocommit());
    EXPECT_EQ(ReadFile(Path()) == whole, true) << room;
  }
  EXPECT_GT(failed, 5);
}

}  // namespace
}  // namespace tributary::testing
