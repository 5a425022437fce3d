// Turning a table into a replicated one (crsql_as_crr) and back (crsql_as_table).
#ifndef TRIBUTARY_EXT_UPGRADE_H_
#define TRIBUTARY_EXT_UPGRADE_H_

#include <memory>
#include <string>
#include <string_view>

#include "ext/connection.h"

namespace tributary {

// Checks the table, makes its triggers and catalog entries and logs the rows it has. *warning is
// set where the table works but the user should know something. A table that is replicated already
// gets missing triggers again. On failure nothing has changed.
Status AsReplicated(Connection* connection, std::string_view schema, std::string_view table,
                    std::string* warning);

// Removes triggers and metadata; the rows stay. Nothing happens where it is not replicated.
Status AsOrdinary(Connection* connection, std::string_view table);

// What is left of that for a table which is eligible and not replicated: the catalog's entries and
// new triggers. REQUIRES: a write transaction; the caller logs the rows.
Status MakeReplicated(sqlite3* db, const std::string& name, std::unique_ptr<Table>* table);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_UPGRADE_H_
