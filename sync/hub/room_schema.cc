#include "sync/hub/room_schema.h"

#include <memory>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "sqlite3.h"

namespace tributary::hub {
namespace {

// Far more than tables of a real application need; a recursive query would go on for ever.
constexpr int kStepsPerTick = 100000;
constexpr int kMaxTicks = 1000;

int CountTick(void* ticks) { return ++*static_cast<int*>(ticks) > kMaxTicks ? 1 : 0; }

int Authorize(void* denied, int action, const char* first, const char* second, const char* /*db*/,
              const char* /*trigger*/) {
  const auto is_catalog = [](const char* name) {
    return name != nullptr && absl::StartsWithIgnoreCase(name, "sqlite_");
  };
  switch (action) {
    case SQLITE_CREATE_TABLE:
    case SQLITE_CREATE_INDEX:
    case SQLITE_REINDEX:
    case SQLITE_FUNCTION:
    case SQLITE_TRANSACTION:
    case SQLITE_READ:
      return SQLITE_OK;
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
      if (is_catalog(first)) return SQLITE_OK;
      break;
    default:
      break;
  }
  auto* text = static_cast<std::string*>(denied);
  if (text->empty()) *text = first != nullptr ? first : second != nullptr ? second : "a statement";
  return SQLITE_DENY;
}

bool IsReserved(std::string_view name) {
  const std::string lower = absl::AsciiStrToLower(name);
  return absl::StartsWith(lower, "crsql_") || absl::StrContains(lower, "__crsql_");
}

}  // namespace

absl::Status CheckSchema(const std::string& sql, std::string* schema) {
  if (sql.size() > kMaxSchemaBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the schema has more than ", kMaxSchemaBytes, " bytes"));
  }
  if (sql.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError("the schema has a NUL character");
  }
  sqlite3* opened = nullptr;
  const int rc = sqlite3_open(":memory:", &opened);
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> db(opened, sqlite3_close);
  if (rc != SQLITE_OK) return absl::ResourceExhaustedError("no memory for a schema");
  std::string denied;
  int ticks = 0;
  sqlite3_set_authorizer(db.get(), Authorize, &denied);
  sqlite3_progress_handler(db.get(), kStepsPerTick, CountTick, &ticks);
  if (sqlite3_exec(db.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return absl::InvalidArgumentError(
        denied.empty() ? absl::StrCat("the schema: ", sqlite3_errmsg(db.get()))
                       : absl::StrCat("the schema may only create tables and indexes: ", denied));
  }
  sqlite3_set_authorizer(db.get(), nullptr, nullptr);
  std::string calls;
  sqlite3_stmt* s = nullptr;
  sqlite3_prepare_v2(db.get(),
                     "SELECT type = 'table', name, sql FROM sqlite_schema WHERE sql IS NOT NULL "
                     "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid",
                     -1, &s, nullptr);
  schema->clear();
  absl::Status status;
  while (status.ok() && sqlite3_step(s) == SQLITE_ROW) {
    const std::string name = reinterpret_cast<const char*>(sqlite3_column_text(s, 1));
    if (IsReserved(name)) {
      status = absl::InvalidArgumentError(
          absl::StrCat("the schema: ", name, " is a name that the extension keeps for itself"));
    }
    absl::StrAppend(schema, reinterpret_cast<const char*>(sqlite3_column_text(s, 2)), ";\n");
    if (sqlite3_column_int(s, 0) == 0) continue;
    absl::StrAppend(&calls, "SELECT crsql_as_crr('", absl::StrReplaceAll(name, {{"'", "''"}}),
                    "');\n");
  }
  sqlite3_finalize(s);
  if (status.ok() && calls.empty()) {
    status = absl::InvalidArgumentError("the schema has no CREATE TABLE");
  }
  schema->append(calls);
  return status;
}

}  // namespace tributary::hub
