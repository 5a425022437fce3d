#include "ext/merge.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "crdt/packed.h"
#include "ext/base_writer.h"
#include "ext/log_writer.h"
#include "ext/merge_record.h"
#include "ext/renew.h"
#include "ext/sweep.h"

namespace tributary {
namespace {

constexpr char kWho[] = "crsql_changes";

// Looks up what a record names.
class Resolver {
 public:
  Resolver(Connection* c, const IncomingChange& change)
      : c_(c), stores_(c->stores()), change_(change) {}

  Status Run() {
    TRIBUTARY_RETURN_IF_ERROR(Check());
    TRIBUTARY_RETURN_IF_ERROR(FindColumn());
    return FindTarget();
  }
  // Valid as long as the resolver.
  const MergeRecord& record() const { return record_; }
  // Why the record cannot be merged here; empty where it can.
  const std::string& misfit() const { return misfit_; }

 private:
  Status Check() const {
    if (change_.db_version < DbVersion(0) || change_.db_version > kMaxDbVersion ||
        change_.col_version < ColVersion(0) || change_.cl < CausalLength(0) ||
        change_.seq < Seq(0) || change_.seq.value > kMaxCounter ||
        change_.col_version.value > kMaxCounter || change_.cl.value > kMaxCounter) {
      return Status::Error(
          absl::StrCat("crsql_changes: a change for table ", std::string(change_.table),
                       " has a col_version, db_version, cl or seq that is negative or too large"));
    }
    return {};
  }

  // Finds table and column. What is missing may be so because of a schema that is out of date.
  Status FindColumn() {
    // An even causal length is a delete, whatever column it names.
    const bool is_sentinel = change_.cid == kSentinelCid || !IsAlive(change_.cl);
    if (change_.cid.empty() && !is_sentinel) {
      return Status::Error(absl::StrCat("crsql_changes: a change for table ",
                                        std::string(change_.table), " names no column"));
    }
    Table*& table = record_.table;
    int column = -1;
    for (const bool again : {false, true}) {
      if (again) {
        TRIBUTARY_RETURN_IF_ERROR(c_->Refresh());
        TRIBUTARY_RETURN_IF_ERROR(NoticeColumns(c_));
      }
      table = again ? nullptr : stores_.merge.LastTable(change_.table);
      if (table == nullptr) TRIBUTARY_RETURN_IF_ERROR(stores_.catalog.Find(change_.table, &table));
      if (table == nullptr) continue;
      if (table->is_outdated() && !again) continue;
      if (!is_sentinel) column = table->FindColumn(change_.cid, stores_.merge.next_column);
      stores_.merge.next_column = column + 1;
      record_.column = column;
      if (is_sentinel || column >= 0) return {};
    }
    misfit_ = table != nullptr ? NoColumn(*table, change_.cid) : NoTable(change_.table);
    return CheckNotReserved(kWho, change_.table);
  }

  Status FindTarget() {
    record_.known_row = stores_.merge.FindLast(record_.table, change_.pk);
    if (record_.known_row < 0) TRIBUTARY_RETURN_IF_ERROR(DecodeKey());
    record_.key = key_;
    if (record_.column >= 0) record_.value = change_.value;
    record_.col_version = change_.col_version;
    record_.cl = change_.cl;
    record_.log = change_.log;
    record_.site = change_.site;
    SiteOrdinal site;
    TRIBUTARY_RETURN_IF_ERROR(stores_.sites.FindOrAdd(change_.site, &site));
    record_.stamp = {site, change_.db_version, change_.seq};
    if (site != kOwnSite) return {};
    DbVersion last;
    TRIBUTARY_RETURN_IF_ERROR(c_->LastVersion(&last));
    record_.unissued = change_.db_version > last;
    return {};
  }

  Status DecodeKey() {
    std::vector<Value> values;
    if (!UnpackValues(change_.pk, &values)) {
      return Status::Error(absl::StrCat("crsql_changes: the pk of a change for table ",
                                        std::string(change_.table), " is not a packed key"));
    }
    if (misfit_.empty()) return KeyFits(*record_.table, kWho, values, &key_, &misfit_);
    return CheckKeyIsSound(kWho, change_.table, values);
  }

