// The result for people (tables) and for programs (JSON).
#ifndef TRIBUTARY_TESTS_BENCH_REPORT_H_
#define TRIBUTARY_TESTS_BENCH_REPORT_H_

#include <cstdio>
#include <string>

#include "tests/bench/options.h"
#include "tests/bench/results.h"

namespace tributary::bench {

// Prints to `out`; in colour where that is a terminal and NO_COLOR is not set.
void PrintReport(const Options& options, const Results& results, const std::string& scratch,
                 std::FILE* out);

// False where the file cannot be written.
bool WriteJson(const Options& options, const Results& results, const std::string& path);

// How many binding goals were missed.
int CountMissed(const Options& options, const Results& results);

}  // namespace tributary::bench

#endif  // TRIBUTARY_TESTS_BENCH_REPORT_H_
