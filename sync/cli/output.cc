#include "sync/cli/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>

#include "crdt/packed.h"
#include "crdt/utf8.h"
#include "sync/cli/text_width.h"

namespace tributary::cli {
namespace {

std::string Format(const char* format, double value) {
  char text[48];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

// Appends a character that is safe on a terminal: no control characters, no broken UTF-8, none of
// the marks that reverse the direction of what follows.
void AppendSafe(std::string_view character, uint32_t c, std::string* out) {
  if (character.empty()) {
    *out += "\xEF\xBF\xBD";
  } else if (c == '\n') {
    *out += "\\n";
  } else if (c == '\t') {
    *out += "\\t";
  } else if (c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
             (c >= 0x2066 && c <= 0x2069)) {
    char escaped[12];
    std::snprintf(escaped, sizeof escaped, "\\u%04x", c);
    *out += escaped;
  } else {
    *out += character;
  }
}

int TerminalWidth() {
  winsize size{};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

std::string ShowReal(double value) {
  std::string text = Format("%.15g", value);
  if (std::strtod(text.c_str(), nullptr) != value) text = Format("%.17g", value);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

}  // namespace

Style Style::For(std::string_view when, int file_descriptor) {
  if (when == "always") return Style(true);
  if (when == "never") return Style(false);
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool dumb = term != nullptr && std::string_view(term) == "dumb";
  return Style(isatty(file_descriptor) != 0 && (no_color == nullptr || *no_color == '\0') && !dumb);
}

std::string Style::Wrap(const char* code, std::string_view s) const {
  if (!enabled_ || s.empty()) return std::string(s);
  return std::string("\033[") + code + "m" + std::string(s) + "\033[0m";
}

std::string WithCommas(int64_t n) {
  std::string digits = std::to_string(n);
  const size_t first = n < 0 ? 1 : 0;
  for (size_t i = digits.size(); i > first + 3;) {
    i -= 3;
    digits.insert(i, 1, ',');
  }
  return digits;
}

std::string Bytes(int64_t n) {
  static constexpr const char* kUnits[] = {"B", "KB", "MB", "GB", "TB"};
  auto value = static_cast<double>(n);
  size_t unit = 0;
  for (; value >= 1000 && unit + 1 < std::size(kUnits); ++unit) value /= 1000;
  return Format(unit == 0 || value >= 100 ? "%.0f " : "%.1f ", value) + kUnits[unit];
}

std::string Seconds(double seconds) {
  if (seconds < 1) return Format("%.0f ms", seconds * 1000);
  return seconds < 100 ? Format("%.1f s", seconds) : Format("%.0f s", seconds);
}

std::string Count(int64_t n, std::string_view noun) {
  const bool y = noun.ends_with('y') && !noun.ends_with("ey");
  std::string plural(y ? noun.substr(0, noun.size() - 1) : noun);
  plural += y ? "ies" : noun.ends_with('y') || !noun.ends_with('s') ? "s" : "";
  return WithCommas(n) + " " + (n == 1 ? std::string(noun) : plural);
}

std::string OneLine(std::string_view text, int max_width) {
  std::string out;
  int width = 0;
  while (!text.empty()) {
    uint32_t c = 0;
    const size_t length = NextCharacter(text, &c);
    std::string safe;
    AppendSafe(text.substr(0, length), c, &safe);
    const int added = DisplayWidth(safe);
    if (width + added > max_width - (text.size() > std::max<size_t>(length, 1) ? 1 : 0)) {
      return out + "…";
    }
    out += safe;
    width += added;
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return out;
}

std::string Show(const Value& value, int max_width) {
  switch (value.type) {
    case ValueType::kNull:
      return "NULL";
    case ValueType::kInteger:
      return std::to_string(value.integer);
    case ValueType::kReal:
      return ShowReal(value.real);
    case ValueType::kText:
      return "'" + OneLine(value.bytes, max_width) + "'";
    case ValueType::kBlob:
      break;
  }
  const size_t limit = static_cast<size_t>(std::max(max_width, 8)) / 2;
  if (value.bytes.size() <= limit) return "x'" + Hex(value.bytes) + "'";
  return "x'" + Hex(value.bytes.substr(0, limit / 2)) + "…' (" +
         Bytes(static_cast<int64_t>(value.bytes.size())) + ")";
}

std::string ShowKey(std::string_view packed, int max_width) {
  std::vector<Value> values;
  if (!UnpackValues(packed, &values)) return "x'" + Hex(packed) + "'";
  if (values.size() == 1) return Show(values[0], max_width);
  std::string out = "(";
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ", ";
    out += Show(values[i], max_width);
  }
  return out + ")";
}

std::string Wrap(std::string_view text, std::string_view indent, int max_width) {
  std::string out;
  int width = max_width;  // of the line so far: full, so that the first word begins a line
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const int added = DisplayWidth(word);
    if (width + 1 + added > max_width) {
      out += out.empty() ? indent : "\n" + std::string(indent);
      width = DisplayWidth(indent);
    } else {
      out += " ";
      ++width;
    }
    out += word;
    width += added;
  }
  return out;
}

void TextTable::Print(FILE* out, const Style& style, std::string_view indent) const {
  std::vector<int> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(row[i]));
  }
  for (size_t r = 0; r < rows_.size(); ++r) {
    std::string line;
    for (size_t i = 0; i < rows_[r].size(); ++i) {
      const std::string padding(static_cast<size_t>(widths[i] - DisplayWidth(rows_[r][i])), ' ');
      const bool right = std::find(right_.begin(), right_.end(), i) != right_.end();
      if (i > 0) line += "  ";
      line += right ? padding + rows_[r][i] : rows_[r][i] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    std::fprintf(out, "%s%s\n", std::string(indent).c_str(),
                 (r == 0 ? style.Dim(line) : line).c_str());
  }
}

Progress::Progress(bool enabled, std::string label)
    : enabled_(enabled && isatty(STDERR_FILENO) != 0), label_(std::move(label)) {}

Progress::~Progress() {
  for (sqlite3* db : watched_) sqlite3_progress_handler(db, 0, nullptr, nullptr);
  Clear();
}

void Progress::Part(std::string label, Unit unit, int64_t total) {
  label_ = std::move(label);
  detail_.clear();
  unit_ = unit;
  done_ = 0;
  total_ = total;
  part_started_ = Clock::now();
}

void Progress::Set(int64_t done, std::string detail) {
  if (!enabled_) return;
  done_ = done;
  detail_ = std::move(detail);
  Draw();
}

void Progress::Watch(const Database& db) {
  static constexpr int kInstructionsPerTick = 50000;
  if (!enabled_) return;
  sqlite3_progress_handler(db.get(), kInstructionsPerTick, &Progress::Tick, this);
  watched_.push_back(db.get());
}

void Progress::Unwatch(const Database& db) {
  if (std::erase(watched_, db.get()) > 0) sqlite3_progress_handler(db.get(), 0, nullptr, nullptr);
}

int Progress::Tick(void* self) {
  static_cast<Progress*>(self)->Draw();
  return 0;
}

void Progress::Clear() {
  if (visible_) std::fputs("\r\033[K", stderr);
  visible_ = false;
}

std::string Progress::Bar(Clock::duration elapsed) const {
  static constexpr int kWidth = 20;
  std::string bar;
  if (total_ > 0) {
    const double part = std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_));
    const int filled = static_cast<int>(part * kWidth);
    for (int i = 0; i < kWidth; ++i) bar += i < filled ? "█" : "░";
    return bar + Format(" %3.0f %%", part * 100);
  }
  // No end is known: a block that wanders.
  const auto at = static_cast<int>(elapsed / std::chrono::milliseconds(100) % kWidth);
  for (int i = 0; i < kWidth; ++i) bar += (i - at + kWidth) % kWidth < 5 ? "█" : "░";
  return bar;
}

