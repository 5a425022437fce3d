// The one place that includes SQLite's headers: as a loadable extension through the API table, in
// static builds (SQLITE_CORE) directly.
#ifndef TRIBUTARY_EXT_SQLITE_API_H_
#define TRIBUTARY_EXT_SQLITE_API_H_

#include <sqlite3ext.h>  // IWYU pragma: export

#ifndef SQLITE_CORE
extern "C" const sqlite3_api_routines* sqlite3_api;
#endif

// What the host must offer at least: sqlite3_total_changes64, RETURNING, STRICT tables.
#define TRIBUTARY_MIN_SQLITE_VERSION 3038000

#endif  // TRIBUTARY_EXT_SQLITE_API_H_
