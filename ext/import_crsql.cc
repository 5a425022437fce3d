#include "ext/import_crsql.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "ext/eligibility.h"
#include "ext/import_clocks.h"
#include "ext/import_log.h"
#include "ext/renew.h"
#include "ext/storage.h"
#include "ext/upgrade.h"

namespace tributary {
namespace {

// Copies what our tables take the names of. With crsql_site_id go its index and triggers.
constexpr char kPutAside[] =
    "CREATE TABLE main.crsql_import_sites AS SELECT site_id, ordinal FROM main.crsql_site_id;"
    "DROP TABLE main.crsql_site_id;"
    "CREATE TABLE main.crsql_import_log(site, version, seq, kind, table_id, key, column_id, ts);"
    "CREATE TABLE main.crsql_import_versions";
constexpr char kPutVersionsAside[] =
    " AS SELECT site_id, db_version FROM main.crsql_db_versions; DROP TABLE main.crsql_db_versions";

// Queries whose rows say why the file cannot be upgraded.
constexpr char kRenamed[] =
    "SELECT 'table ' || t || ' was renamed to ' || tbl_name || ', which cr-sqlite does not notice; "
    "ALTER TABLE ... RENAME it back first' FROM main.crsql_import_tables JOIN main.sqlite_schema s "
    "ON s.name = t || '__crsql_itrig' AND s.type = 'trigger' WHERE present IS NULL";
constexpr char kBadSites[] =
    "SELECT 'table crsql_site_id has, under ordinal ' || quote(ordinal) || ', no site id of 16 "
    "bytes; delete it if no clock refers to it' FROM main.crsql_import_sites WHERE "
    "typeof(site_id) <> 'blob' OR length(site_id) <> 16 OR typeof(ordinal) <> 'integer' OR ordinal "
    "NOT BETWEEN 0 AND 4294967295";
constexpr char kUnknownSites[] =
    "SELECT 'a clock of table ' || t.name || ' names the site with ordinal ' || l.site || ', which "
    "table crsql_site_id lacks' FROM main.crsql_import_log l JOIN main.crsql_tables t ON t.id = "
    "l.table_id WHERE l.site NOT IN (SELECT ordinal FROM main.crsql_site_id)";

// The tables that cr-sqlite has clocks of, by the name that its own tables have (t) and that of the
// schema, NULL where they were dropped.
constexpr char kFindTables[] =
    "CREATE TABLE main.crsql_import_tables AS SELECT t, (SELECT b.name FROM main.sqlite_schema b "
    "WHERE b.type = 'table' AND b.name = t COLLATE NOCASE) AS present, EXISTS(SELECT 1 FROM "
    "pragma_table_info(t || '__crsql_clock', 'main') WHERE name = 'ts') AS ts FROM (SELECT "
    "substr(name, 1, length(name) - 13) AS t FROM main.sqlite_schema WHERE type = 'table' AND "
    "name LIKE '%\\_\\_crsql\\_clock' ESCAPE '\\' ORDER BY name)";

// Without a row for ordinal 0 the replica gets a new id, as with cr-sqlite.
constexpr char kTakeSites[] =
    "UPDATE main.crsql_site_id SET site_id = s.site_id FROM main.crsql_import_sites s WHERE "
    "s.ordinal = 0;"
    "INSERT INTO main.crsql_site_id(site_id, ordinal) SELECT site_id, ordinal FROM "
    "main.crsql_import_sites WHERE ordinal > 0;"
    "INSERT INTO main.crsql_site_id(site_id, ordinal) SELECT site_id, row_number() OVER "
    "(ORDER BY site_id) + (SELECT max(ordinal) FROM main.crsql_site_id) "
    "FROM main.crsql_import_versions WHERE typeof(site_id) = 'blob' AND length(site_id) = 16 "
    "AND site_id NOT IN (SELECT site_id FROM main.crsql_site_id);"
    "INSERT INTO main.crsql_peers(ordinal, seen) SELECT s.ordinal, v.db_version FROM "
    "main.crsql_import_versions v JOIN main.crsql_site_id s USING (site_id) "
    "WHERE s.ordinal > 0 AND v.db_version > 0";

constexpr char kOwnVersion[] =
    "SELECT max(v) FROM (SELECT value AS v FROM main.crsql_master WHERE key = "
    "'pre_compact_dbversion' UNION ALL SELECT v.db_version FROM main.crsql_import_versions v "
    "JOIN main.crsql_site_id s USING (site_id) WHERE s.ordinal = 0) WHERE typeof(v) = 'integer'";

constexpr char kRaiseSeen[] =
    "INSERT INTO main.crsql_peers(ordinal, seen) SELECT site, max(version) FROM "
    "main.crsql_import_log WHERE site > 0 GROUP BY site ON CONFLICT(ordinal) DO UPDATE SET seen = "
    "excluded.seen WHERE excluded.seen > seen";

constexpr char kReport[] =
    "INSERT INTO main.crsql_master(key, value) VALUES ('upgraded_from_crsqlite', "
    "json_object('version', ?1, 'tables', ?2, 'clock_rows', ?3, 'tombstones', ?4, 'recorded', ?5, "
    "'deleted', ?6, 'forgotten', ?7, 'upstream', ?8, 'dropped_tables', json((SELECT "
    "json_group_array(t) FROM "
    "main.crsql_import_tables WHERE present IS NULL))))";

constexpr char kDropClocks[] =
    "SELECT group_concat(printf('DROP TABLE main.\"%w__crsql_clock\"; DROP TABLE IF EXISTS "
    "main.\"%w__crsql_pks\";', t, t), '') FROM main.crsql_import_tables";
constexpr char kDrop[] =
    "DROP TABLE main.crsql_import_sites; DROP TABLE main.crsql_import_versions;"
    "DROP TABLE main.crsql_import_log; DROP TABLE IF EXISTS main.crsql_import_keys;"
    "DROP TABLE main.crsql_import_tables;"
    "DELETE FROM main.crsql_master WHERE key IN ('crsqlite_version', 'pre_compact_dbversion');";

// The oldest layout that is read, cr-sqlite's 0.15.
constexpr int64_t kOldestVersion = 150000;

// The first value of a query; *found is false where it has no row.
Status Ask(sqlite3* db, std::string_view sql, int64_t* value, bool* found) {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(db, sql));
  TRIBUTARY_RETURN_IF_ERROR(s.Step(found));
  if (*found) *value = s.Int(0);
  return {};
}

class Importer {
 public:
  Importer(sqlite3* db, int64_t version) : db_(db), recorded_(version) {}

