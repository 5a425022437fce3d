#include "ext/digest_sql.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "crdt/coding.h"
#include "crdt/packed.h"
#include "ext/change_scan.h"
#include "ext/merge.h"

namespace tributary {
namespace {

// Strings go in with their length: no two lists of them look alike.
void PutString(std::string* out, std::string_view s) {
  PutVarint(out, s.size());
  out->append(s);
}

void PutInt(std::string* out, int64_t v) { PutVarint(out, static_cast<uint64_t>(v)); }

Status DigestRows(Connection* c, const Table& table, Digest* digest) {
  // By name: replicas may have added columns in another order, and not have written to them yet.
  std::vector<std::string> columns_by_name = table.new_columns();
  for (const DataColumn& d : table.columns()) columns_by_name.push_back(d.name);
  std::sort(columns_by_name.begin(), columns_by_name.end());
  std::string names;
  std::string record("table");
  PutString(&record, table.name());
  for (const KeyColumn& k : table.key()) absl::StrAppend(&names, QuoteName(k.name), ", ");
  for (const std::string& name : columns_by_name) {
    absl::StrAppend(&names, QuoteName(name), ", ");
    PutString(&record, name);
  }
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(c->db(), absl::StrCat("SELECT ", names, "1 FROM main.", QuoteName(table.name()))));
  int64_t rows = 0;
  const int columns = static_cast<int>(table.key().size() + columns_by_name.size());
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) return {};
    if (rows++ == 0) digest->Add(record);  // an empty table is none
    record.assign("row");
    PutString(&record, table.name());
    for (int i = 0; i < columns; i++) PackValue(ValueOf(s.Column(i)), &record);
    digest->Add(record);
  }
}

Status DigestClocks(Connection* c, Table* table, Digest* digest) {
  ChangeScan scan(c);
  ChangeFilter filter;
  filter.table = table;
  TRIBUTARY_RETURN_IF_ERROR(scan.Start(filter));
  std::string record;
  while (!scan.done()) {
    record.assign("clock");
    PutString(&record, scan.table()->name());
    PutString(&record, scan.packed_key());
    const int column = scan.record().column;
    PutString(&record, column < 0 ? kSentinelCid : scan.table()->columns()[column].name);
    PutInt(&record, scan.record().version.value);
    PutInt(&record, scan.db_version().value);
    PutString(&record, BytesOf(scan.site_id()));
    PutInt(&record, scan.cl().value);
    PutInt(&record, scan.record().seq.value);
    digest->Add(record);
    TRIBUTARY_RETURN_IF_ERROR(scan.Next());
  }
  return {};
}

}  // namespace

Status DigestState(Connection* c, Table* table, Digest* digest) {
  std::vector<Table*> tables;
  if (table != nullptr) {
    tables.push_back(table);
  } else {
    TRIBUTARY_RETURN_IF_ERROR(c->stores().catalog.All(&tables));
  }
  for (const Table* t : tables) TRIBUTARY_RETURN_IF_ERROR(DigestRows(c, *t, digest));
  return DigestClocks(c, table, digest);
}

}  // namespace tributary
