#include "tests/bench/options.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <string_view>

#include "tests/bench/shape.h"

#ifndef TRIBUTARY_SO
#define TRIBUTARY_SO ""
#endif

namespace tributary::bench {
namespace {

// Rows of --quick: enough for stable ratios, few enough for a demo.
constexpr int64_t kQuickRows = 10000;
const std::vector<int64_t> kGrowthRows{10000, 100000, 1000000};
constexpr int64_t kLongRunRows = 1000000;
constexpr int64_t kMinRows = 1000;
constexpr int64_t kMaxRows = 100000000;
constexpr size_t kMaxRowCounts = 3;  // more do not fit into 80 columns
constexpr int kMaxReps = 1000;

std::vector<std::string> Split(std::string_view text) {
  std::vector<std::string> parts;
  size_t start = 0;
  while (true) {
    const size_t comma = text.find(',', start);
    parts.emplace_back(text.substr(start, comma - start));
    if (comma == std::string_view::npos) return parts;
    start = comma + 1;
  }
}

bool ParseInt(const std::string& text, int64_t low, int64_t high, int64_t* value) {
  char* end = nullptr;
  *value = std::strtoll(text.c_str(), &end, 10);
  return !text.empty() && *end == '\0' && *value >= low && *value <= high;
}

bool SetOption(const std::string& name, const std::string& value, Options* options) {
  int64_t number = 0;
  if (name == "--so") {
    options->so = value;
  } else if (name == "--json") {
    options->json = value;
  } else if (name == "--dir") {
    options->dir = value;
  } else if (name == "--reps") {
    if (!ParseInt(value, 1, kMaxReps, &number)) return false;
    options->reps = static_cast<int>(number);
  } else if (name == "--timeout") {
    if (!ParseInt(value, 1, 86400, &number)) return false;
    options->timeout_s = static_cast<int>(number);
  } else if (name == "--n") {
    options->row_counts.clear();
    for (const std::string& part : Split(value)) {
      if (!ParseInt(part, kMinRows, kMaxRows, &number)) return false;
      options->row_counts.push_back(number);
    }
    std::sort(options->row_counts.begin(), options->row_counts.end());
    const auto same = std::unique(options->row_counts.begin(), options->row_counts.end());
    options->row_counts.erase(same, options->row_counts.end());
    return options->row_counts.size() <= kMaxRowCounts;
  } else {  // --shapes
    options->shapes.clear();
    for (const std::string& name : Split(value)) {
      if (FindShape(name) == nullptr) return false;
      if (std::find(options->shapes.begin(), options->shapes.end(), name) ==
          options->shapes.end()) {
        options->shapes.push_back(name);
      }
    }
  }
  return true;
}

// Bytes a run with `rows` rows may hold at once: the table, its WAL, a copy, and the change file.
uint64_t BytesNeeded(int64_t rows) { return static_cast<uint64_t>(rows) * 4096; }

bool HasRoom(const std::string& dir, uint64_t bytes) {
  struct statvfs fs {};
  return access(dir.c_str(), W_OK) == 0 && statvfs(dir.c_str(), &fs) == 0 &&
         static_cast<uint64_t>(fs.f_bavail) * fs.f_frsize >= bytes;
}

}  // namespace

int Options::RepsOf(int64_t rows) const { return rows < kLongRunRows || reps_given ? reps : 1; }

bool ParseOptions(int argc, char** argv, Options* options, std::string* error) {
  options->so = TRIBUTARY_SO;
  static constexpr std::string_view kWithValue[] = {"--so", "--json",    "--dir",   "--reps",
                                                    "--n",  "--timeout", "--shapes"};
  static constexpr std::string_view kAlone[] = {"--help",     "-h",      "--quick",   "--growth",
                                                "--absolute", "--check", "--triggers"};
  const auto has = [](const auto& names, const std::string& name) {
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
  };
  std::set<std::string> given;
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    std::string value;
    const size_t equals = name.find('=');
    const bool joined = equals != std::string::npos;
    if (joined) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    given.insert(name);
    if (has(kAlone, name)) {
      if (joined) {
        *error = name + " takes no value (see --help)";
        return false;
      }
      continue;
    }
    if (!has(kWithValue, name)) {
      *error = name.starts_with("-") ? "unknown option " : "unexpected argument ";
      *error += name + " (see --help)";
      return false;
    }
    if (!joined && i + 1 >= argc) {
      *error = name + " needs a value (see --help)";
      return false;
    }
    if (!joined) value = argv[++i];
    if (!SetOption(name, value, options)) {
      *error = "bad value for " + name;
      *error += ": '" + value + "' (see --help)";
      return false;
    }
  }
  options->help = given.contains("--help") || given.contains("-h");
  options->absolute = given.contains("--absolute");
  options->check = given.contains("--check");
  options->triggers = given.contains("--triggers");
  options->reps_given = given.contains("--reps");
  options->so_given = given.contains("--so");
  const bool quick = given.contains("--quick");
  const bool growth = given.contains("--growth");
  if (static_cast<int>(quick) + static_cast<int>(growth) + static_cast<int>(given.contains("--n")) >
      1) {
    *error = "only one of --n, --quick and --growth (see --help)";
    return false;
  }
  if (quick) options->row_counts = {kQuickRows};
  if (growth) {
    options->row_counts = kGrowthRows;
    if (!given.contains("--shapes")) options->shapes = {"todo"};
  }
  return true;
}

std::string Usage() {
  return R"(usage: tributary_bench [options]

What tracking and merging cost, as ratios to plain SQLite doing the same work in
the same run. Prints a table in Markdown.

  --n N[,N[,N]]    rows, 1000 or more (default 100000); several show how the
                   costs grow
  --growth         --n 10000,100000,1000000 --shapes todo; about 4 minutes
  --quick          --n 10000; about ten seconds
  --shapes A,B     todo (text key + 7 columns), narrow (integer key + 2), wide
                   (text key + 20)
  --reps R         repetitions, of which medians are shown (default 3; 1 with a
                   million rows or more)
  --absolute       print times and sizes as well, a table for each shape
  --check          exit 1 where a goal is missed
  --triggers       in Tributary's place, plain SQLite with triggers like its own
                   whose functions do nothing: the least that any tracking by
                   triggers costs
  --json FILE      write every measurement there as well
  --so FILE        the extension to measure
  --dir DIR        where the databases go (default /dev/shm, else TMPDIR); what
                   is made there is removed
  --timeout S      give up on one step after S seconds (default 600)
  --help           this text

exit status: 0 done, 1 a measurement failed (or, with --check, a goal was
missed), 2 wrong usage

examples:
  tributary_bench --quick
  tributary_bench --shapes wide --n 10000,100000
  tributary_bench --reps 9 --json bench.json --check
)";
}

std::string MakeScratchDir(const Options& options) {
  std::string base = options.dir;
  if (base.empty()) {
    const char* tmp = std::getenv("TMPDIR");
    const int64_t rows = options.row_counts.back();
    base = HasRoom("/dev/shm", BytesNeeded(rows)) ? "/dev/shm" : tmp != nullptr ? tmp : "/tmp";
  }
  std::string path = base + "/tributary-bench.XXXXXX";
  return mkdtemp(path.data()) == nullptr ? "" : path;
}

}  // namespace tributary::bench
