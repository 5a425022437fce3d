// The tables of a room, as a client or an operator sends them.
#ifndef TRIBUTARY_SYNC_HUB_ROOM_SCHEMA_H_
#define TRIBUTARY_SYNC_HUB_ROOM_SCHEMA_H_

#include <string>

#include "absl/status/status.h"

namespace tributary::hub {

inline constexpr size_t kMaxSchemaBytes = 1 << 20;

// Runs `sql`, which a stranger may have written, in an empty database in memory where nothing but
// tables and indexes can be made, and leaves in *schema what that made, with a call of crsql_as_crr
// for each table, for crsql_automigrate. InvalidArgument, naming what is to blame, otherwise.
absl::Status CheckSchema(const std::string& sql, std::string* schema);

}  // namespace tributary::hub

#endif  // TRIBUTARY_SYNC_HUB_ROOM_SCHEMA_H_
