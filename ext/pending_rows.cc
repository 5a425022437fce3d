#include "ext/pending_rows.h"

#include <new>

#include "ext/connection_table.h"

namespace tributary {
namespace {

constexpr char kDeclaration[] = "CREATE TABLE x(table_id, key, clock)";

struct PendingCursor : sqlite3_vtab_cursor {
  const PendingRows* rows;
  size_t at = 0;
};

PendingCursor* CursorOf(sqlite3_vtab_cursor* c) { return static_cast<PendingCursor*>(c); }

int BestIndex(sqlite3_vtab*, sqlite3_index_info*) { return SQLITE_OK; }

int Open(sqlite3_vtab* t, sqlite3_vtab_cursor** out) {
  Connection* c = ConnectionOf(t);
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
  m.xConnect = ConnectTable<kDeclaration, SQLITE_VTAB_DIRECTONLY>;
  m.xBestIndex = BestIndex;
  m.xDisconnect = DisconnectTable;
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
  return RegisterModule(connection, "crsql_pending_rows", &kModule);
}

}  // namespace tributary
