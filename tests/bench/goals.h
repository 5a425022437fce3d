// What is measured and what it may cost.
#ifndef TRIBUTARY_TESTS_BENCH_GOALS_H_
#define TRIBUTARY_TESTS_BENCH_GOALS_H_

#include <optional>
#include <string>
#include <vector>

#include "tests/bench/shape.h"

namespace tributary::bench {

// In the order in which they are shown.
enum class Metric {
  kInsert,
  kInsertSmall,
  kUpdateOne,
  kUpdateOneSmall,
  kUpdateAll,
  kDelete,
  kPointRead,
  kScan,
  kFileBytes,
  kExtract,
  kLast100,
  kMergeEmpty,
  kMergeAgain,
  kMergeMemory,
  kChangesets,
  kApplyEmpty,
  kApplyAgain,
  kApplyConflicts,
  kApplyMemory,
  kInsertBytes,
  kUpdateBytes,
  kUpgrade,
  kReopen,
  kOpen,
};

struct MetricInfo {
  // How a figure is judged: Tributary / plain, Tributary alone, or Tributary - plain.
  enum class Judge { kRatio, kAbsolute, kExcess };

  Metric metric;
  std::string id;     // in JSON
  std::string label;  // for people; 31 columns at most, see report.cc
  std::string unit;
  Judge judge;
  bool whole_database;  // not about one shape, measured once
};

const std::vector<MetricInfo>& AllMetrics();
const MetricInfo& InfoOf(Metric metric);

struct Goal {
  double limit;
  double tolerance;  // what noise may add before it counts as a miss
  // Whether the design states the goal for this very shape. Elsewhere the figure is compared
  // with the todo shape's goal for orientation, and a miss is no failure.
  bool binding;
};

// Nothing where there is no goal.
std::optional<Goal> GoalOf(Metric metric, Shape::Kind shape);

}  // namespace tributary::bench

#endif  // TRIBUTARY_TESTS_BENCH_GOALS_H_
