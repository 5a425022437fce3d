// A read-only table-valued function made of rows that are computed when it is called: enough for
// small results such as crsql_info.
#ifndef TRIBUTARY_EXT_RESULT_TABLE_H_
#define TRIBUTARY_EXT_RESULT_TABLE_H_

#include <string>
#include <vector>

#include "ext/connection.h"

namespace tributary {

// A value that owns its bytes.
struct ResultValue {
  Value value;
  std::string bytes;

  static ResultValue Of(const Value& v) { return {v, std::string(v.bytes)}; }
  static ResultValue Integer(int64_t v) { return {Value::Integer(v), {}}; }
  static ResultValue Text(std::string_view v) { return {Value::Text({}), std::string(v)}; }
};
using ResultRow = std::vector<ResultValue>;

struct ResultTable {
  const char* name;
  // "CREATE TABLE x(...)"; the argument, if there is one, is the last column and HIDDEN.
  const char* declaration;
  int columns;  // without the argument
  // Computes the rows. `argument` is null where none was given.
  Status (*rows)(Connection* connection, sqlite3_value* argument, std::vector<ResultRow>* out);
};

// Registers it; `table` must live as long as the connection.
Status RegisterResultTable(Connection* connection, const ResultTable* table);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_RESULT_TABLE_H_
