#include "ext/catalog.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace tributary {

namespace {

// Which of our triggers this is, by the letter before "trig" in T__crsql_itrig; 0 for others'.
char OwnTrigger(std::string_view name) {
  constexpr std::string_view kEnd = "trig";
  constexpr std::string_view kInfix = "__crsql_";
  if (name.size() < kInfix.size() + 1 + kEnd.size() || !absl::EndsWithIgnoreCase(name, kEnd)) {
    return 0;
  }
  name.remove_suffix(kEnd.size());
  const char which = absl::ascii_tolower(static_cast<unsigned char>(name.back()));
  name.remove_suffix(1);
  return absl::EndsWithIgnoreCase(name, kInfix) ? which : '\0';
}

}  // namespace

// All that the schema says of tables and triggers, in one pass. Tables go by their names in lower
// case: a trigger spells its table's as its author did. (Abseil's tables do not bear elements whose
// construction runs out of memory.)
struct Catalog::Schema {
  std::map<std::string, std::string> insert_triggers;  // ours, and their tables
  std::set<std::string> replaced;                      // tables with a __crsql_rtrig
  std::set<std::string> reporting_updates;             // those with a __crsql_utrig
  std::set<std::string> altering;                      // those with a __crsql_aktrig
  bool has_history = false;
  std::set<std::string> triggered;  // with triggers of others
  std::set<std::string> replacing;  // whose own text has the word "replace"
  bool triggers_replace = false;    // that of some trigger of others has it
  bool temp_triggers = false;
};

Status Catalog::ReadSchema(Schema* schema) {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(db_,
                "SELECT type = 'trigger', name, tbl_name, sql LIKE '%replace%' "
                "FROM main.sqlite_schema WHERE type IN ('table', 'trigger') UNION ALL "
                "SELECT 2, 0, 0, 0 FROM sqlite_temp_schema WHERE type = 'trigger'"));
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) return {};
    const int64_t kind = s.Int(0);
    const bool replaces = s.Int(3) != 0;
    const std::string table = absl::AsciiStrToLower(s.Text(2));
    if (kind == 2) {
      schema->temp_triggers = true;
    } else if (kind == 0) {
      if (replaces) schema->replacing.insert(table);
      schema->has_history = schema->has_history || s.Text(1) == "crsql_former";
    } else if (absl::EndsWithIgnoreCase(s.Text(1), "__crsql_aktrig")) {
      schema->altering.insert(table);
    } else if (const char own = OwnTrigger(s.Text(1)); own == 0) {
      schema->triggered.insert(table);
      schema->triggers_replace = schema->triggers_replace || replaces;
    } else if (own == 'i') {
      schema->insert_triggers.emplace(s.Text(1), s.Text(2));
    } else if (own == 'r') {
      schema->replaced.insert(table);
    } else if (own == 'u') {
      schema->reporting_updates.insert(table);
    }
  }
}

Status Catalog::List() {
  if (listed_) return {};
  entries_.clear();
  by_id_.clear();
  Schema schema;
  TRIBUTARY_RETURN_IF_ERROR(ReadSchema(&schema));
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(db_, "SELECT id, name FROM crsql_tables ORDER BY id"));
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) break;
    const auto trigger = schema.insert_triggers.find(absl::StrCat(s.Text(1), "__crsql_itrig"));
    if (trigger == schema.insert_triggers.end()) continue;
    const std::string table = absl::AsciiStrToLower(trigger->second);
    entries_.push_back(
        {.id = s.Int(0),
         .name = trigger->second,
         .traits = {
             .can_replace = schema.replacing.contains(table) || schema.triggers_replace,
             .has_replace_trigger = schema.replaced.contains(table),
             .has_update_trigger = schema.reporting_updates.contains(table),
             .is_altering = schema.altering.contains(table),
             .is_renamed = trigger->second != s.Text(1),
             .has_history = schema.has_history,
             .has_user_triggers = schema.triggered.contains(table) || schema.temp_triggers}});
  }
  has_temp_triggers_ = schema.temp_triggers;
  has_history_ = schema.has_history;
  listed_ = true;
  return {};
}

// The transaction may have renamed the table since it was listed.
Status Catalog::Rename(Entry* entry) {
  if (sqlite3_get_autocommit(db_) != 0) return {};
  Statement s;
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(db_,
                "SELECT tbl_name FROM main.sqlite_schema WHERE type = 'trigger' AND name = (SELECT "
                "name || '__crsql_itrig' FROM crsql_tables WHERE id = ?1)"));
  s.Bind(1, entry->id);
  TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
  if (row) entry->name = s.Text(0);
  return {};
}

Status Catalog::Use(Entry* entry, Table** table) {
  if (!entry->table) {
    TRIBUTARY_RETURN_IF_ERROR(Rename(entry));
    auto loaded = std::make_unique<Table>(db_, entry->id, entry->name);
    TRIBUTARY_RETURN_IF_ERROR(loaded->Load(entry->traits));
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

Status Catalog::FindPresent(std::string_view name, Table** table) {
  *table = nullptr;
  TRIBUTARY_RETURN_IF_ERROR(List());
  for (Entry& e : entries_) {
    if (e.name == name) return Use(&e, table);
  }
  return {};
}

Status Catalog::Find(std::string_view name, Table** table) {
  TRIBUTARY_RETURN_IF_ERROR(FindPresent(name, table));
  if (*table != nullptr || !has_history_) return {};
  Statement s;
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(db_, "SELECT table_id FROM crsql_former WHERE id = -1 AND name = ?1"));
  s.BindText(1, name);
  for (;;) {
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row || *table != nullptr) return {};
    TRIBUTARY_RETURN_IF_ERROR(Get(s.Int(0), table));
  }
}

std::string Catalog::DroppedColumn(std::string_view table, std::string_view column) {
  return absl::StrCat(table, "\x1f", column);
}

Status Catalog::Has(std::string_view dropped, bool* has) {
  const size_t end = dropped.find('\x1f');
  Table* table;
  TRIBUTARY_RETURN_IF_ERROR(Find(dropped.substr(0, end), &table));
  *has = table != nullptr &&
         (end == std::string_view::npos || table->FindColumn(dropped.substr(end + 1)) >= 0);
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

Status Catalog::Dropped(std::vector<std::string>* names) {
  names->clear();
  TRIBUTARY_RETURN_IF_ERROR(List());
  Statement s;
  // From the file: another connection may have added some without a change of the schema.
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(db_, "SELECT id, name FROM crsql_tables ORDER BY name"));
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) return {};
    const int64_t id = s.Int(0);
    const bool is_here =
        std::any_of(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.id == id; });
    if (!is_here) names->emplace_back(s.Text(1));
  }
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
