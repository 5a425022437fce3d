// The stored exceptions: clocks of rows that cannot be implied (crdt/row_clock.h), one record a row
// in crsql_rows(table_id, key, clock).
#ifndef TRIBUTARY_EXT_ROW_STORE_H_
#define TRIBUTARY_EXT_ROW_STORE_H_

#include <string>
#include <string_view>

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
  // The same for a row that has none, at the latest by the next PutPending. `key` must stay until
  // then. Rows come ascending by table and key.
  void PutLater(Table* table, std::string_view key, const RowClock& clock) {
    pending_.Add(table->id(), key, clock);
    table->has_exceptions = 1;
  }
  Status PutPending();
  void DropPending() { pending_.Clear(); }
  const PendingRows& pending() const { return pending_; }

 private:
  sqlite3* db_;
  Statement any_;
  Statement get_;
  Statement put_;
  Statement put_pending_;
  PendingRows pending_;
  std::string buffer_;
};

}  // namespace tributary

#endif  // TRIBUTARY_EXT_ROW_STORE_H_
