// Two processes write one file at once; no version is handed out twice, nothing is lost, and the
// result converges with a third replica.
#include <cstdio>
#include <string>
#include <vector>

#include "tests/crash/crash.h"
#include "tests/sim/random.h"
#include "tests/support/changes.h"

namespace tributary::crash {
namespace {

using testing::Db;
using testing::Outcome;

constexpr int kTransactions = 150;
constexpr char kSchema[] =
    "CREATE TABLE counter(who INTEGER PRIMARY KEY, n INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE item(id TEXT PRIMARY KEY, v, w); SELECT crsql_as_crr('counter'),"
    " crsql_as_crr('item')";

bool IsBusy(const Outcome& outcome) {
  const int code = outcome.code & 0xff;
  return code == SQLITE_BUSY || code == SQLITE_LOCKED;
}

// One transaction; false where the lock was not to be had and it has to be repeated.
bool TryTransaction(Db* db, sim::Random* random, int who, int n) {
  const std::string me = std::to_string(who);
  std::vector<std::string> sql = {
      random->OneIn(2) ? "BEGIN IMMEDIATE" : "BEGIN",
      "UPDATE counter SET n = n + 1 WHERE who = " + me,
      "INSERT INTO item VALUES('" + me + "-" + std::to_string(n) + "', " + me + ", 0)",
      "REPLACE INTO item VALUES('shared" + std::to_string(random->Below(10)) + "', " + me + ", " +
          std::to_string(n) + ")",
      "UPDATE item SET w = w + 1 WHERE id = '" + me + "-" + std::to_string(n / 2) + "'"};
  if (random->OneIn(5)) sql.push_back("DELETE FROM item WHERE id GLOB 'shared*' AND v <> " + me);
  sql.emplace_back("COMMIT");
  for (const std::string& statement : sql) {
    const Outcome outcome = db->Run(statement);
    if (outcome.ok()) continue;
    Require(IsBusy(outcome), statement + ": " + outcome.error);
    if (!db->autocommit()) db->Do("ROLLBACK");
    return false;
  }
  return true;
}

void Write(const std::string& path, uint64_t seed, int who) {
  sim::Random random(seed * 10 + static_cast<uint64_t>(who));
  Db db(path);
  for (int n = 1; n <= kTransactions; n++) {
    while (!TryTransaction(&db, &random, who, n)) {
    }
  }
  Require(db.Close() == SQLITE_OK, "close");
}

void RunMode(const std::string& mode, uint64_t seed) {
  testing::TempDir dir;
  const std::string path = dir.File("shared.db");
  int64_t at_start = 0;
  {
    Db db(path);
    db.Do("PRAGMA journal_mode = " + mode);
    db.Do(std::string(kSchema) + "; INSERT INTO counter(who) VALUES(1), (2)");
    at_start = db.Int("SELECT crsql_db_version()");
  }
  const pid_t one = Fork([&] { Write(path, seed, 1); });
  const pid_t two = Fork([&] { Write(path, seed, 2); });
  Join(one);
  Join(two);
  Db db(path);
  RequireHealthy(db, mode);
  const std::string all = std::to_string(kTransactions);
  Require(db.Get("SELECT n FROM counter ORDER BY who") == all + "\n" + all, mode + ": counters");
  Require(db.Int("SELECT count(*) FROM item WHERE id NOT GLOB 'shared*'") == 2LL * kTransactions,
          mode + ": items");
  Require(db.Int("SELECT crsql_db_version()") == at_start + 2LL * kTransactions,
          mode + ": one version for each transaction");
  Require(db.Int("SELECT count(*) FROM crsql_changes") ==
              db.Int("SELECT count(*) FROM (SELECT DISTINCT db_version, seq FROM crsql_changes)"),
          mode + ": a version and seq twice");
  Db third;
  third.Do(std::string(kSchema) +
           "; INSERT INTO item VALUES('shared1', 3, 3), ('3-1', 3, 3);"
           "INSERT INTO counter(who) VALUES(1), (3)");
  testing::SyncAll({&db, &third});
  for (const char* table : {"counter", "item"}) {
    Require(testing::TableText(db, table) == testing::TableText(third, table),
            mode + ": the third replica differs in " + table);
  }
  Require(db.Get("SELECT crsql_digest()") == third.Get("SELECT crsql_digest()"), mode + ": digest");
  RequireHealthy(third, mode + ", third");
}

}  // namespace

void ConcurrentWriters(const Options& options) {
  for (const char* mode : {"WAL", "DELETE"}) RunMode(mode, options.seed);
  std::printf("concurrent writers: 2 processes, %d transactions each, WAL and DELETE\n",
              kTransactions);
}

}  // namespace tributary::crash
