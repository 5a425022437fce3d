// The stored exceptions: clocks of rows that cannot be implied (crdt/row_clock.h), one record a row
// in crsql_rows(table_id, key, clock).
#ifndef TRIBUTARY_EXT_ROW_STORE_H_
#define TRIBUTARY_EXT_ROW_STORE_H_

#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "crdt/row_clock.h"
#include "ext/pending_rows.h"
#include "ext/sql.h"
#include "ext/table.h"

namespace tributary {

class RowStore {
 public:
  explicit RowStore(sqlite3* db) : db_(db) {}

  // Whether the table has any exception; asked of the file once.
  Status HasAny(Table* table, bool* any);
  // *found is false where the row has none (*clock is then as never seen). Get asks first whether
  // the table has any; Read does not.
  Status Get(Table* table, std::string_view key, RowClock* clock, bool* found);
  Status Read(const Table* table, std::string_view key, RowClock* clock, bool* found);
  // Stores the row's, in place of what it has.
  Status Put(Table* table, std::string_view key, const RowClock& clock);

  // Many rows at once, best in the order of table and key: neighbours share pages. Their keys must
  // stay until it is done.
  struct RowName {
    Table* table;
    std::string_view key;
  };
  // Calls `found` with the position and the clock's record of each row that has one, ascending.
  Status ReadAll(absl::Span<const RowName> rows,
                 absl::FunctionRef<Status(size_t, std::string_view)> found);
  static Status Decode(const Table& table, std::string_view record, RowClock* clock);
  void PutLater(Table* table, std::string_view key, const RowClock& clock) {
    pending_.Add(table->id(), key, clock);
    table->has_exceptions = 1;
  }
  Status PutPending();
  // What a flush that failed may have left.
  void DropPending() { pending_.Clear(); }
  const PendingRows& pending() const { return pending_; }

  // For ReplaceWatch: the statement that begins with TRIBUTARY_REPLACE.
  const Statement* put() const { return &put_; }

 private:
  // Points get_ at it, to be reset by the caller.
  Status Find(const Table& table, std::string_view key, bool* found);
  Status PutRecord(int64_t table, std::string_view key, std::string_view record);

  sqlite3* db_;
  Statement any_;
  Statement get_;
  int64_t get_table_ = -1;  // bound to it
  Statement put_;
  Statement get_pending_;
  Statement put_pending_;
  PendingRows pending_;
  std::string buffer_;
};

}  // namespace tributary

#endif  // TRIBUTARY_EXT_ROW_STORE_H_
