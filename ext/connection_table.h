// What the virtual tables of a connection have in common: how they come, go and are registered.
#ifndef TRIBUTARY_EXT_CONNECTION_TABLE_H_
#define TRIBUTARY_EXT_CONNECTION_TABLE_H_

#include <new>

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

// A cursor that counts its rows through, by their position: what derives from it tells their
// number.
struct CountingCursor : sqlite3_vtab_cursor {
  size_t at = 0;
};

// The methods that such cursors share. `Cursor` has `size_t size() const`.
template <typename Cursor>
constexpr sqlite3_module CountingModule() {
  sqlite3_module m{};
  m.xOpen = [](sqlite3_vtab*, sqlite3_vtab_cursor** out) {
    *out = new (std::nothrow) Cursor();
    return *out == nullptr ? SQLITE_NOMEM : SQLITE_OK;
  };
  m.xClose = [](sqlite3_vtab_cursor* c) {
    delete static_cast<Cursor*>(c);
    return SQLITE_OK;
  };
  m.xNext = [](sqlite3_vtab_cursor* c) {
    static_cast<Cursor*>(c)->at++;
    return SQLITE_OK;
  };
  m.xEof = [](sqlite3_vtab_cursor* c) {
    const auto* cursor = static_cast<Cursor*>(c);
    return cursor->at >= cursor->size() ? 1 : 0;
  };
  m.xRowid = [](sqlite3_vtab_cursor* c, sqlite3_int64* rowid) {
    *rowid = static_cast<sqlite3_int64>(static_cast<Cursor*>(c)->at);
    return SQLITE_OK;
  };
  return m;
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
