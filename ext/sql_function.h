// SQL functions written as `Status body(Connection*, sqlite3_context*, int argc, sqlite3_value**)`.
#ifndef TRIBUTARY_EXT_SQL_FUNCTION_H_
#define TRIBUTARY_EXT_SQL_FUNCTION_H_

#include "absl/types/span.h"
#include "ext/connection.h"

namespace tributary {

using SqlBody = Status (*)(Connection*, sqlite3_context*, int, sqlite3_value**);

struct SqlFunction {
  const char* name;
  int args;  // -1: any number
  int flags;
  void (*function)(sqlite3_context*, int, sqlite3_value**);
};

// Reports a failure as the function's result.
void CallSqlFunction(SqlBody body, sqlite3_context* context, int argc, sqlite3_value** argv);

// What SqlFunction::function is for such a body.
template <SqlBody body>
void Function(sqlite3_context* context, int argc, sqlite3_value** argv) {
  CallSqlFunction(body, context, argc, argv);
}

Status RegisterSqlFunctions(Connection* c, absl::Span<const SqlFunction> functions);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_SQL_FUNCTION_H_
