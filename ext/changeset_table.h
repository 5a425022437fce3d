// The table-valued function crsql_changesets(have, max_bytes, tables).
#ifndef TRIBUTARY_EXT_CHANGESET_TABLE_H_
#define TRIBUTARY_EXT_CHANGESET_TABLE_H_

#include "ext/connection.h"
#include "ext/knowledge.h"

namespace tributary {

Status RegisterChangesetTable(Connection* connection);

// The tables that an SQL argument names: NULL for all, or a JSON array of names of replicated
// tables.
Status ParseScope(Connection* connection, const char* who, sqlite3_value* value, Scope* scope);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_CHANGESET_TABLE_H_
