// JSON output. Always valid JSON: text that is not UTF-8 gets replacement characters.
#ifndef TRIBUTARY_SYNC_CLI_JSON_H_
#define TRIBUTARY_SYNC_CLI_JSON_H_

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "crdt/value.h"

namespace tributary::cli {

// What is not UTF-8, as text of databases may be, becomes replacement characters.
std::string JsonQuote(std::string_view text);
// NULL, numbers and text as themselves, a blob as {"blob": "hex"}.
std::string JsonOf(const Value& value);

// Writes JSON as it comes, so that a long result is never held in memory.
//
//   JsonWriter json(stdout);
//   json.BeginObject();
//   json.Key("rows").Int(3);
//   json.EndObject();
class JsonWriter {
 public:
  explicit JsonWriter(FILE* out) : out_(out) {}

  void BeginObject() { Begin('{'); }
  void EndObject() { End('}'); }
  void BeginArray() { Begin('['); }
  void EndArray() { End(']'); }
  JsonWriter& Key(std::string_view key);

  void String(std::string_view text);
  void Int(int64_t value);
  void Real(double value);
  void Bool(bool value);
  void SqlValue(const Value& value) { Raw(JsonOf(value)); }
  void Raw(std::string_view json);  // one value that is JSON already

 private:
  void Begin(char bracket);
  void End(char bracket);
  void Comma();
  void Write(std::string_view text) { std::fwrite(text.data(), 1, text.size(), out_); }

  FILE* out_;
  std::vector<bool> has_items_;  // one per open bracket
  bool after_key_ = false;
};

}  // namespace tributary::cli

#endif  // TRIBUTARY_SYNC_CLI_JSON_H_
