// Success, or an SQLite result code with a message for people.
//
// Not absl::Status: what goes back to SQLite must be the exact extended code that came from it
// (SQLITE_BUSY_SNAPSHOT, SQLITE_CONSTRAINT_CHECK...), for which absl has no room.
#ifndef TRIBUTARY_EXT_STATUS_H_
#define TRIBUTARY_EXT_STATUS_H_

#include <memory>
#include <string>
#include <utility>

#include "ext/sqlite_api.h"

namespace tributary {

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(int code, std::string message)
      : code_(code), message_(std::make_unique<std::string>(std::move(message))) {}

  static Status Ok() { return {}; }
  static Status Error(std::string message) { return {SQLITE_ERROR, std::move(message)}; }
  // What the connection reports for its last failed call.
  static Status FromDb(sqlite3* db) { return {sqlite3_extended_errcode(db), sqlite3_errmsg(db)}; }
  static Status Corrupt(std::string message) { return {SQLITE_CORRUPT, std::move(message)}; }

  bool ok() const { return code_ == SQLITE_OK; }
  int code() const { return code_; }
  const std::string& message() const {
    static const std::string kNone;
    return message_ ? *message_ : kNone;
  }

 private:
  int code_ = SQLITE_OK;
  std::unique_ptr<std::string> message_;
};

}  // namespace tributary

#define TRIBUTARY_RETURN_IF_ERROR(expr)                \
  do {                                                 \
    ::tributary::Status status_of_expr_ = (expr);      \
    if (!status_of_expr_.ok()) return status_of_expr_; \
  } while (false)

#endif  // TRIBUTARY_EXT_STATUS_H_
