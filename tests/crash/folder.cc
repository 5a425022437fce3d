// `tributary sync --folder` and `tributary backup` are killed while they publish. What others find
// is whole, a newcomer comes to all that it claims, the next run goes on, and no litter stays.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "sync/folder/store.h"
#include "tests/crash/crash.h"
#include "tests/sim/random.h"
#include "tests/support/changes.h"

namespace tributary::crash {
namespace {

namespace fs = std::filesystem;
using testing::Db;

constexpr char kSchema[] =
    "CREATE TABLE item(id INTEGER PRIMARY KEY NOT NULL, name TEXT, hits);"
    "SELECT crsql_as_crr('item')";

pid_t Start(std::vector<std::string> arguments) {
  return Fork([&] {
    const int null = open("/dev/null", O_WRONLY);
    dup2(null, 1);
    arguments.insert(arguments.begin(), TRIBUTARY_CLI);
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (std::string& a : arguments) argv.push_back(a.data());
    argv.push_back(nullptr);
    execv(argv[0], argv.data());
    throw testing::TestError(std::string("cannot run ") + argv[0]);
  });
}

class Publishers {
 public:
  explicit Publishers(const Options& options) : options_(options), random_(options.seed + 3) {}

  void Run() {
    for (const std::string& path : {writer_, reader_}) Db(path).Do(kSchema);
    for (int i = 0; i < options_.kills / 2; i++) {
      Write();
      const std::string& folder = random_.OneIn(3) ? backup_ : shared_;
      std::vector<std::string> command = {"sync", writer_, "--folder", shared_};
      if (folder == backup_) command = {"backup", writer_, "--to", backup_};
      if (folder == shared_ && random_.OneIn(5)) command.emplace_back("--snapshot");
      states_.insert(Items(writer_));
      Kill(command);
      CheckFolder(folder);
      if (folder == backup_) CheckBackup();
      if (folder == shared_ && random_.OneIn(2)) CheckReader();
    }
    Join(Start({"sync", writer_, "--folder", shared_}));
    Join(Start({"backup", writer_, "--to", backup_}));
    for (const std::string& folder : {shared_, backup_}) RequireNoLitter(folder);
    CheckReader();
    Db reader(reader_);
    Db writer(writer_);
    Require(reader.Get("SELECT crsql_digest()") == writer.Get("SELECT crsql_digest()"),
            "a reader has what was published after all");
    std::printf("killed publishers: %d of %d killed, %d segments read, %d times litter\n", killed_,
                started_, segments_, litter_);
  }

 private:
  // However fast the machine is, about half of them come to their end.
  void Kill(const std::vector<std::string>& command) {
    started_++;
    if (KillSoon(Start(command), &random_, longest_us_)) {
      killed_++;
      longest_us_ += longest_us_ / 4;
    } else {
      longest_us_ -= longest_us_ / 4;
    }
  }

  void Write() {
    Db db(writer_);
    const std::string n = std::to_string(random_.Below(10000));
    const std::string rows = std::to_string(random_.OneIn(3) ? 3000 : 10);
    db.Do("WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < " + rows +
          ") INSERT INTO item SELECT " + n +
          " + i, hex(randomblob(30)), 0 FROM s WHERE true "
          "ON CONFLICT DO UPDATE SET hits = hits + 1");
    db.Do("DELETE FROM item WHERE id % 13 = " + std::to_string(random_.Below(13)));
  }

  static std::string Items(const std::string& path) {
    Db db(path);
    return testing::TableText(db, "item");
  }

  // Names that a kill left half written are hidden, and are no problem.
  void CheckFolder(const std::string& path) {
    if (!fs::exists(path)) return;
    folder::Folder folder(path);
    folder::Listing listing;
    Require(folder.Scan(&listing).ok(), "the folder can be read");
    for (const folder::Problem& p : listing.problems) Require(false, p.path + ": " + p.text);
    for (const folder::SegmentFile& s : listing.segments) {
      const absl::Status read = folder.ReadSegment(s, nullptr);
      Require(read.ok(), std::string(read.message()));
      segments_++;
    }
    for (const fs::directory_entry& e : fs::recursive_directory_iterator(path)) {
      litter_ += e.path().extension() == ".tmp" ? 1 : 0;
    }
  }

  static void RequireNoLitter(const std::string& path) {
    for (const fs::directory_entry& e : fs::recursive_directory_iterator(path)) {
      Require(e.path().extension() != ".tmp", "litter stays: " + e.path().string());
    }
  }

  void CheckReader() {
    if (!fs::exists(shared_)) return;
    Kill({"sync", reader_, "--folder", shared_});
    {
      Db reader(reader_);
      RequireHealthy(reader, "reading a folder");
    }
    Join(Start({"sync", reader_, "--folder", shared_}));
    Db writer(writer_);
    RequireLawK(reader_, &writer, "reading a folder");
  }

  // What is restored is one of the states that were to be saved.
  void CheckBackup() {
    if (!fs::exists(backup_)) return;
    folder::Folder folder(backup_);
    folder::Listing listing;
    if (!folder.Scan(&listing).ok() || listing.segments.empty()) return;
    const std::string restored = dir_.File("restored.db");
    fs::remove(restored);
    Join(Start({"restore", backup_, "--to", restored}));
    Require(states_.count(Items(restored)) == 1, "what is restored was never there");
  }

  const Options& options_;
  sim::Random random_;
  testing::TempDir dir_;
  const std::string writer_ = dir_.File("writer.db");
  const std::string reader_ = dir_.File("reader.db");
  const std::string shared_ = dir_.File("shared");
  const std::string backup_ = dir_.File("backup");
  std::set<std::string> states_;
  size_t longest_us_ = 25000;
  int started_ = 0;
  int killed_ = 0;
  int segments_ = 0;
  int litter_ = 0;
};

}  // namespace

void KilledPublishers(const Options& options) { Publishers(options).Run(); }

}  // namespace tributary::crash
