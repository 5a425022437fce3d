// What the caller of tributary_bench asked for.
#ifndef TRIBUTARY_TESTS_BENCH_OPTIONS_H_
#define TRIBUTARY_TESTS_BENCH_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace tributary::bench {

struct Options {
  std::vector<int64_t> row_counts{100000};  // ascending; with several, growth is shown
  std::vector<std::string> shapes{"todo", "narrow", "wide"};
  int reps = 3;
  bool reps_given = false;
  bool absolute = false;
  bool check = false;
  bool triggers = false;  // empty triggers instead of Tributary
  std::string so;         // the extension; unused where it is linked in
  bool so_given = false;
  std::string json;     // file for the machine-readable result, "" for none
  std::string dir;      // scratch directory, "" to let the program choose
  int timeout_s = 600;  // for one unit
  bool help = false;

  // A run of a million rows is long enough to need no repetition, unless told otherwise.
  int RepsOf(int64_t rows) const;
};

// Reads the command line. False, with one line in `error`, where it is not understood.
bool ParseOptions(int argc, char** argv, Options* options, std::string* error);

// The text of --help.
std::string Usage();

// Makes a directory of our own for the databases: below --dir, else below /dev/shm if that is
// writable and large enough (there CPU time is all the time there is), else below TMPDIR.
// "" where none can be made.
std::string MakeScratchDir(const Options& options);

}  // namespace tributary::bench

#endif  // TRIBUTARY_TESTS_BENCH_OPTIONS_H_
