// SQL functions written as `Status body(Connection*, sqlite3_context*, int argc, sqlite3_value**)`.
#ifndef TRIBUTARY_EXT_SQL_FUNCTION_H_
#define TRIBUTARY_EXT_SQL_FUNCTION_H_

#include "absl/types/span.h"
#include "ext/connection.h"
#include "ext/guard.h"

namespace tributary {

struct SqlFunction {
  const char* name;
  int args;  // -1: any number
  int flags;
  void (*function)(sqlite3_context*, int, sqlite3_value**);
};

// What SqlFunction::function is for such a body.
template <Status (*body)(Connection*, sqlite3_context*, int, sqlite3_value**)>
void Function(sqlite3_context* context, int argc, sqlite3_value** argv) {
  GuardFunction(context, [&] {
    return body(static_cast<Connection*>(sqlite3_user_data(context)), context, argc, argv);
  });
}

inline Status RegisterSqlFunctions(Connection* c, absl::Span<const SqlFunction> functions) {
  for (const SqlFunction& f : functions) {
    if (sqlite3_create_function_v2(c->db(), f.name, f.args, SQLITE_UTF8 | f.flags, c, f.function,
                                   nullptr, nullptr, nullptr) != SQLITE_OK) {
      return Status::FromDb(c->db());
    }
  }
  return {};
}

}  // namespace tributary

#endif  // TRIBUTARY_EXT_SQL_FUNCTION_H_
