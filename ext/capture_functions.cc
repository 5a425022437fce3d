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
  if (*table != nullptr) return {};
  return Status::Error(absl::StrCat(
      "a trigger of Tributary belongs to table number ", id,
      ", which is not in its catalog: the triggers were copied or the catalog was damaged; call "
      "crsql_as_crr on the table"));
}

Status CheckArguments(const Table& table, int per_key, int per_column, int argc) {
  const int expected = 1 + per_key * static_cast<int>(table.key().size()) +
                       per_column * static_cast<int>(table.columns().size());
  if (argc == expected) return {};
  return Status::Error(
      absl::StrCat("table ", table.name(), " was altered after its triggers were made: expected ",
                   expected, " values, got ", argc, "; call crsql_as_crr on it again"));
}

// For triggers that pass one key.
Status Begin(Connection* c, int argc, sqlite3_value** argv, Table** table) {
  TRIBUTARY_RETURN_IF_ERROR(FindTable(c, argv, table));
  return CheckArguments(**table, 1, 0, argc);
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

Status AfterUpdate(Connection* c, int argc, sqlite3_value** argv) {
  Table* table;
  TRIBUTARY_RETURN_IF_ERROR(FindTable(c, argv, &table));
  const bool in_parts = table->UpdatesInParts();
  TRIBUTARY_RETURN_IF_ERROR(CheckArguments(*table, 2, in_parts ? 0 : 2, argc));
  const size_t keys = table->key().size();
  const size_t width = in_parts ? 0 : table->columns().size();
  sqlite3_value** new_key = argv + 1;
  sqlite3_value** old_key = new_key + keys;
  sqlite3_value** new_cells = old_key + keys;
  sqlite3_value** old_cells = new_cells + width;
  bool moved = false;
  for (size_t i = 0; i < keys; i++) moved = moved || !Same(new_key[i], old_key[i]);
  std::vector<ColumnId>& columns = c->capture.changed_columns;
  if (!in_parts) columns.clear();
  for (size_t i = 0; i < width; i++) {
    if (!Same(new_cells[i], old_cells[i])) columns.push_back(table->columns()[i].id);
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
  columns.clear();
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
  if (n > columns || first > columns - n) {
    return CheckArguments(*table, 2, 2, argc);
  }
  std::vector<ColumnId>& changed = c->capture.changed_columns;
  if (first == 0) changed.clear();
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
