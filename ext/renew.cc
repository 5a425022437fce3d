#include "ext/renew.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "ext/knowledge.h"
#include "ext/triggers.h"

namespace tributary {
namespace {

// Writes what a table's columns have become into the catalog.
class LayoutWriter {
 public:
  LayoutWriter(Connection* c, const Table& table) : c_(c), db_(c->db()), table_(table) {}

  Status Run() {
    TRIBUTARY_RETURN_IF_ERROR(Rename());
    TRIBUTARY_RETURN_IF_ERROR(Drop());
    return Add();
  }

 private:
  // A name that a column or table had, or since which layout the column is gone.
  Status AddFormer(int64_t id, std::string_view name, int64_t gone) {
    TRIBUTARY_RETURN_IF_ERROR(Execute(
        db_,
        "CREATE TABLE IF NOT EXISTS main.crsql_former(table_id INTEGER NOT NULL, id INTEGER NOT "
        "NULL, name TEXT NOT NULL, gone INTEGER NOT NULL, PRIMARY KEY(table_id, id, name)) WITHOUT "
        "ROWID"));
    Statement s;
    TRIBUTARY_RETURN_IF_ERROR(
        s.Prepare(db_,
                  "INSERT INTO crsql_former(table_id, id, name, gone) VALUES (?1, ?2, ?3, ?4) ON "
                  "CONFLICT DO UPDATE SET gone = excluded.gone"));
    s.Bind(1, table_.id());
    s.Bind(2, id);
    s.BindText(3, name);
    s.Bind(4, gone);
    return s.Run();
  }

  Status NameOf(int64_t id, std::string* name) const {
    Statement s;
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(
        s.Prepare(db_, id < 0 ? "SELECT name FROM crsql_tables WHERE id = ?1"
                              : "SELECT name FROM crsql_columns WHERE table_id = ?1 AND id = ?2"));
    s.Bind(1, table_.id());
    if (id >= 0) s.Bind(2, id);
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    *name = row ? s.Text(0) : "";
    return {};
  }

  Status Rename() {
    std::string before;
    for (const DataColumn& d : table_.columns()) {
      TRIBUTARY_RETURN_IF_ERROR(NameOf(d.id, &before));
      if (before == d.name) continue;
      TRIBUTARY_RETURN_IF_ERROR(AddFormer(d.id, before, 0));
      Statement s;
      TRIBUTARY_RETURN_IF_ERROR(
          s.Prepare(db_, "UPDATE crsql_columns SET name = ?3 WHERE table_id = ?1 AND id = ?2"));
      s.Bind(1, table_.id());
      s.Bind(2, d.id);
      s.BindText(3, d.name);
      TRIBUTARY_RETURN_IF_ERROR(s.Run());
    }
    if (!table_.traits().is_renamed) return {};
    TRIBUTARY_RETURN_IF_ERROR(NameOf(-1, &before));
    return AddFormer(-1, before, 0);
  }

  // What this replica knows is not of that column any more, which others may have.
  Status Drop() {
    std::string name;
    for (const ColumnId id : table_.lost_columns()) {
      TRIBUTARY_RETURN_IF_ERROR(NameOf(id, &name));
      TRIBUTARY_RETURN_IF_ERROR(AddFormer(id, name, table_.layouts().current_number() + 1));
      const std::string dropped = Catalog::DroppedColumn(table_.name(), name);
      TRIBUTARY_RETURN_IF_ERROR(AddDropped(c_, {dropped}));
    }
    return {};
  }

  Status Add() {
    Statement s;
    TRIBUTARY_RETURN_IF_ERROR(s.Prepare(
        db_, "INSERT INTO crsql_columns(table_id, id, name, layout) VALUES (?1, ?2, ?3, ?4)"));
    int64_t id = table_.next_column_id();
    for (const std::string& name : table_.new_columns()) {
      s.Bind(1, table_.id());
      s.Bind(2, id++);
      s.BindText(3, name);
      s.Bind(4, table_.layouts().current_number() + 1);
      TRIBUTARY_RETURN_IF_ERROR(s.Run());
      TRIBUTARY_RETURN_IF_ERROR(RemoveDropped(c_, Catalog::DroppedColumn(table_.name(), name)));
    }
    return {};
  }

