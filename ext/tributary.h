/* Tributary: SQLite tables that merge. Public C interface.
**
** Loadable: load tributary.so (its entry point is found by name). Static: link libtributary.a and
** call sqlite3_tributary_init(db, &message, NULL) on each connection right after it was opened, or
** hand the function to sqlite3_auto_extension(). Everything else is SQL; see ext/SQL.md.
**
** Result: SQLITE_OK (or SQLITE_OK_LOAD_PERMANENTLY from a loadable build), else a result code, and
** *error is then a message to be freed with sqlite3_free(). Calling it twice on one connection is
** harmless. The connection owns all that is registered and frees it when it is closed.
*/
#ifndef TRIBUTARY_H_
#define TRIBUTARY_H_

#include <sqlite3.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sqlite3_api_routines;

int sqlite3_tributary_init(sqlite3* db, char** error, const struct sqlite3_api_routines* api);

/* The same under cr-sqlite's name, so that a renamed file is a drop-in. */
int sqlite3_crsqlite_init(sqlite3* db, char** error, const struct sqlite3_api_routines* api);

#ifdef __cplusplus
}
#endif

#endif /* TRIBUTARY_H_ */
