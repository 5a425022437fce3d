// What the files of the hub share.
#ifndef TRIBUTARY_SYNC_HUB_STATUS_H_
#define TRIBUTARY_SYNC_HUB_STATUS_H_

#include "absl/status/status.h"

#define HUB_RETURN_IF_ERROR(expr)                       \
  do {                                                  \
    if (absl::Status failed_ = (expr); !failed_.ok()) { \
      return failed_;                                   \
    }                                                   \
  } while (0)

#endif  // TRIBUTARY_SYNC_HUB_STATUS_H_
