// What the module exports for live queries; src/live.ts calls them.
#include <cstring>
#include <string_view>
#include <utility>

#include "wasm/glue/database.h"

using tributary::Database;
using tributary::Guarded;

extern "C" {

// What is prepared between these two is the query `id`.
TRIBUTARY_EXPORT(trib_live_begin) int trib_live_begin(Database* database, int32_t id) {
  return Guarded(database, [&] {
    database->live.Install(database->db);
    database->live.Begin(id);
    return SQLITE_OK;
  });
}
TRIBUTARY_EXPORT(trib_live_end) int trib_live_end(Database* database) {
  return Guarded(database, [&] {
    return database->live.End() ? SQLITE_OK : sqlite3_extended_errcode(database->db);
  });
}
TRIBUTARY_EXPORT(trib_live_remove) void trib_live_remove(Database* database, int32_t id) {
  database->live.Remove(id);
}

// All rows that the query reads of `table` have this value in `column`: an integer, or with
// `is_text` a text. Ignored where the column does not compare BINARY.
TRIBUTARY_EXPORT(trib_live_narrow)
int trib_live_narrow(Database* database, int32_t id, const char* table, const char* column,
                     int32_t is_text, int64_t integer, const char* text, size_t size) {
  return Guarded(database, [&] {
    const char* collation = nullptr;
    if (sqlite3_table_column_metadata(database->db, "main", table, column, nullptr, &collation,
                                      nullptr, nullptr, nullptr) != SQLITE_OK ||
        sqlite3_stricmp(collation, "BINARY") != 0) {
      return SQLITE_OK;
    }
    tributary::LiveQueries::Filter filter;
    for (const char* c = column; *c != 0; ++c) {
      filter.column.push_back(*c >= 'A' && *c <= 'Z' ? static_cast<char>(*c + 32) : *c);
    }
    filter.is_text = is_text != 0;
    filter.integer = integer;
    if (is_text != 0) filter.text.assign(text, size);
    database->live.Narrow(id, table, std::move(filter));
    return SQLITE_OK;
  });
}

// The ids of affected queries as 4 bytes each in trib_out().
TRIBUTARY_EXPORT(trib_live_dirty) int trib_live_dirty(Database* database) {
  return Guarded(database, [&] {
    database->out.clear();
    for (const int32_t id : database->live.TakeDirty()) {
      char bytes[sizeof id];
      std::memcpy(bytes, &id, sizeof id);
      database->out.append(bytes, sizeof bytes);
    }
    return SQLITE_OK;
  });
}

}  // extern "C"
