#include "ext/import_clocks.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "crdt/coding.h"

namespace tributary {
namespace {

constexpr std::string_view kSentinel = "-1";

// What a key column ($3) of that affinity stores for the value that it has in cr-sqlite's table.
const char* Stored(Affinity affinity) {
#define INTEGRAL \
  "CASE WHEN typeof($3) = 'real' AND $3 = CAST($3 AS INTEGER) THEN CAST($3 AS INTEGER) "
  switch (affinity) {
    case Affinity::kText:
      return "CASE WHEN typeof($3) IN ('integer', 'real') THEN CAST($3 AS TEXT) ELSE $3 END";
    case Affinity::kReal:
      return "CASE WHEN typeof($3) = 'integer' OR typeof($3) = 'text' AND CAST($3 AS REAL) = +$3 "
             "THEN CAST($3 AS REAL) ELSE $3 END";
    case Affinity::kNumeric:
    case Affinity::kInteger:
      return INTEGRAL
          "WHEN typeof($3) = 'text' AND CAST($3 AS NUMERIC) = +$3 THEN CAST($3 AS NUMERIC) "
          "ELSE $3 END";
    case Affinity::kBlob:
      break;
  }
  return INTEGRAL "ELSE $3 END";
#undef INTEGRAL
}

// cr-sqlite's keys have no affinity: 5 and '5' are two in its tables where the base table has one
// row '5'. Each becomes what the base table stores. Where another has that form already, the clocks
// that win in a merge become the other's, and the key is removed.
#define CL(key)                                                                                 \
  "(SELECT max(CASE o.col_name WHEN '-1' THEN o.col_version ELSE 1 END) FROM $0 o WHERE o.key " \
  "= " key ")"
constexpr char kMakeKeysCanonical[] =
    "DROP TABLE IF EXISTS main.crsql_import_keys;"
    "CREATE TABLE main.crsql_import_keys AS SELECT __crsql_key AS number, 0 AS twin, $6 FROM $1 "
    "WHERE $7;"
    "UPDATE OR IGNORE $1 AS p SET ($3) = (SELECT $3 FROM main.crsql_import_keys b WHERE b.number = "
    "p.__crsql_key) WHERE __crsql_key IN (SELECT number FROM main.crsql_import_keys);"
    "UPDATE main.crsql_import_keys AS b SET twin = (SELECT p.__crsql_key FROM $1 p WHERE $5);"
    "DELETE FROM main.crsql_import_keys WHERE twin = number;"
    "DELETE FROM $0 AS c WHERE EXISTS(SELECT 1 FROM main.crsql_import_keys k WHERE k.number = c.key "
    "AND " CL("c.key") " < " CL("k.twin") ");"
    "DELETE FROM $0 AS c WHERE EXISTS(SELECT 1 FROM main.crsql_import_keys k WHERE k.twin = c.key "
    "AND (" CL("c.key") " < " CL("k.number") " OR EXISTS(SELECT 1 FROM $0 f WHERE f.key = k.number "
    "AND f.col_name = c.col_name AND f.col_version > c.col_version)));"
    "UPDATE OR IGNORE $0 AS c SET key = (SELECT twin FROM main.crsql_import_keys WHERE number = "
    "c.key) WHERE key IN (SELECT number FROM main.crsql_import_keys);"
    "DELETE FROM $0 WHERE key IN (SELECT number FROM main.crsql_import_keys);"
    "DELETE FROM $1 WHERE __crsql_key IN (SELECT number FROM main.crsql_import_keys)";
#undef CL

}  // namespace

Status ClockImporter::Damaged(std::string_view what) const {
  return Status::Error(absl::StrCat("table ", parts_[0], " ", what));
}

// The parts: $0 the table of clocks, $1 that of keys, $2 the base table, $3 the key's columns,
// $4 and $5 whether a row b of the base table has the key p, looked up in the one or the other,
// $6 the key as the base table stores it, $7 whether that is another.
void ClockImporter::Name(const std::string& name) {
  const auto table = [](const std::string& n) { return absl::StrCat("main.", QuoteName(n)); };
  for (std::string& part : parts_) part.clear();
  clocks_ = name + "__crsql_clock";
  parts_[0] = table(clocks_);
  parts_[1] = table(name + "__crsql_pks");
  parts_[2] = table(table_->name());
  std::string keys;
  for (const KeyColumn& k : table_->key()) {
    parts_[3] = QuoteName(k.name);
    const std::string stored = Fill(Stored(k.affinity));
    const char* const and_ = keys.empty() ? "" : " AND ";
    absl::StrAppend(&parts_[4], and_, Fill("b.$3 = +p.$3"));
    absl::StrAppend(&parts_[5], and_, Fill("p.$3 = +b.$3"));
    absl::StrAppend(&parts_[6], keys.empty() ? "" : ", ", stored, " AS ", parts_[3]);
    absl::StrAppend(&parts_[7], keys.empty() ? "typeof(" : " OR typeof(", stored, ")",
                    Fill(" <> typeof($3)"));
    absl::StrAppend(&keys, keys.empty() ? "" : ", ", parts_[3]);
  }
  parts_[3] = keys;
}

std::string ClockImporter::Fill(std::string_view sql) const {
  std::string out;
  for (size_t i = 0; i < sql.size(); i++) {
    if (sql[i] == '$') {
      out += parts_[sql[++i] - '0'];
    } else {
      out += sql[i];
    }
  }
  return out;
}

Status ClockImporter::Import(Table* table, const std::string& name) {
  table_ = table;
  Name(name);
  TRIBUTARY_RETURN_IF_ERROR(CheckLayout());
  TRIBUTARY_RETURN_IF_ERROR(Execute(db_, Fill(kMakeKeysCanonical)));
  // In the order of keys, in which the clocks are stored and the base table is read.
  found_in_base_ = 0;
  TRIBUTARY_RETURN_IF_ERROR(ImportRows(
      "SELECT __crsql_key, EXISTS(SELECT 1 FROM $2 b WHERE $4), $3 FROM $1 p ORDER BY $3"));
  Statement count;
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(Prepare("SELECT count(*) FROM $2", &count));
  TRIBUTARY_RETURN_IF_ERROR(count.Step(&row));
  if (count.Int(0) == found_in_base_) return {};
  // Rows that cr-sqlite has not even a key of.
  return ImportRows("SELECT NULL, 1, $3 FROM $2 b WHERE NOT EXISTS(SELECT 1 FROM $1 p WHERE $5)");
}

// Whether the tables are what they should be.
Status ClockImporter::CheckLayout() {
  Statement s;
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(
      Prepare("SELECT sum(name IN ('col_version', 'db_version', 'site_id', 'seq') OR name = 'key' "
              "AND pk = 1 OR name = 'col_name' AND pk = 2), sum(name = 'ts') FROM "
              "pragma_table_info(?1, 'main')",
              &s));
  s.BindText(1, clocks_);
  TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
  if (s.Int(0) != 6) return Damaged("has not the columns of cr-sqlite 0.15 or newer");
  const bool has_ts = s.Int(1) != 0;
  TRIBUTARY_RETURN_IF_ERROR(Prepare(
      "SELECT count(*) FROM $0 WHERE NOT ifnull(key IN (SELECT __crsql_key FROM $1), 0)", &s));
  TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
  if (s.Int(0) > 0) {
    return Damaged(absl::StrCat("has ", s.Int(0), " clocks whose key is not in ", parts_[1],
                                "; delete them, they are of no known row"));
  }
  TRIBUTARY_RETURN_IF_ERROR(
      Prepare(has_ts ? "SELECT col_name, col_version, db_version, site_id, seq, ts FROM $0 "
                       "WHERE key = ?1"
                     : "SELECT col_name, col_version, db_version, site_id, seq, 0 FROM $0 "
                       "WHERE key = ?1",
              &records_));
  return item_.PrepareOnce(
      db_,
      "INSERT INTO main.crsql_import_log(site, version, seq, kind, table_id, key, column_id, ts) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
}

Status ClockImporter::ImportRows(std::string_view sql) {
  Statement rows;
  TRIBUTARY_RETURN_IF_ERROR(Prepare(sql, &rows));
  std::vector<sqlite3_value*> values(table_->key().size());
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(rows.Step(&row));
    if (!row) return {};
    TRIBUTARY_RETURN_IF_ERROR(ReadRecords(rows.Column(0)));
    bool has_null = false;
    for (size_t i = 0; i < values.size(); i++) {
      values[i] = rows.Column(static_cast<int>(i) + 2);
      has_null = has_null || sqlite3_value_type(values[i]) == SQLITE_NULL;
    }
    if (has_null) {
      counts_.forgotten++;
      continue;
    }
    key_.clear();
    TRIBUTARY_RETURN_IF_ERROR(table_->EncodeKey(values.data(), &key_));
    const bool in_base = rows.Int(1) != 0;
    if (in_base) found_in_base_++;
    TRIBUTARY_RETURN_IF_ERROR(ImportRow(in_base));
  }
}

Status ClockImporter::ReadRecords(sqlite3_value* key) {
  sentinel_.reset();
  cells_.clear();
  records_.BindValue(1, key);
  ScopedReset reset(&records_);
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(records_.Step(&row));
    if (!row) return {};
    counts_.clock_rows++;
    TRIBUTARY_RETURN_IF_ERROR(ReadRecord());
  }
}

