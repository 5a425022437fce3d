#include "ext/triggers.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace tributary {
namespace {

// `NEW."a", NEW."b"`
template <typename Columns>
std::string Refs(std::string_view row, const Columns& columns) {
  return absl::StrJoin(columns, ", ", [row](std::string* out, const auto& c) {
    absl::StrAppend(out, row, ".", QuoteName(c.name));
  });
}

// `event` says when, `calls` is what follows SELECT.
Status Create(sqlite3* db, const Table& t, std::string_view suffix, std::string_view event,
              std::string_view calls) {
  return Execute(db, absl::StrCat("CREATE TRIGGER IF NOT EXISTS main.",
                                  QuoteName(absl::StrCat(t.name(), "__crsql_", suffix)), " ", event,
                                  " BEGIN SELECT ", calls, "; END"));
}

std::string On(const Table& t) { return absl::StrCat(" ON ", QuoteName(t.name())); }

std::string BothKeys(const Table& t) {
  return absl::StrCat(Refs("NEW", t.key()), ", ", Refs("OLD", t.key()));
}

// The body of the update trigger: one call, or several for a very wide table.
std::string UpdateCalls(const Table& t) {
  const std::string keys = absl::StrCat(t.id(), ", ", BothKeys(t));
  const auto& columns = t.columns();
  const auto cells = [](absl::Span<const DataColumn> part) {
    return part.empty() ? "" : absl::StrCat(", ", Refs("NEW", part), ", ", Refs("OLD", part));
  };
  if (!t.UpdatesInParts()) return absl::StrCat("crsql_after_update(", keys, cells(columns), ")");
  std::string calls;
  for (size_t i = 0; i < columns.size(); i += Table::kColumnsPerPart) {
    const auto part = absl::MakeConstSpan(columns).subspan(i, Table::kColumnsPerPart);
    absl::StrAppend(&calls, "crsql_update_part(", t.id(), ", ", i, cells(part), "); SELECT ");
  }
  return absl::StrCat(calls, "crsql_after_update(", keys, ")");
}

Status SelectTriggers(sqlite3* db, std::string_view table, std::string_view suffix, Statement* s) {
  TRIBUTARY_RETURN_IF_ERROR(s->Prepare(
      db,
      "SELECT name, sql FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE "
      "NOCASE AND name LIKE '_%\\_\\_crsql\\_' || ?2 ESCAPE '\\' "
      // Not those of ordered lists (fract_index.cc).
      "AND name NOT LIKE '\\_\\_crsql\\_%' ESCAPE '\\' ORDER BY rowid"));
  s->BindText(1, table);
  s->BindText(2, suffix);
  return {};
}

// The name in double quotes with which the text begins; it loses that.
std::string TakeQuoted(std::string_view* sql) {
  size_t end = 1;
  while (end < sql->size() && ((*sql)[end] != '"' || sql->substr(end + 1, 1) == "\"")) {
    end += (*sql)[end] == '"' ? 2 : 1;
  }
  const std::string_view quoted = sql->substr(0, std::min(end, sql->size()));
  sql->remove_prefix(std::min(end + 1, sql->size()));
  return quoted.empty() ? "" : absl::StrReplaceAll(quoted.substr(1), {{"\"\"", "\""}});
}

}  // namespace

Status CreateTriggers(sqlite3* db, const Table& t) {
  TRIBUTARY_RETURN_IF_ERROR(
      Create(db, t, "itrig", "AFTER INSERT" + On(t),
             absl::StrCat("crsql_after_insert(", t.id(), ", ", Refs("NEW", t.key()), ")")));
  TRIBUTARY_RETURN_IF_ERROR(Create(db, t, "utrig", "AFTER UPDATE" + On(t), UpdateCalls(t)));
  return Create(db, t, "dtrig", "AFTER DELETE" + On(t),
                absl::StrCat("crsql_after_delete(", t.id(), ", ", Refs("OLD", t.key()), ")"));
}

Status CreateReplaceTrigger(sqlite3* db, const Table& t) {
  const std::string match = absl::StrJoin(t.key(), " AND ", [](std::string* out, const auto& k) {
    absl::StrAppend(out, QuoteName(k.name), " = NEW.", QuoteName(k.name));
  });
  return Create(db, t, "rtrig",
                absl::StrCat("BEFORE INSERT", On(t), " WHEN EXISTS(SELECT 1 FROM ",
                             QuoteName(t.name()), " WHERE ", match, ")"),
                absl::StrCat("crsql_before_replace(", t.id(), ", ", Refs("NEW", t.key()), ")"));
}

// Those of columns in the order of the schema, which ReadAlterTriggers tells by the order in which
// they were made. The one for the row comes last: SQLite runs the newest trigger first, and a row
// that has moved must have arrived before its cells are reported.
Status CreateAlterTriggers(sqlite3* db, const Table& t) {
  std::vector<DataColumn> columns = t.columns();
  std::sort(columns.begin(), columns.end(),
            [](const DataColumn& a, const DataColumn& b) { return a.place < b.place; });
  for (const DataColumn& d : columns) {
    TRIBUTARY_RETURN_IF_ERROR(Create(
        db, t, absl::StrCat("a", d.id, "trig"),
        absl::StrCat("AFTER UPDATE OF ", QuoteName(d.name), On(t)),
        absl::StrCat("crsql_update_cell(", t.id(), ", ", d.id, ", ", Refs("NEW", t.key()), ")")));
  }
  return Create(
      db, t, "aktrig", "AFTER UPDATE" + On(t),
      absl::StrCat("crsql_update_row(", t.id(), ", ", t.next_column_id(), ", ", BothKeys(t), ")"));
}

Status ReadAlterTriggers(sqlite3* db, std::string_view table,
                         std::vector<std::pair<ColumnId, std::string>>* names) {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(SelectTriggers(db, table, kAlterTriggers, &s));
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) return {};
    std::string_view name = s.Text(0);
    name.remove_prefix(name.rfind('_') + 2);
    name.remove_suffix(4);
    uint32_t id;
    std::string_view sql = s.Text(1);
    if (!absl::SimpleAtoi(name, &id) || !absl::ConsumePrefix(&sql, "CREATE TRIGGER ")) continue;
    TakeQuoted(&sql);
    if (!absl::ConsumePrefix(&sql, " AFTER UPDATE OF ")) continue;
    names->emplace_back(static_cast<ColumnId>(id), TakeQuoted(&sql));
  }
}

Status ReadUpdateTrigger(sqlite3* db, std::string_view table, std::vector<std::string>* names) {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(SelectTriggers(db, table, "utrig", &s));
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
  if (!row) return {};
  std::string_view sql = s.Text(1);
  for (size_t at; (at = sql.find('"')) != std::string_view::npos;) {
    const bool is_new = absl::EndsWith(sql.substr(0, at), "NEW.");
    sql.remove_prefix(at);
    std::string name = TakeQuoted(&sql);
    if (is_new) names->push_back(std::move(name));
  }
  return {};
}

Status DropTriggers(sqlite3* db, std::string_view table, std::string_view suffix) {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(SelectTriggers(db, table, suffix, &s));
  std::string sql;
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) break;
    absl::StrAppend(&sql, "DROP TRIGGER main.", QuoteName(s.Text(0)), ";");
  }
  s.Finalize();
  return Execute(db, sql);
}

}  // namespace tributary
