#include "tests/bench/report.h"

#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace tributary::bench {
namespace {

// The tables are Markdown, to be pasted as they are, and fit into 80 columns: "| " and " |" around
// the cells and " | " between them.
constexpr int kLabelWidth = 31;
constexpr int kGoalWidth = 9;
constexpr int kFigureWidth = 7;
constexpr int kGrowthWidth = 12;
constexpr int kUnitWidth = 9;
constexpr int kAbsoluteWidth = 8;

enum class Ink { kPlain, kBold, kDim, kGreen, kRed };

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
    static constexpr const char* kCodes[] = {"", "\033[1m", "\033[2m", "\033[32m", "\033[1;31m"};
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

// What a metric is judged by. Where that is no ratio, the unit is in the row's label.
std::string Figure(const MetricInfo& info, const Outcome& outcome) {
  if (!outcome.figure) return "-";
  std::string text = info.judge == MetricInfo::Judge::kExcess ? Format("%+.1f", *outcome.figure)
                                                              : Number(*outcome.figure);
  return text + (outcome.verdict == Verdict::kMissed ? "*" : "");
}

std::string LabelWithUnit(const MetricInfo& info) {
  return info.label + (info.unit == "us/row" ? "" : ", " + info.unit);
}

Ink InkOf(Verdict verdict) {
  return verdict == Verdict::kMet      ? Ink::kGreen
         : verdict == Verdict::kMissed ? Ink::kRed
                                       : Ink::kPlain;
}

struct Cell {
  std::string text;
  int width;  // negative: to the right
  Ink ink = Ink::kPlain;
};

void PrintRow(const std::vector<Cell>& cells, const Pen& pen) {
  for (const Cell& cell : cells) {
    pen.Write(&cell == cells.data() ? "| " : " | ", 0, Ink::kDim);
    pen.Write(cell.text, cell.width, cell.ink);
  }
  pen.Write(" |", 0, Ink::kDim);
  pen.EndLine();
}

void PrintHead(const std::vector<Cell>& cells, const Pen& pen) {
  pen.EndLine();
  PrintRow(cells, pen);
  std::string line;
  for (const Cell& cell : cells) {
    const auto width = static_cast<size_t>(std::abs(cell.width));
    line += '|' + std::string(width + 1, '-') + (cell.width < 0 ? ':' : '-');
  }
  pen.Write(line + '|', 0, Ink::kDim);
  pen.EndLine();
}

void PrintTitle(const Options& options, const std::string& scratch, const Pen& pen) {
  pen.Write(options.triggers ? "Empty triggers" : "Tributary", 0, Ink::kBold);
  pen.Write(" against plain SQLite ", 0, Ink::kBold);
  pen.Write(sqlite3_libversion(), 0, Ink::kBold);
  pen.EndLine();
  std::string runs;
  for (const int64_t rows : options.row_counts) {
    const int reps = options.RepsOf(rows);
    if (!runs.empty() && reps == options.RepsOf(options.row_counts[0])) continue;
    if (!runs.empty()) runs += ", from a million rows ";
    runs += reps == 1 ? "one run" : "medians of " + std::to_string(reps) + " runs";
    if (reps != options.RepsOf(options.row_counts[0])) break;
  }
  pen.Write("CPU time, " + runs + "; files in " + scratch + ".");
  pen.EndLine();
  if (options.so_given && !IsLinkedStatically()) {
    pen.Write("Extension: " + options.so);
    pen.EndLine();
  }
}

// The goals of the shapes that are shown: "1.4/2/1.3" where each has its own, "1.7 todo" where
// there is one for that shape only.
std::string GoalText(const Options& options, const MetricInfo& info) {
  std::vector<std::string> goals;
  std::string only;
  for (const std::string& name : options.shapes) {
    const std::optional<Goal> goal = GoalOf(info.metric, FindShape(name)->kind);
    if (!goal || !goal->binding) continue;
    goals.push_back(Format("%g", goal->limit));
    only = name;
  }
  if (goals.empty()) return "";
  if (goals.size() < options.shapes.size()) return goals[0] + " " + only;
  if (std::all_of(goals.begin(), goals.end(), [&](const auto& g) { return g == goals[0]; })) {
    return goals[0];
  }
  std::string text;
  for (const std::string& goal : goals) text += (text.empty() ? "" : "/") + goal;
  return text;
}

bool MeasuredAnywhere(const Options& options, const Results& results, int64_t rows,
                      const MetricInfo& info) {
  return std::any_of(options.shapes.begin(), options.shapes.end(), [&](const std::string& name) {
    return results.Judge(*FindShape(name), rows, info.metric).figure.has_value();
  });
}

// One table for all shapes: figures and verdicts.
void PrintSummary(const Options& options, const Results& results, int64_t rows, const Pen& pen) {
  std::vector<Cell> head{{Rows(rows) + " rows", kLabelWidth, Ink::kBold}, {"goal", kGoalWidth}};
  for (const std::string& name : options.shapes) head.push_back({name, -kFigureWidth, Ink::kBold});
  PrintHead(head, pen);
  for (const MetricInfo& info : AllMetrics()) {
    if (options.triggers && !MeasuredAnywhere(options, results, rows, info)) continue;
    const bool ratio = info.judge == MetricInfo::Judge::kRatio;
    std::vector<Cell> row{{ratio ? info.label : LabelWithUnit(info), kLabelWidth},
                          {GoalText(options, info), kGoalWidth, Ink::kDim}};
    for (const std::string& name : options.shapes) {
      const Shape& shape = *FindShape(name);
      const Outcome outcome = results.Judge(shape, rows, info.metric);
      // What is about no shape is stored, and shown, with the first one.
      const bool shown = results.Has(shape, rows, info.metric) || !info.whole_database;
      row.push_back({shown ? Figure(info, outcome) : "", -kFigureWidth, InkOf(outcome.verdict)});
    }
    PrintRow(row, pen);
  }
}

// What --absolute adds: both contenders' own figures.
void PrintAbsolute(const Results& results, const Shape& shape, int64_t rows, const Pen& pen) {
  PrintHead({{shape.name + ", " + Rows(rows) + " rows", kLabelWidth, Ink::kBold},
             {"unit", kUnitWidth},
             {"plain", -kAbsoluteWidth},
             {"ours", -kAbsoluteWidth},
             {"cost", -kAbsoluteWidth}},
            pen);
  for (const MetricInfo& info : AllMetrics()) {
    if (!results.Has(shape, rows, info.metric)) continue;
    const Outcome outcome = results.Judge(shape, rows, info.metric);
    const bool twice = info.judge == MetricInfo::Judge::kAbsolute;
    PrintRow({{info.label, kLabelWidth},
              {info.unit, kUnitWidth, Ink::kDim},
              {outcome.plain ? Number(*outcome.plain) : "-", -kAbsoluteWidth},
              {outcome.tributary ? Number(*outcome.tributary) : "-", -kAbsoluteWidth},
              {twice ? "" : Figure(info, outcome), -kAbsoluteWidth, InkOf(outcome.verdict)}},
             pen);
  }
}

// Per-row costs should stay where they are when the table grows.
void PrintGrowth(const Options& options, const Results& results, const Shape& shape,
                 const Pen& pen) {
  std::vector<Cell> head{{shape.name + " (" + shape.title + ")", kLabelWidth, Ink::kBold}};
  for (const int64_t rows : options.row_counts) head.push_back({Rows(rows), -kGrowthWidth});
  PrintHead(head, pen);
  for (const MetricInfo& info : AllMetrics()) {
    if (info.whole_database) continue;
    std::vector<Cell> row{{LabelWithUnit(info), kLabelWidth}};
    for (const int64_t rows : options.row_counts) {
      const Outcome outcome = results.Judge(shape, rows, info.metric);
      std::string text = Figure(info, outcome);
      if (info.judge == MetricInfo::Judge::kRatio && outcome.tributary && outcome.figure) {
        text = Number(*outcome.tributary) + " (" + text + ")";
      }
      row.push_back({text, -kGrowthWidth, InkOf(outcome.verdict)});
    }
    PrintRow(row, pen);
  }
}

struct Tally {
  int met = 0;
  int missed = 0;
};

Tally Count(const Options& options, const Results& results) {
  Tally tally;
  for (const std::string& name : options.shapes) {
    for (const int64_t rows : options.row_counts) {
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
  pen.Write(
      options.row_counts.size() == 1
          ? "Ratios to plain SQLite in the same run, where no unit is named."
          : "Microseconds per row, or the unit named; in brackets the ratio to plain SQLite.");
  pen.EndLine();
  const Tally tally = Count(options, results);
  const int goals = tally.met + tally.missed;
  if (goals > 0) {
    pen.Write(std::to_string(tally.met) + " of " + std::to_string(goals) + " goals met" +
                  (tally.missed > 0 ? "; * misses its goal." : "."),
              0, tally.missed == 0 ? Ink::kGreen : Ink::kBold);
    pen.EndLine();
  }
  for (const Failure& failure : results.failures()) {
    pen.Write("failed: ", 0, Ink::kRed);
    pen.Write(NameOf(failure.contender) + ", " + failure.where +
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
  PrintTitle(options, scratch, pen);
  if (options.row_counts.size() == 1) {
    PrintSummary(options, results, options.row_counts[0], pen);
  } else {
    for (const std::string& name : options.shapes) {
      PrintGrowth(options, results, *FindShape(name), pen);
    }
  }
  if (options.absolute) {
    for (const std::string& name : options.shapes) {
      for (const int64_t rows : options.row_counts) {
        PrintAbsolute(results, *FindShape(name), rows, pen);
      }
    }
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
    for (const int64_t rows : options.row_counts) {
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
    text += "  {\"contender\":" + Quote(NameOf(failure.contender)) +
            ",\"where\":" + Quote(failure.where) + ",\"what\":" + Quote(failure.what) + "}";
  }
  text += "\n ]\n}\n";
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return false;
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  return std::fclose(file) == 0 && written;
}

}  // namespace tributary::bench
