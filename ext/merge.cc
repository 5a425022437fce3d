#include "ext/merge.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "crdt/merge.h"
#include "crdt/packed.h"
#include "ext/base_writer.h"
#include "ext/log_writer.h"
#include "ext/sweep.h"

namespace tributary {
namespace {

// A value as the column would store it: what a peer with another schema sent is converted first, so
// that the comparison of ties is the same now and at every later delivery.
class StoredValue {
 public:
  StoredValue() = default;
  ~StoredValue() { sqlite3_value_free(converted_); }
  StoredValue(const StoredValue&) = delete;
  StoredValue& operator=(const StoredValue&) = delete;

  Status Convert(sqlite3* db, Affinity affinity, sqlite3_value* value) {
    value_ = value;
    // A common case that needs no look at the bytes.
    if (affinity == Affinity::kText && sqlite3_value_type(value) == SQLITE_TEXT) return {};
    if (StoredUnchanged(affinity, ValueOf(value))) return {};
    const char* sql = "SELECT CAST(?1 AS NUMERIC)";
    if (affinity == Affinity::kText) sql = "SELECT CAST(?1 AS TEXT)";
    if (affinity == Affinity::kReal) sql = "SELECT CAST(?1 AS REAL)";
    if (sqlite3_value_type(value) == SQLITE_FLOAT && affinity != Affinity::kText) {
      sql = "SELECT CAST(?1 AS INTEGER)";
    }
    Statement s;
    TRIBUTARY_RETURN_IF_ERROR(s.Prepare(db, sql));
    s.BindValue(1, value);
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    converted_ = sqlite3_value_dup(s.Column(0));
    if (converted_ == nullptr) return {SQLITE_NOMEM, "out of memory"};
    value_ = converted_;
    return {};
  }
  sqlite3_value* get() const { return value_; }

 private:
  sqlite3_value* value_ = nullptr;
  sqlite3_value* converted_ = nullptr;
};

class Merger {
 public:
  Merger(Connection* c, const IncomingChange& change)
      : c_(c), stores_(c->stores()), change_(change) {}

  Status Run() {
    TRIBUTARY_RETURN_IF_ERROR(Check());
    TRIBUTARY_RETURN_IF_ERROR(FindTarget());
    TRIBUTARY_RETURN_IF_ERROR(FindRow());
    MergeRow& row = stores_.merge.rows()[row_];
    RowClock::CellView local;
    if (!is_sentinel_) TRIBUTARY_RETURN_IF_ERROR(LocalCell(&row, &local));
    const MergeQuestion question{.local_cl = row.clock.cl(),
                                 .incoming_cl = change_.cl,
                                 .is_sentinel = is_sentinel_,
                                 .local_version = local.version,
                                 .incoming_version = change_.col_version};
    TieBreak tie;
    if (NeedsTieBreak(question)) TRIBUTARY_RETURN_IF_ERROR(BreakTie(&row, &tie));
    const MergeAction action = Decide(question, tie);
    if (action != MergeAction::kIgnore) {
      TRIBUTARY_RETURN_IF_ERROR(WriteBase(&row, action));
      Record(&row, action, local);
    }
    if (site_ != kOwnSite) stores_.merge.Saw(site_, change_.db_version);
    bool merge_equal_values;
    TRIBUTARY_RETURN_IF_ERROR(c_->MergeEqualValues(&merge_equal_values));
    c_->capture.state.rows_impacted += RowsImpacted(action, is_sentinel_, merge_equal_values);
    return {};
  }

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
    is_sentinel_ = change_.cid == kSentinelCid || !IsAlive(change_.cl);
    for (const bool again : {false, true}) {
      if (again) TRIBUTARY_RETURN_IF_ERROR(c_->Refresh());
      table_ = again ? nullptr : stores_.merge.LastTable(change_.table);
      if (table_ == nullptr) {
        TRIBUTARY_RETURN_IF_ERROR(stores_.catalog.Find(change_.table, &table_));
      }
      if (table_ == nullptr) continue;
      if (!is_sentinel_) column_ = table_->FindColumn(change_.cid, stores_.merge.next_column);
      stores_.merge.next_column = column_ + 1;
      if (is_sentinel_ || column_ >= 0) return {};
    }
    if (table_ != nullptr) return UnknownColumn();
    return Status::Error(
        absl::StrCat("crsql_changes: could not find the schema information for table ",
                     std::string(change_.table),
                     ": it is not replicated here; SELECT crsql_as_crr on it first"));
  }

