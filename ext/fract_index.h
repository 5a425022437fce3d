// Lists that several replicas order (crsql_fract_as_ordered): a column holds keys of fract_key.h.
#ifndef TRIBUTARY_EXT_FRACT_INDEX_H_
#define TRIBUTARY_EXT_FRACT_INDEX_H_

#include "ext/connection.h"

namespace tributary {

// Registers the functions crsql_fract_*.
Status RegisterFractFunctions(Connection* connection);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_FRACT_INDEX_H_
