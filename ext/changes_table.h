// The virtual table crsql_changes: SELECT reads what this replica knows, INSERT merges.
// Columns: table, pk, cid, val, col_version, db_version, site_id, cl, seq; ts is HIDDEN, so that
// SELECT * and a positional INSERT have cr-sqlite's nine and the fork's tenth can be named.
#ifndef TRIBUTARY_EXT_CHANGES_TABLE_H_
#define TRIBUTARY_EXT_CHANGES_TABLE_H_

#include "ext/connection.h"

namespace tributary {

Status RegisterChangesTable(Connection* connection);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_CHANGES_TABLE_H_
