#include "ext/merge_record.h"

#include "absl/strings/str_cat.h"
#include "crdt/merge.h"
#include "ext/base_writer.h"
#include "ext/flush.h"
#include "ext/merge.h"
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

  Status Convert(sqlite3* db, Affinity affinity, const Value& value) {
    value_ = value;
    if (StoredUnchanged(affinity, value)) return {};
    const char* sql = "SELECT CAST(?1 AS NUMERIC)";
    if (affinity == Affinity::kText) sql = "SELECT CAST(?1 AS TEXT)";
    if (affinity == Affinity::kReal) sql = "SELECT CAST(?1 AS REAL)";
    if (value.type == ValueType::kReal && affinity != Affinity::kText) {
      sql = "SELECT CAST(?1 AS INTEGER)";
    }
    Statement s;
    TRIBUTARY_RETURN_IF_ERROR(s.Prepare(db, sql));
    s.BindValue(1, value);
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    converted_ = sqlite3_value_dup(s.Column(0));
    if (converted_ == nullptr) return {SQLITE_NOMEM, "out of memory"};
    value_ = ValueOf(converted_);
    return {};
  }
  const Value& get() const { return value_; }

 private:
  Value value_;
  sqlite3_value* converted_ = nullptr;
};

class Merger {
 public:
  Merger(Connection* c, const MergeRecord& record)
      : c_(c), stores_(c->stores()), record_(record), stamp_(record.stamp) {}

  Status Run(MergeResult* result) {
    if (record_.column >= 0) {
      const DataColumn& column = record_.table->columns()[record_.column];
      TRIBUTARY_RETURN_IF_ERROR(value_.Convert(c_->db(), column.affinity, record_.value));
      const Value& value = value_.get();
      if (column.strict_type && value.type != ValueType::kNull &&
          value.type != *column.strict_type) {
        return {SQLITE_CONSTRAINT_DATATYPE,
                absl::StrCat("column ", column.name, " of STRICT table ", record_.table->name(),
                             " does not take ", TypeName(value))};
      }
    }
    TRIBUTARY_RETURN_IF_ERROR(FindRow());
    result->row = row_;
    MergeRow& row = stores_.merge.rows()[row_];
    RowClock::CellView local;
    if (!is_sentinel()) TRIBUTARY_RETURN_IF_ERROR(LocalCell(&row, &local));
    const MergeQuestion question{.local_cl = row.clock.cl(),
                                 .incoming_cl = record_.cl,
                                 .is_sentinel = is_sentinel(),
                                 .local_version = local.version,
                                 .incoming_version = record_.col_version};
    TieBreak tie;
    if (NeedsTieBreak(question)) TRIBUTARY_RETURN_IF_ERROR(BreakTie(&row, &tie));
    MergeAction action = Decide(question, tie);
    if (record_.unissued) {
      if (action == MergeAction::kRestamp) action = MergeAction::kIgnore;
      if (action != MergeAction::kIgnore) TRIBUTARY_RETURN_IF_ERROR(TakeOver());
    }
    result->changed = action != MergeAction::kIgnore && action != MergeAction::kRestamp;
    if (action != MergeAction::kIgnore) {
      TRIBUTARY_RETURN_IF_ERROR(WriteBase(&row, action));
      Record(&row, action, local);
    }
    if (stamp_.site != kOwnSite) stores_.merge.Saw(stamp_.site, stamp_.version);
    bool merge_equal_values;
    TRIBUTARY_RETURN_IF_ERROR(c_->MergeEqualValues(&merge_equal_values));
    c_->capture.state.rows_impacted += RowsImpacted(action, is_sentinel(), merge_equal_values);
    return {};
  }

