// The scalar SQL functions, except those of the triggers (capture_functions.h).
#ifndef TRIBUTARY_EXT_FUNCTIONS_H_
#define TRIBUTARY_EXT_FUNCTIONS_H_

#include "ext/connection.h"

namespace tributary {

Status RegisterFunctions(Connection* connection);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_FUNCTIONS_H_
