#include "ext/schema_text.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace tributary {
namespace {

// Takes tokens off a text, one by one; white space and comments are none.
class Tokens {
 public:
  explicit Tokens(std::string_view sql) : sql_(sql) {}

  bool Next() {
    SkipBlanks();
    start_ = end_;
    if (end_ == sql_.size()) return false;
    const char c = sql_[end_++];
    if (c == '\'' || c == '"' || c == '`') {
      // A doubled quote is two tokens to us, which does no harm: they follow each other.
      end_ = std::min(sql_.find(c, end_), sql_.size() - 1) + 1;
    } else if (c == '[') {
      end_ = std::min(sql_.find(']', end_), sql_.size() - 1) + 1;
    } else if (IsWord(c)) {
      while (end_ < sql_.size() && IsWord(sql_[end_])) end_++;
    }
    return true;
  }
  std::string_view token() const { return sql_.substr(start_, end_ - start_); }
  size_t start() const { return start_; }
  size_t end() const { return end_; }

 private:
  static bool IsWord(char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' ||
           static_cast<unsigned char>(c) >= 0x80;
  }
  void SkipBlanks() {
    for (;;) {
      const std::string_view rest = sql_.substr(end_);
      size_t n = 0;
      if (rest.substr(0, 2) == "--") {
        n = std::min(rest.find('\n'), rest.size());
      } else if (rest.substr(0, 2) == "/*") {
        n = std::min(rest.find("*/", 2), rest.size() - 2) + 2;
      } else if (!rest.empty() && absl::ascii_isspace(static_cast<unsigned char>(rest[0]))) {
        n = 1;
      } else {
        return;
      }
      end_ += n;
    }
  }

  std::string_view sql_;
  size_t start_ = 0;
  size_t end_ = 0;
};

}  // namespace

std::string CanonicalSql(std::string_view sql) {
  std::string out;
  for (Tokens t(sql); t.Next();) {
    std::string_view token = t.token();
    const char c = token[0];
    const bool quoted = token.size() > 1 && (c == '"' || c == '`' || c == '[');
    if (quoted) token = token.substr(1, token.size() - 2);
    out.append(c == '\'' ? std::string(token) : absl::AsciiStrToLower(token)).push_back('\n');
  }
  return out;
}

TableText SplitTable(std::string_view sql) {
  TableText text;
  int depth = 0;
  size_t part = 0;
  Tokens t(sql);
  // The name is one token, or several with doubled quotes.
  while (t.Next() && t.token() != "(") {
  }
  do {
    const std::string_view token = t.token();
    if (token == "(" && depth++ == 0) part = t.end();
    const bool last = token == ")" && --depth == 0;
    if (last || (token == "," && depth == 1)) {
      text.parts.push_back(sql.substr(part, t.start() - part));
      part = t.end();
    }
    if (last) break;
  } while (t.Next());
  text.options = sql.substr(t.end());
  return text;
}

}  // namespace tributary