  Status FindTarget() {
    TRIBUTARY_RETURN_IF_ERROR(FindColumn());
    known_row_ = stores_.merge.FindLast(table_, change_.pk);
    if (known_row_ < 0) TRIBUTARY_RETURN_IF_ERROR(DecodeKey());
    if (!is_sentinel_) {
      TRIBUTARY_RETURN_IF_ERROR(
          value_.Convert(c_->db(), table_->columns()[column_].affinity, change_.value));
    }
    TRIBUTARY_RETURN_IF_ERROR(stores_.sites.FindOrAdd(change_.site, &site_));
    if (site_ == kOwnSite) {
      DbVersion last;
      TRIBUTARY_RETURN_IF_ERROR(c_->LastVersion(&last));
      if (change_.db_version > last) {
        return Status::Error(
            absl::StrCat("crsql_changes: a change claims to be this site's own at db_version ",
                         change_.db_version.value, ", but this file has only issued ", last.value,
                         ": the file was restored or copied from one that is still in use"));
      }
    }
    stamp_ = {site_, change_.db_version, change_.seq};
    return {};
  }

  Status UnknownColumn() const {
    const std::string& table = table_->name();
    const std::string why =
        table_->IsUnreplicated(change_.cid)
            ? absl::StrCat("; the column was added since: SELECT crsql_as_crr('", table,
                           "') again to replicate it")
            : ": the sender's schema is another";
    return Status::Error(absl::StrCat("crsql_changes: table ", table, " has no replicated column ",
                                      std::string(change_.cid), why));
  }

  Status DecodeKey() {
    std::vector<Value> values;
    if (!UnpackValues(change_.pk, &values)) {
      return Status::Error(absl::StrCat("crsql_changes: the pk of a change for table ",
                                        table_->name(), " is not a packed key"));
    }
    return table_->EncodeForeignKey(values, &key_);
  }

  Status FindRow() {
    bool stored;  // the file has a clock record of it
    if (known_row_ < 0) known_row_ = stores_.merge.Find(*table_, key_);
    if (known_row_ >= 0) {
      row_ = static_cast<uint32_t>(known_row_);
      MergeRow& row = stores_.merge.rows()[row_];
      if (!row.reload) return {};
      TRIBUTARY_RETURN_IF_ERROR(stores_.rows.Get(table_, row.key, &row.clock, &stored));
      if (!stored) row.clock = RowClock::Implied();
      row.named = EntriesNamed(row.clock, table_->layouts());
      row.reload = false;
      return {};
    }
    if (stores_.merge.full()) TRIBUTARY_RETURN_IF_ERROR(FlushMerge(c_, false));
    MergeRow row{.table = table_, .key = key_};
    TRIBUTARY_RETURN_IF_ERROR(stores_.rows.Get(table_, key_, &row.clock, &stored));
    TRIBUTARY_RETURN_IF_ERROR(table_->RowExists(key_, &row.in_base, &row.rowid));
    stores_.merge.NoteWrites(sqlite3_total_changes64(c_->db()));
    row.rowid_epoch = stores_.merge.epoch();
    if (!stored && row.in_base) row.clock = RowClock::Implied();
    row.never_seen = !stored && !row.in_base;
    row.named = EntriesNamed(row.clock, table_->layouts());
    row_ = stores_.merge.Add(std::move(row));
    stores_.merge.Remember(row_, change_.pk);
    return {};
  }

  // The cell's clock here. That of a column that was added later is only implied where the row's
  // log entry has the column (T3).
  Status LocalCell(MergeRow* row, RowClock::CellView* cell) {
    const DataColumn& column = table_->columns()[column_];
    *cell = row->clock.Cell(column.id, table_->layouts());
    if (!cell->implied || column.layout == 0) return {};
    bool found;
    Stamp stamp;
    TRIBUTARY_RETURN_IF_ERROR(ImpliedStamp(row, &found, &stamp));
    if (!found) *cell = {};
    return {};
  }