  Connection* c_;
  sqlite3* db_;
  const Table& table_;
};

Status HasHistory(sqlite3* db, bool* has) {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(
      db, "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = 'crsql_former'"));
  return s.Step(has);
}

// Names the catalog entry after the table's present name. The triggers with the old one go first,
// so that tables which swapped their names get out of each other's way.
Status RenameCatalogEntry(Connection* c, const Table& t) {
  TRIBUTARY_RETURN_IF_ERROR(DropTriggers(c->db(), t.name(), kAllTriggers));
  TRIBUTARY_RETURN_IF_ERROR(
      Execute(c->db(),
              absl::StrCat("UPDATE crsql_tables SET name = '__crsql_' || id WHERE id = ", t.id())));
  TRIBUTARY_RETURN_IF_ERROR(FreeName(c, t.name()));
  return SetName(c, t);
}

// The connection's tables are as before.
Status RenewOne(Connection* c, const Table& t) {
  sqlite3* db = c->db();
  if (t.is_outdated()) {
    TRIBUTARY_RETURN_IF_ERROR(LayoutWriter(c, t).Run());
    if (t.traits().is_renamed) TRIBUTARY_RETURN_IF_ERROR(RenameCatalogEntry(c, t));
  }
  TRIBUTARY_RETURN_IF_ERROR(DropTriggers(db, t.name(), "utrig"));
  TRIBUTARY_RETURN_IF_ERROR(DropTriggers(db, t.name(), kAlterTriggers));
  TableTraits traits{.has_update_trigger = true};
  TRIBUTARY_RETURN_IF_ERROR(HasHistory(db, &traits.has_history));
  Table now(db, t.id(), t.name());
  TRIBUTARY_RETURN_IF_ERROR(now.Load(traits));
  TRIBUTARY_RETURN_IF_ERROR(CreateTriggers(db, now));
  return t.traits().has_replace_trigger ? CreateReplaceTrigger(db, now) : Status();
}

}  // namespace

Status Renew(Connection* c, const Table& t) {
  TRIBUTARY_RETURN_IF_ERROR(RenewOne(c, t));
  c->stores().catalog.IsUpToDate(t.id());
  return c->ForgetSchema();
}

Status FreeName(Connection* c, const std::string& name) {
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
  return other != nullptr ? RenewOne(c, *other) : Status();
}

Status RenewCatalog(Connection* c, std::vector<NewColumns>* added) {
  Catalog& catalog = c->stores().catalog;
  bool any = false;
  for (const int64_t id : catalog.outdated()) {
    Table* table;
    TRIBUTARY_RETURN_IF_ERROR(catalog.Get(id, &table));
    if (table == nullptr || !table->is_outdated()) continue;
    TRIBUTARY_RETURN_IF_ERROR(LayoutWriter(c, *table).Run());
    if (added != nullptr && !table->new_columns().empty()) {
      added->push_back({id, table->next_column_id()});
    }
    any = true;
  }
  return any ? c->ForgetSchema() : Status();
}

Status NoticeColumns(Connection* c) {
  Catalog& catalog = c->stores().catalog;
  std::vector<Table*> tables;
  TRIBUTARY_RETURN_IF_ERROR(catalog.All(&tables));
  for (const Table* t : tables) {
    if (t->is_outdated()) catalog.IsOutdated(t->id());
  }
  return catalog.outdated().empty() ? Status() : RenewCatalog(c);
}

Status RenewTriggers(Connection* c) {
  for (const int64_t id : c->stores().catalog.TakeOutdated()) {
    Table* table = nullptr;
    Status done = c->stores().catalog.Get(id, &table);
    if (done.ok() && table != nullptr) done = Renew(c, *table);
    // Before anything was dropped: with the old triggers it goes on as it did, only slower.
    if ((done.code() & 0xff) == SQLITE_LOCKED) continue;
    TRIBUTARY_RETURN_IF_ERROR(std::move(done));
  }
  return {};
}

Status RemoveDropped(Connection* c, const std::string& name, int64_t but) {
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

}  // namespace tributary
