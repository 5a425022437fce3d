// A writing process is killed at random moments. Afterwards the file is sound, holds exactly what
// was before or after each transaction, and no version ever names two different changes.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/crash/crash.h"
#include "tests/sim/random.h"
#include "tests/support/changes.h"

namespace tributary::crash {
namespace {

using testing::Change;
using testing::Db;

// Transaction n writes row n and counts; every tenth is a large one, every third deletes row n-2,
// and some are rolled back in part. One version each.
void Transaction(Db* db, int64_t n) {
  const std::string id = std::to_string(n);
  db->Do("BEGIN; UPDATE counter SET n = " + id);
  db->Do("INSERT INTO item VALUES(" + id + ", 'item " + id + "', 0)");
  db->Do("SAVEPOINT s; UPDATE item SET name = 'never'; ROLLBACK TO s; RELEASE s");
  if (n % 3 == 0) db->Do("DELETE FROM item WHERE id = " + std::to_string(n - 2));
  if (n % 7 == 0) db->Do("REPLACE INTO item VALUES(" + id + ", 'replaced " + id + "', 1)");
  if (n % 10 == 0) db->Do("UPDATE item SET hits = hits + 1");
  db->Do("COMMIT");
}

// What n transactions leave, computed by the same statements' meaning.
std::string ItemsAfter(int64_t n) {
  std::map<int64_t, std::pair<std::string, int64_t>> items;
  for (int64_t i = 1; i <= n; i++) {
    items[i] = {"item " + std::to_string(i), 0};
    if (i % 3 == 0) items.erase(i - 2);
    if (i % 7 == 0) items[i] = {"replaced " + std::to_string(i), 1};
    if (i % 10 == 0) {
      for (auto& [id, item] : items) item.second++;
    }
  }
  std::string text;
  for (const auto& [id, item] : items) {
    text += (text.empty() ? "" : "\n") + std::to_string(id) + "|'" + item.first + "'|" +
            std::to_string(item.second);
  }
  return text;
}

class Writers {
 public:
  explicit Writers(const Options& options) : options_(options), random_(options.seed) {}

  void Run() {
    for (const char* mode : kModes) Start(mode);
    for (int i = 0; i < options_.kills; i++) {
      const size_t which = random_.Below(std::size(kModes));
      KillOnce(which);
      CheckAfter(which);
    }
    int64_t transactions = 0;
    for (const Life& life : lives_) transactions += life.acknowledged;
    std::printf(
        "killed writers: %d kills, %lld transactions, %lld times the last one was in though "
        "not acknowledged, %zu changes never renamed\n",
        options_.kills, static_cast<long long>(transactions),
        static_cast<long long>(unacknowledged_), seen_.size());
  }

 private:
  struct Life {
    std::string path;
    const char* mode;
    int64_t acknowledged = 0;
    int64_t versions_at_start = 0;
  };

  void Start(const char* mode) {
    Life life{.path = dir_.File(std::string(mode) + ".db"), .mode = mode};
    Db db(life.path);
    db.Do(Open(mode));
    db.Do(
        "CREATE TABLE counter(id INTEGER PRIMARY KEY, n INTEGER NOT NULL);"
        "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT NOT NULL, hits INTEGER NOT NULL);"
        "INSERT INTO counter VALUES(1, 0);"
        "SELECT crsql_as_crr('counter'), crsql_as_crr('item')");
    life.versions_at_start = db.Int("SELECT crsql_db_version()");
    lives_.push_back(std::move(life));
  }

  void KillOnce(size_t which) {
    Life& life = lives_[which];
    SharedCounter acknowledged;
    acknowledged.value() = life.acknowledged;
    const pid_t child = Fork([&life, &acknowledged] {
      Db db(life.path);
      db.Do(Open(life.mode));
      for (int64_t n = life.acknowledged + 1;; n++) {
        Transaction(&db, n);
        acknowledged.value() = n;
      }
    });
    KillSoon(child, &random_, 60000);
    life.acknowledged = acknowledged.value();
  }

  void CheckAfter(size_t which) {
    Life& life = lives_[which];
    const std::string when = std::string(life.mode) + " after " + std::to_string(life.acknowledged);
    Db db(life.path);
    RequireHealthy(db, when);
    const int64_t n = db.Int("SELECT n FROM counter");
    Require(n == life.acknowledged || n == life.acknowledged + 1,
            when + ": the counter is " + std::to_string(n));
    if (n > life.acknowledged) unacknowledged_++;
    life.acknowledged = n;
    Require(db.Get("SELECT * FROM item ORDER BY id") == ItemsAfter(n), when + ": rows differ");
    Require(db.Int("SELECT crsql_db_version()") == life.versions_at_start + n,
            when + ": one version per transaction");
    CheckNames(which, testing::ReadChanges(db));
    CheckPeer(which, &db, when);
  }

