#include "ext/transaction_table.h"

#include <algorithm>

#include "ext/connection_table.h"

namespace tributary {
namespace {

constexpr char kDeclaration[] = "CREATE TABLE x(n INTEGER)";

struct TransactionCursor : CountingCursor {
  int64_t rows = 0;
  size_t size() const { return static_cast<size_t>(std::max<int64_t>(rows, 0)); }
};

int EndLifetime(sqlite3_vtab* t) {
  ConnectionOf(t)->OnClose();
  return DisconnectTable(t);
}

int BestIndex(sqlite3_vtab*, sqlite3_index_info* info) {
  for (int i = 0; i < info->nConstraint; i++) {
    const auto& c = info->aConstraint[i];
    if (c.usable == 0 || c.iColumn != 0 || c.op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
    info->aConstraintUsage[i].argvIndex = 1;
    info->aConstraintUsage[i].omit = 1;
    info->idxNum = 1;
    break;
  }
  info->estimatedCost = 1;
  return SQLITE_OK;
}

int Filter(sqlite3_vtab_cursor* c, int, const char*, int argc, sqlite3_value** argv) {
  auto* cursor = static_cast<TransactionCursor*>(c);
  cursor->at = 0;
  cursor->rows = argc == 1 ? sqlite3_value_int64(argv[0]) : 0;
  return SQLITE_OK;
}

int Column(sqlite3_vtab_cursor*, sqlite3_context*, int) { return SQLITE_OK; }

int Update(sqlite3_vtab*, int, sqlite3_value**, sqlite3_int64*) { return SQLITE_OK; }
int Begin(sqlite3_vtab*) { return SQLITE_OK; }

int Sync(sqlite3_vtab* t) {
  return GuardTable(&t->zErrMsg, [&] { return ConnectionOf(t)->OnSync(); });
}

int Commit(sqlite3_vtab* t) {
  ConnectionOf(t)->OnEnd(true);
  return SQLITE_OK;
}

int Rollback(sqlite3_vtab* t) {
  ConnectionOf(t)->OnEnd(false);
  return SQLITE_OK;
}

// SQLite reads no message here, and would never free it.
int Savepoint(sqlite3_vtab* t, int level) {
  return GuardTable(nullptr, [&] { return ConnectionOf(t)->OnSavepoint(level); });
}

int Release(sqlite3_vtab* t, int level) {
  ConnectionOf(t)->OnRelease(level);
  return SQLITE_OK;
}

int RollbackTo(sqlite3_vtab* t, int level) {
  ConnectionOf(t)->OnRollbackTo(level);
  return SQLITE_OK;
}

// What both tables have: they can be connected and read.
constexpr sqlite3_module MakeReadableModule() {
  sqlite3_module m = CountingModule<TransactionCursor>();
  m.xConnect = ConnectTable<kDeclaration, SQLITE_VTAB_INNOCUOUS>;
  m.xBestIndex = BestIndex;
  m.xDisconnect = DisconnectTable;
  m.xFilter = Filter;
  m.xColumn = Column;
  return m;
}

constexpr sqlite3_module MakeTransactionModule() {
  sqlite3_module m = MakeReadableModule();
  m.iVersion = 2;
  m.xUpdate = Update;
  m.xBegin = Begin;
  m.xSync = Sync;
  m.xCommit = Commit;
  m.xRollback = Rollback;
  m.xSavepoint = Savepoint;
  m.xRelease = Release;
  m.xRollbackTo = RollbackTo;
  return m;
}
constexpr sqlite3_module kTransactionModule = MakeTransactionModule();

constexpr sqlite3_module MakeLifetimeModule() {
  sqlite3_module m = MakeReadableModule();
  m.xDisconnect = EndLifetime;
  return m;
}
constexpr sqlite3_module kLifetimeModule = MakeLifetimeModule();

}  // namespace

Status RegisterTransactionTable(Connection* connection) {
  TRIBUTARY_RETURN_IF_ERROR(RegisterModule(connection, "crsql_transaction", &kTransactionModule));
  return RegisterModule(connection, "crsql_lifetime", &kLifetimeModule);
}

}  // namespace tributary
