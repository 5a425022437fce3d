#include "tests/bench/report.h"

#include <sqlite3.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <string_view>

namespace tributary::bench {
namespace {

constexpr int kLabelWidth = 39;
constexpr int kFigureWidth = 12;
constexpr int kMarkWidth = 9;

enum class Ink { kPlain, kBold, kDim, kGreen, kRed, kYellow };

class Pen {
 public:
  explicit Pen(std::FILE* out) : out_(out) {
    const char* no_color = std::getenv("NO_COLOR");
    const char* term = std::getenv("TERM");
    colour_ = isatty(fileno(out)) == 1 && (no_color == nullptr || *no_color == '\0') &&
              term != nullptr && std::string_view(term) != "dumb";
  }

  // Pads to `width` columns, on the left where it is negative. Text is ASCII.
  void Write(const std::string& text, int width = 0, Ink ink = Ink::kPlain) const {
    static constexpr const char* kCodes[] = {"",         "\033[1m",    "\033[2m",
                                             "\033[32m", "\033[1;31m", "\033[33m"};
    const size_t wanted = static_cast<size_t>(std::abs(width));
    const std::string gap(wanted > text.size() ? wanted - text.size() : 0, ' ');
    const bool inked = colour_ && ink != Ink::kPlain;
    std::fprintf(out_, "%s%s%s%s%s", width < 0 ? gap.c_str() : "",
                 inked ? kCodes[static_cast<int>(ink)] : "", text.c_str(), inked ? "\033[0m" : "",
                 width < 0 ? "" : gap.c_str());
  }
  void EndLine() const { std::fputc('\n', out_); }

