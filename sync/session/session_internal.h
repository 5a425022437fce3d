// What the two files of class Session share.
#ifndef TRIBUTARY_SYNC_SESSION_SESSION_INTERNAL_H_
#define TRIBUTARY_SYNC_SESSION_SESSION_INTERNAL_H_

#include "absl/status/status.h"

#define TRIBUTARY_SESSION_RETURN_IF_ERROR(expr)         \
  do {                                                  \
    if (absl::Status failed_ = (expr); !failed_.ok()) { \
      return failed_;                                   \
    }                                                   \
  } while (0)

#endif  // TRIBUTARY_SYNC_SESSION_SESSION_INTERNAL_H_
