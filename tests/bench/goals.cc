#include "tests/bench/goals.h"

namespace tributary::bench {
namespace {

// Two runs of the same plain SQLite differ by this much, so "as fast as plain" means up to here.
constexpr double kReadNoise = 0.05;

Goal Binding(double limit, double tolerance = 0) { return {limit, tolerance, true}; }

}  // namespace

const std::vector<MetricInfo>& AllMetrics() {
  using Judge = MetricInfo::Judge;
  static const std::vector<MetricInfo> metrics = {
      {Metric::kInsert, "insert", "insert, one transaction", "us/row", Judge::kRatio, false},
      {Metric::kInsertSmall, "insert_10", "insert, 10 rows a transaction", "us/row", Judge::kRatio,
       false},
      {Metric::kUpdateOne, "update_one", "update 1 column, 1 transaction", "us/row", Judge::kRatio,
       false},
      {Metric::kUpdateOneSmall, "update_one_txn", "update 1 column, txn per row", "us/row",
       Judge::kRatio, false},
      {Metric::kUpdateAll, "update_all", "update all columns", "us/row", Judge::kRatio, false},
      {Metric::kDelete, "delete", "delete, one transaction", "us/row", Judge::kRatio, false},
      {Metric::kPointRead, "point_read", "read one row by key", "us/row", Judge::kRatio, false},
      {Metric::kScan, "scan", "read all rows", "us/row", Judge::kRatio, false},
      {Metric::kFileBytes, "file_bytes", "file size", "bytes/row", Judge::kRatio, false},
      {Metric::kExtract, "extract_all", "all changes (plain: SELECT)", "us/row", Judge::kRatio,
       false},
      {Metric::kLast100, "extract_last_100", "the last 100 changes", "us", Judge::kAbsolute, false},
      {Metric::kMergeEmpty, "merge_empty", "merge all (plain: upserts)", "us/row", Judge::kRatio,
       false},
      {Metric::kMergeAgain, "merge_again", "merge all again", "us/row", Judge::kRatio, false},
      {Metric::kMergeMemory, "merge_memory", "memory a merge adds", "MiB", Judge::kExcess, false},
      {Metric::kChangesets, "changesets", "changesets (plain: SELECT)", "us/row", Judge::kRatio,
       false},
      {Metric::kApplyEmpty, "apply_empty", "apply all (plain: upserts)", "us/row", Judge::kRatio,
       false},
      {Metric::kApplyAgain, "apply_again", "apply all again", "us/row", Judge::kRatio, false},
      {Metric::kApplyConflicts, "apply_conflicts", "apply updates, all conflicts", "us/row",
       Judge::kRatio, false},
      {Metric::kApplyMemory, "apply_memory", "memory an apply adds", "MiB", Judge::kExcess, false},
      {Metric::kInsertBytes, "insert_bytes", "wire size of an insert", "bytes", Judge::kAbsolute,
       false},
      {Metric::kUpdateBytes, "update_bytes", "wire size of an update", "bytes", Judge::kAbsolute,
       false},
      {Metric::kUpgrade, "as_crr", "as_crr of a table (plain: copy)", "us/row", Judge::kRatio,
       false},
      {Metric::kReopen, "reopen", "open, change one row", "us", Judge::kRatio, false},
      {Metric::kOpen, "open", "open and read, 20 tables", "us", Judge::kRatio, true},
  };
  return metrics;
}

const MetricInfo& InfoOf(Metric metric) { return AllMetrics()[static_cast<size_t>(metric)]; }

std::optional<Goal> GoalOf(Metric metric, Shape::Kind shape) {
  const bool todo = shape == Shape::Kind::kTodo;
  switch (metric) {
    case Metric::kInsert:
    case Metric::kInsertSmall:
      if (shape == Shape::Kind::kNarrow) return Binding(2.0);
      if (shape == Shape::Kind::kWide) return Binding(1.3);
      return Binding(metric == Metric::kInsert ? 1.4 : 1.3);
    case Metric::kUpdateOne:
      return Goal{1.7, 0, todo};
    case Metric::kUpdateOneSmall:
    case Metric::kUpdateAll:
    case Metric::kDelete:
      return Goal{1.8, 0, todo};
    case Metric::kPointRead:
    case Metric::kScan:
      return Binding(1.0, kReadNoise);
    case Metric::kFileBytes:
      return Goal{1.12, 0, todo};
    case Metric::kExtract:
      return Goal{8, 0, todo};
    case Metric::kLast100:
      return Binding(1000);
    case Metric::kMergeEmpty:
      return Goal{6, 0, todo};
    case Metric::kMergeAgain:
      return std::nullopt;  // the design has a goal for changesets only
    case Metric::kMergeMemory:
    case Metric::kApplyMemory:
      return Binding(64);
    case Metric::kChangesets:
      return Goal{4, 0, todo};
    case Metric::kApplyEmpty:
      return Goal{1.5, 0, todo};
    case Metric::kApplyAgain:
      return Goal{0.2, 0, todo};
    case Metric::kApplyConflicts:
      return Goal{2, 0, todo};
    case Metric::kInsertBytes:
      return Goal{120, 0, todo};
    case Metric::kUpdateBytes:
      return Goal{40, 0, todo};
    case Metric::kUpgrade:
      return Goal{1, 0, todo};
    case Metric::kReopen:
      return std::nullopt;  // shows whether what an open reads grows with the file
    case Metric::kOpen:
      return Binding(2);
  }
  return std::nullopt;
}

}  // namespace tributary::bench