Status ClockImporter::ReadRecord() {
  // Counting on from what is stored, and moving seqs apart, must not overflow.
  constexpr int64_t kLimits[] = {kMaxCounter, kMaxCounter, UINT32_MAX, kMaxCounter / 2};
  for (int i = 0; i < 4; i++) {
    const int64_t n = records_.Int(i + 1);
    if (sqlite3_value_type(records_.Column(i + 1)) != SQLITE_INTEGER || n < 0 || n > kLimits[i]) {
      return Damaged(
          "has a col_version, db_version, site_id or seq that is no number, negative or too large");
    }
  }
  Record record{.clock = {.version = ColVersion(records_.Int(1)),
                          .stamp = {static_cast<SiteOrdinal>(records_.Int(3)),
                                    DbVersion(records_.Int(2)), Seq(records_.Int(4))}}};
  if (!absl::SimpleAtoi(records_.Text(5), &record.ts)) record.ts = 0;
  const std::string_view column = records_.Text(0);
  if (column == kSentinel) {
    if (record.clock.version == ColVersion(0)) return Damaged("has a row of causal length 0");
    sentinel_ = record;
    return {};
  }
  const int i = table_->FindColumn(column, static_cast<int>(cells_.size()));
  if (i < 0) return {};  // dropped since
  record.clock.column = table_->columns()[i].id;
  // col_version 0 is no clock.
  if (record.clock.version > ColVersion(0)) cells_.push_back(record);
  return {};
}

