#include "sync/cli/parked.h"

#include <cstdio>

namespace tributary::cli {
namespace {

constexpr int kShownName = 60;
constexpr int kShownLine = 400;

// With whether the table is there, whether it is replicated, and whether the column is there, which
// a row's own record needs not.
constexpr std::string_view kParkedSql =
    "SELECT p.\"table\", p.cid, p.reason, count(*),"
    " EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = p.\"table\"),"
    " EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = p.\"table\""
    "  AND substr(name, -13) = '__crsql_itrig') AS replicated,"
    " p.cid = '-1' OR EXISTS (SELECT 1 FROM pragma_table_info(p.\"table\") WHERE name = p.cid)"
    "  AS has_place"
    " FROM crsql_parked AS p GROUP BY 1, 3, 2";

std::string Until(const std::string& path, const Statement& s) {
  const std::string table = QuoteName(s.Text(0));
  const std::string init = "tributary init " + path + " " + std::string(s.Text(0));
  if (s.Int(4) == 0) return "the table is there: CREATE TABLE " + table + "(...), then " + init;
  if (s.Int(5) == 0) return "the table is replicated: " + init;
  if (s.Int(6) == 0) {
    return "the table has it: ALTER TABLE " + table + " ADD COLUMN " + QuoteName(s.Text(1));
  }
  return "it fits: " + std::string(s.Text(2));
}

std::string Line(const Parked& p) {
  std::string what;
  for (const std::string& column : p.columns) {
    what += (what.empty() ? "" : ", ") + OneLine(p.table + "." + column, kShownName);
  }
  if (what.empty()) what = OneLine(p.table, kShownName);
  return OneLine(Count(p.cells, "cell") + " of " + what + ", until " + p.until, kShownLine);
}

}  // namespace

Status LoadParked(const Database& db, const std::string& path, std::vector<Parked>* parked) {
  parked->clear();
  Statement s = db.Prepare(kParkedSql);
  while (s.Step()) {
    const bool lacks_column = s.Int(5) != 0 && s.Int(6) == 0;
    std::string until = Until(path, s);
    // All columns that a table lacks are in one line.
    if (!parked->empty() && parked->back().table == s.Text(0)) {
      Parked& last = parked->back();
      if (lacks_column && !last.columns.empty()) {
        last.cells += s.Int(3);
        last.columns.emplace_back(s.Text(1));
        last.until =
            "the table has them: ALTER TABLE " + QuoteName(last.table) + " ADD COLUMN ... for each";
        continue;
      }
      if (last.until == until) {
        last.cells += s.Int(3);
        continue;
      }
    }
    Parked& p = parked->emplace_back();
    p.table = s.Text(0);
    if (lacks_column) p.columns.emplace_back(s.Text(1));
    p.cells = s.Int(3);
    p.until = std::move(until);
  }
  return s.status();
}

Status CatchUp(const Database& db) {
  std::vector<std::string> tables;
  Statement s = db.Prepare(
      "SELECT tbl_name FROM sqlite_schema AS t WHERE type = 'trigger'"
      " AND substr(name, -13) = '__crsql_itrig' AND (name <> tbl_name || '__crsql_itrig'"
      " OR EXISTS (SELECT name FROM pragma_table_info(tbl_name) WHERE pk = 0 EXCEPT"
      "  SELECT c.name FROM crsql_columns c JOIN crsql_tables r ON r.id = c.table_id"
      "  WHERE r.name = t.tbl_name)"
      " OR tbl_name IN (SELECT \"table\" FROM (" +
      std::string(kParkedSql) + ") WHERE has_place))");
  while (s.Step()) tables.emplace_back(s.Text(0));
  TRIBUTARY_RETURN_IF_ERROR(s.status());
  for (const std::string& table : tables) {
    // One that cannot be taken up now is not this one's business: who writes to it is told why.
    db.Prepare("SELECT crsql_as_crr(?1)").BindText(1, table).Run().ok();
  }
  return {};
}

void PrintParked(const Style& style, const std::string& path, const std::vector<Parked>& parked) {
  for (const Parked& p : parked) {
    std::printf("%s %s\n", style.Yellow("kept in " + path + ":").c_str(), Line(p).c_str());
  }
}

void WriteParked(JsonWriter* json, const std::string& path, const std::vector<Parked>& parked) {
  for (const Parked& p : parked) {
    json->BeginObject();
    json->Key("database").String(path);
    json->Key("table").String(p.table);
    json->Key("columns").BeginArray();
    for (const std::string& column : p.columns) json->String(column);
    json->EndArray();
    json->Key("cells").Int(p.cells);
    json->Key("until").String(p.until);
    json->EndObject();
  }
}

}  // namespace tributary::cli
