#include "ext/row_store.h"

#include "absl/strings/str_cat.h"

namespace tributary {

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
  *clock = RowClock();
  TRIBUTARY_RETURN_IF_ERROR(HasAny(table, found));
  return *found ? Read(table, key, clock, found) : Status();
}

Status RowStore::Read(const Table* table, std::string_view key, RowClock* clock, bool* found) {
  *clock = RowClock();
  TRIBUTARY_RETURN_IF_ERROR(
      get_.PrepareOnce(db_, "SELECT clock FROM crsql_rows WHERE table_id = ?1 AND key = ?2"));
  get_.Bind(1, table->id());
  get_.BindBlob(2, key);
  ScopedReset reset(&get_);
  TRIBUTARY_RETURN_IF_ERROR(get_.Step(found));
  if (*found && !clock->Decode(get_.Blob(0))) {
    return Status::Corrupt(absl::StrCat("a clock record of table ", table->name(),
                                        " is malformed; SELECT * FROM crsql_check() tells more"));
  }
  return {};
}

Status RowStore::Put(Table* table, std::string_view key, const RowClock& clock) {
  TRIBUTARY_RETURN_IF_ERROR(put_.PrepareOnce(
      db_, TRIBUTARY_REPLACE "INTO crsql_rows(table_id, key, clock) VALUES (?1, ?2, ?3)"));
  buffer_.clear();
  clock.Encode(&buffer_);
  put_.Bind(1, table->id());
  put_.BindBlob(2, key);
  put_.BindBlob(3, buffer_);
  table->has_exceptions = 1;
  return put_.Run();
}

Status RowStore::PutPending() {
  if (pending_.size() == 0) return {};
  // OR FAIL: a statement that need not be undone alone writes no statement journal.
  Status put = put_pending_.PrepareOnce(
      db_,
      "INSERT OR FAIL INTO crsql_rows(table_id, key, clock) "
      "SELECT table_id, key, clock FROM crsql_pending_rows");
  if (put.ok()) put = put_pending_.Run();
  pending_.Clear();
  return put;
}

}  // namespace tributary
