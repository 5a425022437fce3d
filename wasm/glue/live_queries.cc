#include "wasm/glue/live_queries.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace tributary {
namespace {

// Where SQLite does not name it, as for a table whose rows are only counted.
constexpr char kAnySchema[] = "?";

void AppendLower(std::string_view text, std::string* out) {
  for (const char c : text) out->push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
}

void MakeKey(const char* schema, const char* table, std::string* key) {
  key->clear();
  AppendLower(schema != nullptr ? schema : kAnySchema, key);
  key->push_back('.');
  AppendLower(table, key);
}

bool SameValue(sqlite3_value* a, sqlite3_value* b) {
  const int type = sqlite3_value_type(a);
  if (type != sqlite3_value_type(b)) return false;
  switch (type) {
    case SQLITE_NULL:
      return true;
    case SQLITE_INTEGER:
      return sqlite3_value_int64(a) == sqlite3_value_int64(b);
    case SQLITE_FLOAT: {
      const double x = sqlite3_value_double(a);
      const double y = sqlite3_value_double(b);
      return std::memcmp(&x, &y, sizeof x) == 0;
    }
    default: {
      const void* x = sqlite3_value_blob(a);
      const void* y = sqlite3_value_blob(b);
      const int n = sqlite3_value_bytes(a);
      return n == sqlite3_value_bytes(b) &&
             (n == 0 || std::memcmp(x, y, static_cast<size_t>(n)) == 0);
    }
  }
}

// Only what is certainly another value is false.
bool MayMatch(const LiveQueries::Filter& filter, sqlite3_value* value) {
  switch (sqlite3_value_type(value)) {
    case SQLITE_NULL:
      return false;
    case SQLITE_INTEGER:
      return filter.is_text || sqlite3_value_int64(value) == filter.integer;
    case SQLITE_TEXT: {
      if (!filter.is_text) return true;
      const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
      if (text == nullptr) return true;
      return filter.text == std::string_view(text, static_cast<size_t>(sqlite3_value_bytes(value)));
    }
    default:
      return true;
  }
}

}  // namespace

void LiveQueries::Install(sqlite3* db) {
  if (db_ != nullptr) return;
  db_ = db;
  // The hook first: what is prepared from then on calls it, also where DELETE would only clear.
  sqlite3_preupdate_hook(db, PreUpdate, this);
  sqlite3_set_authorizer(db, Authorize, this);
}

int LiveQueries::Authorize(void* self, int action, const char* table, const char* column,
                           const char* schema, const char*) noexcept {
  auto* live = static_cast<LiveQueries*>(self);
  if (live->recording_ == nullptr || action != SQLITE_READ || table == nullptr) return SQLITE_OK;
  try {
    live->NoteRead(table, column, schema);
  } catch (const std::bad_alloc&) {
    live->recording_->anything = true;
  }
  return SQLITE_OK;
}

void LiveQueries::NoteRead(const char* table, const char* column, const char* schema) {
  std::string key;
  MakeKey(schema, table, &key);
  Dependency& dependency = recording_->tables[key];
  std::string name;
  if (column != nullptr) AppendLower(column, &name);
  auto& columns = dependency.columns;
  if (std::find(columns.begin(), columns.end(), name) == columns.end()) columns.push_back(name);
}

void LiveQueries::Begin(int32_t id) {
  Query& query = queries_[id];
  query = Query();
  recording_ = &query;
}

bool LiveQueries::End() {
  Query* query = std::exchange(recording_, nullptr);
  std::map<std::string, Dependency, std::less<>> tables;
  tables.swap(query->tables);
  for (auto& [name, dependency] : tables) {
    const size_t dot = name.find('.');
    std::string schema = name.substr(0, dot);
    if (schema == kAnySchema && !FindSchema(name.substr(dot + 1), &schema)) return false;
    const std::string key = schema + name.substr(dot);
    Dependency& merged = query->tables[key];
    merged.columns.insert(merged.columns.end(), dependency.columns.begin(),
                          dependency.columns.end());
  }
  for (auto& [name, dependency] : query->tables) {
    if (!Resolve(name, query, &dependency)) return false;
  }
  return true;
}

