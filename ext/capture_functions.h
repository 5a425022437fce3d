// The functions that the triggers of replicated tables call.
#ifndef TRIBUTARY_EXT_CAPTURE_FUNCTIONS_H_
#define TRIBUTARY_EXT_CAPTURE_FUNCTIONS_H_

#include "ext/connection.h"

namespace tributary {

Status RegisterCaptureFunctions(Connection* connection);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_CAPTURE_FUNCTIONS_H_
