#include "ext/storage.h"

#include "absl/strings/str_cat.h"
#include "ext/import_crsql.h"
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

// What the file is; *version is then the number that cr-sqlite recorded.
enum class Format { kNone, kOurs, kCrsqlite };
Status ReadFormat(sqlite3* db, Format* format, int64_t* version) {
  *format = Format::kNone;
  Statement s;
  bool found;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(
      db, "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = 'crsql_master'"));
  TRIBUTARY_RETURN_IF_ERROR(s.Step(&found));
  if (!found) return {};
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(db, "SELECT value FROM main.crsql_master WHERE key = 'tributary_format'"));
  TRIBUTARY_RETURN_IF_ERROR(s.Step(&found));
  if (found) {
    *format = Format::kOurs;
    const int64_t value = s.Int(0);
    if (value == kStorageFormat) return {};
    return Status::Error(absl::StrCat("this file has Tributary's storage format ", value,
                                      ", this build reads format ", kStorageFormat,
                                      ": use a newer Tributary"));
  }
  TRIBUTARY_RETURN_IF_ERROR(IsCrsqlite(db, &found, version));
  if (found) *format = Format::kCrsqlite;
  return {};
}

// With the code of what stands in the way, so that a host tries again after SQLITE_BUSY.
Status NotNow(Format format, int code) {
  return {code, format == Format::kCrsqlite
                    ? "this file was written by cr-sqlite and cannot be upgraded now, because it "
                      "is read-only or locked: open it again when it is not"
                    : "Tributary's tables do not exist in this database and cannot be made now, "
                      "because it is read-only or locked"};
}

Status Upgrade(sqlite3* db, int64_t version) {
  Status s = ImportCrsqlite(db, version);
  if (s.ok() || CannotWriteNow(s)) return s;
  return {s.code(), absl::StrCat("this file was written by cr-sqlite and cannot be upgraded: ",
                                 s.message(), "; the file is unchanged")};
}

}  // namespace

Status CreateStorage(sqlite3* db) {
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

bool CannotWriteNow(const Status& s) {
  const int primary = s.code() & 0xff;
  return primary == SQLITE_READONLY || primary == SQLITE_BUSY || primary == SQLITE_LOCKED ||
         primary == SQLITE_CANTOPEN;
}

Status EnsureStorage(sqlite3* db) {
  Format format;
  int64_t version;
  Status s = ReadFormat(db, &format, &version);
  if (s.ok() && format == Format::kOurs) return {};
  if (s.ok() && sqlite3_db_readonly(db, "main") == 1) return NotNow(format, SQLITE_READONLY);
  // A savepoint works inside the caller's transaction and starts one where there is none. Another
  // process may have been quicker: the first write locks, then the check is repeated.
  ScopedSavepoint savepoint(db);
  if (s.ok()) s = savepoint.Begin();
  if (s.ok()) {
    s = Execute(db,
                "CREATE TABLE IF NOT EXISTS main.crsql_master(\"key\" TEXT PRIMARY KEY, \"value\" "
                "ANY); UPDATE main.crsql_master SET value = value WHERE key = 'crsqlite_version'");
  }
  if (s.ok()) s = ReadFormat(db, &format, &version);
  if (s.ok() && format == Format::kNone) s = CreateStorage(db);
  if (s.ok() && format == Format::kCrsqlite) s = Upgrade(db, version);
  if (s.ok()) s = savepoint.Release();
  return CannotWriteNow(s) ? NotNow(format, s.code()) : std::move(s);
}

}  // namespace tributary
