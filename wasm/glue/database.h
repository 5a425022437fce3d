// A connection as the worker has it. Everything that the module exports is a C function beside it:
// database.cc, live and session exports; src/engine.ts calls them.
#ifndef TRIBUTARY_WASM_GLUE_DATABASE_H_
#define TRIBUTARY_WASM_GLUE_DATABASE_H_

#include <new>
#include <stdexcept>
#include <string>

#include "sqlite3.h"
#include "wasm/glue/live_queries.h"

// Exported under its own name.
#define TRIBUTARY_EXPORT(name) __attribute__((export_name(#name)))

namespace tributary {

struct Database {
  sqlite3* db = nullptr;
  LiveQueries live;
  std::string out;     // what the last call returned beside its result
  std::string error;   // of the last call that failed; else SQLite has it
  int error_code = 0;  // 0: SQLite has it
  uint32_t tail = 0;   // where what was prepared last ends
};

// Runs the body, whose result is one of SQLite's codes; want of memory is SQLITE_NOMEM.
template <typename F>
int Guarded(Database* database, F body) noexcept {
  database->error.clear();
  database->error_code = 0;
  try {
    return body();
  } catch (const std::bad_alloc&) {
    database->error_code = SQLITE_NOMEM;
  } catch (const std::length_error&) {
    database->error_code = SQLITE_TOOBIG;
  }
  return database->error_code;
}

}  // namespace tributary

#endif  // TRIBUTARY_WASM_GLUE_DATABASE_H_
