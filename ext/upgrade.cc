#include "ext/upgrade.h"

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "ext/eligibility.h"
#include "ext/flush.h"
#include "ext/knowledge.h"
#include "ext/new_columns.h"
#include "ext/sweep.h"

namespace tributary {
namespace {

// `NEW."a", NEW."b"`
template <typename Columns>
std::string Refs(std::string_view row, const Columns& columns) {
  return absl::StrJoin(columns, ", ", [row](std::string* out, const auto& c) {
    absl::StrAppend(out, row, ".", QuoteName(c.name));
  });
}

std::string TriggerName(const Table& table, std::string_view suffix) {
  return QuoteName(absl::StrCat(table.name(), "__crsql_", suffix));
}

// The body of the update trigger: one call, or several for a very wide table.
std::string UpdateCalls(const Table& t) {
  const std::string keys =
      absl::StrCat(t.id(), ", ", Refs("NEW", t.key()), ", ", Refs("OLD", t.key()));
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

Status CreateTriggers(sqlite3* db, const Table& t) {
  const std::string on = absl::StrCat(" ON ", QuoteName(t.name()), " BEGIN SELECT ");
  TRIBUTARY_RETURN_IF_ERROR(Execute(
      db,
      absl::StrCat("CREATE TRIGGER IF NOT EXISTS main.", TriggerName(t, "itrig"), " AFTER INSERT",
                   on, "crsql_after_insert(", t.id(), ", ", Refs("NEW", t.key()), "); END")));
  TRIBUTARY_RETURN_IF_ERROR(
      Execute(db, absl::StrCat("CREATE TRIGGER IF NOT EXISTS main.", TriggerName(t, "utrig"),
                               " AFTER UPDATE", on, UpdateCalls(t), "; END")));
  return Execute(db, absl::StrCat("CREATE TRIGGER IF NOT EXISTS main.", TriggerName(t, "dtrig"),
                                  " AFTER DELETE", on, "crsql_after_delete(", t.id(), ", ",
                                  Refs("OLD", t.key()), "); END"));
}

// Our triggers on a table, whatever its name was when they were made. `suffix` is a LIKE pattern.
Status DropTriggers(sqlite3* db, const Table& t, std::string_view suffix) {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(db,
                "SELECT name FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 "
                "COLLATE NOCASE AND name LIKE '%\\_\\_crsql\\_' || ?2 ESCAPE '\\'"));
  s.BindText(1, t.name());
  s.BindText(2, suffix);
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

// A table of this name, other than that one, may have been replicated before it was dropped.
Status RemoveDropped(Connection* c, const std::string& name, int64_t but = -1) {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(c->db(), "DELETE FROM crsql_tables WHERE name = ?1 AND id <> ?2 RETURNING 1"));
  s.BindText(1, name);
  s.Bind(2, but);
  bool was_there;
  TRIBUTARY_RETURN_IF_ERROR(s.Step(&was_there));
  if (!was_there) return {};
  TRIBUTARY_RETURN_IF_ERROR(s.Run());
  return ForgetKnown(c);
}

// The table's present name.
Status SetName(Connection* c, const Table& t) {
  TRIBUTARY_RETURN_IF_ERROR(RemoveDropped(c, t.name(), t.id()));
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(c->db(), "UPDATE crsql_tables SET name = ?2 WHERE id = ?1"));
  s.Bind(1, t.id());
  s.BindText(2, t.name());
  return s.Run();
}

// Numbers are never used again: the log may still name a table that is gone.
Status AddTable(sqlite3* db, const std::string& name, int64_t* id) {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(db,
                "INSERT INTO crsql_master(key, value) VALUES ('last_table_id', 1) "
                "ON CONFLICT(key) DO UPDATE SET value = value + 1 RETURNING value"));
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
  *id = s.Int(0);
  TRIBUTARY_RETURN_IF_ERROR(s.Run());
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(db, "INSERT INTO crsql_tables(id, name) VALUES (?1, ?2)"));
  s.Bind(1, *id);
  s.BindText(2, name);
  return s.Run();
}

