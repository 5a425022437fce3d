#include "ext/storage.h"

#include "absl/strings/str_cat.h"
#include "ext/sites.h"

namespace tributary {
namespace {

constexpr char kSchema[] = R"sql(
CREATE TABLE IF NOT EXISTS main.crsql_master("key" TEXT PRIMARY KEY, "value" ANY);
CREATE TABLE main.crsql_site_id(site_id BLOB NOT NULL, ordinal INTEGER PRIMARY KEY);
CREATE UNIQUE INDEX main.crsql_site_id_site_id ON crsql_site_id(site_id);
CREATE TABLE IF NOT EXISTS main.crsql_tracked_peers(site_id BLOB NOT NULL, version INTEGER NOT NULL,
  seq INTEGER DEFAULT 0, tag INTEGER, event INTEGER, PRIMARY KEY(site_id, tag, event)) STRICT;
CREATE TABLE main.crsql_peers(ordinal INTEGER PRIMARY KEY, seen INTEGER NOT NULL);
CREATE TABLE main.crsql_tables(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE main.crsql_columns(table_id INTEGER NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL,
  layout INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(table_id, id)) WITHOUT ROWID;
CREATE TABLE main.crsql_rows(table_id INTEGER NOT NULL, key BLOB NOT NULL, clock BLOB,
  PRIMARY KEY(table_id, key)) WITHOUT ROWID;
CREATE TABLE main.crsql_log(site INTEGER NOT NULL, version INTEGER NOT NULL, chunk INTEGER NOT NULL,
  data BLOB NOT NULL, PRIMARY KEY(site, version, chunk)) WITHOUT ROWID;
CREATE TABLE main.crsql_log_filters(id INTEGER PRIMARY KEY, ranges BLOB NOT NULL,
  filter BLOB NOT NULL);
CREATE TABLE main.crsql_log_covered(site INTEGER PRIMARY KEY, version INTEGER NOT NULL);
CREATE TABLE main.crsql_log_late(site INTEGER NOT NULL, version INTEGER NOT NULL,
  chunk INTEGER NOT NULL, PRIMARY KEY(site, version, chunk)) WITHOUT ROWID;
CREATE VIEW main.crsql_db_versions AS
  SELECT s.site_id AS site_id, p.seen AS db_version
    FROM crsql_peers p JOIN crsql_site_id s ON s.ordinal = p.ordinal
  UNION ALL
  SELECT s.site_id, crsql_db_version() FROM crsql_site_id s WHERE s.ordinal = 0;
)sql";

// The value under a key of crsql_master; *found is false too where there is no such table.
Status ReadMaster(sqlite3* db, std::string_view key, bool* found, int64_t* value) {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(
      db, "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = 'crsql_master'"));
  TRIBUTARY_RETURN_IF_ERROR(s.Step(found));
  if (!*found) return {};
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(db, "SELECT value FROM main.crsql_master WHERE key = ?1"));
  s.BindText(1, key);
  TRIBUTARY_RETURN_IF_ERROR(s.Step(found));
  if (*found) *value = s.Int(0);
  return {};
}

Status CheckFormat(sqlite3* db, bool* exists) {
  int64_t value = 0;
  TRIBUTARY_RETURN_IF_ERROR(ReadMaster(db, "tributary_format", exists, &value));
  if (*exists) {
    if (value == kStorageFormat) return {};
    return Status::Error(absl::StrCat("this file has Tributary's storage format ", value,
                                      ", this build reads format ", kStorageFormat,
                                      ": use a newer Tributary"));
  }
  bool foreign;
  TRIBUTARY_RETURN_IF_ERROR(ReadMaster(db, "crsqlite_version", &foreign, &value));
  if (!foreign) return {};
  return Status::Error(absl::StrCat("this file was written by cr-sqlite (version ", value,
                                    "), which this build cannot open yet; the file is unchanged"));
}

Status Create(sqlite3* db) {
  TRIBUTARY_RETURN_IF_ERROR(Execute(db, kSchema));
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(db, "INSERT INTO main.crsql_master(key, value) VALUES ('tributary_format', ?1)"));
  s.Bind(1, kStorageFormat);
  TRIBUTARY_RETURN_IF_ERROR(s.Run());
  const SiteId id = RandomSiteId();
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(db, "INSERT INTO main.crsql_site_id(site_id, ordinal) VALUES (?1, 0)"));
  s.BindBlob(1, BytesOf(id));
  return s.Run();
}

// With the code of what stands in the way, so that a host tries again after SQLITE_BUSY.
Status NotNow(int code) {
  return {code,
          "Tributary's tables do not exist in this database and cannot be made now, because it is "
          "read-only or locked"};
}

}  // namespace

bool CannotWriteNow(const Status& s) {
  const int primary = s.code() & 0xff;
  return primary == SQLITE_READONLY || primary == SQLITE_BUSY || primary == SQLITE_LOCKED ||
         primary == SQLITE_CANTOPEN;
}

Status EnsureStorage(sqlite3* db) {
  bool exists;
  Status s = CheckFormat(db, &exists);
  if (s.ok() && exists) return {};
  if (s.ok() && sqlite3_db_readonly(db, "main") == 1) return NotNow(SQLITE_READONLY);
  // A savepoint works inside the caller's transaction and starts one where there is none. Another
  // process may have been quicker: the first write locks, then the check is repeated.
  ScopedSavepoint savepoint(db);
  if (s.ok()) s = savepoint.Begin();
  if (s.ok()) {
    s = Execute(
        db,
        "CREATE TABLE IF NOT EXISTS main.crsql_master(\"key\" TEXT PRIMARY KEY, \"value\" ANY)");
  }
  if (s.ok()) s = CheckFormat(db, &exists);
  if (s.ok() && !exists) s = Create(db);
  if (s.ok()) s = savepoint.Release();
  return CannotWriteNow(s) ? NotNow(s.code()) : std::move(s);
}

}  // namespace tributary
