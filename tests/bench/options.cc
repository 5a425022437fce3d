#include "tests/bench/options.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "tests/bench/shape.h"

#ifndef TRIBUTARY_SO
#define TRIBUTARY_SO ""
#endif

namespace tributary::bench {
namespace {

// Rows of --quick: enough for stable ratios, few enough for a demo.
constexpr int64_t kQuickRows = 10000;
constexpr int kQuickReps = 3;
constexpr int64_t kLongRunRows = 1000000;
constexpr int64_t kMinRows = 1000;
constexpr int64_t kMaxRows = 100000000;
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
  } else {  // --shapes
    options->shapes = Split(value);
    return std::all_of(options->shapes.begin(), options->shapes.end(),
                       [](const std::string& s) { return FindShape(s) != nullptr; });
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

std::vector<int64_t> Options::RowCountsOf(const std::string& shape) const {
  std::vector<int64_t> counts = row_counts;
  if (shape == shapes[0]) counts.insert(counts.end(), growth.begin(), growth.end());
  std::sort(counts.begin(), counts.end());
  counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
  return counts;
}

int Options::RepsOf(int64_t rows) const { return rows < kLongRunRows || reps_given ? reps : 1; }

bool ParseOptions(int argc, char** argv, Options* options, std::string* error) {
  options->so = TRIBUTARY_SO;
  static constexpr std::string_view kWithValue[] = {"--so", "--json",    "--dir",   "--reps",
                                                    "--n",  "--timeout", "--shapes"};
  bool rows_given = false;
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    if (name == "--help" || name == "-h") {
      options->help = true;
    } else if (name == "--quick") {
      options->quick = true;
    } else if (name == "--check") {
      options->check = true;
    } else {
      std::string value;
      const size_t equals = name.find('=');
      const bool joined = equals != std::string::npos;
      if (joined) {
        value = name.substr(equals + 1);
        name.resize(equals);
      }
      const bool known =
          std::find(std::begin(kWithValue), std::end(kWithValue), name) != std::end(kWithValue);
      if (!known) {
        *error = "unknown option " + name + " (see --help)";
        return false;
      }
      if (!joined && i + 1 >= argc) {
        *error = name + " needs a value (see --help)";
        return false;
      }
      if (!joined) value = argv[++i];
      if (!SetOption(name, value, options)) {
        *error = "bad value for " + name;
        *error += ": " + value + " (see --help)";
        return false;
      }
      rows_given |= name == "--n";
      options->reps_given |= name == "--reps";
    }
  }
  if (options->quick && !rows_given) options->row_counts = {kQuickRows};
  if (options->quick && !options->reps_given) options->reps = kQuickReps;
  if (options->quick || rows_given) options->growth.clear();
  return true;
}

std::string Usage() {
  return R"(usage: tributary_bench [options]

What tracking and merging cost, as ratios to plain SQLite doing the same work in the same run.

  --n N[,N...]     rows; several print how the costs grow. Default 100000, and besides
                   10000 and 1000000 for the first shape
  --shapes A,B     todo (text key + 7), narrow (integer key + 2), wide (text key + 20)
  --reps R         repetitions, of which medians are shown (default 3)
  --quick          10,000 rows and one compact table, in about ten seconds
  --so FILE        the extension to measure
  --dir DIR        where the databases go (default /dev/shm, else TMPDIR)
  --json FILE      write every measurement there as well
  --timeout S      give up on one step after S seconds (default 600)
  --check          exit 1 where a goal is missed
  --help           this text

exit status: 0 done, 1 a measurement failed (or, with --check, a goal was missed), 2 usage

examples:
  tributary_bench --quick
  tributary_bench --shapes todo --n 10000,100000,1000000
  tributary_bench --reps 9 --json bench.json --check
)";
}

std::string MakeScratchDir(const Options& options) {
  std::string base = options.dir;
  if (base.empty()) {
    const char* tmp = std::getenv("TMPDIR");
    const int64_t rows = options.RowCountsOf(options.shapes[0]).back();
    base = HasRoom("/dev/shm", BytesNeeded(rows)) ? "/dev/shm" : tmp != nullptr ? tmp : "/tmp";
  }
  std::string path = base + "/tributary-bench.XXXXXX";
  return mkdtemp(path.data()) == nullptr ? "" : path;
}

}  // namespace tributary::bench