  // The stamp of a cell or sentinel that the log implies, if the log has it.
  Status ImpliedStamp(MergeRow* row, bool* found, Stamp* stamp) {
    const Layouts& layouts = table_->layouts();
    if (!row->looked_up) {
      RowLookup lookup{.table = table_->id(), .key = row->key};
      TRIBUTARY_RETURN_IF_ERROR(stores_.lookup.Find(stamp_, &lookup));
      row->looked_up = true;
      row->has_implied = lookup.found && layouts.Has(lookup.layout);
      row->implied = lookup.first;
      row->implied_layout = lookup.layout;
    }
    *found = row->has_implied;
    if (!*found) return {};
    *stamp = row->implied;
    if (is_sentinel_) {
      *found = layouts.Get(row->implied_layout).empty();
      return {};
    }
    const int rank = layouts.Rank(row->implied_layout, table_->columns()[column_].id);
    *found = rank >= 0;
    stamp->seq = stamp->seq + rank;
    return {};
  }

  Status LocalStamp(MergeRow* row, bool* found, Stamp* stamp) {
    *found = true;
    if (is_sentinel_) {
      if (row->clock.sentinel()) {
        *stamp = *row->clock.sentinel();
        return {};
      }
      *found = false;
      // In a table of keys alone the first insert implies a sentinel.
      if (!row->clock.MayImplySentinel(table_->layouts())) return {};
      return ImpliedStamp(row, found, stamp);
    }
    RowClock::CellView cell;
    TRIBUTARY_RETURN_IF_ERROR(LocalCell(row, &cell));
    if (cell.implied) return ImpliedStamp(row, found, stamp);
    *stamp = cell.stamp;
    return {};
  }

  // The cell's value here; null where the row is gone. Ties come for one cell of a row after the
  // other, so that the row is read once for all that follow.
  Status LocalValue(MergeRow* row, sqlite3_value** value) {
    if (const auto held = row->held_cells.find(column_); held != row->held_cells.end()) {
      *value = held->second.get();
      return {};
    }
    MergeBuffer& buffer = stores_.merge;
    buffer.NoteWrites(sqlite3_total_changes64(c_->db()));
    const bool trusted = AllWritesCounted(*c_, *table_);
    std::vector<OwnedValue>* values = trusted ? buffer.ReadValues(row_) : nullptr;
    if (values != nullptr && (*values)[column_] != nullptr) {
      *value = (*values)[column_].get();
      return {};
    }
    *value = nullptr;
    Statement* select;
    bool found;
    TRIBUTARY_RETURN_IF_ERROR(table_->SelectRow(row->key, &select, &found));
    if (!found) return {};
    const ScopedReset reset(select);
    const int end = trusted ? static_cast<int>(table_->columns().size()) : column_ + 1;
    values = buffer.NewReadValues(row_, table_->columns().size());
    for (int i = column_; i < end; i++) {
      (*values)[i].reset(sqlite3_value_dup(select->Column(i)));
    }
    *value = (*values)[column_].get();
    return *value != nullptr ? Status() : Status(SQLITE_NOMEM, "out of memory");
  }

  Status BreakTie(MergeRow* row, TieBreak* tie) {
    if (!is_sentinel_) {
      sqlite3_value* local;
      TRIBUTARY_RETURN_IF_ERROR(LocalValue(row, &local));
      // Where the row vanished behind our back, what arrives restores it.
      tie->value = local != nullptr ? CompareValues(ValueOf(value_.get()), ValueOf(local))
                                    : std::strong_ordering::greater;
      if (tie->value != std::strong_ordering::equal) return {};
    }
    bool found;
    Stamp local;
    TRIBUTARY_RETURN_IF_ERROR(LocalStamp(row, &found, &local));
    if (!found) {
      tie->stamp = std::strong_ordering::greater;
      return {};
    }
    SiteId local_site;
    TRIBUTARY_RETURN_IF_ERROR(stores_.sites.IdOf(local.site, &local_site));
    tie->stamp = CompareStamps(change_.site, stamp_, local_site, local);
    return {};
  }

