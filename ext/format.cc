#include "ext/format.h"

#include <cstdarg>
#include <memory>
#include <new>

#include "ext/sql.h"

namespace tributary {
namespace {

struct Free {
  void operator()(char* p) const { sqlite3_free(p); }
};

std::string FormatList(const char* format, va_list arguments) {
  const std::unique_ptr<char, Free> text(sqlite3_vmprintf(format, arguments));
  if (text == nullptr) throw std::bad_alloc();
  return text.get();
}

}  // namespace

std::string Format(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::string text = FormatList(format, arguments);
  va_end(arguments);
  return text;
}

Status ErrorFormat(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  Status error = Status::Error(FormatList(format, arguments));
  va_end(arguments);
  return error;
}

Status ExecuteFormat(sqlite3* db, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const std::string sql = FormatList(format, arguments);
  va_end(arguments);
  return Execute(db, sql);
}

}  // namespace tributary
