// The value that rows from before ALTER TABLE ... ADD COLUMN have in the new column.
#ifndef TRIBUTARY_EXT_COLUMN_DEFAULT_H_
#define TRIBUTARY_EXT_COLUMN_DEFAULT_H_

#include "ext/merge_buffer.h"
#include "ext/table.h"

namespace tributary {

// Null where it is not known: a default that is not the same in each row, which only a new table
// can have.
Status DefaultOf(sqlite3* db, const Table& table, const DataColumn& column, OwnedValue* value);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_COLUMN_DEFAULT_H_