  Status WriteBase(MergeRow* row, MergeAction action) {
    if (action == MergeAction::kRestamp) return {};
    BaseWriter writer(c_);
    const bool has_cell = !is_sentinel_ && action != MergeAction::kRevive;
    const Status written = action == MergeAction::kDelete
                               ? writer.Delete(row)
                               : writer.Write(row, has_cell ? column_ : -1, value_.get());
    if (written.ok()) return {};
    return {written.code(),
            absl::StrCat(
                "crsql_changes: cannot merge into table ", table_->name(), ", ",
                is_sentinel_ ? "the row itself" : absl::StrCat("column ", std::string(change_.cid)),
                ": ", written.message())};
  }

  // `local`: the cell's clock until now.
  void Record(MergeRow* row, MergeAction action, const RowClock::CellView& local) {
    const ColumnId column = is_sentinel_ ? 0 : table_->columns()[column_].id;
    row->clock.Apply(action, change_.cl, is_sentinel_, column, change_.col_version, stamp_);
    row->dirty = true;
    // One stamp with two values, from a peer that lies: the log has the stamp already.
    if (action == MergeAction::kSet && local.stamp == stamp_) return;
    WonRecord won{.row = row_, .column = column, .stamp = stamp_, .ts = change_.ts};
    // The row's sentinel moves with every change of its life.
    if (is_sentinel_ || action == MergeAction::kReviveAndSet || action == MergeAction::kRevive) {
      won.kind = LogKind::kSentinel;
      stores_.merge.AddWon(won);
    }
    if (!is_sentinel_ && action != MergeAction::kRevive) {
      won.kind = LogKind::kCells;
      stores_.merge.AddWon(won);
    }
  }

  Connection* c_;
  Stores& stores_;
  const IncomingChange& change_;
  Table* table_ = nullptr;
  std::string key_;
  bool is_sentinel_ = false;
  int column_ = -1;
  StoredValue value_;
  SiteOrdinal site_ = 0;
  Stamp stamp_;
  int64_t known_row_ = -1;  // index of the row in the buffer, if it is there
  uint32_t row_ = 0;
};

// Whether a record that won when it came is still what the clock says.
bool IsCurrent(const WonRecord& won, const MergeRow& row) {
  if (won.kind == LogKind::kSentinel) {
    return row.clock.sentinel() && *row.clock.sentinel() == won.stamp;
  }
  const RowClock::CellView cell = row.clock.Cell(won.column, row.table->layouts());
  return !cell.implied && cell.version > ColVersion(0) && cell.stamp == won.stamp;
}

// Writes won records of one (site, version, ts), in seq order.
Status LogRun(LogStore* log, const std::vector<MergeRow>& rows, const WonRecord* begin,
              const WonRecord* end) {
  LogWriter writer(log, begin->stamp.site, begin->stamp.version, {.ts = begin->ts});
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

}  // namespace

Status MergeChange(Connection* c, const IncomingChange& change) {
  if (c->merging) {
    return Status::Error(
        "crsql_changes: a trigger that runs because of a merge cannot merge changes itself");
  }
  Merger merger(c, change);
  TRIBUTARY_RETURN_IF_ERROR(merger.Run());
  return c->stores().merge.overfull() ? FlushMerge(c, false) : Status();
}

Status FlushMerge(Connection* c, bool final) {
  Stores& stores = c->stores();
  MergeBuffer& buffer = stores.merge;
  TRIBUTARY_RETURN_IF_ERROR(BaseWriter(c).Settle(final));
  std::vector<MergeRow>& rows = buffer.rows();
  std::vector<WonRecord>& won = buffer.won();
  std::vector<WonRecord> first_inserts(rows.size());
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
    TRIBUTARY_RETURN_IF_ERROR(stores.rows.Put(row.table, row.key, row.clock));
  }
  std::vector<WonRecord> records;
  records.reserve(won.size());
  for (const WonRecord& w : won) {
    WonRecord& first = first_inserts[w.row];
    if (first.kind == LogKind::kRow) {
      if (w.stamp != first.stamp) continue;
      first.ts = w.ts;
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
           records[end].ts == records[i].ts) {
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
