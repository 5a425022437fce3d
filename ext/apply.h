// Applying a changeset: crsql_apply().
#ifndef TRIBUTARY_EXT_APPLY_H_
#define TRIBUTARY_EXT_APPLY_H_

#include <cstdint>
#include <string_view>

#include "ext/connection.h"

namespace tributary {

// Applies one frame, in a savepoint of its own; *rows is how many rows of base tables were changed.
// The frame may also be kept for later (0 rows): a piece of a transaction that must become visible
// as a whole, or what a constraint refuses as long as the rest of the transfer is not here. What
// fails changes nothing.
Status ApplyChangeset(Connection* connection, std::string_view frame, int64_t* rows);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_APPLY_H_
