// SQL and messages by sqlite3_mprintf's rules (%w: in double quotes, %Q: a literal). At a call with
// many parts it is a fraction of absl::StrCat's code.
#ifndef TRIBUTARY_EXT_FORMAT_H_
#define TRIBUTARY_EXT_FORMAT_H_

#include <string>

#include "ext/status.h"

namespace tributary {

// Throws std::bad_alloc.
std::string Format(const char* format, ...);
Status ErrorFormat(const char* format, ...);
// Runs statements that return nothing of interest.
Status ExecuteFormat(sqlite3* db, const char* format, ...);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_FORMAT_H_