Status AddToCatalog(Connection* c, const std::string& name, int64_t* id) {
  sqlite3* db = c->db();
  TRIBUTARY_RETURN_IF_ERROR(RemoveDropped(c, name));
  TRIBUTARY_RETURN_IF_ERROR(AddTable(db, name, id));
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(db,
                                      "INSERT INTO crsql_columns(table_id, id, name) "
                                      "SELECT ?1, row_number() OVER (ORDER BY cid) - 1, name "
                                      "FROM pragma_table_info(?2, 'main') WHERE pk = 0"));
  s.Bind(1, *id);
  s.BindText(2, name);
  return s.Run();
}

struct RenewedTable {
  std::unique_ptr<Table> table;
  bool has_new_columns;
};
using Renewed = std::vector<RenewedTable>;

Status FreeName(Connection* c, const std::string& name, Renewed* renewed);

// Names the catalog entry after the table's present name and drops triggers with the old one. That
// goes first, so that tables which swapped their names get out of each other's way.
Status RenameCatalogEntry(Connection* c, const Table& t, Renewed* renewed) {
  TRIBUTARY_RETURN_IF_ERROR(DropTriggers(c->db(), t, "_trig"));
  TRIBUTARY_RETURN_IF_ERROR(
      Execute(c->db(),
              absl::StrCat("UPDATE crsql_tables SET name = '__crsql_' || id WHERE id = ", t.id())));
  TRIBUTARY_RETURN_IF_ERROR(FreeName(c, t.name(), renewed));
  return SetName(c, t);
}

// Brings catalog and triggers up to date with what ALTER TABLE has done since they were made.
// Appends to *renewed the tables that the connection has to load again.
Status Renew(Connection* c, const Table& t, Renewed* renewed) {
  sqlite3* db = c->db();
  Statement s;
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(db, "SELECT name FROM crsql_tables WHERE id = ?1"));
  s.Bind(1, t.id());
  TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
  const bool renamed = s.Text(0) != t.name();
  s.Finalize();
  const bool columns_changed =
      !t.unreplicated_columns().empty() || t.columns().size() != t.layouts().current().size();
  if (!renamed && !columns_changed) return CreateTriggers(db, t);
  if (renamed) TRIBUTARY_RETURN_IF_ERROR(RenameCatalogEntry(c, t, renewed));
  TRIBUTARY_RETURN_IF_ERROR(DropTriggers(db, t, "utrig"));
  TRIBUTARY_RETURN_IF_ERROR(AddToLayouts(db, t));
  auto now = std::make_unique<Table>(db, t.id(), t.name());
  TRIBUTARY_RETURN_IF_ERROR(now->Load());
  TRIBUTARY_RETURN_IF_ERROR(CreateTriggers(db, *now));
  if (t.traits().has_replace_trigger) TRIBUTARY_RETURN_IF_ERROR(CreateReplaceTrigger(c, *now));
  renewed->push_back({std::move(now), !t.unreplicated_columns().empty()});
  return {};
}

// A replicated table that once had this name may still have triggers of that name.
Status FreeName(Connection* c, const std::string& name, Renewed* renewed) {
  Statement s;
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(
      c->db(), "SELECT tbl_name FROM main.sqlite_schema WHERE type = 'trigger' AND name = ?1"));
  const std::string trigger = absl::StrCat(name, "__crsql_itrig");
  s.BindText(1, trigger);
  TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
  if (!row) return {};
  Table* other;
  TRIBUTARY_RETURN_IF_ERROR(c->stores().catalog.Find(s.Text(0), &other));
  s.Finalize();
  return other != nullptr ? Renew(c, *other, renewed) : Status();
}

// After the last Renew.
Status LoadRenewed(Connection* c, Renewed* renewed) {
  if (renewed->empty()) return {};
  TRIBUTARY_RETURN_IF_ERROR(c->ForgetSchema());
  for (const RenewedTable& r : *renewed) {
    if (r.has_new_columns) TRIBUTARY_RETURN_IF_ERROR(LogNewColumns(c, r.table.get()));
  }
  return {};
}

}  // namespace

