#include "ext/column_default.h"

#include <string>

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

}  // namespace

Status DefaultOf(sqlite3* db, const Table& table, const DataColumn& column, OwnedValue* value) {
  Statement s;
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(
      db,
      "SELECT coalesce(dflt_value, 'NULL') FROM pragma_table_info(?1, 'main') WHERE name = ?2"));
  s.BindText(1, table.name());
  s.BindText(2, column.name);
  TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
  const std::string expression(row ? s.Text(0) : "");
  if (!row || !IsConstant(expression)) return {};
  // Fails on a bare word, which is a string as a default only.
  if (!s.Prepare(db, absl::StrCat("SELECT ", expression)).ok() || !s.Step(&row).ok()) return {};
  if (!StoredUnchanged(column.affinity, ValueOf(s.Column(0)))) {
    TRIBUTARY_RETURN_IF_ERROR(s.Prepare(
        db, absl::StrCat("SELECT CAST(", expression, " AS ", TypeOf(column.affinity), ")")));
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
  }
  value->reset(sqlite3_value_dup(s.Column(0)));
  return *value != nullptr ? Status() : Status(SQLITE_NOMEM, "out of memory");
}

}  // namespace tributary
