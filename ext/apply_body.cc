#include "ext/apply_body.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "crdt/packed.h"
#include "ext/base_writer.h"
#include "ext/merge.h"
#include "ext/merge_record.h"
#include "ext/sweep.h"

namespace tributary {
namespace {

constexpr char kWho[] = "crsql_apply";

Status Malformed() { return Status::Error("crsql_apply: the changeset's body is malformed"); }

}  // namespace

Status BodyMerger::Open(std::string_view body, Rows rows) {
  rows_ = rows;
  std::string error;
  if (!reader_.Open(body, &error)) return Status::Error(absl::StrCat("crsql_apply: ", error));
  for (size_t i = 0; i < reader_.groups(); i++) {
    TRIBUTARY_RETURN_IF_ERROR(
        FindTarget(reader_.tables()[reader_.table_of(i)], &targets_.emplace_back()));
  }
  SiteId own;
  TRIBUTARY_RETURN_IF_ERROR(c_->stores().sites.Own(&own));
  for (const TransactionInfo& t : reader_.transactions()) {
    if (t.site == own) TRIBUTARY_RETURN_IF_ERROR(CheckOwnVersion(c_, kWho, t.version));
  }
  for (size_t i = 0; i < reader_.groups() && rows_ == Rows::kCheckNow; i++) {
    TRIBUTARY_RETURN_IF_ERROR(CheckRows(i));
  }
  return {};
}

Status BodyMerger::FindTarget(const TableNames& names, Target* target) {
  TRIBUTARY_RETURN_IF_ERROR(c_->stores().catalog.Find(names.name, &target->table));
  if (target->table == nullptr) {
    target->misfit = NoTable(names.name);
    return CheckNotReserved(kWho, names.name);
  }
  const Table& table = *target->table;
  if (!table.MayHaveKey(names.key)) {
    target->misfit = absl::StrCat("the primary key of table ", names.name,
                                  " has other columns here than at the sender");
    return {};
  }
  target->straight = names.columns.size() == table.columns().size() &&
                     names.columns.size() == table.layouts().current().size();
  for (size_t i = 0; i < names.columns.size(); i++) {
    const int ours = table.FindColumn(names.columns[i], static_cast<int>(i));
    target->columns.push_back(ours);
    target->straight = target->straight && ours == static_cast<int>(i);
  }
  return {};
}

Status BodyMerger::FindAuthors() {
  for (const TransactionInfo& t : reader_.transactions()) {
    Author& a = authors_.emplace_back();
    TRIBUTARY_RETURN_IF_ERROR(c_->stores().sites.FindOrAdd(t.site, &a.site));
    a.log = {.backfill = t.backfill, .commit_ms = t.commit_ms, .ts = t.ts};
  }
  return {};
}

Status BodyMerger::CheckRows(size_t group) {
  RowsReader rows(reader_, group);
  Target& target = targets_[group];
  std::string misfit;
  while (rows.Next()) {
    TRIBUTARY_RETURN_IF_ERROR(CheckKey(group, rows.row().key, &misfit));
    target.keys_fit = target.keys_fit && misfit.empty();
  }
  return rows.ok() ? Status() : Malformed();
}

// One row has one key: of the types that the table stores, in the one form that they have.
Status BodyMerger::CheckKey(size_t group, std::string_view key, std::string* misfit) {
  misfit->clear();
  ByteReader in(key);
  if (!decoder_.Decode(&in, NamesOf(group).key.size()) || !in.empty()) return Malformed();
  const Target& target = targets_[group];
  if (!target.misfit.empty()) return CheckKeyIsSound(kWho, NamesOf(group).name, decoder_.values());
  key_.clear();
  TRIBUTARY_RETURN_IF_ERROR(KeyFits(*target.table, kWho, decoder_.values(), &key_, misfit));
  return !misfit->empty() || key_ == key ? Status() : Malformed();
}

Status BodyMerger::Park(size_t group, const RowView& row, std::optional<size_t> record,
                        std::string_view why) {
  const TableNames& names = NamesOf(group);
  const TransactionInfo& t = reader_.transactions()[row.transaction];
  ByteReader in(row.key);
  if (!decoder_.Decode(&in, names.key.size())) return Malformed();
  ParkedRecord parked{.table = names.name,
                      .cl = row.cl,
                      .site = t.site,
                      .version = t.version,
                      .log = authors_[row.transaction].log,
                      .reason = std::string(why)};
  PackValues(decoder_.values(), &parked.pk);
  if (!NamesNoKey(names.key)) parked.key_names = names.key;
  size_t cell = 0;
  for (size_t i = 0; i < row.shape->records.size(); i++) {
    const RowShape::Record& r = row.shape->records[i];
    const bool is_cell = r.column >= 0 && IsAlive(row.cl);
    if (!record || *record == i) {
      parked.cid = is_cell ? names.columns[static_cast<size_t>(r.column)] : kSentinelCid;
      parked.col_version = is_cell ? row.cells[cell].version : ColVersion(row.cl.value);
      parked.value = HeldValue(is_cell ? row.cells[cell].value : Value::Null());
      parked.seq = row.seq + r.offset;
      TRIBUTARY_RETURN_IF_ERROR(ParkRecord(c_, parked));
    }
    cell += r.column >= 0 ? 1 : 0;
  }
  return {};
}

Status BodyMerger::Merge() {
  TRIBUTARY_RETURN_IF_ERROR(FindAuthors());
  // The tables' rows in the order in which their transactions wrote them: so the log gets each
  // transaction in seq order, and tables of one transaction fill as they did at the author's.
  std::vector<std::unique_ptr<RowsReader>> groups;
  std::vector<size_t> open;
  for (size_t i = 0; i < reader_.groups(); i++) {
    groups.push_back(std::make_unique<RowsReader>(reader_, i));
    if (groups.back()->Next()) open.push_back(i);
    if (!groups.back()->ok()) return Malformed();
  }
  while (!open.empty()) {
    size_t first = 0;
    for (size_t i = 1; i < open.size(); i++) {
      const RowView& a = groups[open[i]]->row();
      const RowView& b = groups[open[first]]->row();
      if (std::pair(a.transaction, a.seq) < std::pair(b.transaction, b.seq)) first = i;
    }
    RowsReader& rows = *groups[open[first]];
    const Target& target = targets_[open[first]];
    std::string misfit = target.misfit;
    if (misfit.empty() && (rows_ == Rows::kCheckAsTheyMerge || !target.keys_fit)) {
      TRIBUTARY_RETURN_IF_ERROR(CheckKey(open[first], rows.row().key, &misfit));
    }
    TRIBUTARY_RETURN_IF_ERROR(misfit.empty() ? MergeRow(open[first], rows.row())
                                             : Park(open[first], rows.row(), std::nullopt, misfit));
    if (!rows.Next()) open.erase(open.begin() + static_cast<std::ptrdiff_t>(first));
    if (!rows.ok()) return Malformed();
  }
  TRIBUTARY_RETURN_IF_ERROR(CloseLog());
  const int64_t logged = std::exchange(logged_, 0);
  return logged > 0 ? SweepLog(c_, logged) : Status();
}

Status BodyMerger::MergeRow(size_t group, const RowView& row) {
  const Target& target = targets_[group];
  MergeBuffer& buffer = c_->stores().merge;
  if (target.straight && row.shape->whole && row.first_versions && row.cl == CausalLength(1) &&
      !target.table->traits().has_user_triggers) {
    bool inserted;
    TRIBUTARY_RETURN_IF_ERROR(InsertNew(row, target.table, &inserted));
    if (inserted) {
      rows_changed_++;
      return Log(row, *target.table);
    }
  }
  const TransactionInfo& t = reader_.transactions()[row.transaction];
  const Author& author = authors_[row.transaction];
  MergeRecord record{
      .table = target.table, .key = row.key, .cl = row.cl, .site = t.site, .log = author.log};
  bool changed = false;
  size_t cell = 0;
  for (size_t i = 0; i < row.shape->records.size(); i++) {
    const RowShape::Record& r = row.shape->records[i];
    record.column = -1;
    record.value = Value::Null();
    record.col_version = ColVersion(row.cl.value);
    record.stamp = {author.site, t.version, row.seq + r.offset};
    if (r.column >= 0) {
      record.column = target.columns[static_cast<size_t>(r.column)];
      record.value = row.cells[cell].value;
      record.col_version = row.cells[cell].version;
      record.is_last = ++cell == row.cells.size();
      if (record.column < 0) {
        TRIBUTARY_RETURN_IF_ERROR(
            Park(group, row, i,
                 NoColumn(*target.table, NamesOf(group).columns[static_cast<size_t>(r.column)])));
        continue;
      }
    }
    MergeResult result;
    Status merged = MergeOne(c_, record, &result);
    if (merged.code() == SQLITE_CONSTRAINT_DATATYPE) {
      TRIBUTARY_RETURN_IF_ERROR(Park(group, row, i, merged.message()));
      continue;
    }
    TRIBUTARY_RETURN_IF_ERROR(std::move(merged));
    record.known_row = result.row;
    changed = changed || result.changed;
  }
  if (changed) rows_changed_++;
  return buffer.overfull() ? FlushMerge(c_, false) : Status();
}

// The usual case, without a look at the merge buffer: a row that is new here.
Status BodyMerger::InsertNew(const RowView& row, Table* table, bool* inserted) {
  Stores& stores = c_->stores();
  *inserted = false;
  if (!stores.merge.empty() && stores.merge.Find(*table, row.key) >= 0) return {};
  bool any;
  TRIBUTARY_RETURN_IF_ERROR(stores.rows.HasAny(table, &any));
  if (any) {
    RowClock clock;
    TRIBUTARY_RETURN_IF_ERROR(stores.rows.Get(table, row.key, &clock, &any));
    if (any) return {};
  }
  Status written = BaseWriter(c_).InsertWhole(table, row.key, row.cells, inserted);
  // What other rows may cure waits in the merge buffer.
  if (MayBeCured(written) || written.code() == SQLITE_CONSTRAINT_DATATYPE) return {};
  return written;
}

// A whole row with first clocks is logged as such: they are implied by it (R1).
Status BodyMerger::Log(const RowView& row, const Table& table) {
  const Author& author = authors_[row.transaction];
  const TransactionInfo& t = reader_.transactions()[row.transaction];
  if (writer_ && written_ != row.transaction) TRIBUTARY_RETURN_IF_ERROR(CloseLog());
  if (!writer_) {
    writer_.emplace(&c_->stores().log, author.site, t.version, author.log);
    written_ = row.transaction;
    if (author.site != kOwnSite) {
      TRIBUTARY_RETURN_IF_ERROR(c_->stores().sites.RaiseSeen(author.site, t.version));
    }
  }
  LogEntry entry;
  entry.table = table.id();
  entry.layout = table.layouts().current_number();
  entry.width = static_cast<uint32_t>(table.layouts().current().size());
  entry.key_width = static_cast<uint32_t>(table.key().size());
  entry.kind = LogKind::kRow;
  entry.seq = row.seq;
  entry.key = row.key;
  logged_++;
  return writer_->Add(entry);
}

Status BodyMerger::CloseLog() {
  if (!writer_) return {};
  Status closed = writer_->Close();
  writer_.reset();
  return closed;
}

}  // namespace tributary