Status AsReplicated(Connection* c, std::string_view schema, std::string_view table,
                    std::string* warning) {
  TRIBUTARY_RETURN_IF_ERROR(c->Ready());
  sqlite3* db = c->db();
  const ScopedHostCounters counters(c);
  ScopedSavepoint savepoint(db);
  if (!c->in_statement) TRIBUTARY_RETURN_IF_ERROR(savepoint.Begin());
  std::string name;
  TRIBUTARY_RETURN_IF_ERROR(CheckEligible(db, schema, table, &name, warning));
  TRIBUTARY_RETURN_IF_ERROR(c->Join());
  TRIBUTARY_RETURN_IF_ERROR(c->Flush());
  // This transaction may have altered the table.
  TRIBUTARY_RETURN_IF_ERROR(c->ForgetSchema());
  Catalog& catalog = c->stores().catalog;
  Table* known;
  TRIBUTARY_RETURN_IF_ERROR(catalog.Find(name, &known));
  Renewed renewed;
  TRIBUTARY_RETURN_IF_ERROR(known != nullptr ? Renew(c, *known, &renewed)
                                             : FreeName(c, name, &renewed));
  TRIBUTARY_RETURN_IF_ERROR(LoadRenewed(c, &renewed));
  if (known != nullptr) return savepoint.Release();
  int64_t id;
  TRIBUTARY_RETURN_IF_ERROR(AddToCatalog(c, name, &id));
  Table added(db, id, name);
  TRIBUTARY_RETURN_IF_ERROR(added.Load());
  // Such as the catalog does not know: copied ones, or the catalog was damaged.
  TRIBUTARY_RETURN_IF_ERROR(DropTriggers(db, added, "_trig"));
  TRIBUTARY_RETURN_IF_ERROR(CreateTriggers(db, added));
  TRIBUTARY_RETURN_IF_ERROR(c->ForgetSchema());
  TRIBUTARY_RETURN_IF_ERROR(LogBackfill(c, &added));
  return savepoint.Release();
}

Status AddDropped(Connection* c, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    Statement s;
    bool there;
    TRIBUTARY_RETURN_IF_ERROR(s.Prepare(c->db(), "SELECT 1 FROM crsql_tables WHERE name = ?1"));
    s.BindText(1, name);
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&there));
    if (there) continue;
    int64_t id;
    TRIBUTARY_RETURN_IF_ERROR(AddTable(c->db(), name, &id));
  }
  return {};
}

Status AsOrdinary(Connection* c, std::string_view table) {
  TRIBUTARY_RETURN_IF_ERROR(c->Ready());
  TRIBUTARY_RETURN_IF_ERROR(c->Refresh());
  Table* known;
  TRIBUTARY_RETURN_IF_ERROR(c->stores().catalog.Find(table, &known));
  if (known == nullptr) return {};
  sqlite3* db = c->db();
  const ScopedHostCounters counters(c);
  ScopedSavepoint savepoint(db);
  if (!c->in_statement) TRIBUTARY_RETURN_IF_ERROR(savepoint.Begin());
  TRIBUTARY_RETURN_IF_ERROR(c->Join());
  TRIBUTARY_RETURN_IF_ERROR(c->Flush());
  // Again: joining forgets the tables if the schema has changed, and only now it cannot any more.
  TRIBUTARY_RETURN_IF_ERROR(c->stores().catalog.Find(table, &known));
  if (known == nullptr) return savepoint.Release();
  TRIBUTARY_RETURN_IF_ERROR(DropTriggers(db, *known, "_trig"));
  TRIBUTARY_RETURN_IF_ERROR(SetName(c, *known));
  const std::string sql =
      absl::StrCat("DELETE FROM crsql_rows WHERE table_id = ", known->id(),
                   "; DELETE FROM crsql_columns WHERE table_id = ", known->id());
  TRIBUTARY_RETURN_IF_ERROR(Execute(db, sql));
  TRIBUTARY_RETURN_IF_ERROR(SweepSoon(c));
  TRIBUTARY_RETURN_IF_ERROR(c->ForgetSchema());
  return savepoint.Release();
}

Status CreateReplaceTrigger(Connection* c, const Table& t) {
  const std::string match = absl::StrJoin(t.key(), " AND ", [](std::string* out, const auto& k) {
    absl::StrAppend(out, QuoteName(k.name), " = NEW.", QuoteName(k.name));
  });
  return Execute(
      c->db(),
      absl::StrCat("CREATE TRIGGER IF NOT EXISTS main.", TriggerName(t, "rtrig"),
                   " BEFORE INSERT ON ", QuoteName(t.name()), " WHEN EXISTS(SELECT 1 FROM ",
                   QuoteName(t.name()), " WHERE ", match, ") BEGIN SELECT crsql_before_replace(",
                   t.id(), ", ", Refs("NEW", t.key()), "); END"));
}

}  // namespace tributary