// The name of a record of another site that upstream has merged, see import_crsql.h. What was
// written at once has seqs that follow each other, as implied clocks want them.
void ClockImporter::Rename(CausalLength cl, ColVersion version, int64_t rank, Stamp* stamp) const {
  if (!upstream_ || stamp->site == kOwnSite) return;
  if (sentinel_ && sentinel_site_ != stamp->site) {
    stamp->site = kOwnSite;
    return;
  }
  std::string text = absl::StrCat(table_->name(), std::string_view("\0", 1), key_);
  PutVarint(&text, static_cast<uint64_t>(cl.value));
  PutVarint(&text, static_cast<uint64_t>(version.value));
  // Hosts in JavaScript read numbers of up to 53 bits.
  const auto hash = static_cast<int64_t>(HashKey(0, text) >> 19);
  stamp->version = DbVersion(1);
  stamp->seq = Seq((hash << 8) + rank);
}

Status ClockImporter::ImportRow(bool in_base) {
  const bool any = sentinel_ || !cells_.empty();
  const Layouts& layouts = table_->layouts();
  if (!any) {
    if (!in_base) return {};  // a losing change has left the key
    counts_.recorded++;
    const Seq seq = RowClock::FirstInsert(layouts, &now_);
    return AddItem({kOwnSite, now_.version(), seq}, LogKind::kRow);
  }
  const CausalLength cl(sentinel_ ? sentinel_->clock.version.value : 1);
  RowClock clock = Clock(cl);
  if (!clock.IsAlive()) {
    counts_.tombstones++;
    if (in_base) {
      counts_.recorded++;
      (void)clock.Insert(false, layouts, &now_);
    }
  } else if (!in_base) {
    bool own = sentinel_ && sentinel_->clock.stamp.site == kOwnSite;
    for (const Record& r : cells_) own = own || r.clock.stamp.site == kOwnSite;
    (own ? counts_.deleted : counts_.forgotten)++;
    if (!own) return {};
    clock.Delete(&now_);
  }
  return StoreRow(&clock);
}