std::string Progress::Amount(int64_t n) const {
  switch (unit_) {
    case Unit::kRows:
      return Count(n, "row");
    case Unit::kTransactions:
      return Count(n, "transaction");
    case Unit::kBytes:
      return Bytes(n);
    case Unit::kNone:
      break;
  }
  return "";
}

// How fast, and how long it will take if that stays so.
std::string Progress::Rate(double seconds) const {
  if (unit_ == Unit::kNone || done_ == 0 || seconds < 0.1) return "";
  const double rate = static_cast<double>(done_) / seconds;
  std::string text = "  " + Amount(static_cast<int64_t>(rate)) + "/s";
  if (total_ > done_) {
    text += ", " + Seconds(std::max(1.0, static_cast<double>(total_ - done_) / rate)) + " left";
  }
  return text;
}

void Progress::Draw() {
  using std::chrono::milliseconds;
  const auto now = Clock::now();
  if (now - started_ < milliseconds(1000) || now - drawn_ < milliseconds(100)) return;
  drawn_ = now;
  visible_ = true;
  std::string line = OneLine(label_, 30) + " " + Bar(now - started_);
  if (unit_ != Unit::kNone) line += "  " + Amount(done_);
  if (!detail_.empty()) line += (unit_ == Unit::kNone ? "  " : ", ") + detail_;
  line += Rate(std::chrono::duration<double>(now - part_started_).count());
  line += "  " + Seconds(std::chrono::duration<double>(now - started_).count());
  // A line that wraps could not be taken back.
  std::fprintf(stderr, "\r\033[K%s", OneLine(line, TerminalWidth() - 1).c_str());
  std::fflush(stderr);
}

}  // namespace tributary::cli
