// tributary_bench: what tracking and merging cost, as ratios to plain SQLite in the same run.
//
// The two contenders take turns inside each repetition, and who goes first alternates, so that
// whatever the machine does besides hits both alike.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <system_error>

#include "tests/bench/database.h"
#include "tests/bench/groups.h"
#include "tests/bench/options.h"
#include "tests/bench/report.h"
#include "tests/bench/results.h"
#include "tests/bench/shape.h"
#include "tests/bench/unit.h"

namespace tributary::bench {
namespace {

void OnStop(int /*signal*/) { AskToStop(); }

// Steps, each in a process of its own, that leave files for those after them.
struct Group {
  std::string name;
  std::vector<std::function<void(const Task&)>> steps;
  bool whole_database;  // does not depend on shape or rows
  bool replicas;        // needs changes: triggers alone have none
};

const std::vector<Group>& AllGroups() {
  static const std::vector<Group> groups = {
      {"local work", {RunLocal}, false, false},
      {"small transactions", {RunSmallTransactions}, false, false},
      {"merge", {RunMergeSource, RunMergeTarget, RunApplyTarget}, false, true},
      {"as_crr", {RunUpgrade}, false, true},
      {"open", {RunOpen}, true, false},
  };
  return groups;
}

// The line on a terminal that says how far we are.
class Progress {
 public:
  explicit Progress(int total) : total_(total), shown_(isatty(STDERR_FILENO) == 1) {}
  ~Progress() {
    if (shown_) std::fputs("\r\033[K", stderr);
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Next(const std::string& what) {
    ++done_;
    if (!shown_) return;
    std::fprintf(stderr, "\r\033[K[%d/%d] %s", done_, total_, what.c_str());
    std::fflush(stderr);
  }

 private:
  int total_;
  int done_ = 0;
  bool shown_;
};

class Bench {
 public:
  Bench(const Options& options, Environment env)
      : options_(options), env_(std::move(env)), progress_(CountUnits()) {}

  Results Run() {
    for (const std::string& name : options_.shapes) {
      for (const int64_t rows : options_.row_counts) {
        for (const Group& group : AllGroups()) {
          if (!Wanted(group) || (group.whole_database && name != options_.shapes[0])) continue;
          RunGroup(group, *FindShape(name), rows);
        }
      }
    }
    if (StopAsked() && results_.failures().empty()) {
      results_.AddFailure({Contender::kTributary, "", "interrupted"});
    }
    return std::move(results_);
  }

 private:
  // What depends on neither shape nor rows is measured once, and has no place in a table of growth.
  bool Wanted(const Group& group) const {
    return (!group.whole_database || options_.row_counts.size() == 1) &&
           !(group.replicas && options_.triggers);
  }

  int CountUnits() const {
    int units = 0;
    for (const Group& group : AllGroups()) {
      if (!Wanted(group)) continue;
      const size_t shapes = group.whole_database ? 1 : options_.shapes.size();
      for (const int64_t rows : options_.row_counts) {
        units += options_.RepsOf(rows) * static_cast<int>(shapes);
      }
    }
    return units * 2;
  }

  void RunGroup(const Group& group, const Shape& shape, int64_t rows) {
    std::set<Contender> gave_up;
    for (int rep = 0; rep < options_.RepsOf(rows); ++rep) {
      for (int turn = 0; turn < 2; ++turn) {
        const Contender contender = (rep + turn) % 2 == 0 ? Contender::kPlain
                                    : options_.triggers   ? Contender::kTriggers
                                                          : Contender::kTributary;
        if (gave_up.contains(contender) || StopAsked()) continue;
        progress_.Next(shape.name + " " + std::to_string(rows) + ", " + group.name);
        const Task task{&env_, contender, &shape, rows};
        if (!RunSteps(group, task, rep)) gave_up.insert(contender);
      }
    }
  }

  bool RunSteps(const Group& group, const Task& task, int rep) {
    bool done = true;
    for (const auto& step : group.steps) {
      const UnitResult result = RunUnit(options_.timeout_s, [&] { step(task); });
      // What was measured before a failure still stands.
      results_.Add(*task.shape, task.rows, rep, task.contender, result);
      if (!result.error.empty()) {
        const std::string where = task.shape->name + " " + std::to_string(task.rows);
        results_.AddFailure({task.contender, where, result.error});
        done = false;
        break;
      }
    }
    // Only one group's files at a time: they may be in memory.
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(env_.dir, ignored)) {
      std::filesystem::remove(entry.path(), ignored);
    }
    return done;
  }

  const Options& options_;
  Environment env_;
  Progress progress_;
  Results results_;
};

int Main(int argc, char** argv) {
  Options options;
  std::string error;
  if (!ParseOptions(argc, argv, &options, &error)) {
    std::fprintf(stderr, "tributary_bench: %s\n", error.c_str());
    return 2;
  }
  if (options.help) {
    std::fputs(Usage().c_str(), stdout);
    return 0;
  }
  // Said now, not after minutes.
  if (!IsLinkedStatically() && access(options.so.c_str(), R_OK) != 0) {
    std::fprintf(stderr, "tributary_bench: no extension to measure: %s (see --so)\n",
                 options.so.empty() ? "none given" : options.so.c_str());
    return 2;
  }
  if (!options.json.empty() && !WriteJson(options, {}, options.json)) {
    std::fprintf(stderr, "tributary_bench: cannot write %s\n", options.json.c_str());
    return 2;
  }
  const std::string scratch = MakeScratchDir(options);
  if (scratch.empty()) {
    std::fprintf(stderr, "tributary_bench: cannot make a directory in %s (see --dir)\n",
                 options.dir.empty() ? "TMPDIR" : options.dir.c_str());
    return 2;
  }
  struct sigaction stop {};
  stop.sa_handler = OnStop;
  sigaction(SIGINT, &stop, nullptr);
  sigaction(SIGTERM, &stop, nullptr);
  sigaction(SIGHUP, &stop, nullptr);

  std::error_code ignored;
  // An absolute path, because the loader looks elsewhere for a name without a slash.
  const std::string so = std::filesystem::absolute(options.so, ignored).string();
  const Results results = Bench(options, {scratch, so}).Run();
  std::filesystem::remove_all(scratch, ignored);

  PrintReport(options, results, std::filesystem::path(scratch).parent_path().string(), stdout);
  if (!options.json.empty() && !WriteJson(options, results, options.json)) {
    std::fprintf(stderr, "tributary_bench: cannot write %s\n", options.json.c_str());
    return 1;
  }
  if (!results.failures().empty()) return 1;
  return options.check && CountMissed(options, results) > 0 ? 1 : 0;
}

}  // namespace
}  // namespace tributary::bench

int main(int argc, char** argv) { return tributary::bench::Main(argc, argv); }