RowClock ClockImporter::Clock(CausalLength cl) {
  RowClock clock = RowClock::Tombstone(cl);
  if (!IsAlive(cl)) cells_.clear();
  if (sentinel_) sentinel_site_ = sentinel_->clock.stamp.site;
  // Where a cell stands in for its row's sentinel, that is not known (crdt/row_clock.h). Upstream's
  // equal stamps mean nothing.
  bool stands_in = false;
  for (Record& r : cells_) {
    stands_in = stands_in || (!upstream_ && sentinel_ && r.clock.stamp == sentinel_->clock.stamp);
    Rename(cl, r.clock.version, 1 + int64_t{r.clock.column}, &r.clock.stamp);
    clock.Apply(MergeAction::kSet, cl, false, r.clock.column, r.clock.version, r.clock.stamp);
  }
  if (sentinel_ && !stands_in) {
    Rename(cl, ColVersion(0), 0, &sentinel_->clock.stamp);
    clock.Apply(MergeAction::kRestamp, cl, true, 0, {}, sentinel_->clock.stamp);
  }
  return clock;
}

Status ClockImporter::StoreRow(RowClock* clock) {
  const Layouts& layouts = table_->layouts();
  if (const std::optional<Stamp> first = clock->ToImplied(layouts)) {
    return AddItem(*first, LogKind::kRow);
  }
  clock->Compact(layouts);
  TRIBUTARY_RETURN_IF_ERROR(store_.Put(table_, key_, *clock));
  if (clock->sentinel()) {
    TRIBUTARY_RETURN_IF_ERROR(AddItem(*clock->sentinel(), LogKind::kSentinel));
  }
  if (clock->rest() == Rest::kBase) {
    TRIBUTARY_RETURN_IF_ERROR(AddItem(clock->base(), LogKind::kAllCells));
  }
  for (const CellClock& c : clock->cells()) {
    TRIBUTARY_RETURN_IF_ERROR(AddItem(c.stamp, LogKind::kCells, c.column));
  }
  return {};
}

// With the ts of the record that has the stamp, if it is one of cr-sqlite's.
Status ClockImporter::AddItem(const Stamp& stamp, LogKind kind, ColumnId column) {
  uint64_t ts = sentinel_ && sentinel_->clock.stamp == stamp ? sentinel_->ts : 0;
  for (const Record& r : cells_) {
    if (r.clock.stamp == stamp) ts = r.ts;
  }
  const int64_t values[] = {stamp.site,      stamp.version.value,
                            stamp.seq.value, static_cast<int64_t>(kind),
                            table_->id(),    0,
                            column,          static_cast<int64_t>(ts)};
  for (int i = 0; i < 8; i++) item_.Bind(i + 1, values[i]);
  item_.BindBlob(6, key_);
  return item_.Run();
}

}  // namespace tributary
