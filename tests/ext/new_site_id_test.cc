// T8: a file that was copied or restored is detected, and gets an identity of its own by
// crsql_new_site_id, without loss.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/ext/ext_test.h"
#include "tests/support/changesets.h"

namespace tributary::testing {
namespace {

constexpr char kRemedy[] = "SELECT crsql_new_site_id(N)";

class NewSiteId : public ::testing::Test {
 protected:
  NewSiteId() { a_.Do(kFoo); }

  // A copy of a.db as it is now. Nobody may be in a transaction.
  std::string Copy(const std::string& name) {
    std::filesystem::copy_file(dir_.File("a.db"), dir_.File(name));
    return dir_.File(name);
  }
  static std::string Own(Db& db) { return db.One("SELECT crsql_site_id()").bytes; }

  TempDir dir_;
  Db a_{dir_.File("a.db")};
};

TEST_F(NewSiteId, KeepsWhatIsThere) {
  a_.Do("INSERT INTO foo VALUES(1, 2, 3), (2, 3, 4), (3, 4, 5)");
  a_.Do("UPDATE foo SET b = 9 WHERE a = 1; DELETE FROM foo WHERE a = 2");
  EXPECT_EQ(MergeText(a_, "foo 010904 b 5 1 7 S1 1 0"), "");
  Db copy(Copy("copy.db"));
  const std::string before = copy.Get("SELECT *, ts FROM crsql_changes");
  const std::string id = copy.One("SELECT crsql_new_site_id()").bytes;
  EXPECT_EQ(id.size(), 16u);
  EXPECT_EQ(id[6] & 0xf0, 0x40);
  EXPECT_NE(id, Own(a_));
  EXPECT_EQ(Own(copy), id);
  EXPECT_EQ(copy.Get("SELECT *, ts FROM crsql_changes"), before);
  ExpectEqual(a_, copy, {"foo"});
  EXPECT_EQ(copy.Get("SELECT crsql_db_version(), crsql_next_db_version()"), "0|1");
  EXPECT_EQ(
      copy.One("SELECT db_version FROM crsql_db_versions WHERE site_id = ?", {Cell::Blob(Own(a_))})
          .integer,
      3);
  EXPECT_EQ(copy.One("SELECT site_id FROM crsql_site_id WHERE ordinal = 0").bytes, id);
  EXPECT_TRUE(Contains(Known(copy, {&a_, &copy}), R"({"known":{"A":3},"unfinished":[],)"));
  EXPECT_EQ(PiecesFor(copy, a_).size(), 0u) << "it has all";
}

// Each has written; then neither's writes are lost.
TEST_F(NewSiteId, CopiesThatHaveParted) {
  a_.Do("INSERT INTO foo VALUES(1, 2, 3), (2, 3, 4), (3, 4, 5)");
  a_.Do("UPDATE foo SET b = 7 WHERE a = 3");
  Db copy(Copy("copy.db"));
  a_.Do("INSERT INTO foo VALUES(10, 'a', 'a'); UPDATE foo SET b = 'a' WHERE a = 1");
  a_.Do("DELETE FROM foo WHERE a = 2");
  copy.Do("INSERT INTO foo VALUES(20, 'copy', 'copy'); UPDATE foo SET c = 'copy' WHERE a = 1");
  const std::string before = Everything(copy, {"foo"});
  const std::string frame = Pieces(a_, {}).at(0);
  EXPECT_TRUE(Contains(Apply(copy, frame).error, kRemedy));
  // Through a third replica, and through crsql_changes.
  Db other;
  other.Do(kFoo);
  Send(a_, other);
  EXPECT_TRUE(Contains(Apply(copy, Pieces(other, {}).at(0)).error, kRemedy));
  EXPECT_TRUE(Contains(ApplyChanges(copy, ReadChanges(a_, "db_version > 4")), kRemedy));
  EXPECT_EQ(Everything(copy, {"foo"}), before) << "nothing has changed";

  copy.Do("SELECT crsql_new_site_id(2)");
  EXPECT_EQ(copy.Get("SELECT * FROM crsql_check"), "");
  EXPECT_EQ(copy.Int("SELECT crsql_db_version()"), 2);
  EXPECT_EQ(ChangesText(copy, "site_id = crsql_site_id()"),
            "foo 010914 b 'copy' 1 1 me 1 0\nfoo 010914 c 'copy' 1 1 me 1 1\n"
            "foo 010901 c 'copy' 2 2 me 1 0");
  SendAll({&a_, &copy, &other});
  ExpectEqual(a_, copy, {"foo"});
  ExpectEqual(a_, other, {"foo"});
  EXPECT_EQ(a_.Get("SELECT * FROM foo ORDER BY a"),
            "1|'a'|'copy'\n3|7|5\n10|'a'|'a'\n20|'copy'|'copy'");
  // And they go on.
  a_.Do("UPDATE foo SET b = 1 WHERE a = 20");
  copy.Do("UPDATE foo SET c = 1 WHERE a = 20");
  SendAll({&a_, &copy});
  ExpectEqual(a_, copy, {"foo"});
}

// Who learnt of both histories under one id takes them for one: then both get a new id.
TEST_F(NewSiteId, ThirdReplicasThatHeardOfBoth) {
  a_.Do("INSERT INTO foo VALUES(1, 2, 3)");
  Db copy(Copy("copy.db"));
  a_.Do("UPDATE foo SET b = 'a'; INSERT INTO foo VALUES(10, 'a', 'a')");
  copy.Do("UPDATE foo SET b = 'copy'; INSERT INTO foo VALUES(20, 'copy', 'copy')");
  copy.Do("DELETE FROM foo WHERE a = 20; INSERT INTO foo VALUES(21, 'copy', 'copy')");
  Db other;
  other.Do(kFoo);
  Send(copy, other);
  Send(a_, other);
  EXPECT_EQ(other.Get("SELECT * FROM foo WHERE a = 10"), "") << "it believes to know of it";
  for (Db* db : {&copy, &a_}) db->Do("SELECT crsql_new_site_id(1)");
  SendAll({&copy, &a_, &other});
  ExpectEqual(copy, a_, {"foo"});
  ExpectEqual(copy, other, {"foo"});
  EXPECT_EQ(a_.Get("SELECT * FROM foo ORDER BY a"), "1|'copy'|3\n10|'a'|'a'\n21|'copy'|'copy'");
}

// A backup is restored: what it had written since is at the others, and comes back.
TEST_F(NewSiteId, RestoredFiles) {
  a_.Do("INSERT INTO foo VALUES(1, 2, 3)");
  const std::string backup = Copy("backup.db");
  a_.Do("UPDATE foo SET b = 5; INSERT INTO foo VALUES(2, 3, 4)");
  Db other;
  other.Do(kFoo);
  Send(a_, other);
  Db restored(backup);
  EXPECT_TRUE(Contains(Apply(restored, Pieces(other, {}).at(0)).error, kRemedy));
  restored.Do("SELECT crsql_new_site_id(); UPDATE foo SET c = 8");
  SendAll({&other, &restored});
  ExpectEqual(other, restored, {"foo"});
  EXPECT_EQ(other.Get("SELECT * FROM foo ORDER BY a"), "1|5|8\n2|3|4");
}

TEST_F(NewSiteId, Errors) {
  a_.Do("INSERT INTO foo VALUES(1, 2, 3)");
  const std::string before = Everything(a_, {"foo"});
  EXPECT_EQ(a_.Error("SELECT crsql_new_site_id(2)"),
            "crsql_new_site_id: this file has issued 1 versions, not 2");
  for (const char* bad : {"-1", "'1'", "NULL", "1.0", "x'01'"}) {
    EXPECT_TRUE(Contains(a_.Error(std::string("SELECT crsql_new_site_id(") + bad + ")"),
                         "crsql_new_site_id: pass nothing, or what crsql_db_version() was"))
        << bad;
  }
  EXPECT_TRUE(Contains(a_.Error("SELECT crsql_new_site_id(1, 2)"), "wrong number of arguments"));
  EXPECT_EQ(Everything(a_, {"foo"}), before);
  const std::string id = Own(a_);
  a_.Do("BEGIN; UPDATE foo SET b = 8");
  EXPECT_TRUE(Contains(a_.Error("SELECT crsql_new_site_id()"), "COMMIT it first"));
  a_.Do("COMMIT; BEGIN");
  EXPECT_EQ(MergeText(a_, "foo 010904 b 5 1 7 S1 1 0"), "");
  EXPECT_EQ(a_.Error("SELECT crsql_new_site_id(0)"), "") << "settled merges do not matter";
  a_.Do("ROLLBACK");
  EXPECT_EQ(Own(a_), id);
  EXPECT_EQ(a_.Get("SELECT * FROM crsql_check"), "");
  a_.Do(
      "CREATE TABLE t(a); CREATE TRIGGER t1 AFTER INSERT ON t BEGIN SELECT crsql_new_site_id(); "
      "END");
  EXPECT_TRUE(Contains(a_.Error("INSERT INTO t VALUES(1)"), "unsafe use"));
}

TEST_F(NewSiteId, InATransaction) {
  a_.Do("INSERT INTO foo VALUES(1, 2, 3); UPDATE foo SET b = 4");
  const std::string before = Everything(a_, {"foo"});
  a_.Do("BEGIN; SELECT crsql_new_site_id(); INSERT INTO foo VALUES(2, 3, 4)");
  EXPECT_EQ(ChangesText(a_, "pk = x'010902'"),
            "foo 010902 b 3 1 1 me 1 0\nfoo 010902 c 4 1 1 me 1 1");
  a_.Do("SAVEPOINT s; UPDATE foo SET c = 9; ROLLBACK TO s");
  a_.Do("ROLLBACK");
  EXPECT_EQ(Everything(a_, {"foo"}), before);
  a_.Do("BEGIN; SAVEPOINT s; SELECT crsql_new_site_id(1); ROLLBACK TO s; COMMIT");
  EXPECT_EQ(Everything(a_, {"foo"}), before);
  // What was looked up before in the same transaction is not believed any more.
  const std::string one =
      "SELECT site_id = (SELECT site_id FROM crsql_site_id WHERE ordinal = 0), db_version FROM "
      "crsql_changes WHERE \"table\" = 'foo' AND pk = x'010901'";
  EXPECT_EQ(
      a_.Get("BEGIN; SELECT crsql_increment_and_get_seq(); " + one +
             "; SELECT length(crsql_new_site_id()); UPDATE foo SET b = 5; " + one + "; ROLLBACK"),
      "0\n1|1\n1|2\n16\n0|1\n1|1");
  a_.Do(
      "BEGIN; SELECT crsql_new_site_id(1), crsql_new_site_id(); INSERT INTO foo VALUES(2, 3, 4);"
      "COMMIT");
  EXPECT_EQ(a_.Get("SELECT db_version, site_id = crsql_site_id() FROM crsql_changes ORDER BY pk, "
                   "cid"),
            "1|0\n1|0\n1|1\n1|1");
  EXPECT_EQ(a_.Int("SELECT count(*) FROM crsql_site_id"), 3);
  EXPECT_EQ(a_.Get("SELECT * FROM crsql_check"), "");
}

TEST_F(NewSiteId, OtherConnectionsNotice) {
  a_.Do("INSERT INTO foo VALUES(1, 2, 3)");
  Db b(a_.path());
  b.Do("UPDATE foo SET b = 3");
  const std::string old_id = Own(b);
  a_.Do("SELECT crsql_new_site_id()");
  EXPECT_NE(Own(b), old_id);
  EXPECT_EQ(b.Int("SELECT crsql_db_version()"), 0);
  b.Do("UPDATE foo SET c = 4");
  a_.Do("UPDATE foo SET c = 5");
  b.Do("UPDATE foo SET c = 6");
  for (Db* db : {&a_, &b}) {
    EXPECT_EQ(db->Get("SELECT cid, db_version, col_version, site_id = crsql_site_id() FROM "
                      "crsql_changes ORDER BY cid"),
              "'b'|2|2|0\n'c'|3|4|1");
    EXPECT_EQ(db->Get("SELECT * FROM crsql_check"), "");
  }
}

// Chunks, filters, births, tombstones and sweeps of many transactions, cut in the midst.
TEST_F(NewSiteId, LongHistories) {
  a_.Do(
      "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) "
      "INSERT INTO foo SELECT i, hex(zeroblob(9)), i FROM n");
  const auto write = [](Db& db, int from, int to) {
    for (int i = from; i < to; i++) {
      const std::string n = std::to_string(i);
      db.Do("UPDATE foo SET b = 'u" + n + "' WHERE a % 97 = " + n + " % 97");
      db.Do("REPLACE INTO foo VALUES(" + n + " * 7, 'r', " + n + ")");
      db.Do("DELETE FROM foo WHERE a = " + n + " * 3; INSERT INTO foo VALUES(5000 + " + n +
            ", 1, 2)");
      // Three small chunks of one version.
      const char* kFold = "; SELECT count(*) FROM crsql_changes WHERE db_version < 0;";
      db.Do("BEGIN; UPDATE foo SET a = 6000 + " + n + " WHERE a = " + n + " * 3 + 1" + kFold +
            "UPDATE foo SET c = -1 WHERE a % 89 = " + n + " % 89" + kFold +
            "DELETE FROM foo WHERE a = " + n + " * 3 + 2; COMMIT");
    }
  };
  write(a_, 1, 60);
  const int64_t shared = a_.Int("SELECT crsql_db_version()");
  Db copy(Copy("copy.db"));
  write(a_, 60, 120);
  write(copy, 100, 190);
  const int64_t last = copy.Int("SELECT crsql_db_version()");
  copy.Do("SELECT crsql_new_site_id(" + std::to_string(shared) + ")");
  EXPECT_EQ(copy.Int("SELECT crsql_db_version()"), last - shared);
  EXPECT_EQ(copy.Get("SELECT * FROM crsql_check"), "");
  EXPECT_EQ(copy.Int("SELECT max(db_version) FROM crsql_changes WHERE site_id = crsql_site_id()"),
            last - shared);
  // Look-ups by key find what a full scan finds: the filters hold.
  EXPECT_EQ(copy.Get("SELECT * FROM (SELECT DISTINCT \"table\" t, pk p FROM crsql_changes) CROSS "
                     "JOIN crsql_changes c ON c.\"table\" = t AND c.pk = p WHERE p > x'010b' ORDER "
                     "BY c.pk, c.cid"),
            copy.Get("SELECT \"table\", pk, * FROM crsql_changes WHERE pk > x'010b' ORDER BY pk, "
                     "cid"));
  write(copy, 190, 220);
  EXPECT_EQ(copy.Get("SELECT * FROM crsql_check"), "");
  SendAll({&a_, &copy});
  ExpectEqual(a_, copy, {"foo"});
  EXPECT_EQ(copy.Get("PRAGMA integrity_check"), "'ok'");
}

// Own chunks that came back from another replica, behind those that filters cover.
TEST_F(NewSiteId, LateChunks) {
  for (int i = 0; i < 300; i++) {
    const std::string n = std::to_string(i);
    a_.Do("INSERT INTO foo VALUES(" + n + ", hex(zeroblob(20)), 1)");
    a_.Do("UPDATE foo SET b = 'u" + n + "' WHERE a = " + n);
  }
  Db other;
  other.Do(kFoo);
  Send(a_, other);
  a_.Do("SELECT crsql_as_table('foo'); SELECT crsql_as_crr('foo')");
  EXPECT_EQ(ApplyChanges(a_, ReadChanges(other, "db_version BETWEEN 250 AND 350")), "");
  ASSERT_GT(a_.Int("SELECT count(*) FROM crsql_log_late WHERE site = 0"), 5);
  ASSERT_EQ(a_.Get("SELECT * FROM crsql_check"), "");
  const std::string before = a_.Get("SELECT crsql_digest()");
  a_.Do("BEGIN; SELECT crsql_new_site_id()");
  EXPECT_EQ(a_.Get("SELECT * FROM crsql_check"), "");
  EXPECT_EQ(a_.Get("SELECT crsql_digest()"), before);
  EXPECT_EQ(a_.Int("SELECT count(*) FROM crsql_log_late WHERE site = 0"), 0);
  a_.Do("ROLLBACK; SELECT crsql_new_site_id(301)");
  EXPECT_GT(a_.Int("SELECT count(*) FROM crsql_log_late WHERE site = 0"), 0);
  EXPECT_EQ(a_.Int("SELECT min(version) > 0 FROM crsql_log_late"), 1);
  EXPECT_EQ(a_.Get("SELECT * FROM crsql_check"), "");
}

// What had arrived of a transfer stays, and the rest completes it.
TEST_F(NewSiteId, TransfersUnderWay) {
  Db from;
  from.Do(std::string(kFoo) + "INSERT INTO foo VALUES(1, 2, 3); INSERT INTO foo VALUES(2, 3, 4)");
  a_.Do("INSERT INTO foo VALUES(9, 9, 9)");
  const std::vector<std::string> pieces = PiecesFor(a_, from, 1);
  ASSERT_GE(pieces.size(), 2u);
  MustApply(a_, pieces[1]);
  a_.Do("SELECT crsql_new_site_id()");
  EXPECT_TRUE(Contains(a_.Get("SELECT crsql_version_vector_json()"), "\"unfinished\":[{"));
  MustApply(a_, pieces[0]);
  EXPECT_TRUE(Contains(a_.Get("SELECT crsql_version_vector_json()"), "\"unfinished\":[]"));
  SendAll({&a_, &from});
  ExpectEqual(a_, from, {"foo"});
}

TEST_F(NewSiteId, AnEmptyFile) {
  a_.Do("SELECT crsql_new_site_id()");
  EXPECT_EQ(a_.Get("SELECT count(*) FROM crsql_peers"), "0");
  a_.Do("INSERT INTO foo VALUES(1, 2, 3)");
  EXPECT_EQ(ChangesText(a_), "foo 010901 b 2 1 1 me 1 0\nfoo 010901 c 3 1 1 me 1 1");
  EXPECT_EQ(a_.Get("SELECT * FROM crsql_check"), "");
}

TEST_F(NewSiteId, UnderDefensiveSettings) {
  a_.Do("INSERT INTO foo VALUES(1, 2, 3); UPDATE foo SET b = 3; PRAGMA trusted_schema = OFF");
  sqlite3_db_config(a_.handle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  a_.Do("SELECT crsql_new_site_id(1)");
  EXPECT_EQ(a_.Get("SELECT * FROM crsql_check"), "");
}

TEST_F(NewSiteId, DamagedMetadataIsReported) {
  a_.Do("INSERT INTO foo VALUES(1, 2, 3); UPDATE foo SET b = 3");
  a_.Do("UPDATE crsql_rows SET clock = x'ff'");
  const std::string before = Everything(a_, {"foo"});
  EXPECT_TRUE(Contains(a_.Error("SELECT crsql_new_site_id()"), "crsql_rows or crsql_log_filters"));
  EXPECT_EQ(Everything(a_, {"foo"}), before);
}

}  // namespace
}  // namespace tributary::testing