  // (site, version, seq) names one change for ever.
  void CheckNames(size_t which, const std::vector<Change>& changes) {
    for (const Change& c : changes) {
      const auto [entry, added] = seen_.try_emplace(
          {which, c.db_version, c.seq}, c.table + testing::ToHex(c.pk) + c.cid + c.value.ToSql());
      Require(added || entry->second == c.table + testing::ToHex(c.pk) + c.cid + c.value.ToSql(),
              "version " + std::to_string(c.db_version) + " names two changes: " + entry->second);
    }
  }

  // A peer that hears of everything from the beginning ends equal.
  void CheckPeer(size_t which, Db* db, const std::string& when) {
    if (!random_.OneIn(5)) return;
    Db peer;
    peer.Do(
        "CREATE TABLE counter(id INTEGER PRIMARY KEY, n INTEGER NOT NULL);"
        "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT NOT NULL, hits INTEGER NOT NULL);"
        "SELECT crsql_as_crr('counter'), crsql_as_crr('item')");
    const std::string error = testing::ApplyChanges(peer, testing::ReadChanges(*db));
    Require(error.empty(), when + ": " + error);
    Require(testing::TableText(peer, "item") == testing::TableText(*db, "item"),
            when + ": a peer differs");
    Require(peer.Get("SELECT crsql_digest()") == db->Get("SELECT crsql_digest()"),
            when + ": a peer's digest differs in life " + std::to_string(which));
  }

  const Options& options_;
  sim::Random random_;
  testing::TempDir dir_;
  std::vector<Life> lives_;
  std::map<std::tuple<size_t, int64_t, int64_t>, std::string> seen_;
  int64_t unacknowledged_ = 0;
};

constexpr int kBatch = 50;
constexpr char kSource[] =
    "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, hits); SELECT crsql_as_crr('item');"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
    "INSERT INTO item SELECT i, 'item ' || i, 0 FROM n;"
    "UPDATE item SET hits = 1 WHERE id % 3 = 0; DELETE FROM item WHERE id % 5 = 0;"
    "UPDATE item SET id = id + 10000 WHERE id % 7 = 0";

std::vector<Change> Batch(const std::vector<Change>& changes, int64_t n) {
  const size_t at = static_cast<size_t>(n) * kBatch;
  const size_t end = std::min(changes.size(), at + kBatch);
  return {changes.begin() + static_cast<int64_t>(std::min(at, end)),
          changes.begin() + static_cast<int64_t>(end)};
}

// Merges batch after batch; the number of batches is written in the same transaction, in a plain
// table.
void MergeBatches(const std::string& path, const char* mode, const std::vector<Change>& changes) {
  Db db(path);
  db.Do(Open(mode));
  for (;;) {
    const int64_t n = db.Int("SELECT n FROM progress");
    const std::vector<Change> batch = Batch(changes, n);
    if (batch.empty()) pause();
    db.Do("BEGIN");
    const std::string error = testing::ApplyEach(db, batch);
    if (!error.empty()) throw testing::TestError(error);
    db.Do("UPDATE progress SET n = n + 1; COMMIT");
  }
}

}  // namespace

void KilledWriters(const Options& options) { Writers(options).Run(); }

void KilledMergers(const Options& options) {
  sim::Random random(options.seed + 1);
  testing::TempDir dir;
  Db source;
  source.Do(kSource);
  const std::vector<Change> changes = testing::ReadChanges(source);
  int files = 0;
  int64_t batches = 0;
  std::string path;
  const char* mode = nullptr;
  const std::string setup =
      "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, hits); SELECT crsql_as_crr('item');"
      "CREATE TABLE progress(n); INSERT INTO progress VALUES(0)";
  for (int i = 0; i < options.kills; i++) {
    if (path.empty()) {
      path = dir.File("merge" + std::to_string(files++) + ".db");
      mode = kModes[random.Below(std::size(kModes))];
      Db(path).Do(Open(mode) + ";" + setup);
    }
    KillSoon(Fork([&] { MergeBatches(path, mode, changes); }), &random, 40000);
    const std::string when = std::string("merging, ") + mode;
    Db db(path);
    RequireHealthy(db, when);
    const int64_t n = db.Int("SELECT n FROM progress");
    Db twin;
    twin.Do(setup);
    for (int64_t k = 0; k < n; k++) testing::ApplyChanges(twin, Batch(changes, k));
    Require(testing::TableText(twin, "item") == testing::TableText(db, "item"), when + ": rows");
    Require(twin.Get("SELECT crsql_digest()") == db.Get("SELECT crsql_digest()"),
            when + ": digest");
    batches += n;
    if (Batch(changes, n).empty()) path.clear();  // done: begin with a new file
  }
  std::printf("killed mergers: %d kills, %d files, %lld batches found whole\n", options.kills,
              files, static_cast<long long>(batches));
}

}  // namespace tributary::crash
