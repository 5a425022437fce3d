#include "ext/inspect.h"

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "crdt/log_chunk.h"
#include "crdt/packed.h"
#include "ext/merge.h"

namespace tributary {
namespace {

Status CountOf(sqlite3* db, const std::string& sql, int64_t* n) {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(db, sql));
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
  *n = s.Int(0);
  return {};
}

// Bytes of log entries by table: a chunk's bytes go to the tables in proportion to their entries.
Status LogBytes(sqlite3* db, absl::flat_hash_map<int64_t, int64_t>* bytes) {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(db, "SELECT data FROM crsql_log WHERE version < 9223372036854775807"));
  LogChunkReader reader;
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) return {};
    const std::string_view data = s.Blob(0);
    if (!reader.Open(data)) continue;
    absl::flat_hash_map<int64_t, int64_t> entries;
    int64_t all = 0;
    while (reader.Next()) {
      entries[reader.entry().table]++;
      all++;
    }
    for (const auto& [table, n] : entries) {
      (*bytes)[table] += static_cast<int64_t>(data.size()) * n / all;
    }
  }
}

Status CountClocks(Connection* c, const Table& table, int64_t* exceptions, int64_t* tombstones) {
  *exceptions = 0;
  *tombstones = 0;
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(c->db(), "SELECT clock FROM crsql_rows WHERE table_id = ?1"));
  s.Bind(1, table.id());
  RowClock clock;
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) return {};
    if (clock.Decode(s.Blob(0)) && !clock.IsAlive()) {
      (*tombstones)++;
    } else {
      (*exceptions)++;
    }
  }
}

Status Info(Connection* c, sqlite3_value**, std::vector<ResultRow>* out) {
  TRIBUTARY_RETURN_IF_ERROR(c->Refresh());
  TRIBUTARY_RETURN_IF_ERROR(c->Flush());
  std::vector<Table*> tables;
  TRIBUTARY_RETURN_IF_ERROR(c->stores().catalog.All(&tables));
  absl::flat_hash_map<int64_t, int64_t> log_bytes;
  TRIBUTARY_RETURN_IF_ERROR(LogBytes(c->db(), &log_bytes));
  for (const Table* t : tables) {
    int64_t rows;
    int64_t exceptions;
    int64_t tombstones;
    TRIBUTARY_RETURN_IF_ERROR(
        CountOf(c->db(), absl::StrCat("SELECT count(*) FROM main.", QuoteName(t->name())), &rows));
    TRIBUTARY_RETURN_IF_ERROR(CountClocks(c, *t, &exceptions, &tombstones));
    out->push_back({ResultValue::Text(t->name()), ResultValue::Integer(rows),
                    ResultValue::Integer(exceptions), ResultValue::Integer(log_bytes[t->id()]),
                    ResultValue::Integer(tombstones)});
  }
  return {};
}

Status UnpackColumns(Connection*, sqlite3_value** arguments, std::vector<ResultRow>* out) {
  sqlite3_value* package = arguments[0];
  if (package == nullptr) {
    return {SQLITE_MISUSE, "crsql_unpack_columns: Zero args passed to filter; give it a package"};
  }
  std::vector<Value> values;
  if (!UnpackValues(BlobOf(package), &values)) {
    return Status::Error("crsql_unpack_columns: the package is not what crsql_pack_columns makes");
  }
  for (const Value& v : values) out->push_back({ResultValue::Of(v)});
  return {};
}

// With the columns of crsql_changes, and the reason.
Status Parked(Connection* c, sqlite3_value**, std::vector<ResultRow>* out) {
  TRIBUTARY_RETURN_IF_ERROR(c->Refresh());
  ParkedScan scan;
  for (Status s = scan.Start(c->db(), DbVersion(0), kMaxDbVersion, std::nullopt); !scan.done();
       s = scan.Next()) {
    TRIBUTARY_RETURN_IF_ERROR(std::move(s));
    const ParkedRecord& r = scan.record();
    std::string reason = r.reason;
    if (reason.empty()) {
      Table* table;
      TRIBUTARY_RETURN_IF_ERROR(c->stores().catalog.Find(r.table, &table));
      reason = table == nullptr ? NoTable(r.table) : NoColumn(*table, r.cid);
    }
    out->push_back({ResultValue::Text(r.table), ResultValue::Of(Value::Blob(r.pk)),
                    ResultValue::Text(r.cid), ResultValue::Of(r.value.value()),
                    ResultValue::Integer(r.col_version.value),
                    ResultValue::Integer(r.version.value),
                    ResultValue::Of(Value::Blob(BytesOf(r.site))), ResultValue::Integer(r.cl.value),
                    ResultValue::Integer(r.seq.value), ResultValue::Text(reason)});
  }
  return {};
}

constexpr ResultTable kParked{
    "crsql_parked",
    "CREATE TABLE x(\"table\" TEXT, pk BLOB, cid TEXT, val ANY, col_version INTEGER, db_version "
    "INTEGER, site_id BLOB, cl INTEGER, seq INTEGER, reason TEXT)",
    10, Parked};
constexpr ResultTable kInfo{
    "crsql_info",
    "CREATE TABLE x(\"table\" TEXT, rows INTEGER, exceptions INTEGER, log_bytes INTEGER, "
    "tombstones INTEGER)",
    5, Info};
constexpr ResultTable kCheck{"crsql_check", "CREATE TABLE x(\"table\" TEXT, problem TEXT)", 2,
                             CheckAll};
constexpr ResultTable kUnpack{"crsql_unpack_columns", "CREATE TABLE x(cell ANY, package HIDDEN)", 1,
                              UnpackColumns};

constexpr ResultTable kExplain{
    "crsql_explain",
    "CREATE TABLE x(cid TEXT, value ANY, col_version INTEGER, site_id BLOB, db_version INTEGER, "
    "seq INTEGER, cl INTEGER, clock TEXT, ts TEXT, commit_ms INTEGER, \"table\" HIDDEN, key1 "
    "HIDDEN, "
    "key2 HIDDEN, key3 HIDDEN, key4 HIDDEN, key5 HIDDEN, key6 HIDDEN, key7 HIDDEN, key8 HIDDEN)",
    10, Explain, 1 + kExplainKeys};

}  // namespace

Status RegisterInspectTables(Connection* c) {
  for (const ResultTable* t : {&kInfo, &kCheck, &kUnpack, &kParked, &kExplain}) {
    TRIBUTARY_RETURN_IF_ERROR(RegisterResultTable(c, t));
  }
  return {};
}

}  // namespace tributary
