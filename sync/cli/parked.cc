#include "sync/cli/parked.h"

#include <cstdio>
#include <set>
#include <utility>

namespace tributary::cli {
namespace {

constexpr int kShownName = 60;
constexpr int kShownLine = 400;

// What is kept of one column, or of a row's own record, and what there is of its place.
struct Cells {
  std::string table;
  std::string column;
  int64_t count = 0;
  bool has_table = false;
  bool is_replicated = false;
  bool has_column = false;
};

constexpr std::string_view kPlaceSql =
    "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1),"
    " EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1"
    "  AND substr(name, -13) = '__crsql_itrig'),"
    " ?2 = '-1' OR EXISTS (SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2)";

// From one column to the next by their keys (ext/parking.h): crsql_parked would have each value in
// memory. The keys are bytes, as text in them need not be in the database's encoding.
Status LoadCells(const Database& db, std::vector<Cells>* all) {
  Statement next = db.Prepare(
      "SELECT key FROM crsql_rows WHERE table_id = -1 AND key > ?1 ORDER BY key LIMIT 1");
  Statement count =
      db.Prepare("SELECT count(*) FROM crsql_rows WHERE table_id = -1 AND key >= ?1 AND key < ?2");
  Statement place = db.Prepare(kPlaceSql);
  std::string end;
  for (;;) {
    if (!next.BindBlob(1, end).Step()) return next.status();
    const std::string key(next.Bytes(0));
    next.Reset();
    const size_t table_end = key.find('\0');
    const size_t column_end = key.find('\0', table_end + 1);
    if (table_end == std::string::npos || column_end == std::string::npos) {
      return {ExitCode::kFailed,
              db.path() + ": what is kept for later is damaged; see tributary check"};
    }
    Cells& c = all->emplace_back();
    c.table = key.substr(0, table_end);
    c.column = key.substr(table_end + 1, column_end - table_end - 1);
    end = key.substr(0, column_end) + '\1';
    count.BindBlob(1, key).BindBlob(2, end);
    if (count.Step()) c.count = count.Int(0);
    count.Reset();
    TRIBUTARY_RETURN_IF_ERROR(count.status());
    place.BindText(1, c.table).BindText(2, c.column);
    if (place.Step()) {
      c.has_table = place.Int(0) != 0;
      c.is_replicated = place.Int(1) != 0;
      c.has_column = place.Int(2) != 0;
    }
    place.Reset();
    TRIBUTARY_RETURN_IF_ERROR(place.status());
  }
}

Status LoadReason(const Database& db, const Cells& c, std::string* reason) {
  Statement s = db.Prepare("SELECT reason FROM crsql_parked WHERE \"table\" = ?1 AND cid = ?2");
  if (s.BindText(1, c.table).BindText(2, c.column).Step()) *reason = s.Text(0);
  return s.status();
}

Status Until(const Database& db, const std::string& path, const Cells& c, std::string* until) {
  const std::string init = "tributary init " + path + " " + c.table;
  if (!c.has_table) {
    *until = "the table is there: CREATE TABLE " + QuoteName(c.table) + "(...), then " + init;
  } else if (!c.is_replicated) {
    *until = "the table is replicated: " + init;
  } else if (!c.has_column) {
    *until = "the table has it: ALTER TABLE " + QuoteName(c.table) + " ADD COLUMN " +
             QuoteName(c.column);
  } else {
    std::string reason;
    TRIBUTARY_RETURN_IF_ERROR(LoadReason(db, c, &reason));
    *until = "it fits: " + reason;
  }
  return {};
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
  std::vector<Cells> all;
  TRIBUTARY_RETURN_IF_ERROR(LoadCells(db, &all));
  for (const Cells& c : all) {
    const bool lacks_column = c.is_replicated && !c.has_column;
    Parked* last = parked->empty() ? nullptr : &parked->back();
    if (last != nullptr && last->table != c.table) last = nullptr;
    if (last != nullptr && (!c.is_replicated || (lacks_column && !last->columns.empty()))) {
      last->cells += c.count;
      if (!lacks_column) continue;
      last->columns.push_back(c.column);
      last->until =
          "the table has them: ALTER TABLE " + QuoteName(c.table) + " ADD COLUMN ... for each";
      continue;
    }
    std::string until;
    TRIBUTARY_RETURN_IF_ERROR(Until(db, path, c, &until));
    if (last != nullptr && last->until == until) {
      last->cells += c.count;
      continue;
    }
    Parked p{.table = c.table, .columns = {}, .cells = c.count, .until = std::move(until)};
    if (lacks_column) p.columns.push_back(c.column);
    parked->push_back(std::move(p));
  }
  return {};
}

Status CatchUp(const Database& db) {
  std::set<std::string> tables;
  std::vector<Cells> all;
  TRIBUTARY_RETURN_IF_ERROR(LoadCells(db, &all));
  for (const Cells& c : all) {
    if (c.is_replicated && c.has_column) tables.insert(c.table);
  }
  Statement s = db.Prepare(
      "SELECT tbl_name FROM sqlite_schema AS t WHERE type = 'trigger'"
      " AND substr(name, -13) = '__crsql_itrig' AND (name <> tbl_name || '__crsql_itrig'"
      " OR EXISTS (SELECT name FROM pragma_table_info(tbl_name) WHERE pk = 0 EXCEPT"
      "  SELECT c.name FROM crsql_columns c JOIN crsql_tables r ON r.id = c.table_id"
      "  WHERE r.name = t.tbl_name))");
  while (s.Step()) tables.emplace(s.Text(0));
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