 private:
  std::FILE* out_;
  bool colour_;
};

std::string Format(const char* format, double value) {
  char text[48];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

// Three digits that matter.
std::string Number(double value) {
  const double size = std::fabs(value);
  return Format(size >= 99.95 ? "%.0f" : size >= 9.995 ? "%.1f" : "%.2f", value);
}

std::string Rows(int64_t rows) {
  const std::string digits = std::to_string(rows);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string Figure(const MetricInfo& info, const std::optional<double>& value) {
  if (!value) return "-";
  switch (info.judge) {
    case MetricInfo::Judge::kRatio:
      return Number(*value) + "x";
    case MetricInfo::Judge::kAbsolute:
      return Number(*value) + " " + info.unit;
    case MetricInfo::Judge::kExcess:
      return Format("%+.1f ", *value) + info.unit;
  }
  return "";
}

std::string GoalText(const MetricInfo& info, const Outcome& outcome) {
  if (!outcome.goal) return "";
  std::string text = Number(outcome.goal->limit);
  text += info.judge == MetricInfo::Judge::kRatio ? "x" : " " + info.unit;
  return outcome.goal->binding ? text : "(" + text + ")";
}

std::string Mark(Verdict verdict) {
  static constexpr const char* kMarks[] = {"", "ok", "MISS", "(ok)", "(over)"};
  return kMarks[static_cast<int>(verdict)];
}

Ink InkOf(Verdict verdict) {
  static constexpr Ink kInks[] = {Ink::kDim, Ink::kGreen, Ink::kRed, Ink::kDim, Ink::kYellow};
  return kInks[static_cast<int>(verdict)];
}

// A metric that is about no shape is stored, and shown, with the first one that was asked for.
bool Shows(const Results& results, const Shape& shape, int64_t rows, const MetricInfo& info) {
  return results.Has(shape, rows, info.metric);
}

void PrintHeader(const Options& options, const std::string& scratch, const Pen& pen) {
  pen.Write("What tracking costs", 0, Ink::kBold);
  pen.Write(std::string(": Tributary against plain SQLite ") + sqlite3_libversion());
  pen.EndLine();
  pen.Write("CPU time, medians of " + std::to_string(options.reps) +
                (options.reps == 1 ? " run" : " interleaved runs") + ", files in " + scratch +
                (IsLinkedStatically() ? "" : ", " + options.so),
            0, Ink::kDim);
  pen.EndLine();
}

void PrintFull(const Results& results, const Shape& shape, int64_t rows, const Pen& pen) {
  pen.EndLine();
  pen.Write(shape.name, 0, Ink::kBold);
  pen.Write(": " + shape.title + ", " + Rows(rows) + " rows");
  pen.EndLine();
  pen.Write("", kLabelWidth);
  for (const char* head : {"plain", "tributary", "cost", "goal"}) {
    pen.Write(head, -kFigureWidth, Ink::kDim);
  }
  pen.EndLine();
  for (const MetricInfo& info : AllMetrics()) {
    if (!Shows(results, shape, rows, info)) continue;
    const Outcome outcome = results.Judge(shape, rows, info.metric);
    pen.Write("  " + info.label, kLabelWidth);
    pen.Write(outcome.plain ? Number(*outcome.plain) : "-", -kFigureWidth);
    pen.Write(outcome.tributary ? Number(*outcome.tributary) : "-", -kFigureWidth);
    pen.Write(Figure(info, outcome.figure), -kFigureWidth, Ink::kBold);
    pen.Write(GoalText(info, outcome), -kFigureWidth, Ink::kDim);
    pen.Write("  " + Mark(outcome.verdict), kMarkWidth, InkOf(outcome.verdict));
    pen.Write(info.unit, 0, Ink::kDim);
    pen.EndLine();
  }
}

// The binding goals of all shapes in one cell, "1.4 / 2 / 1.3x"; once where they are the same.
std::string CompactGoal(const Options& options, const MetricInfo& info) {
  std::string text;
  double before = -1;
  for (const std::string& name : options.shapes) {
    const std::optional<Goal> goal = GoalOf(info.metric, FindShape(name)->kind);
    if (!goal || !goal->binding || goal->limit == before) continue;
    text += (text.empty() ? "" : " / ") + Format("%g", goal->limit);
    before = goal->limit;
  }
  if (text.empty()) return "";
  return text + (info.judge == MetricInfo::Judge::kRatio ? "x" : " " + info.unit);
}

// One table for all shapes: figures and verdicts.
void PrintCompact(const Options& options, const Results& results, int64_t rows, const Pen& pen) {
  pen.EndLine();
  pen.Write(Rows(rows) + " rows", kLabelWidth, Ink::kBold);
  for (const std::string& name : options.shapes) {
    pen.Write(name, -kFigureWidth, Ink::kBold);
    pen.Write("", kMarkWidth);
  }
  pen.Write("goal", 0, Ink::kDim);
  pen.EndLine();
  for (const MetricInfo& info : AllMetrics()) {
    pen.Write("  " + info.label, kLabelWidth);
    for (const std::string& name : options.shapes) {
      const Shape& shape = *FindShape(name);
      const bool shown = Shows(results, shape, rows, info);
      const Outcome outcome = results.Judge(shape, rows, info.metric);
      pen.Write(shown ? Figure(info, outcome.figure) : "", -kFigureWidth);
      const std::string mark = shown ? "  " + Mark(outcome.verdict) : "";
      pen.Write(mark, kMarkWidth, InkOf(outcome.verdict));
    }
    pen.Write(CompactGoal(options, info), 0, Ink::kDim);
    pen.EndLine();
  }
}

// Per-row costs should stay where they are when the table grows.
void PrintGrowth(const Options& options, const Results& results, const Shape& shape,
                 const Pen& pen) {
  pen.EndLine();
  pen.Write(shape.name, 0, Ink::kBold);
  pen.Write(" as it grows: its own figures and the cost, per number of rows (! misses its goal)");
  pen.EndLine();
  pen.Write("", kLabelWidth);
  const std::vector<int64_t> counts = options.RowCountsOf(shape.name);
  for (const int64_t rows : counts) {
    pen.Write(Rows(rows) + " ", -2 * kFigureWidth, Ink::kDim);
  }
  pen.EndLine();
  for (const MetricInfo& info : AllMetrics()) {
    if (info.whole_database) continue;
    pen.Write("  " + info.label, kLabelWidth);
    for (const int64_t rows : counts) {
      const Outcome outcome = results.Judge(shape, rows, info.metric);
      pen.Write(outcome.tributary ? Number(*outcome.tributary) : "-", -kFigureWidth);
      const bool twice = info.judge == MetricInfo::Judge::kAbsolute;
      const bool missed = outcome.verdict == Verdict::kMissed;
      pen.Write((twice ? "" : Figure(info, outcome.figure)) + (missed ? "!" : " "), -kFigureWidth,
                missed ? Ink::kRed : Ink::kBold);
    }
    pen.Write("  " + info.unit, 0, Ink::kDim);
    pen.EndLine();
  }
}

struct Tally {
  int met = 0;
  int missed = 0;
};

Tally Count(const Options& options, const Results& results) {
  Tally tally;
  for (const std::string& name : options.shapes) {
    for (const int64_t rows : options.RowCountsOf(name)) {
      for (const MetricInfo& info : AllMetrics()) {
        const Verdict verdict = results.Judge(*FindShape(name), rows, info.metric).verdict;
        tally.met += verdict == Verdict::kMet ? 1 : 0;
        tally.missed += verdict == Verdict::kMissed ? 1 : 0;
      }
    }
  }
  return tally;
}

void PrintEnd(const Options& options, const Results& results, const Pen& pen) {
  pen.EndLine();
  const Tally tally = Count(options, results);
  if (tally.met + tally.missed > 0) {
    pen.Write(std::to_string(tally.met) + " of " + std::to_string(tally.met + tally.missed) +
                  " goals met.",
              0, tally.missed == 0 ? Ink::kGreen : Ink::kBold);
    pen.Write(" In brackets: a goal that is stated for the todo shape only.", 0, Ink::kDim);
    pen.EndLine();
  }
  for (const Failure& failure : results.failures()) {
    pen.Write("failed: ", 0, Ink::kRed);
    pen.Write((failure.contender == Contender::kPlain ? "plain, " : "tributary, ") + failure.where +
              (failure.where.empty() ? "" : ", ") + failure.what);
    pen.EndLine();
  }
}

std::string Quote(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return quoted + "\"";
}

std::string JsonNumber(const std::optional<double>& value) {
  return value ? Format("%.9g", *value) : "null";
}

std::string JsonList(const std::vector<std::optional<double>>& values) {
  std::string list;
  for (const auto& value : values) list += (list.empty() ? "" : ",") + JsonNumber(value);
  return "[" + list + "]";
}

std::string JsonOutcome(const Shape& shape, int64_t rows, const MetricInfo& info,
                        const Outcome& outcome, const Samples& samples) {
  static constexpr const char* kJudges[] = {"ratio", "absolute", "excess"};
  static constexpr const char* kVerdicts[] = {"none", "met", "missed", "within", "beyond"};
  std::string text = "  {\"shape\":" + Quote(info.whole_database ? "any" : shape.name) +
                     ",\"rows\":" + std::to_string(rows) + ",\"metric\":" + Quote(info.id) +
                     ",\"unit\":" + Quote(info.unit) +
                     ",\"judged_by\":" + Quote(kJudges[static_cast<int>(info.judge)]) +
                     ",\"plain\":" + JsonNumber(outcome.plain) +
                     ",\"tributary\":" + JsonNumber(outcome.tributary) +
                     ",\"figure\":" + JsonNumber(outcome.figure) + ",\"goal\":";
  text += outcome.goal ? Format("%.9g", outcome.goal->limit) : "null";
  text += std::string(",\"goal_is_binding\":") +
          (outcome.goal && outcome.goal->binding ? "true" : "false");
  text += ",\"verdict\":" + Quote(kVerdicts[static_cast<int>(outcome.verdict)]);
  text += ",\"plain_samples\":" + JsonList(samples.plain);
  return text + ",\"tributary_samples\":" + JsonList(samples.tributary) + "}";
}

}  // namespace

void PrintReport(const Options& options, const Results& results, const std::string& scratch,
                 std::FILE* out) {
  const Pen pen(out);
  PrintHeader(options, scratch, pen);
  for (const int64_t rows : options.row_counts) {
    if (options.quick) {
      PrintCompact(options, results, rows, pen);
      continue;
    }
    for (const std::string& name : options.shapes) {
      PrintFull(results, *FindShape(name), rows, pen);
    }
  }
  for (const std::string& name : options.shapes) {
    if (options.RowCountsOf(name).size() < 2) continue;
    PrintGrowth(options, results, *FindShape(name), pen);
  }
  PrintEnd(options, results, pen);
}

int CountMissed(const Options& options, const Results& results) {
  return Count(options, results).missed;
}

bool WriteJson(const Options& options, const Results& results, const std::string& path) {
  std::string text = "{\n \"sqlite\":" + Quote(sqlite3_libversion()) +
                     ", \"clock\":\"cpu\", \"reps\":" + std::to_string(options.reps) +
                     ",\n \"results\":[";
  bool first = true;
  for (const std::string& name : options.shapes) {
    const Shape& shape = *FindShape(name);
    for (const int64_t rows : options.RowCountsOf(name)) {
      for (const MetricInfo& info : AllMetrics()) {
        const Samples* samples = results.Find(shape, rows, info.metric);
        if (samples == nullptr) continue;
        text += first ? "\n" : ",\n";
        first = false;
        text += JsonOutcome(shape, rows, info, results.Judge(shape, rows, info.metric), *samples);
      }
    }
  }
  text += "\n ],\n \"failures\":[";
  first = true;
  for (const Failure& failure : results.failures()) {
    text += first ? "\n" : ",\n";
    first = false;
    text += "  {\"contender\":" +
            Quote(failure.contender == Contender::kPlain ? "plain" : "tributary") +
            ",\"where\":" + Quote(failure.where) + ",\"what\":" + Quote(failure.what) + "}";
  }
  text += "\n ]\n}\n";
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return false;
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  return std::fclose(file) == 0 && written;
}

}  // namespace tributary::bench
