// The digest of a replica's live state (crsql_digest).
#ifndef TRIBUTARY_EXT_DIGEST_SQL_H_
#define TRIBUTARY_EXT_DIGEST_SQL_H_

#include "crdt/digest.h"
#include "ext/connection.h"

namespace tributary {

// Adds up every row of the replicated tables and every clock, in a form that no two different
// states share: equal exactly on equal replicas, whatever path the changes took. `table` null: all.
Status DigestState(Connection* connection, Table* table, Digest* digest);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_DIGEST_SQL_H_
