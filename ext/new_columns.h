// Columns that ALTER TABLE added to a table which is replicated already.
#ifndef TRIBUTARY_EXT_NEW_COLUMNS_H_
#define TRIBUTARY_EXT_NEW_COLUMNS_H_

#include "ext/connection.h"

namespace tributary {

// Writes a new layout with the table's unreplicated columns into the catalog, and the present names
// of the others. Whoever has loaded the table must load it again.
Status AddToLayouts(sqlite3* db, const Table& table);

// Gives the cells of the columns that the last layout brought their first clock. A value that is
// the column's default gets none: every replica that adds the column has it (T3). The others get
// col_version 1 and are logged, as a transaction of this site, so that they replicate.
Status LogNewColumns(Connection* connection, Table* table);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_NEW_COLUMNS_H_
