#include "sync/cli/explain.h"

#include <cstdio>
#include <vector>

#include "sync/cli/folder_sync.h"
#include "sync/cli/json.h"
#include "sync/cli/replica.h"

namespace tributary::cli {
namespace {

constexpr std::string_view kSentinel = "-1";

struct Cell {
  std::string column;  // kSentinel: the row itself
  std::string shown;
  std::string json;
  int64_t version = 0;
  std::string site_id;  // empty: it has no clock
  int64_t db_version = 0;
  int64_t seq = 0;
  std::string clock;
  int64_t commit_ms = 0;
};

struct Explained {
  int64_t causal_length = 0;
  std::vector<Cell> cells;  // the row itself first

  bool alive() const { return causal_length % 2 != 0; }
};

// What was typed, one row for each value of the key.
constexpr std::string_view kKeySql =
    "SELECT value FROM json_each(CASE WHEN json_valid(?1) AND ?1 LIKE '[%' THEN ?1 END)"
    " UNION ALL SELECT CASE"
    " WHEN ?1 = CAST(CAST(?1 AS INTEGER) AS TEXT) THEN CAST(?1 AS INTEGER)"
    " WHEN ?1 LIKE 'x''%''' AND unhex(substr(?1, 3, length(?1) - 3)) NOTNULL"
    " THEN unhex(substr(?1, 3, length(?1) - 3)) ELSE ?1 END"
    " WHERE NOT (json_valid(?1) AND ?1 LIKE '[%')";

Status Read(const Database& db, const std::string& table, const std::string& key, Explained* out) {
  Statement typed = db.Prepare(kKeySql);
  typed.BindText(1, key);
  std::string sql =
      "SELECT cid, value, col_version, site_id, db_version, seq, cl, clock, commit_ms"
      " FROM crsql_explain(?1";
  std::vector<std::string> bytes;
  std::vector<Value> values;
  while (typed.Step()) {
    values.push_back(typed.At(0));
    bytes.emplace_back(values.back().bytes);
    sql += ", ?" + std::to_string(values.size() + 1);
  }
  TRIBUTARY_RETURN_IF_ERROR(typed.status());
  Statement s = db.Prepare(sql + ")");
  s.BindText(1, table);
  for (size_t i = 0; i < values.size(); ++i) {
    values[i].bytes = bytes[i];
    s.Bind(static_cast<int>(i) + 2, values[i]);
  }
  while (s.Step()) {
    Cell& c = out->cells.emplace_back();
    c.column = s.Text(0);
    c.shown = Show(s.At(1));
    c.json = JsonOf(s.At(1));
    c.version = s.Int(2);
    c.site_id = s.Bytes(3);
    c.db_version = s.Int(4);
    c.seq = s.Int(5);
    out->causal_length = s.Int(6);
    c.clock = s.Text(7);
    c.commit_ms = s.Int(8);
  }
  return s.status();
}

std::string Author(const Cell& c, const std::string& own) {
  if (c.site_id.empty()) return "";
  return ShortSite(c.site_id) + (c.site_id == own ? " (this)" : "");
}

std::string Time(const Cell& c) { return c.commit_ms > 0 ? ShowTime(c.commit_ms) : ""; }

void Print(const Context& context, const std::string& name, const std::string& own,
           const Explained& e) {
  const Style& style = context.style;
  const Cell& row = e.cells.front();
  std::string told = e.alive() ? style.Green("alive") : style.Red("deleted");
  told += ", causal length " + WithCommas(e.causal_length);
  if (!row.site_id.empty()) {
    told += ", by " + Author(row, own) + " in its transaction " + WithCommas(row.db_version);
    if (row.commit_ms > 0) told += " at " + Time(row);
  }
  std::printf("%s  %s\n", style.Bold(name).c_str(), told.c_str());
  if (e.cells.size() > 1) {
    TextTable table({"column", "value", "version", "by", "transaction", "committed", "clock"});
    table.AlignRight(2);
    table.AlignRight(4);
    for (size_t i = 1; i < e.cells.size(); ++i) {
      const Cell& c = e.cells[i];
      table.Add({OneLine(c.column, 40), c.shown, WithCommas(c.version), Author(c, own),
                 c.site_id.empty() ? "" : WithCommas(c.db_version), Time(c), c.clock});
    }
    table.Print(stdout, style, "  ");
  }
  std::printf("%s\n", style
                          .Dim("the greater causal length wins, then the greater version, then the "
                               "greater value")
                          .c_str());
}

void WriteJson(const Database& db, const std::string& table, const std::string& key,
               const Explained& e) {
  JsonWriter json(stdout);
  json.BeginObject();
  json.Key("database").String(db.path());
  json.Key("table").String(table);
  json.Key("key").String(key);
  json.Key("alive").Bool(e.alive());
  json.Key("causal_length").Int(e.causal_length);
  json.Key("clocks").BeginArray();
  for (const Cell& c : e.cells) {
    json.BeginObject();
    json.Key("column").String(c.column);
    if (c.column != kSentinel) json.Key("value").Raw(c.json);
    json.Key("version").Int(c.version);
    json.Key("clock").String(c.clock);
    if (!c.site_id.empty()) {
      json.Key("site_id").String(Hex(c.site_id));
      json.Key("db_version").Int(c.db_version);
      json.Key("seq").Int(c.seq);
    }
    if (c.commit_ms > 0) json.Key("committed").String(Time(c));
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
}

}  // namespace

Status ExplainRow(const Context& context, const Database& db, const std::string& table,
                  const std::string& key) {
  std::string own;
  TRIBUTARY_RETURN_IF_ERROR(OwnSiteId(db, &own));
  Explained explained;
  TRIBUTARY_RETURN_IF_ERROR(Read(db, table, key, &explained));
  const std::string name = OneLine(table, 60) + " " + OneLine(key, 60);
  if (explained.cells.empty()) {
    return {ExitCode::kDifferent, db.path() + ": never heard of a row of " + name};
  }
  if (context.json) WriteJson(db, table, key, explained);
  if (context.human()) Print(context, name, own, explained);
  return {};
}

}  // namespace tributary::cli
