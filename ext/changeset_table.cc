#include "ext/changeset_table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "ext/changeset_source.h"
#include "ext/connection_table.h"
#include "ext/merge.h"

namespace tributary {
namespace {

enum Column { kChangeset, kTransactions, kRows, kCells, kHave, kMaxBytes, kTables };
constexpr int kArguments = 3;
constexpr int64_t kDefaultMaxBytes = 1 << 20;
constexpr int64_t kMostBytes = kMaxFrameBody / 2;

constexpr char kDeclaration[] =
    "CREATE TABLE x([changeset] BLOB NOT NULL, [transactions] INTEGER NOT NULL, [rows] INTEGER NOT "
    "NULL, [cells] INTEGER NOT NULL, [have] BLOB HIDDEN, [max_bytes] INTEGER HIDDEN, [tables] TEXT "
    "HIDDEN)";

struct SourceCursor : sqlite3_vtab_cursor {
  explicit SourceCursor(Connection* c) : source(c) {}
  ChangesetSource source;
  int64_t row = 0;
};

SourceCursor* CursorOf(sqlite3_vtab_cursor* c) { return static_cast<SourceCursor*>(c); }

int Open(sqlite3_vtab* t, sqlite3_vtab_cursor** out) {
  return GuardTable(&t->zErrMsg, [&]() -> Status {
    *out = new SourceCursor(ConnectionOf(t));
    return {};
  });
}

int Close(sqlite3_vtab_cursor* c) {
  delete CursorOf(c);
  return SQLITE_OK;
}

// idxNum has a bit for each argument that is given; their values come in this order.
int BestIndex(sqlite3_vtab*, sqlite3_index_info* info) {
  int at[kArguments] = {-1, -1, -1};
  for (int i = 0; i < info->nConstraint; i++) {
    const auto& c = info->aConstraint[i];
    if (c.iColumn < kHave || c.op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
    // An argument from a table of the same join: that one must come first.
    if (c.usable == 0) return SQLITE_CONSTRAINT;
    at[c.iColumn - kHave] = i;
  }
  int n = 0;
  for (int i = 0; i < kArguments; i++) {
    if (at[i] < 0) continue;
    info->aConstraintUsage[at[i]].argvIndex = ++n;
    info->aConstraintUsage[at[i]].omit = 1;
    info->idxNum |= 1 << i;
  }
  info->estimatedCost = 1e6;
  info->estimatedRows = 100;
  return SQLITE_OK;
}

Status ParseHave(sqlite3_value* value, Have* have) {
  if (sqlite3_value_type(value) == SQLITE_NULL) return {};
  std::string error = "malformed version vector: pass what crsql_version_vector() returned";
  const bool sound =
      sqlite3_value_type(value) == SQLITE_BLOB && have->Decode(BlobOf(value), &error);
  return sound ? Status() : Status::Error(absl::StrCat("crsql_changesets: ", error));
}

int Filter(sqlite3_vtab_cursor* cursor, int given, const char*, int, sqlite3_value** argv) {
  return GuardTable(&cursor->pVtab->zErrMsg, [&]() -> Status {
    Connection* c = ConnectionOf(cursor->pVtab);
    ChangesetSource& source = CursorOf(cursor)->source;
    source.Stop();
    CursorOf(cursor)->row = 0;
    Have have;
    Scope scope;
    int64_t max_bytes = kDefaultMaxBytes;
    if ((given & 1) != 0) TRIBUTARY_RETURN_IF_ERROR(ParseHave(*argv++, &have));
    if ((given & 2) != 0) {
      sqlite3_value* v = *argv++;
      if (sqlite3_value_type(v) != SQLITE_NULL) max_bytes = sqlite3_value_int64(v);
      if (max_bytes < 1 || max_bytes > kMostBytes) {
        return Status::Error(absl::StrCat("crsql_changesets: max_bytes must be 1 to ", kMostBytes));
      }
    }
    TRIBUTARY_RETURN_IF_ERROR(c->Refresh());
    if ((given & 4) != 0) {
      TRIBUTARY_RETURN_IF_ERROR(ParseScope(c, "crsql_changesets", *argv++, &scope));
    }
    TRIBUTARY_RETURN_IF_ERROR(c->Flush());
    return source.Start(have, std::move(scope), static_cast<size_t>(max_bytes));
  });
}

int Next(sqlite3_vtab_cursor* cursor) {
  return GuardTable(&cursor->pVtab->zErrMsg, [&] {
    CursorOf(cursor)->row++;
    return CursorOf(cursor)->source.Next();
  });
}

int Eof(sqlite3_vtab_cursor* cursor) { return CursorOf(cursor)->source.done() ? 1 : 0; }

int ReadColumn(sqlite3_vtab_cursor* cursor, sqlite3_context* context, int column) {
  const ChangesetSource& source = CursorOf(cursor)->source;
  const auto number = [&](uint64_t n) {
    sqlite3_result_int64(context, static_cast<sqlite3_int64>(n));
  };
  switch (column) {
    case kChangeset:
      sqlite3_result_blob64(context, source.frame().data(), source.frame().size(),
                            SQLITE_TRANSIENT);
      break;
    case kTransactions:
      number(source.header().transactions);
      break;
    case kRows:
      number(source.header().rows);
      break;
    case kCells:
      number(source.header().cells);
      break;
    default:  // the arguments are not given back
      break;
  }
  return SQLITE_OK;
}

int Rowid(sqlite3_vtab_cursor* cursor, sqlite3_int64* rowid) {
  *rowid = CursorOf(cursor)->row;
  return SQLITE_OK;
}

constexpr sqlite3_module MakeModule() {
  sqlite3_module m{};
  m.xConnect = ConnectTable<kDeclaration, SQLITE_VTAB_INNOCUOUS>;
  m.xBestIndex = BestIndex;
  m.xDisconnect = DisconnectTable;
  m.xOpen = Open;
  m.xClose = Close;
  m.xFilter = Filter;
  m.xNext = Next;
  m.xEof = Eof;
  m.xColumn = ReadColumn;
  m.xRowid = Rowid;
  return m;
}
constexpr sqlite3_module kModule = MakeModule();

}  // namespace

Status ParseScope(Connection* c, const char* who, sqlite3_value* value, Scope* scope) {
  scope->clear();
  if (sqlite3_value_type(value) == SQLITE_NULL) return {};
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(c->db(),
                "SELECT value FROM json_each(CASE WHEN json_valid(?1) THEN ?1 ELSE '[]' END) WHERE "
                "json_valid(?1) AND json_type(?1) = 'array'"));
  const std::string json(TextOf(value));
  s.BindText(1, json);
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) break;
    const std::string name(s.Text(0));
    Table* table;
    TRIBUTARY_RETURN_IF_ERROR(c->stores().catalog.Find(name, &table));
    if (table == nullptr) {
      return Status::Error(absl::StrCat(who, ": table ", name,
                                        " is not replicated here: SELECT crsql_as_crr on it "
                                        "first"));
    }
    scope->push_back(name);
  }
  if (scope->empty()) {
    return Status::Error(absl::StrCat(
        who, ": tables must be a JSON array of names, such as '[\"note\", \"tag\"]', or NULL"));
  }
  std::sort(scope->begin(), scope->end());
  scope->erase(std::unique(scope->begin(), scope->end()), scope->end());
  return {};
}

Status RegisterChangesetTable(Connection* connection) {
  return RegisterModule(connection, "crsql_changesets", &kModule);
}

}  // namespace tributary
