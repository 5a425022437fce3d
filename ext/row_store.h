// The stored exceptions: clocks of rows that cannot be implied (crdt/row_clock.h), one record a row
// in crsql_rows(table_id, key, clock).
#ifndef TRIBUTARY_EXT_ROW_STORE_H_
#define TRIBUTARY_EXT_ROW_STORE_H_

#include <string>
#include <string_view>

#include "crdt/row_clock.h"
#include "ext/sql.h"
#include "ext/table.h"

namespace tributary {

class RowStore {
 public:
  explicit RowStore(sqlite3* db) : db_(db) {}

  // Whether the table has any exception; asked of the file once per transaction.
  Status HasAny(Table* table, bool* any);
  // *found is false where the row has none (*clock is then as never seen). Get asks first whether
  // the table has any; Read does not.
  Status Get(Table* table, std::string_view key, RowClock* clock, bool* found);
  Status Read(const Table* table, std::string_view key, RowClock* clock, bool* found);
  // `exists`: the row has one, to be replaced.
  Status Put(Table* table, std::string_view key, const RowClock& clock, bool exists);

 private:
  sqlite3* db_;
  Statement any_;
  Statement get_;
  int64_t get_table_ = -1;  // bound to it
  Statement insert_;
  Statement update_;
  std::string buffer_;
};

}  // namespace tributary

#endif  // TRIBUTARY_EXT_ROW_STORE_H_
