#include "ext/column_default.h"

#include <string>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace tributary {
namespace {

// Whether a default is the same in each row: no function and no clock, outside of strings.
bool IsConstant(std::string_view expression) {
  std::string code;
  char quote = 0;
  for (const char c : expression) {
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else {
      code.push_back(absl::ascii_tolower(static_cast<unsigned char>(c)));
    }
  }
  return !absl::StrContains(code, '(') && !absl::StrContains(code, "current_");
}

const char* TypeOf(Affinity affinity) {
  switch (affinity) {
    case Affinity::kText:
      return "TEXT";
    case Affinity::kReal:
      return "REAL";
    case Affinity::kInteger:
      return "INTEGER";
    case Affinity::kNumeric:
    case Affinity::kBlob:
      break;
  }
  return "NUMERIC";
}

// A bare word is a string as a default, not so in an expression.
bool IsWord(std::string_view s) {
  return !s.empty() && absl::c_all_of(s, [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || (c & 0x80) != 0;
  });
}

Status BirthValue(sqlite3* db, const DataColumn& column, OwnedValue* value) {
  std::string expression = column.neutral.empty() ? column.fallback : column.neutral;
  if (expression.empty()) expression = "NULL";
  if (!IsConstant(expression)) return {};
  Statement s;
  bool row;
  Status prepared = s.Prepare(db, absl::StrCat("SELECT ", expression));
  if (prepared.code() == SQLITE_ERROR && IsWord(expression)) {
    expression = absl::StrCat("'", expression, "'");
    prepared = s.Prepare(db, absl::StrCat("SELECT ", expression));
  }
  if (prepared.code() == SQLITE_ERROR) return {};
  TRIBUTARY_RETURN_IF_ERROR(std::move(prepared));
  TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
  if (!StoredUnchanged(column.affinity, ValueOf(s.Column(0)))) {
    TRIBUTARY_RETURN_IF_ERROR(s.Prepare(
        db, absl::StrCat("SELECT CAST(", expression, " AS ", TypeOf(column.affinity), ")")));
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
  }
  value->reset(sqlite3_value_dup(s.Column(0)));
  return *value != nullptr ? Status() : Status(SQLITE_NOMEM, "out of memory");
}

}  // namespace

Status BirthValues(sqlite3* db, Table* table, const std::vector<OwnedValue>** values) {
  const std::vector<DataColumn>& columns = table->columns();
  if (table->births.size() != columns.size()) {
    std::vector<OwnedValue> births(columns.size());
    for (size_t i = 0; i < columns.size(); i++) {
      TRIBUTARY_RETURN_IF_ERROR(BirthValue(db, columns[i], &births[i]));
    }
    table->births = std::move(births);
  }
  *values = &table->births;
  return {};
}

}  // namespace tributary
