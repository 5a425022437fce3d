// The rim: what stands between SQLite's C callbacks and our C++.
#ifndef TRIBUTARY_EXT_GUARD_H_
#define TRIBUTARY_EXT_GUARD_H_

#include <new>
#include <stdexcept>
#include <string>

#include "absl/functional/function_ref.h"
#include "ext/sqlite_api.h"
#include "ext/status.h"

namespace tributary {

// For SQL functions: reports a failure as the function's result.
template <typename F>
void GuardFunction(sqlite3_context* context, F body) noexcept {
  try {
    const Status s = body();
    if (s.ok()) return;
    sqlite3_result_error(context, s.message().c_str(), static_cast<int>(s.message().size()));
    sqlite3_result_error_code(context, s.code());
  } catch (const std::bad_alloc&) {
    sqlite3_result_error_nomem(context);
  } catch (const std::length_error&) {
    sqlite3_result_error_toobig(context);
  }
}

// For virtual tables: the failure's message goes to *message (sqlite3_malloc'ed), its code back.
// Not inline: there are many, and each would have its own handlers.
int GuardTable(char** message, absl::FunctionRef<Status()> body) noexcept;

}  // namespace tributary

#endif  // TRIBUTARY_EXT_GUARD_H_