  Connection* c_;
  Stores& stores_;
  const IncomingChange& change_;
  MergeRecord record_;
  std::string key_;
  std::string misfit_;
};

// Whether a record that won when it came is still what the clock says.
bool IsCurrent(const WonRecord& won, const MergeRow& row) {
  if (won.kind == LogKind::kSentinel) {
    return row.clock.sentinel() && *row.clock.sentinel() == won.stamp;
  }
  const RowClock::CellView cell = row.clock.Cell(won.column, row.table->layouts());
  return !cell.implied && cell.version > ColVersion(0) && cell.stamp == won.stamp;
}

bool SameLog(const LogHeader& a, const LogHeader& b) {
  return a.ts == b.ts && a.commit_ms == b.commit_ms && a.backfill == b.backfill;
}

// Writes won records of one (site, version) and log header, in seq order.
Status LogRun(LogStore* log, const std::vector<MergeRow>& rows, const WonRecord* begin,
              const WonRecord* end) {
  LogWriter writer(log, begin->stamp.site, begin->stamp.version, begin->log);
  LogEntry entry;
  for (const WonRecord* w = begin; w != end;) {
    const MergeRow& row = rows[w->row];
    entry.table = row.table->id();
    entry.layout = row.table->layouts().current_number();
    entry.width = static_cast<uint32_t>(row.table->layouts().current().size());
    entry.key_width = static_cast<uint32_t>(row.table->key().size());
    entry.kind = w->kind;
    entry.seq = w->stamp.seq;
    entry.key = row.key;
    entry.cells.clear();
    const WonRecord* next = w + 1;
    if (w->kind == LogKind::kCells) {
      entry.cells.push_back({w->column, w->stamp.seq});
      for (; next != end && next->row == w->row && next->kind == LogKind::kCells; next++) {
        entry.cells.push_back({next->column, next->stamp.seq});
      }
    }
    TRIBUTARY_RETURN_IF_ERROR(writer.Add(entry));
    w = next;
  }
  return writer.Close();
}

// In the order in which they are stored.
Status PutClocks(RowStore* store, std::vector<MergeRow*>* rows) {
  std::sort(rows->begin(), rows->end(), [](const MergeRow* a, const MergeRow* b) {
    const int64_t left = a->table->id();
    const int64_t right = b->table->id();
    return left != right ? left < right : a->key < b->key;
  });
  store->DropPending();
  for (const MergeRow* row : *rows) store->PutLater(row->table, row->key, row->clock);
  return store->PutPending();
}

}  // namespace

namespace {

Status ParkChange(Connection* c, const IncomingChange& change, std::string_view why) {
  const bool is_sentinel = change.cid == kSentinelCid || !IsAlive(change.cl);
  ParkedRecord r{.table = std::string(change.table),
                 .pk = std::string(change.pk),
                 .cid = std::string(is_sentinel ? kSentinelCid : change.cid),
                 .col_version = is_sentinel ? ColVersion(change.cl.value) : change.col_version,
                 .cl = change.cl,
                 .site = change.site,
                 .version = change.db_version,
                 .seq = change.seq,
                 .log = change.log,
                 .reason = std::string(why)};
  if (!is_sentinel) r.value = HeldValue(change.value);
  if (change.key_names != nullptr) r.key_names = *change.key_names;
  return ParkRecord(c, r);
}

}  // namespace

Status ParkRecord(Connection* c, const ParkedRecord& r) {
  Stores& stores = c->stores();
  if (r.cid.find('\0') != std::string::npos) {
    return Status::Error(absl::StrCat("a change for table ", r.table,
                                      " names a column whose name holds a zero byte"));
  }
  SiteOrdinal site;
  TRIBUTARY_RETURN_IF_ERROR(stores.sites.FindOrAdd(r.site, &site));
  if (site != kOwnSite) TRIBUTARY_RETURN_IF_ERROR(stores.sites.RaiseSeen(site, r.version));
  c->NoteLogWrite();
  Table* table;
  TRIBUTARY_RETURN_IF_ERROR(stores.catalog.Find(r.table, &table));
  if (table != nullptr && (r.cid == kSentinelCid || table->FindColumn(r.cid) >= 0)) {
    return stores.parking.Park(r);
  }
  ParkedRecord missing = r;
  missing.reason.clear();
  return stores.parking.Park(missing);
}

Status MergeChange(Connection* c, const IncomingChange& change) {
  if (c->merging) {
    return Status::Error(
        "crsql_changes: a trigger that runs because of a merge cannot merge changes itself");
  }
  Resolver resolver(c, change);
  TRIBUTARY_RETURN_IF_ERROR(resolver.Run());
  if (!resolver.misfit().empty()) return ParkChange(c, change, resolver.misfit());
  MergeResult result;
  Status merged = MergeOne(c, resolver.record(), &result);
  if (merged.code() == SQLITE_CONSTRAINT_DATATYPE) {
    return ParkChange(c, change, merged.message());
  }
  TRIBUTARY_RETURN_IF_ERROR(std::move(merged));
  c->stores().merge.Remember(result.row, change.pk);
  return c->stores().merge.overfull() ? FlushMerge(c, false) : Status();
}

Status MergeRecordOf(Connection* c, const ParkedRecord& r) {
  return MergeChange(c, {.table = r.table,
                         .pk = r.pk,
                         .cid = r.cid,
                         .value = r.value.value(),
                         .col_version = r.col_version,
                         .db_version = r.version,
                         .site = r.site,
                         .cl = r.cl,
                         .seq = r.seq,
                         .log = r.log,
                         .key_names = &r.key_names});
}

Status CheckKeyIsSound(const char* who, std::string_view table, const std::vector<Value>& values) {
  const bool has_null = std::any_of(values.begin(), values.end(), [](const Value& v) {
    return v.type == ValueType::kNull || (v.type == ValueType::kReal && v.real != v.real);
  });
  if (!values.empty() && !has_null) return {};
  return Status::Error(absl::StrCat(who, ": the pk of a change for table ", std::string(table),
                                    " is empty or has a NULL"));
}

Status KeyFits(const Table& table, const char* who, const std::vector<Value>& values,
               std::string* key, std::string* misfit) {
  TRIBUTARY_RETURN_IF_ERROR(CheckKeyIsSound(who, table.name(), values));
  Status fits = table.EncodeForeignKey(values, key);
  if (!fits.ok()) misfit->assign(fits.message());
  return {};
}

std::string NoTable(std::string_view table) {
  return absl::StrCat("table ", std::string(table), " is not replicated here");
}

std::string NoColumn(const Table& table, std::string_view column) {
  return absl::StrCat("table ", table.name(), " has no column ", std::string(column), " here");
}

Status CheckNotReserved(const char* who, std::string_view table) {
  const bool reserved = table.empty() || absl::StartsWithIgnoreCase(table, "sqlite_") ||
                        absl::StartsWithIgnoreCase(table, "crsql_") ||
                        absl::StrContains(table, "__crsql_") ||
                        table.find('\0') != std::string_view::npos;
  if (!reserved) return {};
  return Status::Error(absl::StrCat(who, ": could not find the schema information for table ",
                                    std::string(table), ": the name is reserved"));
}

Status CheckOwnVersion(Connection* c, const char* who, DbVersion version) {
  DbVersion last;
  TRIBUTARY_RETURN_IF_ERROR(c->LastVersion(&last));
  if (version <= last) return {};
  return Status::Error(
      absl::StrCat(who, ": a change claims to be this site's own at db_version ", version.value,
                   ", but this file has only issued ", last.value,
                   ": it was restored, or copied from one that is still in use: ", kCopyRemedy));
}

Status FlushMerge(Connection* c, bool final) {
  Stores& stores = c->stores();
  MergeBuffer& buffer = stores.merge;
  TRIBUTARY_RETURN_IF_ERROR(BaseWriter(c).Settle(final));
  std::vector<MergeRow>& rows = buffer.rows();
  std::vector<WonRecord>& won = buffer.won();
  std::vector<WonRecord> first_inserts(rows.size());
  std::vector<MergeRow*> put;
  int64_t newly_named = 0;
  for (uint32_t r = 0; r < rows.size(); r++) {
    MergeRow& row = rows[r];
    if (!row.dirty) continue;
    const std::optional<Stamp> first =
        row.never_seen ? row.clock.ToImplied(row.table->layouts()) : std::nullopt;
    if (first) {
      first_inserts[r] = {.row = r, .kind = LogKind::kRow, .stamp = *first};
      newly_named++;
      continue;
    }
    row.clock.Compact(row.table->layouts());
    newly_named += EntriesNamed(row.clock, row.table->layouts()) - row.named;
    put.push_back(&row);
  }
  TRIBUTARY_RETURN_IF_ERROR(PutClocks(&stores.rows, &put));
  std::vector<WonRecord> records;
  records.reserve(won.size());
  for (const WonRecord& w : won) {
    WonRecord& first = first_inserts[w.row];
    if (first.kind == LogKind::kRow) {
      if (w.stamp != first.stamp) continue;
      first.log = w.log;
      records.push_back(first);
    } else if (IsCurrent(w, rows[w.row])) {
      records.push_back(w);
    }
  }
  std::sort(records.begin(), records.end(), [](const WonRecord& a, const WonRecord& b) {
    if (a.stamp.site != b.stamp.site) return a.stamp.site < b.stamp.site;
    if (a.stamp.version != b.stamp.version) return a.stamp.version < b.stamp.version;
    if (a.stamp.seq != b.stamp.seq) return a.stamp.seq < b.stamp.seq;
    return a.kind > b.kind;  // a sentinel before the cell that stood in for it
  });
  for (size_t i = 0; i < records.size();) {
    size_t end = i + 1;
    while (end < records.size() && records[end].stamp.site == records[i].stamp.site &&
           records[end].stamp.version == records[i].stamp.version &&
           SameLog(records[end].log, records[i].log)) {
      end++;
    }
    TRIBUTARY_RETURN_IF_ERROR(LogRun(&stores.log, rows, records.data() + i, records.data() + end));
    i = end;
  }
  for (const auto& [site, version] : buffer.seen()) {
    TRIBUTARY_RETURN_IF_ERROR(stores.sites.RaiseSeen(site, version));
  }
  buffer.KeepHeld();
  stores.lookup.Forget();
  return SweepLog(c, newly_named);
}

}  // namespace tributary
