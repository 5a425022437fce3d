// The entry points: they register everything on a connection and do nothing else.
#include <memory>

#include "absl/strings/str_cat.h"
#include "ext/automigrate.h"
#include "ext/capture_functions.h"
#include "ext/changes_table.h"
#include "ext/changeset_functions.h"
#include "ext/changeset_table.h"
#include "ext/clset.h"
#include "ext/connection.h"
#include "ext/fract_index.h"
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

// What a connection has of Tributary, owned by an internal SQL function: the first to be
// registered, so that a load which failed half-way leaves it to the next one, to be completed.
struct Registration {
  explicit Registration(sqlite3* db) : connection(db) {}
  bool complete = false;
  Connection connection;
};

constexpr char kPointerType[] = "tributary registration";

// crsql_internal_registration(pointer): SQL alone cannot make such a pointer.
void PassRegistration(sqlite3_context* context, int, sqlite3_value** argv) {
  if (void* out = sqlite3_value_pointer(argv[0], kPointerType)) {
    *static_cast<Registration**>(out) = static_cast<Registration*>(sqlite3_user_data(context));
  }
}

// *registration is null where Tributary was never loaded on the connection.
Status Find(sqlite3* db, Registration** registration) {
  *registration = nullptr;
  Statement s;
  Status prepared = s.Prepare(db, "SELECT crsql_internal_registration(?1)");
  if (!prepared.ok()) {
    const bool unknown_function = prepared.code() == SQLITE_ERROR;
    return unknown_function ? Status() : std::move(prepared);
  }
  s.BindPointer(1, registration, kPointerType);
  TRIBUTARY_RETURN_IF_ERROR(s.Run());
  if (*registration != nullptr) return {};
  return Status::Error("Tributary was loaded on this connection before, but cannot be asked");
}

Status FindOrAdd(sqlite3* db, Registration** registration) {
  TRIBUTARY_RETURN_IF_ERROR(Find(db, registration));
  if (*registration != nullptr) return {};
  auto added = std::make_unique<Registration>(db);
  *registration = added.get();
  // SQLite calls the destructor also where it fails.
  if (sqlite3_create_function_v2(
          db, "crsql_internal_registration", 1, SQLITE_UTF8 | SQLITE_DIRECTONLY, added.release(),
          PassRegistration, nullptr, nullptr,
          [](void* p) { delete static_cast<Registration*>(p); }) != SQLITE_OK) {
    return Status::FromDb(db);
  }
  return {};
}

Status RegisterAll(Connection* c) {
  TRIBUTARY_RETURN_IF_ERROR(RegisterTransactionTable(c));
  TRIBUTARY_RETURN_IF_ERROR(RegisterFunctions(c));
  TRIBUTARY_RETURN_IF_ERROR(RegisterCaptureFunctions(c));
  TRIBUTARY_RETURN_IF_ERROR(RegisterChangesTable(c));
  TRIBUTARY_RETURN_IF_ERROR(RegisterInspectTables(c));
  TRIBUTARY_RETURN_IF_ERROR(RegisterChangesetFunctions(c));
  TRIBUTARY_RETURN_IF_ERROR(RegisterChangesetTable(c));
  TRIBUTARY_RETURN_IF_ERROR(RegisterFractFunctions(c));
  TRIBUTARY_RETURN_IF_ERROR(RegisterClset(c));
  TRIBUTARY_RETURN_IF_ERROR(RegisterAutomigrate(c));
  return RegisterPendingRows(c);
}

Status Register(sqlite3* db) {
  if (sqlite3_libversion_number() < TRIBUTARY_MIN_SQLITE_VERSION) {
    return Status::Error(
        absl::StrCat("Tributary needs SQLite 3.38.0 or newer, this is ", sqlite3_libversion()));
  }
  Registration* registration;
  TRIBUTARY_RETURN_IF_ERROR(FindOrAdd(db, &registration));
  if (!registration->complete) TRIBUTARY_RETURN_IF_ERROR(RegisterAll(&registration->connection));
  registration->complete = true;
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