  Status Run() {
    bool found;
    if (recorded_ < kOldestVersion) {
      return Status::Error(absl::StrCat("its version number is ", recorded_,
                                        ", and files older than 150000 (0.15) have another layout; "
                                        "copy the rows of its tables into a new database"));
    }
    TRIBUTARY_RETURN_IF_ERROR(Execute(db_, kFindTables));
    TRIBUTARY_RETURN_IF_ERROR(Refuse(kRenamed));
    TRIBUTARY_RETURN_IF_ERROR(Ask(
        db_, "SELECT 1 FROM main.sqlite_schema WHERE name = 'crsql_db_versions' AND type = 'table'",
        &own_.value, &found));
    upstream_ = !found;
    TRIBUTARY_RETURN_IF_ERROR(
        Execute(db_, absl::StrCat(kPutAside, found ? kPutVersionsAside : "(site_id, db_version)")));
    TRIBUTARY_RETURN_IF_ERROR(Refuse(kBadSites));
    TRIBUTARY_RETURN_IF_ERROR(CreateStorage(db_));
    TRIBUTARY_RETURN_IF_ERROR(Execute(db_, kTakeSites));
    TRIBUTARY_RETURN_IF_ERROR(ReadTables());
    TRIBUTARY_RETURN_IF_ERROR(FindOwnVersion());
    ClockImporter clocks(db_, upstream_, own_);
    for (const Source& s : sources_) TRIBUTARY_RETURN_IF_ERROR(ImportTable(s, &clocks));
    TRIBUTARY_RETURN_IF_ERROR(Refuse(kUnknownSites));
    TRIBUTARY_RETURN_IF_ERROR(Execute(db_, kRaiseSeen));
    TRIBUTARY_RETURN_IF_ERROR(ImportLog(
        db_, clocks.store(), tables_,
        {upstream_, clocks.repairs().value_or(DbVersion(0)), clocks.repairs().value_or(own_)}));
    TRIBUTARY_RETURN_IF_ERROR(Report(clocks.counts()));
    return Drop();
  }