// Where SQLite finds a table of that name; unchanged if it is none.
bool LiveQueries::FindSchema(const std::string& table, std::string* schema) {
  sqlite3_stmt* s = nullptr;
  int rc = sqlite3_prepare_v2(db_,
                              "SELECT lower(schema) FROM pragma_table_list(?1) ORDER BY schema <>"
                              " 'temp', schema <> 'main' LIMIT 1",
                              -1, &s, nullptr);
  if (rc != SQLITE_OK) return false;
  sqlite3_bind_text(s, 1, table.data(), static_cast<int>(table.size()), SQLITE_STATIC);
  rc = sqlite3_step(s);
  if (rc == SQLITE_ROW) *schema = reinterpret_cast<const char*>(sqlite3_column_text(s, 0));
  sqlite3_finalize(s);
  return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

// Finds the positions of the columns read, as the hook counts them.
bool LiveQueries::Resolve(const std::string& name, Query* query, Dependency* dependency) {
  const size_t dot = name.find('.');
  const std::string schema = name.substr(0, dot);
  const std::string table = name.substr(dot + 1);
  if (table == "json_each" || table == "json_tree") return true;
  sqlite3_stmt* s = nullptr;
  int rc = sqlite3_prepare_v2(db_,
                              "SELECT lower(x.name), x.hidden, l.type FROM pragma_table_list(?1) l,"
                              " pragma_table_xinfo(?1, ?2) x WHERE l.schema = ?2",
                              -1, &s, nullptr);
  if (rc != SQLITE_OK) return false;
  sqlite3_bind_text(s, 1, table.data(), static_cast<int>(table.size()), SQLITE_STATIC);
  sqlite3_bind_text(s, 2, schema.data(), static_cast<int>(schema.size()), SQLITE_STATIC);
  std::vector<std::string> columns;
  while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
    columns.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(s, 0)));
    if (sqlite3_column_int(s, 1) != 0) dependency->every_column = true;  // generated ones
    const auto* type = reinterpret_cast<const char*>(sqlite3_column_text(s, 2));
    if (std::strcmp(type, "virtual") == 0) query->anything = true;
  }
  sqlite3_finalize(s);
  if (rc != SQLITE_DONE) return false;
  if (columns.empty()) query->anything = true;  // a table-valued function, or what it may be
  for (const std::string& column : dependency->columns) {
    const auto at = std::find(columns.begin(), columns.end(), column);
    // The rowid's changes are told apart; of a view's column its table's are told besides.
    if (at == columns.end()) continue;
    dependency->positions.push_back(static_cast<int>(at - columns.begin()));
  }
  for (const Filter& filter : dependency->filters) {
    const auto at = std::find(columns.begin(), columns.end(), filter.column);
    const bool known = at != columns.end() && !dependency->every_column;
    dependency->filter_positions.push_back(known ? static_cast<int>(at - columns.begin()) : -1);
  }
  return true;
}

void LiveQueries::Remove(int32_t id) { queries_.erase(id); }

void LiveQueries::Narrow(int32_t id, std::string_view table, Filter filter) {
  const auto query = queries_.find(id);
  if (query == queries_.end()) return;
  std::string key = "main.";
  AppendLower(table, &key);
  const auto found = query->second.tables.find(key);
  if (found == query->second.tables.end()) return;
  Dependency& dependency = found->second;
  dependency.filters.push_back(std::move(filter));
  dependency.positions.clear();
  dependency.filter_positions.clear();
  if (!Resolve(key, &query->second, &dependency)) query->second.anything = true;
}

void LiveQueries::PreUpdate(void* self, sqlite3*, int op, const char* schema, const char* table,
                            sqlite3_int64 old_rowid, sqlite3_int64 new_rowid) noexcept {
  auto* live = static_cast<LiveQueries*>(self);
  try {
    live->NoteChange(op, schema, table, op == SQLITE_UPDATE && old_rowid != new_rowid);
  } catch (const std::bad_alloc&) {
    for (auto& [id, query] : live->queries_) query.dirty = true;
  }
}

void LiveQueries::NoteChange(int op, const char* schema, const char* table, bool rowid_changed) {
  if (queries_.empty()) return;
  MakeKey(schema, table, &key_);
  for (auto& [id, query] : queries_) {
    if (query.dirty) continue;
    const auto found = query.tables.find(key_);
    if (query.anything) {
      query.dirty = true;
    } else if (found != query.tables.end()) {
      query.dirty = Affects(found->second, op, rowid_changed);
    }
  }
}

bool LiveQueries::Affects(const Dependency& dependency, int op, bool rowid_changed) {
  if (sqlite3_preupdate_blobwrite(db_) >= 0) return true;
  if (op != SQLITE_UPDATE) return Matches(dependency, op == SQLITE_DELETE);
  if (!rowid_changed && !dependency.every_column) {
    const auto changed = [&](int position) {
      sqlite3_value* before = nullptr;
      sqlite3_value* after = nullptr;
      return sqlite3_preupdate_old(db_, position, &before) != SQLITE_OK ||
             sqlite3_preupdate_new(db_, position, &after) != SQLITE_OK || !SameValue(before, after);
    };
    if (std::none_of(dependency.positions.begin(), dependency.positions.end(), changed)) {
      return false;
    }
  }
  return Matches(dependency, true) || Matches(dependency, false);
}

bool LiveQueries::Matches(const Dependency& dependency, bool old_row) {
  for (size_t i = 0; i < dependency.filters.size(); ++i) {
    const int position = dependency.filter_positions[i];
    sqlite3_value* value = nullptr;
    if (position < 0 || (old_row ? sqlite3_preupdate_old(db_, position, &value)
                                 : sqlite3_preupdate_new(db_, position, &value)) != SQLITE_OK) {
      continue;
    }
    if (!MayMatch(dependency.filters[i], value)) return false;
  }
  return true;
}

std::vector<int32_t> LiveQueries::TakeDirty() {
  std::vector<int32_t> ids;
  for (auto& [id, query] : queries_) {
    if (std::exchange(query.dirty, false)) ids.push_back(id);
  }
  return ids;
}

}  // namespace tributary
