#include "ext/sql_function.h"

#include "ext/guard.h"

namespace tributary {

void CallSqlFunction(SqlBody body, sqlite3_context* context, int argc, sqlite3_value** argv) {
  GuardFunction(context, [&] {
    return body(static_cast<Connection*>(sqlite3_user_data(context)), context, argc, argv);
  });
}

Status RegisterSqlFunctions(Connection* c, absl::Span<const SqlFunction> functions) {
  for (const SqlFunction& f : functions) {
    if (sqlite3_create_function_v2(c->db(), f.name, f.args, SQLITE_UTF8 | f.flags, c, f.function,
                                   nullptr, nullptr, nullptr) != SQLITE_OK) {
      return Status::FromDb(c->db());
    }
  }
  return {};
}

}  // namespace tributary
