#include "sync/cli/json.h"

#include <cmath>

#include "crdt/utf8.h"
#include "sync/cli/db.h"

namespace tributary::cli {
namespace {

std::string RealText(double value) {
  // JSON has no infinity; this reads as one, as in SQLite's own JSON.
  if (std::isinf(value)) return value > 0 ? "9e999" : "-9e999";
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", value);
  std::string out = text;
  if (out.find_first_of(".e") == std::string::npos) out += ".0";
  return out;
}

}  // namespace

std::string JsonQuote(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    uint32_t c = 0;
    const size_t length = NextCharacter(text, &c);
    if (length == 0) {
      out += "\\ufffd";
      text.remove_prefix(1);
      continue;
    }
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c < 0x20 || c == 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", c);
      out += escaped;
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return out + '"';
}

std::string JsonOf(const Value& value) {
  switch (value.type) {
    case ValueType::kInteger:
      return std::to_string(value.integer);
    case ValueType::kReal:
      return RealText(value.real);
    case ValueType::kText:
      return JsonQuote(value.bytes);
    case ValueType::kBlob:
      return "{\"blob\": \"" + Hex(value.bytes) + "\"}";
    case ValueType::kNull:
      break;
  }
  return "null";
}

void JsonWriter::Comma() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (has_items_.empty()) return;
  if (has_items_.back()) Write(", ");
  has_items_.back() = true;
}

void JsonWriter::Begin(char bracket) {
  Comma();
  Write({&bracket, 1});
  has_items_.push_back(false);
}

void JsonWriter::End(char bracket) {
  Write({&bracket, 1});
  has_items_.pop_back();
  if (has_items_.empty()) Write("\n");
}

JsonWriter& JsonWriter::Key(std::string_view key) {
  Comma();
  Write(JsonQuote(key));
  Write(": ");
  after_key_ = true;
  return *this;
}

void JsonWriter::Raw(std::string_view json) {
  Comma();
  Write(json);
}

void JsonWriter::String(std::string_view text) { Raw(JsonQuote(text)); }
void JsonWriter::Int(int64_t value) { Raw(std::to_string(value)); }
void JsonWriter::Real(double value) { Raw(RealText(value)); }
void JsonWriter::Bool(bool value) { Raw(value ? "true" : "false"); }

}  // namespace tributary::cli
