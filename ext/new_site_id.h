// A new identity for a file that was copied or restored (T8).
#ifndef TRIBUTARY_EXT_NEW_SITE_ID_H_
#define TRIBUTARY_EXT_NEW_SITE_ID_H_

#include "ext/connection.h"

namespace tributary {

// crsql_new_site_id([shared]): gives this file a new random site id, its result. The versions that
// it issued up to `shared`, all by default, stay those of the old id, which becomes a peer of which
// they are known; later ones become the new id's, numbered from 1 on.
//
// Ordinal 0 stays this replica's own, so every stored stamp of it that is not the new id's is
// written anew: the cost is that of the log and the exceptions, not of the tables.
//
// Errors: a transaction that has written or merged; a version that was never issued.
Status NewSiteId(Connection* connection, sqlite3_context* context, int argc, sqlite3_value** argv);

// crsql_internal_reattribute(bytes, ordinal of the old id, shared, is_clock), for the above: a
// stored clock, or the ranges of a log filter, as they have to be then.
Status Reattribute(Connection*, sqlite3_context* context, int argc, sqlite3_value** argv);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_NEW_SITE_ID_H_
