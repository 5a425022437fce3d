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
  TRIBUTARY_RETURN_IF_ERROR(HasAny(table, found));
  if (*found) return Read(table, key, clock, found);
  *clock = RowClock();
  return {};
}

Status RowStore::Read(const Table* table, std::string_view key, RowClock* clock, bool* found) {
  TRIBUTARY_RETURN_IF_ERROR(
      get_.PrepareOnce(db_, "SELECT clock FROM crsql_rows WHERE table_id = ?1 AND key = ?2"));
  if (get_table_ != table->id()) get_.Bind(1, get_table_ = table->id());
  get_.BindBlob(2, key);
  ScopedReset reset(&get_);
  TRIBUTARY_RETURN_IF_ERROR(get_.Step(found));
  if (!*found) {
    *clock = RowClock();
  } else if (!clock->Decode(get_.Blob(0))) {
    return Status::Corrupt(absl::StrCat("a clock record of table ", table->name(),
                                        " is malformed; SELECT * FROM crsql_check() tells more"));
  }
  return {};
}

Status RowStore::Put(Table* table, std::string_view key, const RowClock& clock, bool exists) {
  Statement& s = exists ? update_ : insert_;
  TRIBUTARY_RETURN_IF_ERROR(s.PrepareOnce(
      db_, exists ? "UPDATE crsql_rows SET clock = ?3 WHERE table_id = ?1 AND key = ?2"
                  : "INSERT INTO crsql_rows(table_id, key, clock) VALUES (?1, ?2, ?3)"));
  buffer_.clear();
  clock.Encode(&buffer_);
  s.Bind(1, table->id());
  s.BindBlob(2, key);
  s.BindBlob(3, buffer_);
  table->has_exceptions = 1;
  return s.Run();
}

}  // namespace tributary
