#include "ext/row_store.h"

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace tributary {
namespace {

// From here on it is cheaper to read or store them by one statement.
constexpr size_t kManyRows = 4;

}  // namespace

Status RowStore::HasAny(Table* table, bool* any) {
  if (table->has_exceptions < 0) {
    TRIBUTARY_RETURN_IF_ERROR(
        any_.PrepareOnce(db_, "SELECT 1 FROM crsql_rows WHERE table_id = ?1 LIMIT 1"));
    any_.Bind(1, table->id());
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(any_.Step(&row));
    any_.Reset();
    table->has_exceptions = row ? 1 : 0;
  }
  *any = table->has_exceptions == 1;
  return {};
}

Status RowStore::Get(Table* table, std::string_view key, RowClock* clock, bool* found) {
  TRIBUTARY_RETURN_IF_ERROR(HasAny(table, found));
  if (*found) return Read(table, key, clock, found);
  *clock = RowClock();
  return {};
}

Status RowStore::Find(const Table& table, std::string_view key, bool* found) {
  TRIBUTARY_RETURN_IF_ERROR(
      get_.PrepareOnce(db_, "SELECT clock FROM crsql_rows WHERE table_id = ?1 AND key = ?2"));
  if (get_table_ != table.id()) get_.Bind(1, get_table_ = table.id());
  get_.BindBlob(2, key);
  return get_.Step(found);
}

Status RowStore::Read(const Table* table, std::string_view key, RowClock* clock, bool* found) {
  TRIBUTARY_RETURN_IF_ERROR(Find(*table, key, found));
  ScopedReset reset(&get_);
  if (*found) return Decode(*table, get_.Blob(0), clock);
  *clock = RowClock();
  return {};
}

Status RowStore::Decode(const Table& table, std::string_view record, RowClock* clock) {
  if (clock->Decode(record)) return {};
  return Status::Corrupt(absl::StrCat("a clock record of table ", table.name(),
                                      " is malformed; SELECT * FROM crsql_check() tells more"));
}

Status RowStore::ReadAll(absl::Span<const RowName> rows,
                         absl::FunctionRef<Status(size_t, std::string_view)> found) {
  if (rows.size() < kManyRows) {
    for (size_t i = 0; i < rows.size(); i++) {
      bool exists;
      TRIBUTARY_RETURN_IF_ERROR(Find(*rows[i].table, rows[i].key, &exists));
      ScopedReset reset(&get_);
      if (exists) TRIBUTARY_RETURN_IF_ERROR(found(i, get_.Blob(0)));
    }
    return {};
  }
  TRIBUTARY_RETURN_IF_ERROR(get_pending_.PrepareOnce(
      db_,
      "SELECT p.rowid, r.clock FROM crsql_pending_rows p CROSS JOIN crsql_rows r "
      "WHERE r.table_id = p.table_id AND r.key = p.key"));
  pending_.Clear();
  // After an error, too: the keys are the caller's, and any statement may read the list.
  const absl::Cleanup clear = [this] { pending_.Clear(); };
  for (const RowName& r : rows) pending_.Add(r.table->id(), r.key);
  ScopedReset reset(&get_pending_);
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(get_pending_.Step(&row));
    if (!row) break;
    TRIBUTARY_RETURN_IF_ERROR(
        found(static_cast<size_t>(get_pending_.Int(0)), get_pending_.Blob(1)));
  }
  return {};
}

Status RowStore::Put(Table* table, std::string_view key, const RowClock& clock) {
  buffer_.clear();
  clock.Encode(&buffer_);
  table->has_exceptions = 1;
  return PutRecord(table->id(), key, buffer_);
}

Status RowStore::PutRecord(int64_t table, std::string_view key, std::string_view record) {
  TRIBUTARY_RETURN_IF_ERROR(put_.PrepareOnce(
      db_, TRIBUTARY_REPLACE "INTO crsql_rows(table_id, key, clock) VALUES (?1, ?2, ?3)"));
  put_.Bind(1, table);
  put_.BindBlob(2, key);
  put_.BindBlob(3, record);
  return put_.Run();
}

Status RowStore::PutPending() {
  if (pending_.size() < kManyRows) {
    Status put;
    for (size_t i = 0; i < pending_.size() && put.ok(); i++) {
      put = PutRecord(pending_[i].table, pending_[i].key, pending_.Clock(i));
    }
    pending_.Clear();
    return put;
  }
  // OR FAIL, and no NOT NULL on the clock: a statement that need not be undone alone writes no
  // statement journal.
  Status put =
      put_pending_.PrepareOnce(db_,
                               "INSERT OR FAIL INTO crsql_rows(table_id, key, clock) "
                               "SELECT table_id, key, clock FROM crsql_pending_rows WHERE 1 "
                               "ON CONFLICT(table_id, key) DO UPDATE SET clock = excluded.clock");
  if (put.ok()) put = put_pending_.Run();
  pending_.Clear();
  return put;
}

}  // namespace tributary
