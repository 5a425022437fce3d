// The protocol of cr-sqlite for changing the schema of a replicated table: crsql_begin_alter, any
// DDL and DML on it, crsql_commit_alter. Only what SQLite itself refuses while our triggers stand
// needs it: dropping a column, and building the table anew under its old name (the steps of
// https://sqlite.org/lang_altertable.html#otheralter). Anything else the next write notices.
#ifndef TRIBUTARY_EXT_ALTER_H_
#define TRIBUTARY_EXT_ALTER_H_

#include <string_view>

#include "ext/connection.h"

namespace tributary {

// Opens the savepoint alter_crr and puts triggers in place that bear any ALTER TABLE. What is
// written meanwhile is captured, by them. A COMMIT without CommitAlter ends the alteration as well,
// at the latest with the next write; only rows of a table that was built anew are then lost to
// replication until crsql_as_crr.
Status BeginAlter(Connection* connection, std::string_view schema, std::string_view table);

// Brings the catalog up to date, keeping the clocks of all columns that are still there, and
// releases the savepoint. `table` is its present name or the one it had at BeginAlter. Of a table
// that was built anew, rows that are new or missing are logged as inserts and deletes, unless
// `fast`; the values that others were given in the copy are not looked at. On failure the
// alteration goes on.
Status CommitAlter(Connection* connection, std::string_view schema, std::string_view table,
                   bool fast);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_ALTER_H_
