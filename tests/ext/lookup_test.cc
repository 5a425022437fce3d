// The log answers by key without being read whole (T12): ext/log_filters.h, ext/log_lookup.h.
#include <algorithm>
#include <random>

#include "tests/ext/ext_test.h"

namespace tributary::testing {
namespace {

constexpr char kTables[] =
    "CREATE TABLE t(k PRIMARY KEY NOT NULL, a, b); SELECT crsql_as_crr('t');"
    "CREATE TABLE n(i INTEGER PRIMARY KEY NOT NULL, a); SELECT crsql_as_crr('n');"
    "CREATE TABLE o(x, y, PRIMARY KEY(x, y)); SELECT crsql_as_crr('o');";
constexpr char kColumns[] = "\"table\", pk, cid, val, col_version, db_version, site_id, cl, seq";

std::string Series(int from, int to) {
  return "WITH RECURSIVE s(i) AS (SELECT " + std::to_string(from) +
         " UNION ALL SELECT i + 1 FROM s WHERE i < " + std::to_string(to) + ") ";
}

std::vector<Row> ChangesOf(Db& db, const std::string& where = "1") {
  return db.Run("SELECT " + std::string(kColumns) + " FROM crsql_changes WHERE " + where).rows;
}

void MergeRows(Db& db, const std::vector<Row>& rows) {
  db.Do("BEGIN");
  for (const Row& row : rows) {
    db.Do("INSERT INTO crsql_changes(" + std::string(kColumns) +
              ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
          row);
  }
  db.Do("COMMIT");
}

std::string TextOf(const std::vector<Row>& rows) {
  std::vector<std::string> lines;
  for (const Row& row : rows) {
    std::string line;
    for (const Cell& c : row) line += c.ToSql() + "|";
    lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const std::string& l : lines) text += l + "\n";
  return text;
}

// Every point look-up returns what the whole scan has for that row.
void ExpectLookupsAgree(Db& db, std::mt19937* random, int lookups) {
  ASSERT_EQ(db.Get("SELECT * FROM crsql_check()"), "");
  db.Do("DROP TABLE IF EXISTS temp.copy; CREATE TEMP TABLE copy AS SELECT " +
        std::string(kColumns) + " FROM crsql_changes; CREATE INDEX temp.copy_pk ON copy(pk)");
  const std::vector<Row> keys = db.Run("SELECT DISTINCT \"table\", pk FROM copy").rows;
  ASSERT_FALSE(keys.empty());
  const std::string where = " WHERE \"table\" = ?1 AND pk = ?2";
  for (int i = 0; i < lookups; i++) {
    const Row& key = keys[(*random)() % keys.size()];
    const std::string select = "SELECT " + std::string(kColumns) + " FROM ";
    ASSERT_EQ(TextOf(db.Run(select + "crsql_changes" + where, key).rows),
              TextOf(db.Run(select + "copy" + where, key).rows))
        << key[0].ToSql() << " " << key[1].ToSql();
  }
  EXPECT_EQ(db.Int("SELECT count(*) FROM crsql_changes WHERE \"table\" = 't' AND pk = "
                   "crsql_pack_columns('never there')"),
            0);
}

class Lookups : public ::testing::Test {
 protected:
  Lookups() {
    for (Db* db : {&a_, &b_, &c_}) db->Do(kTables);
  }
  std::mt19937 random_{7};
  Db a_, b_, c_;
};

// One step of a history: single rows, transactions of some rows, giant ones, updates, deletes.
void Step(Db& db, std::mt19937* random) {
  const auto n = [&](int below) { return static_cast<int>((*random)() % below); };
  const std::string key = "'key " + std::to_string(n(3000)) + "'";
  const int from = n(1000000);
  switch (n(12)) {
    case 0:
      db.Do(Series(from, from + 600) + "INSERT OR IGNORE INTO t SELECT 'key ' || (i * 7919 % " +
            "3000), i, 1 FROM s");
      return;
    case 1:
      db.Do(Series(from, from + 1500) + "INSERT OR REPLACE INTO n SELECT i % 20000, i FROM s");
      return;
    case 2:
      db.Do("BEGIN");
      for (int i = 0; i < 30; i++) {
        db.Do("INSERT OR REPLACE INTO t VALUES ('k' || " + std::to_string(n(3000)) + ", 1, 2)");
        if (i % 10 == 9) db.Do("SELECT count(*) FROM crsql_changes WHERE db_version > 1000000");
      }
      db.Do(n(2) == 0 ? "COMMIT" : "ROLLBACK");
      return;
    case 3:
      db.Do("UPDATE t SET a = a + 1 WHERE k > " + key + " AND rowid % 5 = 0");
      return;
    case 4:
      db.Do("DELETE FROM t WHERE k = " + key +
            "; DELETE FROM n WHERE i % 1000 = " + std::to_string(n(1000)));
      return;
    case 5:
      db.Do(
          "SAVEPOINT s; INSERT OR REPLACE INTO o SELECT k, 1 FROM t LIMIT 200;"
          "ROLLBACK TO s; INSERT OR IGNORE INTO o VALUES (" +
          key + ", 2); RELEASE s");
      return;
    default:
      for (int i = 0; i < 40; i++) {
        const std::string k = std::to_string(n(3000));
        db.Do("INSERT INTO t VALUES ('key ' || " + k +
              ", 1, 1) ON CONFLICT DO UPDATE SET b = b + 1");
        db.Do("INSERT OR IGNORE INTO o VALUES (" + k + ", 'x')");
      }
  }
}

TEST_F(Lookups, AgreeWithTheScanInLocalHistories) {
  for (int round = 0; round < 6; round++) {
    for (int i = 0; i < 12; i++) Step(a_, &random_);
    ExpectLookupsAgree(a_, &random_, 60);
  }
  EXPECT_GT(a_.Int("SELECT count(*) FROM crsql_log_filters"), 5);
  EXPECT_GT(a_.Int("SELECT version FROM crsql_log_covered WHERE site = 0"), 100);
}

TEST_F(Lookups, AgreeAfterMergesAndLateDeliveries) {
  for (int round = 0; round < 4; round++) {
    for (int i = 0; i < 8; i++) {
      Step(a_, &random_);
      Step(b_, &random_);
    }
    // c hears the newest half first, then the rest, in pieces and in any order.
    std::vector<Row> of_a = ChangesOf(a_, "site_id = crsql_site_id()");
    std::vector<Row> of_b = ChangesOf(b_, "site_id = crsql_site_id()");
    std::reverse(of_a.begin(), of_a.end());
    std::shuffle(of_b.begin(), of_b.end(), random_);
    for (const std::vector<Row>* rows : {&of_a, &of_b}) {
      const auto half = rows->begin() + static_cast<std::ptrdiff_t>(rows->size() / 2);
      MergeRows(c_, {rows->begin(), half});
      Step(c_, &random_);
      MergeRows(c_, {half, rows->end()});
    }
    ExpectLookupsAgree(c_, &random_, 100);
    MergeRows(a_, ChangesOf(c_));
    ExpectLookupsAgree(a_, &random_, 60);
    MergeRows(b_, ChangesOf(a_));
    MergeRows(a_, ChangesOf(b_));
    MergeRows(c_, ChangesOf(b_));
  }
  ExpectEqual(a_, b_, {"t", "n", "o"});
  ExpectEqual(a_, c_, {"t", "n", "o"});
}

// Small chunks that come behind what is covered are listed, found, and put into blocks in turn.
TEST_F(Lookups, LateChunks) {
  for (int64_t i = 0; i < 3000; i++) {
    a_.Do("INSERT INTO t VALUES (?1, 1, 1)", {Cell::Integer(i * 3)});
  }
  std::vector<Row> rows = ChangesOf(a_);
  std::reverse(rows.begin(), rows.end());
  MergeRows(b_, rows);
  EXPECT_GT(b_.Int("SELECT count(*) FROM crsql_log_filters"), 3);
  EXPECT_LT(b_.Int("SELECT count(*) FROM crsql_log_late"), 1500);
  ExpectLookupsAgree(b_, &random_, 200);
}

int CacheReads(Db& db, const std::string& sql) {
  int before, after, peak;
  int sum = 0;
  for (const int what : {SQLITE_DBSTATUS_CACHE_HIT, SQLITE_DBSTATUS_CACHE_MISS}) {
    sqlite3_db_status(db.handle(), what, &before, &peak, 1);
  }
  db.Do(sql);
  for (const int what : {SQLITE_DBSTATUS_CACHE_HIT, SQLITE_DBSTATUS_CACHE_MISS}) {
    sqlite3_db_status(db.handle(), what, &after, &peak, 0);
    sum += after;
  }
  return sum;
}

TEST_F(Lookups, TouchFewPages) {
  const TempDir dir;
  Db db(dir.File("a.db"));
  db.Do(kTables);
  // Not at random: each key that a filter lets through by mistake costs a chunk.
  db.Do(Series(1, 40000) +
        "INSERT INTO t SELECT printf('%08X%024d', i * 2654435761 % 4294967296, i), i, i FROM s");
  db.Do("BEGIN");
  db.Do(Series(1, 200000) + "INSERT INTO n SELECT i, i FROM s");
  db.Do("COMMIT; PRAGMA cache_size = 20");
  for (int i = 0; i < 3000; i++) db.Do("INSERT INTO t VALUES (?1, 1, 1)", {Cell::Integer(i)});
  // Not counted by reading it: newer SQLites read overflow pages past the cache.
  const auto all = static_cast<int>(db.Int("SELECT sum(length(data)) / 4096 FROM crsql_log"));
  ASSERT_GT(all, 300);
  const std::string packed =
      "x'" + ToHex(db.One("SELECT crsql_pack_columns(k) FROM t WHERE a = 20000").bytes) + "'";
  for (const std::string& pk :
       {packed, std::string("crsql_pack_columns(1500)"), std::string("crsql_pack_columns(2999)"),
        std::string("crsql_pack_columns('never there')")}) {
    EXPECT_LT(
        CacheReads(db, "SELECT count(val) FROM crsql_changes WHERE \"table\" = 't' AND pk = " +
                           std::string(pk)),
        all / 2)
        << pk;
  }
  EXPECT_LT(CacheReads(db,
                       "SELECT count(val) FROM crsql_changes WHERE \"table\" = 'n' AND pk = "
                       "crsql_pack_columns(150000)"),
            all / 2);
}

// Who makes all appends keeps the keys of the tails in memory: that must end with a rollback, and
// when somebody else has written.
TEST_F(Lookups, TailsInMemoryFollowRollbacksAndOtherWriters) {
  const TempDir dir;
  Db one(dir.File("a.db"));
  one.Do(kTables);
  Db two(dir.File("a.db"));
  int64_t key = 0;
  const auto write = [&](Db& db, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
      db.Do("INSERT INTO t VALUES (?1, hex(randomblob(20)), 1)", {Cell::Integer(++key * 3)});
    }
  };
  for (int round = 0; round < 40; round++) {
    write(one, 30 + random_() % 60);
    one.Do("BEGIN");
    write(one, 5);
    one.Do("SELECT count(*) FROM crsql_changes; SAVEPOINT s");
    write(one, 20);
    one.Do("SELECT count(*) FROM crsql_changes; ROLLBACK TO s");
    write(one, 20);
    one.Do(random_() % 2 == 0 ? "COMMIT" : "ROLLBACK");
    if (round % 3 == 0) write(two, random_() % 70);
    ASSERT_EQ(one.Get("SELECT * FROM crsql_check()"), "") << round;
  }
  EXPECT_GT(one.Int("SELECT count(*) FROM crsql_log_filters"), 3);
  ExpectLookupsAgree(one, &random_, 100);
}

// T18: every cell ties.
TEST_F(Lookups, TiesOfEqualSeedsConverge) {
  const std::string keys[] = {"hex(i * 7919 % 5003) || 'abcdefgh'", "i", "randomblob(9)"};
  for (const std::string& key : keys) {
    a_.Do(Series(1, 5000) + "INSERT OR IGNORE INTO t SELECT " + key + ", i, 'x' FROM s");
    b_.Do("BEGIN");
    for (const Row& row : a_.Run("SELECT k, a, b FROM t ORDER BY abs(random())").rows) {
      b_.Do("INSERT OR IGNORE INTO t VALUES (?1, ?2, ?3)", row);
    }
    b_.Do("COMMIT");
    const std::vector<Row> of_a = ChangesOf(a_);
    MergeRows(a_, ChangesOf(b_));
    MergeRows(b_, of_a);
    ExpectEqual(a_, b_, {"t"});
  }
}

// The filters of what a sweep has emptied go, in time, and never too early.
TEST_F(Lookups, FiltersDoNotOutgrowTheLog) {
  for (int i = 0; i < 200; i++) a_.Do("INSERT INTO t VALUES (?1, 1, 1)", {Cell::Integer(i)});
  for (int round = 0; round < 60; round++) {
    a_.Do("BEGIN; UPDATE t SET a = a + 1, b = b + 1; COMMIT");
    for (int i = 0; i < 200; i++) a_.Do("UPDATE t SET a = a + 1 WHERE k = ?1", {Cell::Integer(i)});
  }
  EXPECT_LT(a_.Int("SELECT sum(length(filter) + length(ranges)) FROM crsql_log_filters"),
            a_.Int("SELECT sum(length(data)) FROM crsql_log"));
  ExpectLookupsAgree(a_, &random_, 50);
}

}  // namespace
}  // namespace tributary::testing
