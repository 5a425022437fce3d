// What the virtual tables of a connection have in common: how they come, go and are registered.
#ifndef TRIBUTARY_EXT_CONNECTION_TABLE_H_
#define TRIBUTARY_EXT_CONNECTION_TABLE_H_

#include "ext/connection.h"
#include "ext/guard.h"

namespace tributary {

struct ConnectionTable : sqlite3_vtab {
  Connection* connection;
};

inline Connection* ConnectionOf(sqlite3_vtab* t) {
  return static_cast<ConnectionTable*>(t)->connection;
}

// xConnect of a module whose client data is the connection. `trust` is SQLITE_VTAB_INNOCUOUS or
// SQLITE_VTAB_DIRECTONLY.
template <const char* declaration, int trust>
int ConnectTable(sqlite3* db, void* aux, int, const char* const*, sqlite3_vtab** out,
                 char** message) {
  return GuardTable(message, [&]() -> Status {
    if (sqlite3_declare_vtab(db, declaration) != SQLITE_OK) return Status::FromDb(db);
    sqlite3_vtab_config(db, trust);
    auto* t = new ConnectionTable();
    t->connection = static_cast<Connection*>(aux);
    *out = t;
    return {};
  });
}

inline int DisconnectTable(sqlite3_vtab* t) {
  delete static_cast<ConnectionTable*>(t);
  return SQLITE_OK;
}

inline Status RegisterModule(Connection* connection, const char* name,
                             const sqlite3_module* module) {
  sqlite3* const db = connection->db();
  if (sqlite3_create_module_v2(db, name, module, connection, nullptr) != SQLITE_OK) {
    return Status::FromDb(db);
  }
  return {};
}

}  // namespace tributary

#endif  // TRIBUTARY_EXT_CONNECTION_TABLE_H_
