// The parts of folder_sync.h that are about schemas, times and errors.
#include <chrono>
#include <cstdio>
#include <ctime>

#include "sync/cli/folder_sync.h"
#include "sync/cli/replica.h"

namespace tributary::cli {
namespace {

// What SQLite writes itself and what the extension makes comes back by itself. Shadow tables come
// with their virtual table.
constexpr std::string_view kObjectsSql =
    "SELECT type, name, sql FROM sqlite_schema AS s WHERE sql IS NOT NULL AND NOT (type = 'table'"
    " AND EXISTS (SELECT 1 FROM pragma_table_list AS l WHERE l.schema = 'main' AND l.name = s.name"
    " AND l.type = 'shadow')) ORDER BY rowid";

Status AddPragma(const Database& db, const std::string& name, folder::Schema* schema) {
  int64_t value = 0;
  TRIBUTARY_RETURN_IF_ERROR(db.QueryInt("PRAGMA " + name, &value));
  if (value != 0) schema->setup.push_back("PRAGMA " + name + " = " + std::to_string(value));
  return {};
}

Status HashTables(const Database& db, const std::vector<std::string>& tables, uint64_t* hash) {
  std::string text;
  for (const std::string& table : tables) {
    TableColumns columns;
    TRIBUTARY_RETURN_IF_ERROR(ReadColumns(db, table, &columns));
    text.append(table).push_back('\0');
    for (const std::string& key : columns.keys) text.append(key).push_back('\1');
    for (const std::string& value : columns.values) text.append(value).push_back('\2');
  }
  *hash = folder::Hash64(text);
  return {};
}

}  // namespace

Status LoadSchema(const Database& db, folder::Schema* schema, uint64_t* tables) {
  *schema = {};
  std::string encoding;
  TRIBUTARY_RETURN_IF_ERROR(db.QueryText("PRAGMA encoding", &encoding));
  if (encoding != "UTF-8") schema->setup.push_back("PRAGMA encoding = '" + encoding + "'");
  TRIBUTARY_RETURN_IF_ERROR(AddPragma(db, "user_version", schema));
  TRIBUTARY_RETURN_IF_ERROR(AddPragma(db, "application_id", schema));
  Statement s = db.Prepare(kObjectsSql);
  while (s.Step()) {
    if (IsInternalName(s.Text(1))) continue;
    (s.Text(0) == "table" ? schema->setup : schema->finish).emplace_back(s.Text(2));
  }
  TRIBUTARY_RETURN_IF_ERROR(s.status());
  int64_t merge_equal = 0;
  TRIBUTARY_RETURN_IF_ERROR(
      db.QueryInt("SELECT crsql_config_get('merge-equal-values')", &merge_equal));
  if (merge_equal != 0) {
    schema->finish.emplace_back("SELECT crsql_config_set('merge-equal-values', 1)");
  }
  TRIBUTARY_RETURN_IF_ERROR(ReplicatedTables(db, &schema->replicated));
  return HashTables(db, schema->replicated, tables);
}

Status HasFormerNames(const Database& db, bool* has) {
  int64_t count = 0;
  TRIBUTARY_RETURN_IF_ERROR(
      db.QueryInt("SELECT count(*) FROM sqlite_schema WHERE name = 'crsql_former'", &count));
  *has = count > 0;
  return {};
}

Status FromAbsl(const absl::Status& status) {
  if (status.ok()) return {};
  const bool cannot_open = absl::IsNotFound(status) || absl::IsPermissionDenied(status);
  return {cannot_open ? ExitCode::kCannotOpen : ExitCode::kFailed, std::string(status.message())};
}

int64_t NowMilliseconds() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string ShowTime(int64_t ms) {
  const std::time_t seconds = ms / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char date[40];
  char all[64];
  std::strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &utc);
  std::snprintf(all, sizeof all, "%s.%03dZ", date, static_cast<int>(ms % 1000));
  return all;
}

}  // namespace tributary::cli
