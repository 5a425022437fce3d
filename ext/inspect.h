// The tables for people and tests: crsql_info, crsql_check and crsql_unpack_columns.
#ifndef TRIBUTARY_EXT_INSPECT_H_
#define TRIBUTARY_EXT_INSPECT_H_

#include "ext/result_table.h"

namespace tributary {

Status RegisterInspectTables(Connection* connection);

// Rows of crsql_check: (table, problem), one a problem (ext/check.cc).
Status CheckAll(Connection* connection, sqlite3_value*, std::vector<ResultRow>* out);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_INSPECT_H_
