#include "ext/pending_rows.h"

#include <new>

#include "ext/connection.h"
#include "ext/guard.h"

namespace tributary {
namespace {

struct PendingTable : sqlite3_vtab {
  Connection* connection;
};

struct PendingCursor : sqlite3_vtab_cursor {
  const PendingRows* rows;
  size_t at = 0;
};

PendingCursor* CursorOf(sqlite3_vtab_cursor* c) { return static_cast<PendingCursor*>(c); }

int Connect(sqlite3* db, void* aux, int, const char* const*, sqlite3_vtab** out, char** message) {
  return GuardTable(message, [&]() -> Status {
    if (sqlite3_declare_vtab(db, "CREATE TABLE x(table_id, key, clock)") != SQLITE_OK) {
      return Status::FromDb(db);
    }
    sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
    auto* t = new PendingTable();
    t->connection = static_cast<Connection*>(aux);
    *out = t;
    return {};
  });
}

int Disconnect(sqlite3_vtab* t) {
  delete static_cast<PendingTable*>(t);
  return SQLITE_OK;
}

int BestIndex(sqlite3_vtab*, sqlite3_index_info*) { return SQLITE_OK; }

int Open(sqlite3_vtab* t, sqlite3_vtab_cursor** out) {
  Connection* c = static_cast<PendingTable*>(t)->connection;
  if (!c->has_stores()) {
    sqlite3_free(t->zErrMsg);
    t->zErrMsg = sqlite3_mprintf("crsql_pending_rows is internal");
    return SQLITE_ERROR;
  }
  auto* cursor = new (std::nothrow) PendingCursor();
  *out = cursor;
  if (cursor == nullptr) return SQLITE_NOMEM;
  cursor->rows = &c->stores().rows.pending();
  return SQLITE_OK;
}

int Close(sqlite3_vtab_cursor* c) {
  delete CursorOf(c);
  return SQLITE_OK;
}

int Filter(sqlite3_vtab_cursor* c, int, const char*, int, sqlite3_value**) {
  CursorOf(c)->at = 0;
  return SQLITE_OK;
}

int Next(sqlite3_vtab_cursor* c) {
  CursorOf(c)->at++;
  return SQLITE_OK;
}

int Eof(sqlite3_vtab_cursor* c) { return CursorOf(c)->at >= CursorOf(c)->rows->size() ? 1 : 0; }

int Column(sqlite3_vtab_cursor* c, sqlite3_context* context, int column) {
  const PendingCursor* cursor = CursorOf(c);
  const PendingRows& rows = *cursor->rows;
  if (column == 0) {
    sqlite3_result_int64(context, rows[cursor->at].table);
    return SQLITE_OK;
  }
  const std::string_view bytes = column == 1 ? rows[cursor->at].key : rows.Clock(cursor->at);
  sqlite3_result_blob64(context, bytes.data(), bytes.size(), SQLITE_STATIC);
  return SQLITE_OK;
}

int Rowid(sqlite3_vtab_cursor* c, sqlite3_int64* rowid) {
  *rowid = static_cast<sqlite3_int64>(CursorOf(c)->at);
  return SQLITE_OK;
}

constexpr sqlite3_module MakeModule() {
  sqlite3_module m{};
  m.xConnect = Connect;
  m.xBestIndex = BestIndex;
  m.xDisconnect = Disconnect;
  m.xOpen = Open;
  m.xClose = Close;
  m.xFilter = Filter;
  m.xNext = Next;
  m.xEof = Eof;
  m.xColumn = Column;
  m.xRowid = Rowid;
  return m;
}
constexpr sqlite3_module kModule = MakeModule();

}  // namespace

Status RegisterPendingRows(Connection* connection) {
  if (sqlite3_create_module_v2(connection->db(), "crsql_pending_rows", &kModule, connection,
                               nullptr) != SQLITE_OK) {
    return Status::FromDb(connection->db());
  }
  return {};
}

}  // namespace tributary