 private:
  Status FindRow() {
    bool stored;  // the file has a clock record of it
    const int64_t known = record_.known_row >= 0 ? record_.known_row
                                                 : stores_.merge.Find(*record_.table, record_.key);
    if (known >= 0) {
      row_ = static_cast<uint32_t>(known);
      MergeRow& row = stores_.merge.rows()[row_];
      if (!row.reload) return {};
      TRIBUTARY_RETURN_IF_ERROR(stores_.rows.Get(record_.table, row.key, &row.clock, &stored));
      if (!stored) row.clock = RowClock::Implied();
      row.named = EntriesNamed(row.clock, record_.table->layouts());
      row.reload = false;
      return {};
    }
    if (stores_.merge.full()) TRIBUTARY_RETURN_IF_ERROR(FlushMerge(c_, false));
    MergeRow row{.table = record_.table, .key = std::string(record_.key)};
    TRIBUTARY_RETURN_IF_ERROR(stores_.rows.Get(record_.table, row.key, &row.clock, &stored));
    Statement* select = nullptr;
    if (stored && Ties(row.clock) && AllWritesCounted(*c_, *record_.table)) {
      TRIBUTARY_RETURN_IF_ERROR(record_.table->SelectRow(row.key, &select, &row.in_base));
      if (row.in_base) row.rowid = select->Int(static_cast<int>(record_.table->columns().size()));
    } else {
      TRIBUTARY_RETURN_IF_ERROR(record_.table->RowExists(row.key, &row.in_base, &row.rowid));
    }
    stores_.merge.NoteWrites(sqlite3_total_changes64(c_->db()));
    row.rowid_epoch = stores_.merge.epoch();
    if (!stored && row.in_base) row.clock = RowClock::Implied();
    row.never_seen = !stored && !row.in_base;
    row.named = EntriesNamed(row.clock, record_.table->layouts());
    if (select == nullptr || !row.in_base) {
      row_ = stores_.merge.Add(std::move(row));
      return {};
    }
    const ScopedReset reset(select);
    row_ = stores_.merge.Add(std::move(row));
    return KeepValues(select, true);
  }

  // Whether the record's cell has the same clock here, so that its value will be asked for.
  bool Ties(const RowClock& clock) const {
    if (is_sentinel() || clock.cl() != record_.cl) return false;
    const DataColumn& column = record_.table->columns()[record_.column];
    return clock.Cell(column.id, record_.table->layouts()).version == record_.col_version;
  }

  // Keeps what SelectRow has read for LocalValue: of the record's cell, and if nothing can
  // overwrite them unnoticed, of those that may come next.
  Status KeepValues(Statement* select, bool trusted) {
    const size_t columns = record_.table->columns().size();
    const auto first = static_cast<size_t>(record_.column);
    const size_t end = trusted && !record_.is_last ? columns : first + 1;
    std::vector<OwnedValue>& values = *stores_.merge.NewReadValues(row_, columns);
    for (size_t i = first; i < end; i++) {
      values[i].reset(sqlite3_value_dup(select->Column(static_cast<int>(i))));
    }
    return values[first] != nullptr ? Status() : Status(SQLITE_NOMEM, "out of memory");
  }

  // The cell's clock here. That of a column that was added later is only implied where the row's
  // log entry has the column (T3).
  Status LocalCell(MergeRow* row, RowClock::CellView* cell) {
    const DataColumn& column = record_.table->columns()[record_.column];
    *cell = row->clock.Cell(column.id, record_.table->layouts());
    if (!cell->implied || column.layout == 0) return {};
    bool found;
    Stamp stamp;
    TRIBUTARY_RETURN_IF_ERROR(ImpliedStamp(row, &found, &stamp));
    if (!found) *cell = {};
    return {};
  }

  // The stamp of a cell or sentinel that the log implies, if the log has it.
  Status ImpliedStamp(MergeRow* row, bool* found, Stamp* stamp) {
    const Layouts& layouts = record_.table->layouts();
    if (!row->looked_up) {
      RowLookup lookup{.table = record_.table->id(), .key = row->key};
      TRIBUTARY_RETURN_IF_ERROR(stores_.lookup.Find(record_.stamp, &lookup));
      row->looked_up = true;
      row->has_implied = lookup.found && layouts.Has(lookup.layout);
      row->implied = lookup.first;
      row->implied_layout = lookup.layout;
    }
    *found = row->has_implied;
    if (!*found) return {};
    *stamp = row->implied;
    if (is_sentinel()) {
      *found = layouts.Get(row->implied_layout).empty();
      return {};
    }
    const int rank = layouts.Rank(row->implied_layout, record_.table->columns()[record_.column].id);
    *found = rank >= 0;
    stamp->seq = stamp->seq + rank;
    return {};
  }

  Status LocalStamp(MergeRow* row, bool* found, Stamp* stamp) {
    *found = true;
    if (is_sentinel()) {
      if (row->clock.sentinel()) {
        *stamp = *row->clock.sentinel();
        return {};
      }
      *found = false;
      // In a table of keys alone the first insert implies a sentinel.
      if (!row->clock.MayImplySentinel(record_.table->layouts())) return {};
      return ImpliedStamp(row, found, stamp);
    }
    RowClock::CellView cell;
    TRIBUTARY_RETURN_IF_ERROR(LocalCell(row, &cell));
    if (cell.implied) return ImpliedStamp(row, found, stamp);
    *stamp = cell.stamp;
    return {};
  }

