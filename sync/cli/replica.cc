#include "sync/cli/replica.h"

#include <algorithm>

namespace tributary::cli {
namespace {

// The insert trigger is the mark of a replicated table; it has the table's former name until the
// extension notices a new one.
constexpr std::string_view kReplicatedSql =
    "SELECT tbl_name FROM sqlite_schema WHERE type = 'trigger'"
    " AND substr(name, -13) = '__crsql_itrig' ORDER BY tbl_name";

// A digest may be text or a blob.
std::string DigestText(const Statement& s) {
  return s.At(0).type == ValueType::kBlob ? Hex(s.Bytes(0)) : std::string(s.Text(0));
}

}  // namespace

Status IsPrepared(const Database& db, bool* prepared) {
  int64_t count = 0;
  TRIBUTARY_RETURN_IF_ERROR(
      db.QueryInt("SELECT count(*) FROM sqlite_schema WHERE name = 'crsql_site_id'", &count));
  *prepared = count > 0;
  bool is_crsqlite = false;
  TRIBUTARY_RETURN_IF_ERROR(IsCrsqlite(db, &is_crsqlite));
  if (is_crsqlite && sqlite3_db_readonly(db.get(), "main") == 1) {
    return {ExitCode::kDifferent, db.path() + ": was written by cr-sqlite; upgrade it with: " +
                                      "tributary init " + db.path()};
  }
  return {};
}

Status IsCrsqlite(const Database& db, bool* is) {
  int64_t found = 0;
  TRIBUTARY_RETURN_IF_ERROR(
      db.QueryInt("SELECT count(*) FILTER (WHERE name = 'crsql_site_id') = 1 AND "
                  "count(*) FILTER (WHERE name = 'crsql_tables') = 0 FROM sqlite_schema "
                  "WHERE type = 'table'",
                  &found));
  *is = found != 0;
  return {};
}

Status OpenReplica(const Context& context, const std::string& path, OpenMode mode, Database* db) {
  TRIBUTARY_RETURN_IF_ERROR(db->Open(path, mode, context.busy_timeout_seconds));
  bool prepared = false;
  TRIBUTARY_RETURN_IF_ERROR(IsPrepared(*db, &prepared));
  std::vector<std::string> tables;
  TRIBUTARY_RETURN_IF_ERROR(ReplicatedTables(*db, &tables));
  if (!prepared || tables.empty()) {
    return {ExitCode::kDifferent,
            path + ": has no replicated tables yet; make them with: tributary init " + path};
  }
  return db->LoadExtension();
}

Status ReplicatedTables(const Database& db, std::vector<std::string>* tables) {
  tables->clear();
  Statement s = db.Prepare(kReplicatedSql);
  while (s.Step()) tables->emplace_back(s.Text(0));
  return s.status();
}

Status CheckReplicated(const Database& db, const std::string& table) {
  std::vector<std::string> tables;
  TRIBUTARY_RETURN_IF_ERROR(ReplicatedTables(db, &tables));
  if (std::find(tables.begin(), tables.end(), table) != tables.end()) return {};
  return {ExitCode::kDifferent, db.path() + ": table " + table + " is not replicated"};
}

Status ReadColumns(const Database& db, const std::string& table, TableColumns* columns) {
  columns->name = table;
  columns->keys.clear();
  columns->values.clear();
  Statement s = db.Prepare("SELECT name, pk FROM pragma_table_info(?) ORDER BY pk, cid");
  s.BindText(1, table);
  while (s.Step()) {
    (s.Int(1) > 0 ? columns->keys : columns->values).emplace_back(s.Text(0));
  }
  return s.status();
}

Status CountRows(const Database& db, int64_t* total) {
  std::vector<std::string> tables;
  TRIBUTARY_RETURN_IF_ERROR(ReplicatedTables(db, &tables));
  *total = 0;
  for (const std::string& table : tables) {
    int64_t rows = 0;
    TRIBUTARY_RETURN_IF_ERROR(db.QueryInt("SELECT count(*) FROM " + QuoteName(table), &rows));
    *total += rows;
  }
  return {};
}

Status OwnSiteId(const Database& db, std::string* site_id) {
  Statement s = db.Prepare("SELECT crsql_site_id()");
  *site_id = s.Step() ? std::string(s.Bytes(0)) : "";
  return s.status();
}

Status Digest(const Database& db, std::string* digest) {
  Statement s = db.Prepare("SELECT crsql_digest()");
  *digest = s.Step() ? DigestText(s) : "";
  return s.status();
}

Status Digest(const Database& db, const std::string& table, std::string* digest) {
  Statement s = db.Prepare("SELECT crsql_digest(?)");
  s.BindText(1, table);
  *digest = s.Step() ? DigestText(s) : "";
  return s.status();
}

bool IsInternalName(std::string_view table) {
  std::string lower(table);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return c < 0x80 ? std::tolower(c) : c; });
  return lower.starts_with("sqlite_") || lower.starts_with("crsql_") ||
         lower.find("__crsql_") != std::string::npos;
}

std::string ShortSite(std::string_view site_id) { return Hex(site_id.substr(0, 4)); }

}  // namespace tributary::cli
