// What was measured, and what it means against the goals.
#ifndef TRIBUTARY_TESTS_BENCH_RESULTS_H_
#define TRIBUTARY_TESTS_BENCH_RESULTS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "tests/bench/database.h"
#include "tests/bench/goals.h"
#include "tests/bench/unit.h"

namespace tributary::bench {

// The repetitions of one measurement. Absent where a unit failed or has no such figure.
struct Samples {
  std::vector<std::optional<double>> plain;
  std::vector<std::optional<double>> tributary;
};

struct Failure {
  Contender contender;
  std::string where;  // shape and rows
  std::string what;
};

enum class Verdict {
  kNone,  // nothing measured, or no goal
  kMet,
  kMissed,
  kWithin,  // the same two for a goal that is not binding for this shape
  kBeyond,
};

struct Outcome {
  std::optional<double> plain;  // medians
  std::optional<double> tributary;
  std::optional<double> figure;  // what is judged: see MetricInfo::Judge
  std::optional<Goal> goal;
  Verdict verdict = Verdict::kNone;
};

class Results {
 public:
  void Add(const Shape& shape, int64_t rows, int rep, Contender contender,
           const UnitResult& result);
  void AddFailure(Failure failure) { failures_.push_back(std::move(failure)); }

  bool Has(const Shape& shape, int64_t rows, Metric metric) const;
  // The figure is the median of what each repetition gives, since the two contenders of a
  // repetition ran next to each other.
  Outcome Judge(const Shape& shape, int64_t rows, Metric metric) const;
  const Samples* Find(const Shape& shape, int64_t rows, Metric metric) const;

  const std::vector<Failure>& failures() const { return failures_; }

 private:
  std::map<std::tuple<std::string, int64_t, Metric>, Samples> samples_;
  std::vector<Failure> failures_;
};

}  // namespace tributary::bench

#endif  // TRIBUTARY_TESTS_BENCH_RESULTS_H_
