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
  // "CREATE TABLE x(...)"; the arguments, if there are any, are the last columns and HIDDEN.
  const char* declaration;
  int columns;  // without the arguments
  // Computes the rows. An argument that was not given is null.
  Status (*rows)(Connection* connection, sqlite3_value** arguments, std::vector<ResultRow>* out);
  int arguments = 1;  // at most kMaxResultArguments
};
inline constexpr int kMaxResultArguments = 9;

// Registers it; `table` must live as long as the connection.
Status RegisterResultTable(Connection* connection, const ResultTable* table);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_RESULT_TABLE_H_
