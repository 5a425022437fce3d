#include "ext/catalog.h"

#include <algorithm>

namespace tributary {

Status Catalog::List() {
  if (listed_) return {};
  entries_.clear();
  by_id_.clear();
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(db_,
                "SELECT t.id, m.tbl_name FROM crsql_tables t JOIN main.sqlite_schema m "
                "ON m.type = 'trigger' AND m.name = t.name || '__crsql_itrig' ORDER BY t.id"));
  bool row;
  for (;;) {
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) break;
    entries_.push_back({s.Int(0), std::string(s.Text(1)), nullptr});
  }
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(db_,
                "SELECT EXISTS(SELECT 1 FROM main.sqlite_schema WHERE type = 'trigger' AND "
                "sql LIKE '%replace%' AND name NOT LIKE '%\\_\\_crsql\\__trig' ESCAPE '\\')"));
  TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
  triggers_can_replace_ = s.Int(0) != 0;
  listed_ = true;
  return {};
}

Status Catalog::Use(Entry* entry, Table** table) {
  if (!entry->table) {
    auto loaded = std::make_unique<Table>(db_, entry->id, entry->name);
    TRIBUTARY_RETURN_IF_ERROR(loaded->Load(triggers_can_replace_));
    entry->table = std::move(loaded);
    if (entry->id >= 0 && entry->id < 4096) {
      if (by_id_.size() <= static_cast<size_t>(entry->id)) by_id_.resize(entry->id + 1);
      by_id_[entry->id] = entry->table.get();
    }
  }
  *table = entry->table.get();
  return {};
}

Status Catalog::Load(int64_t id, Table** table) {
  *table = nullptr;
  TRIBUTARY_RETURN_IF_ERROR(List());
  const auto it = std::lower_bound(entries_.begin(), entries_.end(), id,
                                   [](const Entry& e, int64_t i) { return e.id < i; });
  if (it == entries_.end() || it->id != id) return {};
  return Use(&*it, table);
}

Status Catalog::Find(std::string_view name, Table** table) {
  *table = nullptr;
  TRIBUTARY_RETURN_IF_ERROR(List());
  for (Entry& e : entries_) {
    if (e.name == name) return Use(&e, table);
  }
  return {};
}

Status Catalog::All(std::vector<Table*>* tables) {
  tables->clear();
  TRIBUTARY_RETURN_IF_ERROR(List());
  for (Entry& e : entries_) {
    Table* table;
    TRIBUTARY_RETURN_IF_ERROR(Use(&e, &table));
    tables->push_back(table);
  }
  return {};
}

void Catalog::Invalidate() {
  listed_ = false;
  if (scans_ == 0) retired_.clear();
  for (Entry& e : entries_) {
    if (e.table && scans_ > 0) retired_.push_back(std::move(e.table));
  }
  entries_.clear();
  by_id_.clear();
}

void Catalog::ForgetExceptions() {
  for (Entry& e : entries_) {
    if (e.table) e.table->has_exceptions = -1;
  }
}

}  // namespace tributary
