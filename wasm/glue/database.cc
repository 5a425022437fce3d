// What the module exports: connections and statements. Results are SQLite's codes unless a comment
// says otherwise; trib_error() has the message.
#include "wasm/glue/database.h"

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "ext/tributary.h"
#include "wasm/glue/codec.h"
#include "wasm/glue/host.h"

namespace tributary {
namespace {

int Interrupted(void*) { return host_interrupted(); }

int Fail(Database* database, int code, std::string_view message) {
  database->error = message;
  database->error_code = code;
  return code;
}

int Open(Database* database, const char* path) {
  int rc =
      sqlite3_open_v2(path, &database->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  if (rc != SQLITE_OK) return rc;
  sqlite3_extended_result_codes(database->db, 1);
  sqlite3_progress_handler(database->db, 10000, Interrupted, nullptr);
  // Before anything is read: only so WAL needs no shared memory.
  rc = sqlite3_exec(database->db,
                    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
                    "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON",
                    nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) return rc;
  char* message = nullptr;
  rc = sqlite3_tributary_init(database->db, &message, nullptr);
  if (rc != SQLITE_OK) Fail(database, rc, message != nullptr ? message : sqlite3_errstr(rc));
  sqlite3_free(message);
  return rc;
}

// Steps to the end, or until *out has `enough` bytes: then SQLITE_ROW.
int Collect(sqlite3_stmt* s, size_t enough, std::string* out) {
  const int columns = sqlite3_column_count(s);
  int rc;
  while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
    for (int i = 0; i < columns; ++i) EncodeColumn(s, i, out);
    if (out->size() >= enough) break;
  }
  return rc;
}

int Import(Database* database, unsigned char* data, size_t size) {
  // The text encoding, in the file's header; this SQLite has but one.
  if (size >= 100 && data[59] > 1) {
    return Fail(database, SQLITE_MISMATCH,
                "the file's text is in UTF-16: copy it into a database in UTF-8 and import that");
  }
  sqlite3* from = nullptr;
  int rc = sqlite3_open_v2(":memory:", &from, SQLITE_OPEN_READWRITE, nullptr);
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> closed(from, sqlite3_close_v2);
  if (rc != SQLITE_OK) return rc;
  // A file in WAL mode says so; in memory there is none.
  if (size >= 20 && data[18] == 2) data[18] = data[19] = 1;
  const auto length = static_cast<sqlite3_int64>(size);
  rc = sqlite3_deserialize(from, "main", data, length, length, SQLITE_DESERIALIZE_READONLY);
  if (rc == SQLITE_OK) {
    rc = sqlite3_exec(from, "SELECT 1 FROM sqlite_schema", nullptr, nullptr, nullptr);
  }
  if (rc != SQLITE_OK) return Fail(database, rc, sqlite3_errmsg(from));
  // Pages of another size can be taken over only without a WAL.
  rc = sqlite3_exec(database->db, "PRAGMA journal_mode = DELETE", nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) return rc;
  sqlite3_backup* backup = sqlite3_backup_init(database->db, "main", from, "main");
  if (backup == nullptr) return sqlite3_extended_errcode(database->db);
  rc = sqlite3_backup_step(backup, -1);
  const int finished = sqlite3_backup_finish(backup);
  if (rc != SQLITE_DONE) return finished != SQLITE_OK ? finished : rc;
  return sqlite3_exec(database->db, "PRAGMA journal_mode = WAL", nullptr, nullptr, nullptr);
}

// Runs the statement once for each set of values in `params`, and counts the runs in *runs.
int RunMany(Database* database, sqlite3_stmt* s, std::string_view params, int32_t* runs) {
  while (!params.empty()) {
    std::string error;
    if (!BindValues(s, &params, &error)) return Fail(database, SQLITE_RANGE, error);
    int rc;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
    }
    if (rc == SQLITE_DONE) rc = sqlite3_reset(s);
    if (rc != SQLITE_OK) return rc;
    ++*runs;
  }
  return SQLITE_OK;
}

}  // namespace
}  // namespace tributary

using tributary::Database;
using tributary::Guarded;

