#include "ext/guard.h"

namespace tributary {

int GuardTable(char** message, absl::FunctionRef<Status()> body) noexcept {
  try {
    const Status s = body();
    if (s.ok()) return SQLITE_OK;
    if (message != nullptr && !s.message().empty()) {
      sqlite3_free(*message);
      *message = sqlite3_mprintf("%s", s.message().c_str());
    }
    return s.code();
  } catch (const std::bad_alloc&) {
  } catch (const std::length_error&) {
  }
  return SQLITE_NOMEM;
}

}  // namespace tributary
