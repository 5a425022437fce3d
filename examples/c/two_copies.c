/* Two databases in memory, one table each, edited apart, made equal: with SQLite's C interface.
**
**   cc -o two_copies two_copies.c -lsqlite3
**   ./two_copies build/release/tributary.so
**
** Rows of crsql_changes are read from one copy and inserted into the other; that is all of a sync.
*/
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

/* Ends the program with SQLite's message unless rc is what is expected. */
static void check(sqlite3* db, int rc, int expected, const char* what) {
  if (rc == expected) return;
  fprintf(stderr, "%s: %s\n", what, sqlite3_errmsg(db));
  exit(1);
}

static void run(sqlite3* db, const char* sql) {
  check(db, sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, sql);
}

static sqlite3* open_copy(const char* extension) {
  sqlite3* db = NULL;
  char* error = NULL;
  check(db, sqlite3_open(":memory:", &db), SQLITE_OK, "open");
  /* Allows this call only; the SQL function load_extension() stays forbidden. */
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, NULL);
  if (sqlite3_load_extension(db, extension, "sqlite3_tributary_init", &error) != SQLITE_OK) {
    fprintf(stderr, "cannot load %s: %s\n", extension, error ? error : "");
    exit(1);
  }
  run(db, "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL, done INT)");
  run(db, "SELECT crsql_as_crr('task')");
  return db;
}

/* Gives `to` every change of `from`. What it has already, or has better, is ignored. */
static void merge(sqlite3* from, sqlite3* to) {
  sqlite3_stmt* read = NULL;
  sqlite3_stmt* write = NULL;
  int rc = sqlite3_prepare_v2(from,
                              "SELECT \"table\", pk, cid, val, col_version, db_version, site_id,"
                              " cl, seq FROM crsql_changes",
                              -1, &read, NULL);
  check(from, rc, SQLITE_OK, "read changes");
  rc = sqlite3_prepare_v2(to,
                          "INSERT INTO crsql_changes (\"table\", pk, cid, val, col_version,"
                          " db_version, site_id, cl, seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                          -1, &write, NULL);
  check(to, rc, SQLITE_OK, "write changes");
  run(to, "BEGIN IMMEDIATE");
  while ((rc = sqlite3_step(read)) == SQLITE_ROW) {
    for (int i = 0; i < 9; i++) sqlite3_bind_value(write, i + 1, sqlite3_column_value(read, i));
    check(to, sqlite3_step(write), SQLITE_DONE, "merge");
    sqlite3_reset(write);
  }
  check(from, rc, SQLITE_DONE, "read changes");
  run(to, "COMMIT");
  sqlite3_finalize(read);
  sqlite3_finalize(write);
}

static void print_copy(const char* name, sqlite3* db) {
  sqlite3_stmt* rows = NULL;
  int rc = sqlite3_prepare_v2(db, "SELECT title, done FROM task ORDER BY id", -1, &rows, NULL);
  check(db, rc, SQLITE_OK, "select");
  printf("%s:", name);
  while (sqlite3_step(rows) == SQLITE_ROW) {
    printf(" %s%s;", (const char*)sqlite3_column_text(rows, 0),
           sqlite3_column_int(rows, 1) ? " (done)" : "");
  }
  printf("\n");
  sqlite3_finalize(rows);
}

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: two_copies path/to/tributary.so\n");
    return 2;
  }
  sqlite3* phone = open_copy(argv[1]);
  sqlite3* laptop = open_copy(argv[1]);
  run(phone, "INSERT INTO task VALUES ('1', 'milk', 0), ('2', 'bread', 0)");
  merge(phone, laptop);

  /* Offline: different columns of one row, a delete, a new row. */
  run(phone, "UPDATE task SET done = 1 WHERE id = '1'");
  run(laptop, "UPDATE task SET title = 'oat milk' WHERE id = '1'; DELETE FROM task WHERE id = '2'");
  run(laptop, "INSERT INTO task VALUES ('3', 'tea', 0)");
  print_copy("phone ", phone);
  print_copy("laptop", laptop);

  merge(phone, laptop);
  merge(laptop, phone);
  print_copy("both  ", phone);
  print_copy("both  ", laptop);
  check(phone, sqlite3_close(phone), SQLITE_OK, "close");
  check(laptop, sqlite3_close(laptop), SQLITE_OK, "close");
  return 0;
}
