#include "ext/changes_table.h"

#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "crdt/key.h"
#include "crdt/packed.h"
#include "ext/change_scan.h"
#include "ext/connection_table.h"
#include "ext/merge.h"

namespace tributary {
namespace {

enum Column {
  kTable,
  kPk,
  kCid,
  kVal,
  kColVersion,
  kDbVersion,
  kSiteId,
  kCl,
  kSeq,
  kTs,
};

constexpr char kDeclaration[] =
    "CREATE TABLE x([table] TEXT NOT NULL, [pk] BLOB NOT NULL, [cid] TEXT NOT NULL, [val] ANY, "
    "[col_version] INTEGER NOT NULL, [db_version] INTEGER NOT NULL, [site_id] BLOB NOT NULL, "
    "[cl] INTEGER NOT NULL, [seq] INTEGER NOT NULL, [ts] TEXT HIDDEN)";

struct ChangesCursor : sqlite3_vtab_cursor {
  explicit ChangesCursor(Connection* c) : scan(c) {}
  ChangeScan scan;
};

ChangeScan& ScanOf(sqlite3_vtab_cursor* c) { return static_cast<ChangesCursor*>(c)->scan; }

int Open(sqlite3_vtab* t, sqlite3_vtab_cursor** out) {
  return GuardTable(&t->zErrMsg, [&]() -> Status {
    *out = new ChangesCursor(ConnectionOf(t));
    return {};
  });
}

int Close(sqlite3_vtab_cursor* c) {
  delete static_cast<ChangesCursor*>(c);
  return SQLITE_OK;
}

// The letter that tells Filter what a constraint's value narrows; 0 for what only SQLite checks.
char NarrowingOf(int column, int op) {
  if (column == kDbVersion) {
    switch (op) {
      case SQLITE_INDEX_CONSTRAINT_EQ:
        return '=';
      case SQLITE_INDEX_CONSTRAINT_GT:
        return '>';
      case SQLITE_INDEX_CONSTRAINT_GE:
        return 'G';
      case SQLITE_INDEX_CONSTRAINT_LT:
        return '<';
      case SQLITE_INDEX_CONSTRAINT_LE:
        return 'L';
      default:
        return 0;
    }
  }
  if (op != SQLITE_INDEX_CONSTRAINT_EQ) return 0;
  switch (column) {
    case kSiteId:
      return 's';
    case kTable:
      return 't';
    case kPk:
      return 'p';
    case kCid:
      return 'c';
    default:
      return 0;
  }
}

// Constraints narrow the scan and are checked by SQLite all the same. idxStr has a letter for each
// value that Filter gets; idxNum tells which, for EXPLAIN, as cr-sqlite does.
Status Plan(sqlite3_index_info* info) {
  std::string letters;
  for (int i = 0; i < info->nConstraint; i++) {
    const auto& c = info->aConstraint[i];
    const char letter = c.usable != 0 ? NarrowingOf(c.iColumn, c.op) : 0;
    if (letter == 0) continue;
    // Under another collation the value stands for more than itself: left to SQLite.
    if ((letter == 't' || letter == 'c') &&
        sqlite3_stricmp(sqlite3_vtab_collation(info, i), "BINARY") != 0) {
      continue;
    }
    letters.push_back(letter);
    info->aConstraintUsage[i].argvIndex = static_cast<int>(letters.size());
  }
  const auto has = [&](char letter) { return letters.find(letter) != std::string::npos; };
  const bool versions = letters.find_first_of("=><GL") != std::string::npos;
  info->idxNum = (versions ? 2 : 0) | (has('s') ? 4 : 0);
  info->estimatedCost = 1e7;
  if (versions) info->estimatedCost = has('s') ? 1e3 : 1e4;
  if (has('=')) info->estimatedCost = 1e2;
  if (has('t') && has('p')) info->estimatedCost = 10;
  info->estimatedRows = static_cast<sqlite3_int64>(info->estimatedCost);
  info->idxStr = sqlite3_mprintf("%s", letters.c_str());
  info->needToFreeIdxStr = 1;
  if (info->idxStr == nullptr) return {SQLITE_NOMEM, "out of memory"};
  const auto* order = info->aOrderBy;
  const auto ascending = [&](int i, int column) {
    return order[i].iColumn == column && order[i].desc == 0;
  };
  info->orderByConsumed =
      (info->nOrderBy == 1 && ascending(0, kDbVersion)) ||
              (info->nOrderBy == 2 && ascending(0, kDbVersion) && ascending(1, kSeq))
          ? 1
          : 0;
  return {};
}

int BestIndex(sqlite3_vtab* t, sqlite3_index_info* info) {
  return GuardTable(&t->zErrMsg, [&] { return Plan(info); });
}

// Narrows the range of versions by one constraint. Values that are no integers narrow nothing.
void NarrowVersions(char letter, sqlite3_value* value, ChangeFilter* filter, bool* nothing) {
  if (sqlite3_value_type(value) == SQLITE_NULL) *nothing = true;
  if (sqlite3_value_type(value) != SQLITE_INTEGER) return;
  int64_t v = sqlite3_value_int64(value);
  const bool is_lower = letter == '>' || letter == 'G' || letter == '=';
  const bool is_upper = letter == '<' || letter == 'L' || letter == '=';
  if (letter == '>') {
    if (v == INT64_MAX) *nothing = true;
    v += v < INT64_MAX ? 1 : 0;
  }
  if (letter == '<') {
    if (v == INT64_MIN) *nothing = true;
    v -= v > INT64_MIN ? 1 : 0;
  }
  if (is_lower && DbVersion(v) > filter->first) filter->first = DbVersion(v);
  if (is_upper && DbVersion(v) < filter->last) filter->last = DbVersion(v);
}

// *nothing is set where no record can satisfy the constraints.
Status MakeFilter(Connection* c, const char* letters, sqlite3_value** argv, ChangeFilter* filter,
                  bool* nothing) {
  sqlite3_value* pk = nullptr;
  for (int i = 0; letters[i] != 0; i++) {
    sqlite3_value* v = argv[i];
    bool found = true;
    switch (letters[i]) {
      case 's': {
        SiteId id;
        SiteOrdinal ordinal;
        found = ParseSiteId(BlobOf(v), &id);
        if (found) TRIBUTARY_RETURN_IF_ERROR(c->stores().sites.Find(id, &ordinal, &found));
        if (found) filter->site = ordinal;
        break;
      }
      case 't':
        TRIBUTARY_RETURN_IF_ERROR(c->stores().catalog.Find(TextOf(v), &filter->table));
        filter->only_parked = filter->only_parked || filter->table == nullptr;
        break;
      case 'p':
        pk = v;
        break;
      case 'c':
        filter->cid = std::string(TextOf(v));
        break;
      default:
        NarrowVersions(letters[i], v, filter, nothing);
        break;
    }
    if (!found) *nothing = true;
  }
  if (pk == nullptr || filter->table == nullptr || *nothing) return {};
  std::vector<Value> values;
  std::string key;
  if (UnpackValues(BlobOf(pk), &values) && filter->table->EncodeForeignKey(values, &key).ok()) {
    filter->key = std::move(key);
  } else {
    filter->only_parked = true;
  }
  return {};
}

int Filter(sqlite3_vtab_cursor* cursor, int, const char* letters, int, sqlite3_value** argv) {
  return GuardTable(&cursor->pVtab->zErrMsg, [&]() -> Status {
    Connection* c = ConnectionOf(cursor->pVtab);
    ChangeScan& scan = ScanOf(cursor);
    scan.Stop();
    TRIBUTARY_RETURN_IF_ERROR(c->Refresh());
    TRIBUTARY_RETURN_IF_ERROR(c->Flush());
    ChangeFilter filter{.parked = true};
    bool nothing = false;
    TRIBUTARY_RETURN_IF_ERROR(MakeFilter(c, letters, argv, &filter, &nothing));
    return nothing ? Status() : scan.Start(filter);
  });
}

int Next(sqlite3_vtab_cursor* cursor) {
  return GuardTable(&cursor->pVtab->zErrMsg, [&] { return ScanOf(cursor).Next(); });
}

int Eof(sqlite3_vtab_cursor* cursor) { return ScanOf(cursor).done() ? 1 : 0; }

void ResultBlob(sqlite3_context* context, std::string_view s) {
  sqlite3_result_blob64(context, s.data(), s.size(), SQLITE_TRANSIENT);
}

// A name of the schema. Not SQLITE_STATIC: an aggregate may hold it longer than the cursor lives.
// Of unknown length, so that SQLite takes its final zero, too, and the host needs no other copy.
void ResultName(sqlite3_context* context, const char* name) {
  sqlite3_result_text(context, name, -1, SQLITE_TRANSIENT);
}

void ResultValue(sqlite3_context* context, sqlite3_value* v) {
  // Saves much of the way of other types.
  if (sqlite3_value_type(v) == SQLITE_INTEGER) {
    sqlite3_result_int64(context, sqlite3_value_int64(v));
  } else {
    sqlite3_result_value(context, v);
  }
}

// Of a parked record.
void ResultParked(const ParkedRecord& r, sqlite3_context* context, int column) {
  switch (column) {
    case kTable:
      return ResultText(context, r.table);
    case kPk:
      return ResultBlob(context, r.pk);
    case kCid:
      return ResultText(context, r.cid);
    case kVal:
      return ResultOf(context, r.value.value());
    case kColVersion:
      return sqlite3_result_int64(context, r.col_version.value);
    case kDbVersion:
      return sqlite3_result_int64(context, r.version.value);
    case kSiteId:
      return ResultBlob(context, BytesOf(r.site));
    case kCl:
      return sqlite3_result_int64(context, r.cl.value);
    case kSeq:
      return sqlite3_result_int64(context, r.seq.value);
    case kTs:
      return ResultText(context, absl::StrCat(r.log.ts));
    default:
      return;
  }
}

Status ResultColumn(ChangeScan& scan, sqlite3_context* context, int column) {
  if (scan.parked() != nullptr) {
    ResultParked(*scan.parked(), context, column);
    return {};
  }
  switch (column) {
    case kTable:
      ResultName(context, scan.table()->name().c_str());
      break;
    case kPk:
      ResultBlob(context, scan.packed_key());
      break;
    case kCid:
      ResultName(context, scan.cid());
      break;
    case kVal:
      if (sqlite3_value* v = scan.value()) ResultValue(context, v);
      break;
    case kColVersion:
      sqlite3_result_int64(context, scan.record().version.value);
      break;
    case kDbVersion:
      sqlite3_result_int64(context, scan.db_version().value);
      break;
    case kSiteId:
      sqlite3_result_blob(context, scan.site_id().bytes.data(),
                          static_cast<int>(scan.site_id().bytes.size()), SQLITE_STATIC);
      break;
    case kCl:
      sqlite3_result_int64(context, scan.cl().value);
      break;
    case kSeq:
      sqlite3_result_int64(context, scan.record().seq.value);
      break;
    case kTs:
      ResultText(context, absl::StrCat(scan.ts()));
      break;
    default:
      break;
  }
  return {};
}

int ReadColumn(sqlite3_vtab_cursor* cursor, sqlite3_context* context, int column) {
  GuardFunction(context, [&] { return ResultColumn(ScanOf(cursor), context, column); });
  return SQLITE_OK;
}

// All records of a row share a rowid: a hash of its table and key.
int64_t RowidOf(int64_t table, std::string_view key) {
  return static_cast<int64_t>(HashKey(table, key) >> 1);
}

int Rowid(sqlite3_vtab_cursor* cursor, sqlite3_int64* rowid) {
  ChangeScan& scan = ScanOf(cursor);
  *rowid = scan.parked() != nullptr ? RowidOf(0, scan.parked()->pk)
                                    : RowidOf(scan.table()->id(), scan.key());
  return SQLITE_OK;
}

Status ReadChange(Connection* c, sqlite3_value** row, IncomingChange* change) {
  TRIBUTARY_RETURN_IF_ERROR(c->TextView(row[kTable], &change->table));
  change->pk = BlobOf(row[kPk]);
  TRIBUTARY_RETURN_IF_ERROR(c->TextView(row[kCid], &change->cid));
  change->value = ValueOf(row[kVal]);
  change->col_version = ColVersion(sqlite3_value_int64(row[kColVersion]));
  change->db_version = DbVersion(sqlite3_value_int64(row[kDbVersion]));
  change->cl = CausalLength(sqlite3_value_int64(row[kCl]));
  change->seq = Seq(sqlite3_value_int64(row[kSeq]));
  constexpr size_t kMaxName = 2048;
  if (change->table.size() > kMaxName) {
    return Status::Error("crsql_changes: crsql - table name exceeded max length");
  }
  if (change->cid.size() > kMaxName) {
    return Status::Error("crsql_changes: crsql - column name exceeded max length");
  }
  const std::string_view site = BlobOf(row[kSiteId]);
  if (site.size() > change->site.bytes.size()) {
    return Status::Error("crsql_changes: crsql - site id exceeded max length");
  }
  if (sqlite3_value_type(row[kSiteId]) != SQLITE_BLOB || !ParseSiteId(site, &change->site)) {
    return Status::Error(absl::StrCat("crsql_changes: the site_id of a change for table ",
                                      std::string(change->table), " must be a blob of 16 bytes"));
  }
  if (sqlite3_value_type(row[kTs]) != SQLITE_NULL &&
      !absl::SimpleAtoi(TextOf(row[kTs]), &change->log.ts)) {
    return Status::Error(absl::StrCat("crsql_changes: the ts of a change for table ",
                                      std::string(change->table),
                                      " is not an unsigned 64-bit number"));
  }
  return {};
}

int Update(sqlite3_vtab* t, int argc, sqlite3_value** argv, sqlite3_int64* rowid) {
  return GuardTable(&t->zErrMsg, [&]() -> Status {
    if (argc == 1 || sqlite3_value_type(argv[0]) != SQLITE_NULL) {
      return {SQLITE_MISUSE,
              "Only INSERT and SELECT statements are allowed against the crsql changes table"};
    }
    Connection* c = ConnectionOf(t);
    IncomingChange change;
    TRIBUTARY_RETURN_IF_ERROR(ReadChange(c, argv + 2, &change));
    TRIBUTARY_RETURN_IF_ERROR(c->Join());
    if (c->HasUnflushedWrites()) TRIBUTARY_RETURN_IF_ERROR(c->Flush());
    TRIBUTARY_RETURN_IF_ERROR(MergeChange(c, change));
    c->stores().merge.Merged();
    *rowid = RowidOf(0, change.pk);
    return {};
  });
}

int Begin(sqlite3_vtab*) { return SQLITE_OK; }

constexpr sqlite3_module MakeModule() {
  sqlite3_module m{};
  m.iVersion = 2;
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
  m.xUpdate = Update;
  m.xBegin = Begin;
  return m;
}
constexpr sqlite3_module kChangesModule = MakeModule();

}  // namespace

Status RegisterChangesTable(Connection* connection) {
  return RegisterModule(connection, "crsql_changes", &kChangesModule);
}

}  // namespace tributary
