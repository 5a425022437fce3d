#include "ext/capture_functions.h"

#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "ext/guard.h"

namespace tributary {
namespace {

Connection* ConnectionOf(sqlite3_context* context) {
  return static_cast<Connection*>(sqlite3_user_data(context));
}

// Exact identity of two stored values (SQL's IS would take 1 for 1.0).
bool Same(sqlite3_value* a, sqlite3_value* b) {
  const int type = sqlite3_value_type(a);
  if (type != sqlite3_value_type(b)) return false;
  switch (type) {
    case SQLITE_INTEGER:
      return sqlite3_value_int64(a) == sqlite3_value_int64(b);
    case SQLITE_NULL:
      return true;
    case SQLITE_FLOAT:
      return SameValue(ValueOf(a), ValueOf(b));
    default: {
      // Text as the database's own encoding has it: who asks for the bytes first, has it converted.
      const void* const x = sqlite3_value_blob(a);
      const void* const y = sqlite3_value_blob(b);
      const int n = sqlite3_value_bytes(a);
      return n == sqlite3_value_bytes(b) &&
             (n == 0 || std::memcmp(x, y, static_cast<size_t>(n)) == 0);
    }
  }
}

// Joins the transaction and finds the table that a trigger names.
Status FindTable(Connection* c, sqlite3_value** argv, Table** table) {
  TRIBUTARY_RETURN_IF_ERROR(c->Join());
  const int64_t id = sqlite3_value_int64(argv[0]);
  TRIBUTARY_RETURN_IF_ERROR(c->stores().catalog.Get(id, table));
  if (*table != nullptr) {
    if ((*table)->is_outdated()) c->stores().catalog.IsOutdated(id);
    return {};
  }
  return Status::Error(absl::StrCat(
      "a trigger of Tributary belongs to table number ", id,
      ", which is not in its catalog: the triggers were copied or the catalog was damaged; call "
      "crsql_as_crr on the table"));
}

Status WrongArguments(const Table& table, int argc) {
  return Status::Error(absl::StrCat("a trigger of table ", table.name(), " passes ", argc,
                                    " values, which is not what it needs: its triggers were "
                                    "damaged; call crsql_as_crr on it again"));
}

// For triggers that pass one key.
Status Begin(Connection* c, int argc, sqlite3_value** argv, Table** table) {
  TRIBUTARY_RETURN_IF_ERROR(FindTable(c, argv, table));
  const bool fits = static_cast<size_t>(argc) == 1 + (*table)->key().size();
  return fits ? Status() : WrongArguments(**table, argc);
}

// After an operation was appended.
Status Finish(Connection* c) { return c->capture.must_flush() ? c->Flush() : Status(); }

bool CanReplace(Connection* c, const Table& table) {
  return !table.traits().has_replace_trigger &&
         (table.traits().can_replace || c->stores().catalog.has_temp_triggers() ||
          c->stores().replace_watch.Possible());
}

Status AfterInsert(Connection* c, int argc, sqlite3_value** argv) {
  Table* table;
  TRIBUTARY_RETURN_IF_ERROR(Begin(c, argc, argv, &table));
  OpList& list = c->capture.list;
  const size_t start = list.arena_size();
  TRIBUTARY_RETURN_IF_ERROR(table->EncodeKey(argv + 1, list.arena()));
  const size_t size = list.arena_size() - start;
  OpKind kind = OpKind::kInsert;
  auto& alive = c->capture.alive_before_insert;
  if (CanReplace(c, *table)) {
    kind = OpKind::kInsertOrReplace;
  } else if (!alive.empty() &&
             alive.erase(HashKey(table->id(), {list.arena()->data() + start, size})) > 0) {
    kind = OpKind::kReplace;
  }
  list.Add(kind, table->id(), start, size);
  return Finish(c);
}

// A row's keys and changed columns, as an operation.
Status AddUpdate(Connection* c, Table* table, sqlite3_value** new_key, sqlite3_value** old_key,
                 absl::Span<const ColumnId> columns) {
  bool moved = false;
  for (size_t i = 0; i < table->key().size(); i++) {
    moved = moved || !Same(new_key[i], old_key[i]);
  }
  if (!moved && columns.empty()) return {};
  OpList& list = c->capture.list;
  const size_t start = list.arena_size();
  TRIBUTARY_RETURN_IF_ERROR(table->EncodeKey(new_key, list.arena()));
  const size_t size = list.arena_size() - start;
  OpKind kind = OpKind::kUpdate;
  size_t old_size = 0;
  if (moved) {
    TRIBUTARY_RETURN_IF_ERROR(table->EncodeKey(old_key, list.arena()));
    old_size = list.arena_size() - start - size;
    // UPDATE OR REPLACE is rare: its victim is looked up in the log, the BEFORE trigger or not.
    const bool can_replace = table->traits().has_replace_trigger || CanReplace(c, *table);
    kind = can_replace ? OpKind::kMoveOrReplace : OpKind::kMove;
  }
  list.Add(kind, table->id(), start, size, old_size, columns);
  return {};
}

// Columns from that one on may have changed, too.
Status AddTouch(Connection* c, Table* table, sqlite3_value** key, ColumnId first) {
  OpList& list = c->capture.list;
  const size_t start = list.arena_size();
  TRIBUTARY_RETURN_IF_ERROR(table->EncodeKey(key, list.arena()));
  list.Add(OpKind::kTouch, table->id(), start, list.arena_size() - start, 0, {&first, 1});
  return {};
}

Status AfterUpdate(Connection* c, int argc, sqlite3_value** argv) {
  Table* table;
  TRIBUTARY_RETURN_IF_ERROR(FindTable(c, argv, &table));
  const size_t keys = table->key().size();
  const size_t cells = static_cast<size_t>(argc) - 1 - 2 * keys;
  const size_t width = cells / 2;
  const size_t all = table->columns().size();
  std::vector<ColumnId>& columns = c->capture.changed_columns;
  size_t& reported = c->capture.reported_columns;
  if (width > 0 || reported == 0) {
    columns.clear();
    reported = width;
  }
  if (static_cast<size_t>(argc) < 1 + 2 * keys || cells % 2 != 0 || width > all) {
    return WrongArguments(*table, argc);
  }
  sqlite3_value** new_key = argv + 1;
  sqlite3_value** old_key = new_key + keys;
  sqlite3_value** new_cells = old_key + keys;
  sqlite3_value** old_cells = new_cells + width;
  for (size_t i = 0; i < width; i++) {
    if (!Same(new_cells[i], old_cells[i])) columns.push_back(table->columns()[i].id);
  }
  const size_t before = c->capture.list.size();
  TRIBUTARY_RETURN_IF_ERROR(AddUpdate(c, table, new_key, old_key, columns));
  const bool lags = reported < all || !table->new_columns().empty();
  if (reported < all) c->stores().catalog.IsOutdated(table->id());
  // The transaction may have added columns itself, unnoticed so far: then the update was of these.
  const bool nothing = c->capture.list.size() == before && !c->in_one_statement();
  if (lags || nothing) {
    const ColumnId first = reported < all ? table->columns()[reported].id : table->next_column_id();
    TRIBUTARY_RETURN_IF_ERROR(AddTouch(c, table, new_key, first));
  }
  columns.clear();
  reported = 0;
  return Finish(c);
}

// While the table is being altered: a column that was assigned to, and the row's key.
Status UpdateCell(Connection* c, int argc, sqlite3_value** argv) {
  Table* table;
  TRIBUTARY_RETURN_IF_ERROR(FindTable(c, argv, &table));
  if (static_cast<size_t>(argc) != 2 + table->key().size()) return WrongArguments(*table, argc);
  const auto column = static_cast<ColumnId>(sqlite3_value_int64(argv[1]));
  if (table->FindColumn(column) < 0) return {};
  TRIBUTARY_RETURN_IF_ERROR(AddUpdate(c, table, argv + 2, argv + 2, {&column, 1}));
  return Finish(c);
}

// Likewise: the first column that the triggers do not know, the new key, the old one.
Status UpdateRow(Connection* c, int argc, sqlite3_value** argv) {
  Table* table;
  TRIBUTARY_RETURN_IF_ERROR(FindTable(c, argv, &table));
  const size_t keys = table->key().size();
  if (static_cast<size_t>(argc) != 2 + 2 * keys) return WrongArguments(*table, argc);
  const auto first = static_cast<ColumnId>(sqlite3_value_int64(argv[1]));
  TRIBUTARY_RETURN_IF_ERROR(AddUpdate(c, table, argv + 2, argv + 2 + keys, {}));
  TRIBUTARY_RETURN_IF_ERROR(AddTouch(c, table, argv + 2, first));
  return Finish(c);
}

// Part of an update of a table with more columns than a function takes arguments: the number of the
// first column, then new and old values. What changed is kept for the AfterUpdate that follows.
Status UpdatePart(Connection* c, int argc, sqlite3_value** argv) {
  Table* table;
  TRIBUTARY_RETURN_IF_ERROR(FindTable(c, argv, &table));
  const auto first = static_cast<size_t>(sqlite3_value_int64(argv[1]));
  const auto n = static_cast<size_t>(argc - 2) / 2;
  const size_t columns = table->columns().size();
  if (n > columns || first > columns - n) return WrongArguments(*table, argc);
  std::vector<ColumnId>& changed = c->capture.changed_columns;
  if (first == 0) changed.clear();
  c->capture.reported_columns = first + n;
  for (size_t i = 0; i < n; i++) {
    if (!Same(argv[2 + i], argv[2 + n + i])) changed.push_back(table->columns()[first + i].id);
  }
  return {};
}

Status AfterDelete(Connection* c, int argc, sqlite3_value** argv) {
  Table* table;
  TRIBUTARY_RETURN_IF_ERROR(Begin(c, argc, argv, &table));
  OpList& list = c->capture.list;
  const size_t start = list.arena_size();
  TRIBUTARY_RETURN_IF_ERROR(table->EncodeKey(argv + 1, list.arena()));
  const size_t size = list.arena_size() - start;
  auto& alive = c->capture.alive_before_insert;
  if (!alive.empty()) alive.erase(HashKey(table->id(), {list.arena()->data() + start, size}));
  list.Add(OpKind::kDelete, table->id(), start, size);
  return Finish(c);
}

Status BeforeReplace(Connection* c, int argc, sqlite3_value** argv) {
  Table* table;
  TRIBUTARY_RETURN_IF_ERROR(Begin(c, argc, argv, &table));
  std::string key;
  TRIBUTARY_RETURN_IF_ERROR(table->EncodeKey(argv + 1, &key));
  c->capture.alive_before_insert.insert(HashKey(table->id(), key));
  return {};
}

// One of the above as an SQL function. While the sync bit is on, nothing is captured: the write is
// a merge's, or the host asked for it.
template <Status (*body)(Connection*, int, sqlite3_value**)>
void CaptureFunction(sqlite3_context* context, int argc, sqlite3_value** argv) {
  Connection* c = ConnectionOf(context);
  if (c->sync_bit != 0) {
    if (!c->merging) c->NoteUncapturedWrite();
    return;
  }
  GuardFunction(context, [&]() -> Status {
    if (argc < 2) return Status::Error("this function is for Tributary's own triggers");
    OpList& list = c->capture.list;
    const size_t arena = list.arena_size();
    const size_t ops = list.size();
    bool captured = false;
    const absl::Cleanup settle = [&] {
      if (captured) return;
      // No half-encoded key stays behind.
      if (list.size() == ops) list.Cut(ops, arena);
      c->OnFailedCapture();
    };
    Status s = body(c, argc, argv);
    captured = s.ok();
    return s;
  });
}

void NoResult(sqlite3_context*) {}

}  // namespace

Status RegisterCaptureFunctions(Connection* c) {
  using Function = void (*)(sqlite3_context*, int, sqlite3_value**);
  // Those of updates and deletes are aggregates, of the one row that a SELECT without FROM has: a
  // function in a trigger makes SQLite keep a statement journal, which costs more than our part of
  // the work; an aggregate does not. (Inserts need that journal for their UNIQUE constraints.)
  const struct {
    const char* name;
    Function function;
    Function step;
  } functions[] = {
      {"crsql_after_insert", CaptureFunction<AfterInsert>, nullptr},
      {"crsql_update_part", nullptr, CaptureFunction<UpdatePart>},
      {"crsql_update_cell", nullptr, CaptureFunction<UpdateCell>},
      {"crsql_update_row", nullptr, CaptureFunction<UpdateRow>},
      {"crsql_after_update", nullptr, CaptureFunction<AfterUpdate>},
      {"crsql_after_delete", nullptr, CaptureFunction<AfterDelete>},
      {"crsql_before_replace", CaptureFunction<BeforeReplace>, nullptr},
  };
  for (const auto& f : functions) {
    if (sqlite3_create_function_v2(c->db(), f.name, -1, SQLITE_UTF8 | SQLITE_INNOCUOUS, c,
                                   f.function, f.step, f.step != nullptr ? NoResult : nullptr,
                                   nullptr) != SQLITE_OK) {
      return Status::FromDb(c->db());
    }
  }
  return {};
}

}  // namespace tributary
