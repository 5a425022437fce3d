// The tables for people and tests: crsql_info, crsql_check, crsql_explain and
// crsql_unpack_columns.
#ifndef TRIBUTARY_EXT_INSPECT_H_
#define TRIBUTARY_EXT_INSPECT_H_

#include "ext/result_table.h"

namespace tributary {

Status RegisterInspectTables(Connection* connection);

// Rows of crsql_check: (table, problem), one a problem (ext/check.cc).
Status CheckAll(Connection* connection, sqlite3_value**, std::vector<ResultRow>* out);

// Rows of crsql_explain (ext/explain.cc): the row's sentinel, then each cell. The arguments are the
// table and the key's values, kExplainKeys at most; or all of the key, packed.
inline constexpr size_t kExplainKeys = 8;
Status Explain(Connection* connection, sqlite3_value** arguments, std::vector<ResultRow>* out);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_INSPECT_H_
