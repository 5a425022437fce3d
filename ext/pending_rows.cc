#include "ext/pending_rows.h"

#include "ext/connection_table.h"

namespace tributary {
namespace {

constexpr char kDeclaration[] = "CREATE TABLE x(table_id, key, clock)";

struct PendingCursor : CountingCursor {
  const PendingRows* rows = nullptr;
  size_t size() const { return rows->size(); }
};

int BestIndex(sqlite3_vtab*, sqlite3_index_info*) { return SQLITE_OK; }

int Filter(sqlite3_vtab_cursor* c, int, const char*, int, sqlite3_value**) {
  return GuardTable(&c->pVtab->zErrMsg, [&]() -> Status {
    Connection* connection = ConnectionOf(c->pVtab);
    if (!connection->has_stores()) return Status::Error("crsql_pending_rows is internal");
    auto* cursor = static_cast<PendingCursor*>(c);
    cursor->rows = &connection->stores().rows.pending();
    cursor->at = 0;
    return {};
  });
}

int Column(sqlite3_vtab_cursor* c, sqlite3_context* context, int column) {
  const auto* cursor = static_cast<PendingCursor*>(c);
  const PendingRows& rows = *cursor->rows;
  if (column == 0) {
    sqlite3_result_int64(context, rows[cursor->at].table);
    return SQLITE_OK;
  }
  const std::string_view bytes = column == 1 ? rows[cursor->at].key : rows.Clock(cursor->at);
  sqlite3_result_blob64(context, bytes.data(), bytes.size(), SQLITE_STATIC);
  return SQLITE_OK;
}

constexpr sqlite3_module MakeModule() {
  sqlite3_module m = CountingModule<PendingCursor>();
  m.xConnect = ConnectTable<kDeclaration, SQLITE_VTAB_DIRECTONLY>;
  m.xBestIndex = BestIndex;
  m.xDisconnect = DisconnectTable;
  m.xFilter = Filter;
  m.xColumn = Column;
  return m;
}
constexpr sqlite3_module kModule = MakeModule();

}  // namespace

Status RegisterPendingRows(Connection* connection) {
  return RegisterModule(connection, "crsql_pending_rows", &kModule);
}

}  // namespace tributary
