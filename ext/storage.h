// The tables that Tributary keeps in the database, and their creation.
//
//   crsql_master(key, value)               settings; 'tributary_format' is the format's number
//   crsql_site_id(site_id, ordinal)        known sites; ordinal 0 is this replica
//   crsql_peers(ordinal, seen)             highest version seen of each peer
//   crsql_tables(id, name)                 replicated tables
//   crsql_columns(table_id, id, name, layout)  and their columns, see ext/table.h
//   crsql_rows(table_id, key, clock)       exceptions, see crdt/row_clock.h
//   crsql_log(site, version, chunk, data)  the version log, see ext/log_store.h
//   crsql_log_filters, _covered, _late     where in it a key may be, see ext/log_filters.h
//   crsql_tracked_peers(...)               for the host's own use, as in cr-sqlite
//   crsql_db_versions                      view: highest version seen per site, ours included
#ifndef TRIBUTARY_EXT_STORAGE_H_
#define TRIBUTARY_EXT_STORAGE_H_

#include "ext/sql.h"

namespace tributary {

inline constexpr int64_t kStorageFormat = 1;

// Makes the tables where they are missing; upgrades a file of cr-sqlite (ext/import_crsql.h). Fails
// on a file that is of a newer format, or that cannot be upgraded, and leaves it as it is.
Status EnsureStorage(sqlite3* db);
// Makes them in a file that has none of them but, perhaps, crsql_master and crsql_tracked_peers.
Status CreateStorage(sqlite3* db);
// Whether that failed because the file cannot be written now (read-only, locked): a later attempt
// may succeed.
bool CannotWriteNow(const Status& s);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_STORAGE_H_
