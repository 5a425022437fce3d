// crsql_automigrate: brings the database to the schema that a program wants, whatever it has.
//
// The wanted schema is run in a scratch database in memory, where SQLite itself reads it; then the
// two are compared (schema_text.h) and the differences carried out in one savepoint. SQL.md says
// what is created, altered, dropped and refused.
#ifndef TRIBUTARY_EXT_AUTOMIGRATE_H_
#define TRIBUTARY_EXT_AUTOMIGRATE_H_

#include "ext/connection.h"

namespace tributary {

// Registers the function.
Status RegisterAutomigrate(Connection* connection);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_AUTOMIGRATE_H_
