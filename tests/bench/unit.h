// A unit of measuring: one contender doing one group of work, in a child process of its own, so
// that no unit inherits another's heap or caches, and a crash or a hang stays where it happened.
#ifndef TRIBUTARY_TESTS_BENCH_UNIT_H_
#define TRIBUTARY_TESTS_BENCH_UNIT_H_

#include <functional>
#include <map>
#include <string>

#include "tests/bench/goals.h"

namespace tributary::bench {

struct UnitResult {
  std::map<Metric, double> values;
  std::string error;  // "" where all went well; else what happened, and in which step
};

// Runs `body` in a child and collects what it reports.
UnitResult RunUnit(int timeout_s, const std::function<void()>& body);

// For the code in the child.

// Names what is done next, for the message if it fails.
void BeginStep(const std::string& step);
void ReportValue(Metric metric, double value);
// Reports the CPU time `work` takes, in microseconds per operation.
void Measure(Metric metric, double operations, const std::function<void()>& work);
// Ends the child; the parent counts the unit as failed.
[[noreturn]] void Fail(const std::string& message);

// Ends the running unit, and those that follow at their start. May be called by a signal handler.
void AskToStop();
bool StopAsked();

}  // namespace tributary::bench

#endif  // TRIBUTARY_TESTS_BENCH_UNIT_H_