  // The cell's value here; *found is false where the row is gone. Ties come for one cell of a row
  // after the other, so that the row is read once for all that follow.
  Status LocalValue(MergeRow* row, bool* found, Value* value) {
    const int column = record_.column;
    *found = true;
    if (const auto held = row->held_cells.find(column); held != row->held_cells.end()) {
      *value = held->second.value();
      return {};
    }
    MergeBuffer& buffer = stores_.merge;
    buffer.NoteWrites(sqlite3_total_changes64(c_->db()));
    const bool trusted = AllWritesCounted(*c_, *record_.table);
    std::vector<OwnedValue>* values = trusted ? buffer.ReadValues(row_) : nullptr;
    if (values != nullptr && (*values)[column] != nullptr) {
      *value = ValueOf((*values)[column].get());
      return {};
    }
    Statement* select;
    TRIBUTARY_RETURN_IF_ERROR(record_.table->SelectRow(row->key, &select, found));
    if (!*found) return {};
    const ScopedReset reset(select);
    TRIBUTARY_RETURN_IF_ERROR(KeepValues(select, trusted));
    *value = ValueOf((*buffer.ReadValues(row_))[column].get());
    return {};
  }

  Status BreakTie(MergeRow* row, TieBreak* tie) {
    if (!is_sentinel()) {
      Value local;
      bool there;
      TRIBUTARY_RETURN_IF_ERROR(LocalValue(row, &there, &local));
      // Where the row vanished behind our back, what arrives restores it.
      tie->value = there ? CompareValues(value_.get(), local) : std::strong_ordering::greater;
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
    tie->stamp = CompareStamps(record_.site, record_.stamp, local_site, local);
    return {};
  }

  // Upstream numbers what it merges itself, and moves our cells to a row's new key as ours: to a
  // replica that comes from upstream (import_crsql.h) such a record may be news. It becomes a
  // change that this replica makes now. Anywhere else the file was copied.
  Status TakeOver() {
    Statement s;
    bool is_upstream;
    TRIBUTARY_RETURN_IF_ERROR(s.Prepare(c_->db(),
                                        "SELECT 1 FROM crsql_master WHERE key = "
                                        "'upgraded_from_crsqlite' AND value ->> 'upstream'"));
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&is_upstream));
    if (!is_upstream) return CheckOwnVersion(c_, "crsql_changes", stamp_.version);
    LogHead head;
    TRIBUTARY_RETURN_IF_ERROR(AllotVersion(c_, &head));
    TransactionState& state = c_->capture.state;
    stamp_ = {kOwnSite, state.version, state.next_seq};
    state.next_seq = state.next_seq + 1;
    return stores_.log.WriteHead(head);
  }

  Status WriteBase(MergeRow* row, MergeAction action) {
    if (action == MergeAction::kRestamp) return {};
    BaseWriter writer(c_);
    const bool has_cell = !is_sentinel() && action != MergeAction::kRevive;
    if (action == MergeAction::kRevive || action == MergeAction::kReviveAndSet) {
      TRIBUTARY_RETURN_IF_ERROR(writer.Revive(row));
    }
    const Status written = action == MergeAction::kDelete
                               ? writer.Delete(row)
                               : writer.Write(row, has_cell ? record_.column : -1, value_.get());
    if (written.ok()) return {};
    return {
        written.code(),
        absl::StrCat("cannot merge into table ", record_.table->name(), ", ",
                     is_sentinel()
                         ? "the row itself"
                         : absl::StrCat("column ", record_.table->columns()[record_.column].name),
                     ": ", written.message())};
  }

  // `local`: the cell's clock until now.
  void Record(MergeRow* row, MergeAction action, const RowClock::CellView& local) {
    const ColumnId column = is_sentinel() ? 0 : record_.table->columns()[record_.column].id;
    row->clock.Apply(action, record_.cl, is_sentinel(), column, record_.col_version, stamp_);
    row->dirty = true;
    // One stamp with two values, from a peer that lies: the log has the stamp already.
    if (action == MergeAction::kSet && local.stamp == stamp_) return;
    WonRecord won{.row = row_, .column = column, .stamp = stamp_, .log = record_.log};
    // The row's sentinel moves with every change of its life.
    if (is_sentinel() || action == MergeAction::kReviveAndSet || action == MergeAction::kRevive) {
      won.kind = LogKind::kSentinel;
      stores_.merge.AddWon(won);
    }
    if (!is_sentinel() && action != MergeAction::kRevive) {
      won.kind = LogKind::kCells;
      stores_.merge.AddWon(won);
    }
  }

  bool is_sentinel() const { return record_.column < 0; }

  Connection* c_;
  Stores& stores_;
  const MergeRecord& record_;
  Stamp stamp_;  // the record's, or that which it gets here
  StoredValue value_;
  uint32_t row_ = 0;
};

}  // namespace

Status MergeOne(Connection* c, const MergeRecord& record, MergeResult* result) {
  return Merger(c, record).Run(result);
}

}  // namespace tributary
