// The values that a row has in columns of which it has no cell: rows from before ALTER TABLE ...
// ADD COLUMN, and those that come from a replica which has not the column.
#ifndef TRIBUTARY_EXT_COLUMN_DEFAULT_H_
#define TRIBUTARY_EXT_COLUMN_DEFAULT_H_

#include <vector>

#include "ext/table.h"

namespace tributary {

// *values: one per column, the table's own; null where it is not known, as the default is not the
// same in each row.
Status BirthValues(sqlite3* db, Table* table, const std::vector<OwnedValue>** values);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_COLUMN_DEFAULT_H_
