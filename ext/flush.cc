#include "ext/flush.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "ext/column_default.h"
#include "ext/fold_rows.h"
#include "ext/log_writer.h"
#include "ext/renew.h"
#include "ext/sweep.h"

namespace tributary {
namespace {

// Whether there are columns that the update's trigger did not know. Else it has changed nothing.
bool TouchesNewColumns(const OpList& list, const Op& op, const Table& table) {
  std::vector<ColumnId> first;
  list.Columns(op, &first);
  return table.next_column_id() > first.front();
}

class Folder {
 public:
  Folder(Connection* c, const std::vector<NewColumns>& added, StampSource* source)
      : db_(c->db()),
        list_(c->capture.list),
        stores_(c->stores()),
        added_(added),
        source_(source),
        first_seq_(source->next()),
        memory_(stores_.fold_memory != nullptr ? std::move(stores_.fold_memory)
                                               : std::make_unique<FoldMemory>()) {}
  ~Folder() {
    if (!memory_->IsSmall()) return;
    memory_->Clear();
    stores_.fold_memory = std::move(memory_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  Status Run(LogWriter* log) {
    TRIBUTARY_RETURN_IF_ERROR(Group());
    TRIBUTARY_RETURN_IF_ERROR(LoadClocks());
    TRIBUTARY_RETURN_IF_ERROR(LookUpReplaced());
    for (size_t i = 0; i < list_.size(); i++) Fold(i);
    for (const Touch& t : touched_) TRIBUTARY_RETURN_IF_ERROR(FoldTouch(t));
    TRIBUTARY_RETURN_IF_ERROR(Reconcile());
    TRIBUTARY_RETURN_IF_ERROR(StoreClocks());
    return WriteLog(log);
  }
  // How many log entries more than before the stored clocks name.
  int64_t newly_named() const { return newly_named_; }

 private:
  Status Group() {
    rows_.Reserve(list_.size());
    ops_.reserve(list_.size());
    Table* table = nullptr;
    int64_t id = -1;
    for (const Op& op : list_.ops()) {
      may_replace_ =
          may_replace_ || op.kind == OpKind::kInsertOrReplace || op.kind == OpKind::kMoveOrReplace;
      if (op.table != id) TRIBUTARY_RETURN_IF_ERROR(stores_.catalog.Get(op.table, &table));
      id = op.table;
      if (table == nullptr) {
        // Dropped, or turned back to an ordinary one, later in this transaction.
        ops_.push_back({kNoRow, kNoRow});
        continue;
      }
      if (op.kind == OpKind::kTouch && !TouchesNewColumns(list_, op, *table)) {
        ops_.push_back({kNoRow, kNoRow});
        continue;
      }
      FoldOp rows{rows_.FindOrAdd(table, list_.Key(op)), kNoRow};
      if (op.old_key_size > 0) rows.old_row = rows_.FindOrAdd(table, list_.OldKey(op));
      ops_.push_back(rows);
    }
    return {};
  }

  // Reads the stored exceptions, in key order: neighbours share pages.
  Status LoadClocks() {
    std::vector<uint32_t>& order = memory_->order;
    order.clear();
    const Table* table = nullptr;
    bool any = false;
    for (uint32_t i = 0; i < rows_.size(); i++) {
      if (rows_[i].table != table) {
        table = rows_[i].table;
        TRIBUTARY_RETURN_IF_ERROR(stores_.rows.HasAny(rows_[i].table, &any));
      }
      if (any) order.push_back(i);
    }
    SortByKey(&order);
    sorted_all_ = order.size() == rows_.size();
    std::vector<RowStore::RowName>& names = memory_->names;
    names.clear();
    for (const uint32_t i : order) names.push_back({rows_[i].table, rows_[i].key});
    RowClock clock;
    return stores_.rows.ReadAll(names, [&](size_t i, std::string_view record) -> Status {
      TRIBUTARY_RETURN_IF_ERROR(RowStore::Decode(*names[i].table, record, &clock));
      newly_named_ -= EntriesNamed(clock, names[i].table->layouts());
      SetClock(order[i], std::move(clock));
      return {};
    });
  }

  // A REPLACE that no trigger saw: whether the key was alive is in the log, or it was not.
  Status LookUpReplaced() {
    if (!may_replace_) return {};
    std::vector<std::pair<uint32_t, RowLookup>> lookups;
    std::vector<bool> seen(rows_.size());
    for (size_t i = 0; i < list_.size(); i++) {
      const uint32_t r = ops_[i].row;
      if (r == kNoRow) continue;
      const OpKind kind = list_.ops()[i].kind;
      if (ops_[i].old_row != kNoRow) seen[ops_[i].old_row] = true;
      if ((kind == OpKind::kInsertOrReplace || kind == OpKind::kMoveOrReplace) && !seen[r] &&
          rows_[r].clock == kNoClock) {
        lookups.push_back({r, {.table = rows_[r].table->id(), .key = rows_[r].key}});
      }
      seen[r] = true;
    }
    if (lookups.empty()) return {};
    for (const auto& [row, lookup] : lookups) stores_.catalog.UsesReplace(lookup.table);
    std::vector<RowLookup*> wanted;
    wanted.reserve(lookups.size());
    for (auto& [row, lookup] : lookups) wanted.push_back(&lookup);
    TRIBUTARY_RETURN_IF_ERROR(stores_.lookup.FindAll(wanted));
    for (const auto& [row, lookup] : lookups) rows_[row].was_alive = lookup.found;
    return {};
  }

  void SetClock(uint32_t row, RowClock&& clock) {
    rows_[row].clock = static_cast<int32_t>(clocks_.size());
    clocks_.push_back(std::move(clock));
    clock_rows_.push_back(row);
  }

  // The row's clock to be changed. A row that is written without being inserted was alive.
  RowClock* Clock(uint32_t r, bool absent_is_alive) {
    FoldRow& row = rows_[r];
    if (row.clock == kNoClock) {
      const bool alive = row.inserted || row.was_alive || absent_is_alive;
      if (alive && !row.inserted) newly_named_--;
      SetClock(r, alive ? RowClock::Implied() : RowClock());
    }
    return &clocks_[row.clock];
  }

  void FoldInsert(uint32_t r, bool replaced) {
    FoldRow& row = rows_[r];
    const Layouts& layouts = row.table->layouts();
    replaced = replaced || row.was_alive || row.inserted;
    if (row.clock == kNoClock && !replaced) {
      row.inserted = true;
      row.seq = RowClock::FirstInsert(layouts, source_);
      return;
    }
    RowClock* clock = Clock(r, replaced);
    (void)clock->Insert(clock->IsAlive(), layouts, source_);
  }

  void Fold(size_t i) {
    const Op& op = list_.ops()[i];
    const FoldOp& at = ops_[i];
    if (at.row == kNoRow) return;
    const Layouts& layouts = rows_[at.row].table->layouts();
    FoldRow& row = rows_[at.row];
    row.came = row.came || (op.kind != OpKind::kUpdate && op.kind != OpKind::kDelete &&
                            op.kind != OpKind::kTouch);
    row.went = row.went || op.kind == OpKind::kDelete;
    if (at.old_row != kNoRow) rows_[at.old_row].went = true;
    if (op.kind == OpKind::kUpdate) NoteAdded(op.table, at.row);
    switch (op.kind) {
      case OpKind::kInsert:
      case OpKind::kInsertOrReplace:
        FoldInsert(at.row, false);
        return;
      case OpKind::kReplace:
        FoldInsert(at.row, true);
        return;
      case OpKind::kUpdate:
        list_.Columns(op, &columns_);
        Clock(at.row, true)->Update(columns_, layouts, source_);
        return;
      case OpKind::kTouch:
        list_.Columns(op, &columns_);
        touched_.push_back({at.row, columns_.front()});
        return;
      case OpKind::kDelete:
        Clock(at.row, true)->Delete(source_);
        return;
      case OpKind::kMove:
      case OpKind::kMoveOrReplace:
      case OpKind::kMoveReplace: {
        const RowClock from = *Clock(at.old_row, true);
        clocks_[rows_[at.old_row].clock].Delete(source_);
        RowClock* to = Clock(at.row, op.kind == OpKind::kMoveReplace);
        to->MoveIn(from, layouts, source_);
        list_.Columns(op, &columns_);
        if (!columns_.empty()) to->Update(columns_, layouts, source_);
        return;
      }
    }
  }

  struct Touch {
    uint32_t row;
    ColumnId first;
  };
  // An update in a transaction that has added columns.
  void NoteAdded(int64_t table, uint32_t row) {
    for (const NewColumns& a : added_) {
      if (a.table == table) touched_.push_back({row, a.first});
    }
  }
  // An update by a trigger that is older than some of the columns. What differs from the column's
  // default was written since it was added: by this transaction, or it has a clock.
  Status FoldTouch(const Touch& touch) {
    FoldRow& row = rows_[touch.row];
    if (row.inserted && row.clock == kNoClock) return {};  // all of it is written
    Statement* values;
    bool found;
    TRIBUTARY_RETURN_IF_ERROR(row.table->SelectRow(row.key, &values, &found));
    if (!found) return {};
    const ScopedReset reset(values);
    const std::vector<OwnedValue>* births;
    TRIBUTARY_RETURN_IF_ERROR(BirthValues(db_, row.table, &births));
    const Layouts& layouts = row.table->layouts();
    for (size_t i = 0; i < row.table->columns().size(); i++) {
      const DataColumn& column = row.table->columns()[i];
      if (column.id < touch.first) continue;
      RowClock::CellView cell{};
      if (row.clock != kNoClock) cell = clocks_[row.clock].Cell(column.id, layouts);
      if (cell.version > ColVersion(0) && !cell.implied && IsOurs(cell.stamp)) continue;
      sqlite3_value* const birth = (*births)[i].get();
      const bool is_default =
          birth != nullptr &&
          SameValue(ValueOf(values->Column(static_cast<int>(i))), ValueOf(birth));
      const bool has_clock = cell.version > ColVersion(0) && !cell.implied;
      if (is_default && !has_clock) continue;
      RowClock* clock = Clock(touch.row, true);
      clock->Apply(MergeAction::kSet, clock->cl(), false, column.id,
                   has_clock ? cell.version + 1 : ColVersion(1), source_->Take());
    }
    return {};
  }

  // A user's trigger that is newer than ours runs before ours: what it does to the same row is then
  // reported before what set it off (T13). Where a row both came and went, the table knows the end.
  Status Reconcile() {
    for (uint32_t r = 0; r < rows_.size(); r++) {
      if (!rows_[r].came || !rows_[r].went) continue;
      bool exists;
      int64_t rowid;
      TRIBUTARY_RETURN_IF_ERROR(rows_[r].table->RowExists(rows_[r].key, &exists, &rowid));
      RowClock* clock = Clock(r, true);
      if (exists && !clock->IsAlive()) {
        (void)clock->Insert(false, rows_[r].table->layouts(), source_);
      } else if (!exists && clock->IsAlive()) {
        clock->Delete(source_);
      }
    }
    return {};
  }

  Status StoreClocks() {
    stores_.rows.DropPending();
    std::vector<uint32_t>& order = memory_->order;
    if (!sorted_all_) {
      order = clock_rows_;
      SortByKey(&order);
    }
    for (const uint32_t r : order) {
      FoldRow& row = rows_[r];
      if (row.clock == kNoClock) continue;
      RowClock& clock = clocks_[row.clock];
      // Its row entry will not be written, so that the birth must be kept here (T20).
      if (row.inserted && clock.rest() != Rest::kImplied && clock.births().empty()) {
        clock.SetBirth({kOwnSite, source_->version()});
      }
      newly_named_ += EntriesNamed(clock, row.table->layouts());
      if (clock.IsImplied()) continue;
      stores_.rows.PutLater(row.table, row.key, clock);
    }
    return stores_.rows.PutPending();
  }

  bool IsOurs(const Stamp& s) const {
    return s.site == kOwnSite && s.version == source_->version() && s.seq >= first_seq_;
  }

  void AddRecords(uint32_t r) {
    const FoldRow& row = rows_[r];
    if (row.clock == kNoClock) {
      if (!row.inserted) return;  // an update that has changed nothing
      newly_named_++;
      records_.push_back({row.seq, r, LogKind::kRow, 0});
      return;
    }
    const RowClock& clock = clocks_[row.clock];
    if (row.inserted && clock.rest() == Rest::kImplied) {
      records_.push_back({row.seq, r, LogKind::kRow, 0});
    }
    if (clock.sentinel() && IsOurs(*clock.sentinel())) {
      records_.push_back({clock.sentinel()->seq, r, LogKind::kSentinel, 0});
    }
    const Layouts& layouts = row.table->layouts();
    if (clock.rest() == Rest::kBase && IsOurs(clock.base()) &&
        clock.base_layout() == layouts.current_number()) {
      // Cells that were written again since have their own stamps; the entry is stale for those.
      records_.push_back({clock.base().seq, r, LogKind::kAllCells, 0});
    }
    for (const CellClock& c : clock.cells()) {
      if (IsOurs(c.stamp)) records_.push_back({c.stamp.seq, r, LogKind::kCells, c.column});
    }
  }

  static void SetTable(const Table& table, LogEntry* entry) {
    if (entry->table == table.id()) return;
    entry->table = table.id();
    entry->layout = table.layouts().current_number();
    entry->width = static_cast<uint32_t>(table.layouts().current().size());
    entry->key_width = static_cast<uint32_t>(table.key().size());
  }

  // Where the list holds first inserts only, which come in seq order.
  Status LogInserts(LogWriter* log) {
    LogEntry& entry = memory_->entry;
    entry.table = -1;
    entry.kind = LogKind::kRow;
    entry.cells.clear();
    for (uint32_t r = 0; r < rows_.size(); r++) {
      SetTable(*rows_[r].table, &entry);
      entry.seq = rows_[r].seq;
      entry.key = rows_[r].key;
      TRIBUTARY_RETURN_IF_ERROR(log->Add(entry, rows_[r].hash));
    }
    newly_named_ += rows_.size();
    return log->Close();
  }

  Status WriteLog(LogWriter* log) {
    if (clocks_.empty() && touched_.empty()) return LogInserts(log);
    records_.reserve(rows_.size());
    for (uint32_t r = 0; r < rows_.size(); r++) AddRecords(r);
    const auto by_seq = [](const FoldRecord& a, const FoldRecord& b) { return a.seq < b.seq; };
    if (!std::is_sorted(records_.begin(), records_.end(), by_seq)) {
      std::sort(records_.begin(), records_.end(), by_seq);
    }
    LogEntry& entry = memory_->entry;
    entry.table = -1;
    for (size_t i = 0; i < records_.size();) {
      const FoldRecord& first = records_[i];
      const FoldRow& row = rows_[first.row];
      SetTable(*row.table, &entry);
      entry.kind = first.kind;
      entry.seq = first.seq;
      entry.key = row.key;
      entry.cells.clear();
      i++;
      if (first.kind == LogKind::kCells) {
        entry.cells.push_back({first.column, first.seq});
        for (; i < records_.size() && records_[i].row == first.row &&
               records_[i].kind == LogKind::kCells;
             i++) {
          entry.cells.push_back({records_[i].column, records_[i].seq});
        }
      }
      TRIBUTARY_RETURN_IF_ERROR(log->Add(entry, row.hash));
    }
    return log->Close();
  }

  void SortByKey(std::vector<uint32_t>* order) { memory_->sorter.Sort(rows_, order); }

  static constexpr uint32_t kNoRow = UINT32_MAX;

  sqlite3* db_;
  const OpList& list_;
  Stores& stores_;
  const std::vector<NewColumns>& added_;
  StampSource* source_;
  const Seq first_seq_;
  int64_t newly_named_ = 0;
  bool may_replace_ = false;
  std::vector<Touch> touched_;
  bool sorted_all_ = false;  // memory_->order has all rows in the order of keys
  std::unique_ptr<FoldMemory> memory_;
  FoldRows& rows_ = memory_->rows;
  std::vector<FoldOp>& ops_ = memory_->ops;
  std::vector<RowClock>& clocks_ = memory_->clocks;
  std::vector<uint32_t>& clock_rows_ = memory_->clock_rows;
  std::vector<FoldRecord>& records_ = memory_->records;
  std::vector<ColumnId>& columns_ = memory_->columns;
};

}  // namespace

// Bytes of log entries. The heads of smaller transactions need not be written at once.
constexpr int64_t kSmallTransaction = 1 << 10;

int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Status AllotVersion(Connection* c, LogHead* head) {
  TRIBUTARY_RETURN_IF_ERROR(c->stores().log.ReadHead(head));
  DbVersion& version = c->capture.state.version;
  if (version == DbVersion(0)) {
    if (head->last_version >= kMaxDbVersion) {
      return {SQLITE_FULL, "no db_version is left: this replica has issued all of them"};
    }
    version = head->last_version + 1;
    head->last_version = version;
    c->stores().log.StartTransaction(kOwnSite, version);
  }
  return {};
}

namespace {

// Columns of the tables in the list that were added since the catalog was written.
Status NoticeOwnAlter(Connection* c, std::vector<NewColumns>* added) {
  Catalog& catalog = c->stores().catalog;
  bool changed;
  TRIBUTARY_RETURN_IF_ERROR(c->NoticeAlter(&changed));
  int64_t last = -1;
  for (const Op& op : c->capture.list.ops()) {
    if (!changed) break;
    if (op.table == last) continue;
    last = op.table;
    Table* table;
    TRIBUTARY_RETURN_IF_ERROR(catalog.Get(op.table, &table));
    if (table != nullptr && table->is_outdated()) catalog.IsOutdated(op.table);
  }
  return catalog.outdated().empty() ? Status() : RenewCatalog(c, added);
}

// Whether the list has more than updates that have changed nothing.
Status HasWrites(Connection* c, bool* writes) {
  const OpList& list = c->capture.list;
  *writes = true;
  for (const Op& op : list.ops()) {
    if (op.kind != OpKind::kTouch) return {};
    Table* table;
    TRIBUTARY_RETURN_IF_ERROR(c->stores().catalog.Get(op.table, &table));
    if (table != nullptr && TouchesNewColumns(list, op, *table)) return {};
  }
  *writes = false;
  return {};
}

}  // namespace

Status FlushCapture(Connection* c) {
  Capture& capture = c->capture;
  if (capture.list.empty()) return {};
  std::vector<NewColumns> added;
  TRIBUTARY_RETURN_IF_ERROR(NoticeOwnAlter(c, &added));
  bool writes;
  TRIBUTARY_RETURN_IF_ERROR(HasWrites(c, &writes));
  if (!writes) {
    capture.Flushed();
    return {};
  }
  LogHead head;
  TRIBUTARY_RETURN_IF_ERROR(AllotVersion(c, &head));
  StampSource source(capture.state.version, capture.state.next_seq);
  LogWriter log(&c->stores().log, kOwnSite, source.version(), {.commit_ms = NowMs(), .ts = c->ts});
  Folder folder(c, added, &source);
  TRIBUTARY_RETURN_IF_ERROR(folder.Run(&log));
  LogStore& store = c->stores().log;
  // So much can be counted in later, but not where a sweep stands, nor what it took away.
  const bool can_be_counted = head.uncounted < kMaxUncounted && store.growth().entries > 0 &&
                              store.growth().bytes < kSmallTransaction;
  const LogHead before = head;
  TRIBUTARY_RETURN_IF_ERROR(SweepLog(c, folder.newly_named(), &head));
  if (can_be_counted && head.SweepStandsAt(before)) {
    store.DeferHead(head);
  } else {
    TRIBUTARY_RETURN_IF_ERROR(store.WriteHead(head));
  }
  capture.state.next_seq = source.next();
  capture.Flushed();
  return {};
}

}  // namespace tributary
