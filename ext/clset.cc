#include "ext/clset.h"

#include <string>

#include "absl/strings/match.h"
#include "ext/connection_table.h"
#include "ext/format.h"
#include "ext/upgrade.h"

namespace tributary {
namespace {

constexpr std::string_view kSuffix = "_schema";

struct ClsetTable : ConnectionTable {
  std::string data;  // the table with the rows
};

struct NoRows : CountingCursor {
  static size_t size() { return 0; }
};

// The statement that called us is the savepoint for what we run.
class InStatement {
 public:
  explicit InStatement(Connection* c) : c_(c), counters_(c) { c->in_statement = true; }
  ~InStatement() { c_->in_statement = false; }
  InStatement(const InStatement&) = delete;
  InStatement& operator=(const InStatement&) = delete;

 private:
  Connection* c_;
  ScopedHostCounters counters_;
};

Status DataTable(std::string_view name, std::string* data) {
  if (!absl::EndsWithIgnoreCase(name, kSuffix) || name.size() == kSuffix.size()) {
    const std::string n(name);
    return ErrorFormat(
        "%s MUST end with _schema. E.g., %s_schema. Two tables will be created: %s_schema for "
        "managing the CRDT schemas and %s for storing the data.",
        n.c_str(), n.c_str(), n.c_str(), n.c_str());
  }
  *data = name.substr(0, name.size() - kSuffix.size());
  return {};
}

Status Replicate(Connection* c, const std::string& table) {
  std::string warning;
  return AsReplicated(c, "main", table, &warning);
}

// argv: module, schema, name, then the definitions of columns and constraints.
Status MakeData(Connection* c, int argc, const char* const* argv, const std::string& data) {
  if (std::string_view(argv[1]) != "main") {
    return ErrorFormat(
        "clset: %s is to be made in %s: only tables of the main database can be replicated",
        argv[2], argv[1]);
  }
  const InStatement in_statement(c);
  std::string definition;
  // One may end in a comment of one line.
  for (int i = 3; i < argc; i++) definition.append(i > 3 ? "\n," : "").append(argv[i]);
  TRIBUTARY_RETURN_IF_ERROR(
      ExecuteFormat(c->db(), "CREATE TABLE main.\"%w\"(%s\n)", data.c_str(), definition.c_str()));
  return Replicate(c, data);
}

template <bool create>
int Connect(sqlite3* db, void* aux, int argc, const char* const* argv, sqlite3_vtab** out,
            char** message) {
  return GuardTable(message, [&]() -> Status {
    auto table = std::make_unique<ClsetTable>();
    table->connection = static_cast<Connection*>(aux);
    TRIBUTARY_RETURN_IF_ERROR(DataTable(argv[2], &table->data));
    if (sqlite3_declare_vtab(db, "CREATE TABLE x(alteration HIDDEN, schema HIDDEN)") != SQLITE_OK) {
      return Status::FromDb(db);
    }
    sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
    if (create) TRIBUTARY_RETURN_IF_ERROR(MakeData(table->connection, argc, argv, table->data));
    *out = table.release();
    return {};
  });
}

ClsetTable* TableOf(sqlite3_vtab* t) { return static_cast<ClsetTable*>(t); }

int Disconnect(sqlite3_vtab* t) {
  delete TableOf(t);
  return SQLITE_OK;
}

int Destroy(sqlite3_vtab* t) {
  // SQLite reads no message here, and would never free it.
  const int rc = GuardTable(nullptr, [t]() -> Status {
    Connection* c = ConnectionOf(t);
    const InStatement in_statement(c);
    TRIBUTARY_RETURN_IF_ERROR(AsOrdinary(c, TableOf(t)->data));
    return ExecuteFormat(c->db(), "DROP TABLE IF EXISTS main.\"%w\"", TableOf(t)->data.c_str());
  });
  return rc == SQLITE_OK ? Disconnect(t) : rc;
}

int Rename(sqlite3_vtab* t, const char* name) {
  return GuardTable(&t->zErrMsg, [t, name]() -> Status {
    Connection* c = ConnectionOf(t);
    std::string data;
    TRIBUTARY_RETURN_IF_ERROR(DataTable(name, &data));
    const InStatement in_statement(c);
    TRIBUTARY_RETURN_IF_ERROR(ExecuteFormat(c->db(), "ALTER TABLE main.\"%w\" RENAME TO \"%w\"",
                                            TableOf(t)->data.c_str(), data.c_str()));
    TRIBUTARY_RETURN_IF_ERROR(Replicate(c, data));
    TableOf(t)->data = data;
    return {};
  });
}

constexpr sqlite3_module MakeModule() {
  sqlite3_module m = CountingModule<NoRows>();
  m.xCreate = Connect<true>;
  m.xConnect = Connect<false>;
  m.xBestIndex = [](sqlite3_vtab*, sqlite3_index_info*) { return SQLITE_OK; };
  m.xDisconnect = Disconnect;
  m.xDestroy = Destroy;
  m.xFilter = [](sqlite3_vtab_cursor*, int, const char*, int, sqlite3_value**) {
    return SQLITE_OK;
  };
  m.xColumn = [](sqlite3_vtab_cursor*, sqlite3_context*, int) { return SQLITE_OK; };
  m.xRename = Rename;
  return m;
}
constexpr sqlite3_module kModule = MakeModule();

}  // namespace

Status RegisterClset(Connection* c) { return RegisterModule(c, "clset", &kModule); }

}  // namespace tributary
