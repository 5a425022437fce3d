#include "ext/affinity.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace tributary {
namespace {

// Moves past digits; false if there were none.
bool SkipDigits(std::string_view* s) {
  size_t n = 0;
  while (n < s->size() && absl::ascii_isdigit(static_cast<unsigned char>((*s)[n]))) n++;
  s->remove_prefix(n);
  return n > 0;
}

void SkipSign(std::string_view* s) {
  if (!s->empty() && ((*s)[0] == '+' || (*s)[0] == '-')) s->remove_prefix(1);
}

// Whether a REAL equals an integer that a column of integer affinity would store instead.
bool IsStoredAsInteger(double d) {
  return d > -9223372036854775808.0 && d < 9223372036854775807.0 &&
         static_cast<double>(static_cast<int64_t>(d)) == d;
}

}  // namespace

Affinity AffinityOf(std::string_view declared_type, bool strict) {
  const std::string type = absl::AsciiStrToUpper(declared_type);
  if (strict && type == "ANY") return Affinity::kBlob;
  if (absl::StrContains(type, "INT")) return Affinity::kInteger;
  if (absl::StrContains(type, "CHAR") || absl::StrContains(type, "CLOB") ||
      absl::StrContains(type, "TEXT")) {
    return Affinity::kText;
  }
  if (type.empty() || absl::StrContains(type, "BLOB")) return Affinity::kBlob;
  if (absl::StrContains(type, "REAL") || absl::StrContains(type, "FLOA") ||
      absl::StrContains(type, "DOUB")) {
    return Affinity::kReal;
  }
  return Affinity::kNumeric;
}

std::string NeutralLiteral(Affinity affinity) {
  switch (affinity) {
    case Affinity::kText:
      return "''";
    case Affinity::kBlob:
      return "x''";
    case Affinity::kReal:
      return "0.0";
    case Affinity::kNumeric:
    case Affinity::kInteger:
      break;
  }
  return "0";
}

bool LooksNumeric(std::string_view s) {
  s = absl::StripAsciiWhitespace(s);
  SkipSign(&s);
  bool digits = SkipDigits(&s);
  if (!s.empty() && s[0] == '.') {
    s.remove_prefix(1);
    digits = SkipDigits(&s) || digits;
  }
  if (!digits) return false;
  if (!s.empty() && (s[0] == 'e' || s[0] == 'E')) {
    s.remove_prefix(1);
    SkipSign(&s);
    if (!SkipDigits(&s)) return false;
  }
  return s.empty();
}

bool StoredUnchanged(Affinity affinity, const Value& v) {
  if (v.type == ValueType::kNull || v.type == ValueType::kBlob) return true;
  switch (affinity) {
    case Affinity::kBlob:
      return true;
    case Affinity::kText:
      return v.type == ValueType::kText;
    case Affinity::kReal:
      return v.type == ValueType::kReal || (v.type == ValueType::kText && !LooksNumeric(v.bytes));
    case Affinity::kNumeric:
    case Affinity::kInteger:
      if (v.type == ValueType::kInteger) return true;
      if (v.type == ValueType::kReal) return !IsStoredAsInteger(v.real);
      return !LooksNumeric(v.bytes);
  }
  return true;
}

}  // namespace tributary
