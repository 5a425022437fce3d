// crsql_explain(table, key1, ...): the clocks of one row and who set them, also those that no
// record of crsql_changes speaks of.
#include "absl/strings/str_cat.h"
#include "crdt/packed.h"
#include "ext/change_scan.h"
#include "ext/inspect.h"
#include "ext/merge.h"

namespace tributary {
namespace {

constexpr char kWho[] = "crsql_explain";

// What is known of a cell's clock, or of the row's own.
struct Clock {
  const char* kind = "none";
  int64_t version = 0;
  const SiteId* site = nullptr;  // without it, what follows says nothing
  int64_t db_version = 0;
  int64_t seq = 0;
  uint64_t ts = 0;
  int64_t commit_ms = 0;  // or not known
};

void Add(ResultRow* row, const Value& v) { row->push_back(ResultValue::Of(v)); }
void AddInteger(ResultRow* row, bool known, int64_t n) {
  Add(row, known ? Value::Integer(n) : Value::Null());
}

ResultRow RowOf(std::string_view cid, const Value& value, const Clock& clock, CausalLength cl) {
  ResultRow row;
  const bool known = clock.site != nullptr;
  Add(&row, Value::Text(cid));
  Add(&row, value);
  AddInteger(&row, true, clock.version);
  Add(&row, known ? Value::Blob(BytesOf(*clock.site)) : Value::Null());
  AddInteger(&row, known, clock.db_version);
  AddInteger(&row, known, clock.seq);
  AddInteger(&row, true, cl.value);
  Add(&row, Value::Text(clock.kind));
  Add(&row, known ? Value::Text(absl::StrCat(clock.ts)) : Value::Null());
  AddInteger(&row, clock.commit_ms > 0, clock.commit_ms);
  return row;
}

// The value as the key column would store it.
Value KeyValue(const KeyColumn& column, sqlite3_value* v) {
  const Value value = ValueOf(v);
  const bool number = value.type == ValueType::kInteger || value.type == ValueType::kReal;
  if (column.affinity == Affinity::kText && number) return Value::Text(TextOf(v));
  if (column.affinity == Affinity::kText || column.affinity == Affinity::kBlob) return value;
  sqlite3_value_numeric_type(v);
  return ValueOf(v);
}

// *table and *key are the row's.
Status FindRow(Connection* c, sqlite3_value** arguments, Table** table, std::string* key) {
  const std::string_view name = arguments[0] != nullptr ? TextOf(arguments[0]) : "";
  TRIBUTARY_RETURN_IF_ERROR(c->stores().catalog.Find(name, table));
  if (*table == nullptr) return Status::Error(absl::StrCat(kWho, ": ", NoTable(name)));
  std::vector<Value> values;
  std::string columns;
  for (const KeyColumn& k : (*table)->key()) {
    absl::StrAppend(&columns, columns.empty() ? "" : ", ", k.name);
    sqlite3_value* v = values.size() < kExplainKeys ? arguments[1 + values.size()] : nullptr;
    if (v != nullptr) values.push_back(KeyValue(k, v));
  }
  const size_t width = (*table)->key().size();
  const bool more = width < kExplainKeys && arguments[1 + width] != nullptr;
  if (width > 1 && values.size() == 1 && !UnpackValues(values[0].bytes, &values)) values.clear();
  if (more || values.size() != width) {
    return Status::Error(absl::StrCat(kWho, ": the key of table ", (*table)->name(), " is (",
                                      columns, "): pass a value for each, or all of it packed"));
  }
  Status encoded = (*table)->EncodeForeignKey(values, key);
  return encoded.ok() ? Status() : Status::Error(absl::StrCat(kWho, ": ", encoded.message()));
}

// Fills in what the log has of the row, by column; the row's own comes first.
Status ReadClocks(Connection* c, const ChangeFilter& row, std::vector<Clock>* clocks) {
  ChangeScan scan(c);
  TRIBUTARY_RETURN_IF_ERROR(scan.Start(row));
  while (!scan.done()) {
    const LiveRecord& record = scan.record();
    const bool implied = scan.entry().kind == LogKind::kRow;
    const Clock clock{.kind = implied ? "implied" : "explicit",
                      .version = record.version.value,
                      .site = &scan.site_id(),
                      .db_version = scan.db_version().value,
                      .seq = record.seq.value,
                      .ts = scan.ts(),
                      .commit_ms = scan.header().commit_ms};
    (*clocks)[record.column + 1] = clock;
    TRIBUTARY_RETURN_IF_ERROR(scan.Next());
  }
  return {};
}

}  // namespace

Status Explain(Connection* c, sqlite3_value** arguments, std::vector<ResultRow>* out) {
  TRIBUTARY_RETURN_IF_ERROR(c->Refresh());
  TRIBUTARY_RETURN_IF_ERROR(c->Flush());
  ChangeFilter row;
  TRIBUTARY_RETURN_IF_ERROR(FindRow(c, arguments, &row.table, &row.key.emplace()));
  RowClock stored;
  bool found;
  TRIBUTARY_RETURN_IF_ERROR(c->stores().rows.Get(row.table, *row.key, &stored, &found));
  std::vector<Clock> clocks(row.table->columns().size() + 1);
  TRIBUTARY_RETURN_IF_ERROR(ReadClocks(c, row, &clocks));
  Statement* values;
  bool exists;
  TRIBUTARY_RETURN_IF_ERROR(row.table->SelectRow(*row.key, &values, &exists));
  const ScopedReset reset(values);
  if (!found && !exists) return {};
  if (!found) stored = RowClock::Implied();
  if (clocks[0].site == nullptr) clocks[0].version = stored.cl().value;
  out->push_back(RowOf(kSentinelCid, Value::Null(), clocks[0], stored.cl()));
  for (size_t i = 1; exists && i < clocks.size(); i++) {
    const int column = static_cast<int>(i) - 1;
    out->push_back(RowOf(row.table->columns()[column].name, ValueOf(values->Column(column)),
                         clocks[i], stored.cl()));
  }
  return {};
}

}  // namespace tributary