extern "C" {

TRIBUTARY_EXPORT(trib_alloc) void* trib_alloc(size_t size) { return std::malloc(size); }
TRIBUTARY_EXPORT(trib_free) void trib_free(void* p) { std::free(p); }

// A connection that may have failed: ask trib_error_code(). Null for want of memory. To be closed.
TRIBUTARY_EXPORT(trib_open) Database* trib_open(const char* path) {
  auto* database = new (std::nothrow) Database();
  if (database == nullptr) return nullptr;
  const int rc = Guarded(database, [&] { return tributary::Open(database, path); });
  if (rc != SQLITE_OK && database->error_code == 0) {
    tributary::Fail(database, rc,
                    database->db != nullptr ? sqlite3_errmsg(database->db) : sqlite3_errstr(rc));
  }
  return database;
}

// Statements and sessions of it must be gone.
TRIBUTARY_EXPORT(trib_close) void trib_close(Database* database) {
  sqlite3_close_v2(database->db);
  delete database;
}

TRIBUTARY_EXPORT(trib_error_code) int trib_error_code(Database* database) {
  return database->error_code != 0 ? database->error_code : sqlite3_extended_errcode(database->db);
}

TRIBUTARY_EXPORT(trib_error) const char* trib_error(Database* database) {
  if (!database->error.empty()) return database->error.c_str();
  if (database->error_code != 0) return sqlite3_errstr(database->error_code);
  return sqlite3_errmsg(database->db);
}

TRIBUTARY_EXPORT(trib_error_offset) int trib_error_offset(Database* database) {
  return database->error_code != 0 ? -1 : sqlite3_error_offset(database->db);
}

TRIBUTARY_EXPORT(trib_out) const char* trib_out(Database* database) { return database->out.data(); }
TRIBUTARY_EXPORT(trib_out_size) size_t trib_out_size(Database* database) {
  return database->out.size();
}
// Gives back the memory of a large result.
TRIBUTARY_EXPORT(trib_out_clear) void trib_out_clear(Database* database) {
  if (database->out.capacity() > 1 << 20) database->out.shrink_to_fit();
  database->out.clear();
}

// Null where it failed, or where there is only white space: then trib_error_code() is 0. What
// follows the statement begins at trib_tail().
TRIBUTARY_EXPORT(trib_prepare)
sqlite3_stmt* trib_prepare(Database* database, const char* sql, size_t size) {
  sqlite3_stmt* s = nullptr;
  Guarded(database, [&] {
    const char* tail = sql;
    const int rc = sqlite3_prepare_v3(database->db, sql, static_cast<int>(size), 0, &s, &tail);
    database->tail = static_cast<uint32_t>(tail - sql);
    return rc;
  });
  return s;
}
TRIBUTARY_EXPORT(trib_tail) uint32_t trib_tail(Database* database) { return database->tail; }

// The names of the result's columns as a row of texts in trib_out(). Result: how many.
TRIBUTARY_EXPORT(trib_columns) int trib_columns(Database* database, sqlite3_stmt* s) {
  const int columns = sqlite3_column_count(s);
  const int rc = Guarded(database, [&] {
    database->out.clear();
    for (int i = 0; i < columns; ++i) {
      tributary::EncodeText(sqlite3_column_name(s, i), &database->out);
    }
    return SQLITE_OK;
  });
  return rc == SQLITE_OK ? columns : -1;
}

TRIBUTARY_EXPORT(trib_readonly) int trib_readonly(sqlite3_stmt* s) {
  return sqlite3_stmt_readonly(s);
}

TRIBUTARY_EXPORT(trib_reprepared) int trib_reprepared(sqlite3_stmt* s) {
  return sqlite3_stmt_status(s, SQLITE_STMTSTATUS_REPREPARE, 0);
}

// `params` must stay until the statement is reset.
TRIBUTARY_EXPORT(trib_bind)
int trib_bind(Database* database, sqlite3_stmt* s, const char* params, size_t size) {
  return Guarded(database, [&] {
    std::string_view in(params, size);
    std::string error;
    if (tributary::BindValues(s, &in, &error)) return SQLITE_OK;
    return tributary::Fail(database, SQLITE_RANGE, error);
  });
}

// Rows go to trib_out(). SQLITE_ROW: it has `enough` bytes, call again; SQLITE_DONE: that was all.
TRIBUTARY_EXPORT(trib_collect)
int trib_collect(Database* database, sqlite3_stmt* s, size_t enough) {
  return Guarded(database, [&] {
    database->out.clear();
    return tributary::Collect(s, enough, &database->out);
  });
}

// Result: how often it ran; where that failed, -1 - how often it ran before.
TRIBUTARY_EXPORT(trib_run_many)
int trib_run_many(Database* database, sqlite3_stmt* s, const char* params, size_t size) {
  int32_t runs = 0;
  const int rc = Guarded(database, [&] {
    return tributary::RunMany(database, s, std::string_view(params, size), &runs);
  });
  return rc == SQLITE_OK ? runs : -1 - runs;
}

TRIBUTARY_EXPORT(trib_reset) int trib_reset(sqlite3_stmt* s) {
  const int rc = sqlite3_reset(s);
  sqlite3_clear_bindings(s);
  return rc;
}
TRIBUTARY_EXPORT(trib_finalize) void trib_finalize(sqlite3_stmt* s) { sqlite3_finalize(s); }

TRIBUTARY_EXPORT(trib_changes) double trib_changes(Database* database) {
  return static_cast<double>(sqlite3_changes64(database->db));
}
TRIBUTARY_EXPORT(trib_last_rowid) int64_t trib_last_rowid(Database* database) {
  return sqlite3_last_insert_rowid(database->db);
}
TRIBUTARY_EXPORT(trib_autocommit) int trib_autocommit(Database* database) {
  return sqlite3_get_autocommit(database->db);
}

// The whole database as a file; its size in *size. Null for want of memory. To be freed with
// trib_sqlite_free().
TRIBUTARY_EXPORT(trib_export) unsigned char* trib_export(Database* database, double* size) {
  sqlite3_int64 bytes = 0;
  unsigned char* data = nullptr;
  Guarded(database, [&] {
    data = sqlite3_serialize(database->db, "main", &bytes, 0);
    if (data == nullptr) return tributary::Fail(database, SQLITE_NOMEM, "out of memory");
    return SQLITE_OK;
  });
  *size = static_cast<double>(bytes);
  return data;
}
TRIBUTARY_EXPORT(trib_sqlite_free) void trib_sqlite_free(void* p) { sqlite3_free(p); }

// Replaces the database's content by that of a file, which stays the caller's; all or nothing.
TRIBUTARY_EXPORT(trib_import)
int trib_import(Database* database, unsigned char* data, size_t size) {
  return Guarded(database, [&] { return tributary::Import(database, data, size); });
}

}  // extern "C"
