// The SQL functions around changesets: what is known, applying one, tokens, showing one.
#ifndef TRIBUTARY_EXT_CHANGESET_FUNCTIONS_H_
#define TRIBUTARY_EXT_CHANGESET_FUNCTIONS_H_

#include "ext/connection.h"

namespace tributary {

Status RegisterChangesetFunctions(Connection* connection);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_CHANGESET_FUNCTIONS_H_
