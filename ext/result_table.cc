#include "ext/result_table.h"

#include <memory>

#include "ext/connection_table.h"

namespace tributary {
namespace {

// What the module's aux pointer holds.
struct Registration {
  Connection* connection;
  const ResultTable* table;
};

struct Vtab : sqlite3_vtab {
  Registration registration;
};

struct Cursor : CountingCursor {
  std::vector<ResultRow> rows;
  size_t size() const { return rows.size(); }
};

const Registration& RegistrationOf(sqlite3_vtab* t) { return static_cast<Vtab*>(t)->registration; }

int Connect(sqlite3* db, void* aux, int, const char* const*, sqlite3_vtab** out, char** message) {
  return GuardTable(message, [&]() -> Status {
    const auto* registration = static_cast<Registration*>(aux);
    if (sqlite3_declare_vtab(db, registration->table->declaration) != SQLITE_OK) {
      return Status::FromDb(db);
    }
    sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
    auto* t = new Vtab();
    t->registration = *registration;
    *out = t;
    return {};
  });
}

int Disconnect(sqlite3_vtab* t) {
  delete static_cast<Vtab*>(t);
  return SQLITE_OK;
}

// An argument must be usable if it is there: a join has to bring it first. idxNum has a bit for
// each that is.
int BestIndex(sqlite3_vtab* t, sqlite3_index_info* info) {
  info->estimatedCost = 100;
  const ResultTable& table = *RegistrationOf(t).table;
  int given = 0;
  for (int argument = 0; argument < table.arguments; argument++) {
    for (int i = 0; i < info->nConstraint; i++) {
      const auto& c = info->aConstraint[i];
      if (c.iColumn != table.columns + argument || c.op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
      if (c.usable == 0) return SQLITE_CONSTRAINT;
      info->aConstraintUsage[i].argvIndex = ++given;
      info->aConstraintUsage[i].omit = 1;
      info->idxNum |= 1 << argument;
      break;
    }
  }
  return SQLITE_OK;
}

int Filter(sqlite3_vtab_cursor* c, int given, const char*, int, sqlite3_value** argv) {
  return GuardTable(&c->pVtab->zErrMsg, [&]() -> Status {
    auto* cursor = static_cast<Cursor*>(c);
    cursor->rows.clear();
    cursor->at = 0;
    sqlite3_value* arguments[kMaxResultArguments] = {};
    for (int i = 0; i < kMaxResultArguments; i++) {
      if ((given >> i & 1) != 0) arguments[i] = *argv++;
    }
    const Registration& r = RegistrationOf(c->pVtab);
    return r.table->rows(r.connection, arguments, &cursor->rows);
  });
}

int Column(sqlite3_vtab_cursor* c, sqlite3_context* context, int column) {
  const auto* cursor = static_cast<Cursor*>(c);
  const ResultRow& row = cursor->rows[cursor->at];
  if (column < 0 || static_cast<size_t>(column) >= row.size()) return SQLITE_OK;
  Value v = row[column].value;
  v.bytes = row[column].bytes;
  ResultOf(context, v);
  return SQLITE_OK;
}

constexpr sqlite3_module MakeModule() {
  sqlite3_module m = CountingModule<Cursor>();
  m.xConnect = Connect;
  m.xBestIndex = BestIndex;
  m.xDisconnect = Disconnect;
  m.xFilter = Filter;
  m.xColumn = Column;
  return m;
}
constexpr sqlite3_module kModule = MakeModule();

}  // namespace

Status RegisterResultTable(Connection* c, const ResultTable* table) {
  auto registration = std::make_unique<Registration>(Registration{c, table});
  // SQLite calls the destructor also where it fails.
  if (sqlite3_create_module_v2(c->db(), table->name, &kModule, registration.release(), [](void* p) {
        delete static_cast<Registration*>(p);
      }) != SQLITE_OK) {
    return Status::FromDb(c->db());
  }
  return {};
}

}  // namespace tributary
