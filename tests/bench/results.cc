#include "tests/bench/results.h"

#include <algorithm>

namespace tributary::bench {
namespace {

using Values = std::vector<std::optional<double>>;

std::optional<double> Median(const Values& values) {
  std::vector<double> present;
  for (const std::optional<double>& value : values) {
    if (value) present.push_back(*value);
  }
  if (present.empty()) return std::nullopt;
  std::sort(present.begin(), present.end());
  const size_t half = present.size() / 2;
  return present.size() % 2 == 1 ? present[half] : (present[half - 1] + present[half]) / 2;
}

Values Paired(const Samples& samples, MetricInfo::Judge judge) {
  if (judge == MetricInfo::Judge::kAbsolute) return samples.tributary;
  Values pairs;
  for (size_t i = 0; i < std::min(samples.plain.size(), samples.tributary.size()); ++i) {
    const std::optional<double>& plain = samples.plain[i];
    const std::optional<double>& ours = samples.tributary[i];
    if (!plain || !ours || *plain <= 0) continue;
    pairs.emplace_back(judge == MetricInfo::Judge::kRatio ? *ours / *plain : *ours - *plain);
  }
  return pairs;
}

Verdict Decide(double figure, const Goal& goal) {
  // As shown, so that "1.40x" never misses a goal of 1.40x.
  const bool met = figure < goal.limit + goal.tolerance + 0.005;
  if (goal.binding) return met ? Verdict::kMet : Verdict::kMissed;
  return met ? Verdict::kWithin : Verdict::kBeyond;
}

}  // namespace

void Results::Add(const Shape& shape, int64_t rows, int rep, Contender contender,
                  const UnitResult& result) {
  const auto index = static_cast<size_t>(rep);
  for (const auto& [metric, value] : result.values) {
    Samples& samples = samples_[{shape.name, rows, metric}];
    Values& values = contender == Contender::kPlain ? samples.plain : samples.tributary;
    if (values.size() <= index) values.resize(index + 1);
    values[index] = value;
  }
}

const Samples* Results::Find(const Shape& shape, int64_t rows, Metric metric) const {
  const auto found = samples_.find({shape.name, rows, metric});
  return found == samples_.end() ? nullptr : &found->second;
}

bool Results::Has(const Shape& shape, int64_t rows, Metric metric) const {
  return Find(shape, rows, metric) != nullptr;
}

Outcome Results::Judge(const Shape& shape, int64_t rows, Metric metric) const {
  Outcome outcome;
  outcome.goal = GoalOf(metric, shape.kind);
  const Samples* samples = Find(shape, rows, metric);
  if (samples == nullptr) return outcome;
  outcome.plain = Median(samples->plain);
  outcome.tributary = Median(samples->tributary);
  outcome.figure = Median(Paired(*samples, InfoOf(metric).judge));
  if (outcome.figure && outcome.goal) outcome.verdict = Decide(*outcome.figure, *outcome.goal);
  return outcome;
}

}  // namespace tributary::bench
