// Upgrades a file that cr-sqlite wrote, in place: its sites, clocks and tombstones become ours, its
// own tables and triggers are removed. Both layouts are read: upstream's (0.15 and newer) and that
// of the fork, which has a column `ts` in the clock tables or a table crsql_db_versions.
//
//   T__crsql_pks(__crsql_key, <key columns>)    a number for each key that was ever seen
//   T__crsql_clock(key, col_name, col_version, db_version, site_id, seq[, ts])
//       the clock of a cell, or of the row (col_name '-1', col_version = causal length)
//   crsql_site_id(site_id, ordinal)             0 is this replica
//   crsql_db_versions(site_id, db_version)      the fork: the highest version seen of each site
//
// The tables are the truth. A row that is in its table, but without clocks or with a tombstone, is
// recorded as inserted now. A row with clocks that is not in its table is recorded as deleted now
// where this replica wrote any of it, else forgotten: others may send it again. Each is written as
// a back-fill with a version of its own.
//
// Upstream gives what it merges the receiver's own number for db_version, so that nobody knows the
// author's. Such a record becomes one of its author's version 1, which that author surely issued,
// with a seq that is made of what the record says: whoever upgrades the same record names it alike,
// and the author's own name of it, which is greater, takes over when it comes. That the author has
// the record, or what beats it, must be certain, as nobody sends it what it claims to know. It is
// not where another wrote the row's sentinel: upstream moves clocks to a new key as they are. Such
// a cell becomes this replica's own, under the number that it has.
#ifndef TRIBUTARY_EXT_IMPORT_CRSQL_H_
#define TRIBUTARY_EXT_IMPORT_CRSQL_H_

#include <cstdint>

#include "ext/sql.h"

namespace tributary {

// Whether the file is one of cr-sqlite's; then *version is the number that it recorded, or 0.
// REQUIRES: it has no storage of ours.
Status IsCrsqlite(sqlite3* db, bool* is, int64_t* version);

// Does it all, CreateStorage included, and notes what it has done in crsql_master under the key
// 'upgraded_from_crsqlite' (JSON). REQUIRES: a savepoint that the caller rolls back on failure.
Status ImportCrsqlite(sqlite3* db, int64_t version);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_IMPORT_CRSQL_H_
