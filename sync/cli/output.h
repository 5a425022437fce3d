// How results look to people: colours, numbers, values, aligned columns, and progress.
#ifndef TRIBUTARY_SYNC_CLI_OUTPUT_H_
#define TRIBUTARY_SYNC_CLI_OUTPUT_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "crdt/value.h"
#include "sync/cli/db.h"

namespace tributary::cli {

// Colours, or nothing where they are not wanted.
class Style {
 public:
  Style() = default;
  explicit Style(bool enabled) : enabled_(enabled) {}
  // `when` is always, never or auto: on a terminal, unless NO_COLOR is set or it is a dumb one.
  static Style For(std::string_view when, int file_descriptor);

  std::string Bold(std::string_view s) const { return Wrap("1", s); }
  std::string Dim(std::string_view s) const { return Wrap("2", s); }
  std::string Red(std::string_view s) const { return Wrap("31", s); }
  std::string Green(std::string_view s) const { return Wrap("32", s); }
  std::string Yellow(std::string_view s) const { return Wrap("33", s); }
  std::string Cyan(std::string_view s) const { return Wrap("36", s); }

 private:
  std::string Wrap(const char* code, std::string_view s) const;
  bool enabled_ = false;
};

std::string WithCommas(int64_t n);                    // 12,345
std::string Bytes(int64_t n);                         // 3.4 MB
std::string Seconds(double seconds);                  // 12 ms, 1.4 s
std::string Count(int64_t n, std::string_view noun);  // 1 row, 2 rows

// A value as SQL would write it, on one line: control characters escaped, long ones cut.
std::string Show(const Value& value, int max_width = 48);
// A primary key as crsql_changes packs it, read back: 'CH', or (1, 'a').
std::string ShowKey(std::string_view packed, int max_width = 48);
// Text on one line and without control characters, at most max_width cells wide.
std::string OneLine(std::string_view text, int max_width);

// Text broken between words into lines of at most max_width cells, each after `indent`.
std::string Wrap(std::string_view text, std::string_view indent, int max_width = 79);

// Rows of cells, aligned. The first row is the heading.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> heading) { rows_.push_back(std::move(heading)); }
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  void AlignRight(size_t column) { right_.push_back(column); }
  void Print(FILE* out, const Style& style, std::string_view indent = "") const;

 private:
  std::vector<std::vector<std::string>> rows_;
  std::vector<size_t> right_;
};

// A line on stderr that tells what goes on, how far it is and how fast, once work has taken more
// than a second; gone at the end. Silent if not enabled, or if stderr is no terminal.
//
//   Progress progress(context.human(), "copying");
//   progress.Part("copying", Progress::Unit::kRows, total);
//   progress.Set(done);
class Progress {
 public:
  enum class Unit { kNone, kRows, kBytes, kTransactions };

  Progress(bool enabled, std::string label);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Another part of the work begins, of `total` units; 0: nobody knows.
  void Part(std::string label, Unit unit = Unit::kNone, int64_t total = 0);
  void Set(int64_t done, std::string detail = "");
  bool enabled() const { return enabled_; }

  // Keeps the line moving while SQLite works on one long statement. Unwatch before the database is
  // closed, if this lives longer.
  void Watch(const Database& db);
  void Unwatch(const Database& db);
  void Clear();

 private:
  using Clock = std::chrono::steady_clock;

  static int Tick(void* self);
  void Draw();
  std::string Bar(Clock::duration elapsed) const;
  std::string Amount(int64_t n) const;
  std::string Rate(double seconds) const;

  bool enabled_;
  std::string label_;
  std::string detail_;
  Unit unit_ = Unit::kNone;
  int64_t done_ = 0;
  int64_t total_ = 0;
  Clock::time_point started_ = Clock::now();
  Clock::time_point part_started_ = started_;
  Clock::time_point drawn_ = started_;
  bool visible_ = false;
  std::vector<sqlite3*> watched_;
};

}  // namespace tributary::cli

#endif  // TRIBUTARY_SYNC_CLI_OUTPUT_H_
