// A process that applies a transfer of many pieces is killed. What it acknowledged is in the file,
// and the file never claims to know what it lacks (law K of ext/knowledge.h): the pieces that it
// asks for lead to the same as all that there is.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "sync/changeset/header.h"
#include "tests/crash/crash.h"
#include "tests/sim/random.h"
#include "tests/support/changes.h"
#include "tests/support/changesets.h"

namespace tributary::crash {
namespace {

using testing::Cell;
using testing::Change;
using testing::Db;

constexpr int64_t kPieceBytes = 2000;
constexpr int kKillsOfOneSource = 15;
constexpr char kSchema[] =
    "CREATE TABLE item(id INTEGER PRIMARY KEY NOT NULL, name TEXT, hits);"
    "CREATE TABLE tag(item REFERENCES item(id) DEFERRABLE INITIALLY DEFERRED, word TEXT NOT NULL,"
    " PRIMARY KEY(item, word));"
    "CREATE INDEX by_word ON tag(word);"
    "SELECT crsql_as_crr('item'), crsql_as_crr('tag')";
constexpr char kHaveNothingSendAll[] = "\x20\x01";  // message Have: everything

// Transactions of all sizes: one is cut into many pieces, others share one.
void WriteMore(Db* db, sim::Random* random) {
  const std::string n = std::to_string(random->Below(100000));
  const std::string rows = std::to_string(random->OneIn(3) ? 400 : 5);
  db->Do(
      "BEGIN;"
      "WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < " +
      rows +
      ")"
      "INSERT INTO item SELECT " +
      n +
      " + i, hex(randomblob(20)), 0 FROM s WHERE true "
      "ON CONFLICT DO UPDATE SET hits = hits + 1;"
      "INSERT OR IGNORE INTO tag SELECT id, 'w' || (id % 7) FROM item WHERE id > " +
      n + " LIMIT 20; COMMIT");
  db->Do("UPDATE item SET hits = hits + 1 WHERE id % 5 = " + std::to_string(random->Below(5)));
  if (random->OneIn(3)) {
    db->Do("DELETE FROM tag WHERE item IN (SELECT id FROM item WHERE id % 11 = 3)");
  }
  if (random->OneIn(3)) db->Do("DELETE FROM item WHERE id % 11 = 3");
}

class Receivers {
 public:
  explicit Receivers(const Options& options) : options_(options), random_(options.seed + 2) {}

  void Run() {
    for (int i = 0; i < options_.kills / 2; i++) {
      if (i % kKillsOfOneSource == 0) Restart();
      if (path_.empty()) Begin();
      KillOnce();
      CheckAfter();
      if (random_.OneIn(2)) Grow();
      if (random_.OneIn(4)) {
        Db db(path_);
        WriteMore(&db, &random_);
      }
      if (random_.OneIn(8)) Finish();
    }
    if (!path_.empty()) Finish();
    std::printf(
        "killed receivers: %d kills, %d files, %lld pieces acknowledged and found, %d times the "
        "transfer was under way\n",
        options_.kills / 2, files_, static_cast<long long>(found_), under_way_);
  }

 private:
  // Sources only grow, and with them the time that each check takes.
  void Restart() {
    if (!path_.empty()) Finish();
    for (std::unique_ptr<Db>* db : {&source_, &other_}) {
      *db = std::make_unique<Db>();
      (*db)->Do(kSchema);
    }
    Grow();
  }

  // The source has what it wrote, what it knows of another, and some that it merely heard of.
  void Grow() {
    for (int i = 0; i < 3; i++) WriteMore(source_.get(), &random_);
    WriteMore(other_.get(), &random_);
    testing::Send(*other_, *source_);
    WriteMore(other_.get(), &random_);
    std::vector<Change> heard = testing::ReadChanges(*other_, "db_version = crsql_db_version()");
    heard.resize(std::min<size_t>(heard.size(), 30));
    Require(testing::ApplyChanges(*source_, heard).empty(), "the source hears of changes");
  }

  void Begin() {
    path_ = dir_.File("receiver" + std::to_string(files_++) + ".db");
    mode_ = kModes[random_.Below(std::size(kModes))];
    Db(path_).Do(Open(mode_) + ";" + kSchema);
  }

  void KillOnce() {
    {
      Db db(path_);
      pieces_ = testing::PiecesFor(db, *source_, kPieceBytes);
    }
    std::shuffle(pieces_.begin(), pieces_.end(), std::mt19937_64(random_.Below(1 << 30)));
    if (random_.OneIn(3)) std::sort(pieces_.begin(), pieces_.end());
    const size_t together = random_.OneIn(4) ? 1 + random_.Below(8) : 0;
    SharedCounter acknowledged;
    const pid_t child = Fork([&] {
      Db db(path_);
      db.Do(Open(mode_));
      for (size_t i = 0; i < pieces_.size();) {
        const size_t end = std::min(pieces_.size(), i + std::max<size_t>(together, 1));
        if (together > 0) db.Do("BEGIN");
        for (; i < end; i++) testing::MustApply(db, pieces_[i]);
        if (together > 0) db.Do("COMMIT");
        acknowledged.value() = static_cast<int64_t>(i);
      }
      pause();
    });
    KillSoon(child, &random_, 40000);
    acknowledged_ = static_cast<size_t>(acknowledged.value());
  }

  void CheckAfter() {
    const std::string when = "receiving, " + std::string(mode_);
    {
      Db db(path_);
      RequireHealthy(db, when);
      const Cell have = testing::Have(db);
      Have known;
      std::string error;
      Require(known.Decode(have.bytes, &error), error);
      under_way_ += known.unfinished.empty() ? 0 : 1;
      for (size_t i = 0; i < acknowledged_; i++) testing::MustApply(db, pieces_[i]);
      Require(testing::Have(db) == have, when + ": a piece that was acknowledged was not there");
      found_ += static_cast<int64_t>(acknowledged_);
    }
    RequireLawK(path_, source_.get(), when);
  }

  void Finish() {
    Db db(path_);
    testing::Send(*source_, db, kPieceBytes);
    testing::Send(db, *source_, kPieceBytes);
    Require(db.Get("SELECT crsql_digest()") == source_->Get("SELECT crsql_digest()"),
            "received again, the rest completes the transfer");
    Require(testing::PiecesFor(db, *source_).empty(), "and the source has no more");
    RequireHealthy(db, "received again");
    path_.clear();
  }

  const Options& options_;
  sim::Random random_;
  testing::TempDir dir_;
  std::unique_ptr<Db> source_;
  std::unique_ptr<Db> other_;
  std::string path_;
  const char* mode_ = nullptr;
  std::vector<std::string> pieces_;
  size_t acknowledged_ = 0;
  int files_ = 0;
  int under_way_ = 0;
  int64_t found_ = 0;
};

}  // namespace

void RequireLawK(const std::string& path, Db* source, const std::string& when) {
  std::string digests[2];
  for (const bool all : {false, true}) {
    const std::string copy = path + ".copy";
    std::filesystem::copy_file(path, copy, std::filesystem::copy_options::overwrite_existing);
    Db db(copy);
    testing::Ask ask{.have = testing::Have(db)};
    if (all) ask.have = Cell::Blob(kHaveNothingSendAll);
    testing::MustApplyAll(db, testing::Pieces(*source, ask));
    RequireHealthy(db, when);
    digests[all ? 1 : 0] = db.Get("SELECT crsql_digest()");
  }
  Require(digests[0] == digests[1], when + ": it claims to know what it lacks");
}

void KilledReceivers(const Options& options) { Receivers(options).Run(); }

}  // namespace tributary::crash