 private:
  struct Source {
    std::string name;
    std::string present;  // empty where it was dropped
  };

  // Fails with what the query finds, if that is anything.
  Status Refuse(std::string_view sql) {
    Statement s;
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Prepare(db_, sql));
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    return row ? Status::Error(std::string(s.Text(0))) : Status();
  }

  Status ReadTables() {
    Statement s;
    TRIBUTARY_RETURN_IF_ERROR(
        s.Prepare(db_, "SELECT t, present, ts FROM main.crsql_import_tables ORDER BY t"));
    for (;;) {
      bool row;
      TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
      if (!row) return {};
      sources_.push_back({std::string(s.Text(0)), std::string(s.Text(1))});
      if (s.Int(2) != 0) upstream_ = false;
    }
  }

  Status FindOwnVersion() {
    bool found;
    TRIBUTARY_RETURN_IF_ERROR(Ask(db_, kOwnVersion, &own_.value, &found));
    for (const Source& s : sources_) {
      int64_t last = 0;
      const std::string sql =
          absl::StrCat("SELECT max(db_version) FROM main.", QuoteName(s.name + "__crsql_clock"),
                       upstream_ ? "" : " WHERE site_id = 0");
      TRIBUTARY_RETURN_IF_ERROR(Ask(db_, sql, &last, &found));
      own_ = std::max(own_, DbVersion(last));
    }
    if (own_.value <= kMaxCounter) return {};
    return Status::Error("its db_version is too large");
  }

  Status ImportTable(const Source& source, ClockImporter* clocks) {
    if (source.present.empty()) {
      int64_t id;
      return AddTable(db_, source.name, &id);
    }
    std::string name;
    std::string warning;
    TRIBUTARY_RETURN_IF_ERROR(CheckEligible(db_, "main", source.present, &name, &warning));
    TRIBUTARY_RETURN_IF_ERROR(MakeReplicated(db_, name, &tables_.emplace_back()));
    return clocks->Import(tables_.back().get(), source.name);
  }

  Status Report(const ClockImporter::Counts& n) {
    Statement s;
    TRIBUTARY_RETURN_IF_ERROR(s.Prepare(db_, kReport));
    const int64_t values[] = {recorded_,    static_cast<int64_t>(tables_.size()),
                              n.clock_rows, n.tombstones,
                              n.recorded,   n.deleted,
                              n.forgotten,  upstream_ ? 1 : 0};
    for (int i = 0; i < 8; i++) s.Bind(i + 1, values[i]);
    return s.Run();
  }

  // What is left of cr-sqlite, and what this made for a while.
  Status Drop() {
    Statement s;
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Prepare(db_, kDropClocks));
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    const std::string sql = absl::StrCat(s.Text(0), kDrop);
    s.Finalize();
    return Execute(db_, sql);
  }

  sqlite3* db_;
  const int64_t recorded_;
  bool upstream_ = false;
  DbVersion own_;
  std::vector<Source> sources_;
  std::vector<std::unique_ptr<Table>> tables_;
};

}  // namespace

Status IsCrsqlite(sqlite3* db, bool* is, int64_t* version) {
  *version = 0;
  TRIBUTARY_RETURN_IF_ERROR(
      Ask(db, "SELECT value FROM main.crsql_master WHERE key = 'crsqlite_version'", version, is));
  if (*is) return {};
  // A file without a number is older than all that have one; ours have this table, too, but with
  // the number of our format.
  int64_t one;
  return Ask(db, "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = 'crsql_site_id'",
             &one, is);
}

Status ImportCrsqlite(sqlite3* db, int64_t version) { return Importer(db, version).Run(); }

}  // namespace tributary
