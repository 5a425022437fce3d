// The entry points: they register everything on a connection and do nothing else.
#include <memory>

#include "absl/strings/str_cat.h"
#include "ext/capture_functions.h"
#include "ext/changes_table.h"
#include "ext/connection.h"
#include "ext/functions.h"
#include "ext/guard.h"
#include "ext/inspect.h"
#include "ext/pending_rows.h"
#include "ext/storage.h"
#include "ext/transaction_table.h"

#ifndef SQLITE_CORE
SQLITE_EXTENSION_INIT1
#endif

#if defined(_WIN32)
#define TRIBUTARY_EXPORT __declspec(dllexport)
#else
#define TRIBUTARY_EXPORT __attribute__((visibility("default")))
#endif

namespace tributary {
namespace {

bool IsRegistered(sqlite3* db) {
  sqlite3_stmt* s = nullptr;
  const bool known = sqlite3_prepare_v2(db, "SELECT crsql_version()", -1, &s, nullptr) == SQLITE_OK;
  sqlite3_finalize(s);
  return known;
}

Status Register(sqlite3* db) {
  if (sqlite3_libversion_number() < TRIBUTARY_MIN_SQLITE_VERSION) {
    return Status::Error(
        absl::StrCat("Tributary needs SQLite 3.38.0 or newer, this is ", sqlite3_libversion()));
  }
  if (IsRegistered(db)) return {};
  auto owned = std::make_unique<Connection>(db);
  Connection* c = owned.get();
  TRIBUTARY_RETURN_IF_ERROR(RegisterTransactionTable(owned.release()));
  TRIBUTARY_RETURN_IF_ERROR(RegisterFunctions(c));
  TRIBUTARY_RETURN_IF_ERROR(RegisterCaptureFunctions(c));
  TRIBUTARY_RETURN_IF_ERROR(RegisterChangesTable(c));
  TRIBUTARY_RETURN_IF_ERROR(RegisterInspectTables(c));
  TRIBUTARY_RETURN_IF_ERROR(RegisterPendingRows(c));
  Status stored = EnsureStorage(db);
  return CannotWriteNow(stored) ? Status() : std::move(stored);
}

}  // namespace
}  // namespace tributary

extern "C" {

TRIBUTARY_EXPORT int sqlite3_tributary_init(sqlite3* db, char** error,
                                            const sqlite3_api_routines* api) {
#ifndef SQLITE_CORE
  SQLITE_EXTENSION_INIT2(api);
#else
  (void)api;
#endif
  const int rc = tributary::GuardTable(error, [&] { return tributary::Register(db); });
#ifdef SQLITE_CORE
  return rc;
#else
  // Staying loaded saves every later connection of the process the loading and relocating.
  return rc == SQLITE_OK ? SQLITE_OK_LOAD_PERMANENTLY : rc;
#endif
}

TRIBUTARY_EXPORT int sqlite3_crsqlite_init(sqlite3* db, char** error,
                                           const sqlite3_api_routines* api) {
  return sqlite3_tributary_init(db, error, api);
}

}  // extern "C"
