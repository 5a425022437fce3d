#include "sync/session/sqlite_replica.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_format.h"
#include "sync/session/session_internal.h"

namespace tributary {
namespace {

// The insert trigger is the mark of a replicated table; it may have a former name of the table's.
constexpr char kTablesSql[] =
    "SELECT tbl_name FROM main.sqlite_schema WHERE type = 'trigger' AND substr(name, -13) = "
    "'__crsql_itrig' ORDER BY tbl_name";
constexpr char kKeySql[] = "SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk";
// A column that was added since is not replicated yet.
constexpr char kColumnsSql[] =
    "SELECT name FROM pragma_table_info(?1) WHERE pk = 0 AND name IN (SELECT c.name FROM "
    "crsql_columns c JOIN crsql_tables t ON t.id = c.table_id WHERE t.name = ?1) ORDER BY name";

std::string_view BytesOf(const sqlite3_stmt* s, int column) {
  auto* statement = const_cast<sqlite3_stmt*>(s);
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement, column));
  if (data == nullptr) return {};
  return {data, static_cast<size_t>(sqlite3_column_bytes(statement, column))};
}

// Names as a JSON array; NULL, for all, where there are none.
void BindTables(sqlite3_stmt* s, int index, const Replica::Tables& tables) {
  if (tables.empty()) return;
  std::string json;
  for (const std::string& table : tables) {
    json.append(json.empty() ? "[\"" : ",\"");
    for (const char c : table) {
      if (static_cast<unsigned char>(c) < 0x20) {
        absl::StrAppendFormat(&json, "\\u%04x", c);
      } else {
        if (c == '"' || c == '\\') json.push_back('\\');
        json.push_back(c);
      }
    }
    json.push_back('"');
  }
  json.push_back(']');
  sqlite3_bind_text64(s, index, json.data(), json.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

}  // namespace

absl::Status SqliteReplica::Error() const {
  const std::string_view message = sqlite3_errmsg(db_);
  switch (sqlite3_errcode(db_) & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::UnavailableError("the database is locked by another program");
    case SQLITE_NOMEM:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::UnknownError(message);
  }
}

absl::Status SqliteReplica::Prepare(const char* sql, Statement* statement) const {
  sqlite3_stmt* s = nullptr;
  const int rc = sqlite3_prepare_v2(db_, sql, -1, &s, nullptr);
  statement->reset(s);
  return rc == SQLITE_OK ? absl::OkStatus() : Error();
}

absl::Status SqliteReplica::Step(const Statement& statement, bool* row) const {
  const int rc = sqlite3_step(statement.get());
  *row = rc == SQLITE_ROW;
  return *row || rc == SQLITE_DONE ? absl::OkStatus() : Error();
}

absl::Status SqliteReplica::GetSite(SiteId* site) {
  Statement s;
  bool row;
  TRIBUTARY_SESSION_RETURN_IF_ERROR(Prepare("SELECT crsql_site_id()", &s));
  TRIBUTARY_SESSION_RETURN_IF_ERROR(Step(s, &row));
  const std::string_view bytes = row ? BytesOf(s.get(), 0) : std::string_view();
  if (bytes.size() != site->bytes.size()) return absl::InternalError("the site id is malformed");
  std::memcpy(site->bytes.data(), bytes.data(), bytes.size());
  return absl::OkStatus();
}

absl::Status SqliteReplica::ReadNames(const char* sql, const std::string& table,
                                      std::vector<std::string>* names) const {
  Statement s;
  TRIBUTARY_SESSION_RETURN_IF_ERROR(Prepare(sql, &s));
  if (!table.empty()) {
    sqlite3_bind_text64(s.get(), 1, table.data(), table.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  }
  for (;;) {
    bool row;
    TRIBUTARY_SESSION_RETURN_IF_ERROR(Step(s, &row));
    if (!row) return absl::OkStatus();
    // As text: the blob of one would be in the database's encoding.
    const auto* name = reinterpret_cast<const char*>(sqlite3_column_text(s.get(), 0));
    if (name == nullptr) return Error();
    names->emplace_back(name, static_cast<size_t>(sqlite3_column_bytes(s.get(), 0)));
  }
}

absl::Status SqliteReplica::GetSchema(Schema* schema) {
  Tables tables;
  TRIBUTARY_SESSION_RETURN_IF_ERROR(ReadNames(kTablesSql, "", &tables));
  for (std::string& name : tables) {
    TableSchema& t = schema->emplace_back();
    t.name = std::move(name);
    TRIBUTARY_SESSION_RETURN_IF_ERROR(ReadNames(kKeySql, t.name, &t.key));
    TRIBUTARY_SESSION_RETURN_IF_ERROR(ReadNames(kColumnsSql, t.name, &t.columns));
  }
  return absl::OkStatus();
}

absl::Status SqliteReplica::GetHave(const Tables& tables, Have* have) {
  Statement s;
  bool row;
  TRIBUTARY_SESSION_RETURN_IF_ERROR(Prepare("SELECT crsql_version_vector(?1)", &s));
  BindTables(s.get(), 1, tables);
  TRIBUTARY_SESSION_RETURN_IF_ERROR(Step(s, &row));
  std::string error;
  if (!row || !have->Decode(BytesOf(s.get(), 0), &error)) return absl::InternalError(error);
  return absl::OkStatus();
}

absl::Status SqliteReplica::OpenChangesets(const Have& have, const Tables& tables,
                                           size_t piece_bytes) {
  TRIBUTARY_SESSION_RETURN_IF_ERROR(
      Prepare("SELECT changeset FROM crsql_changesets(?1, ?2, ?3)", &changesets_));
  const std::string bytes = have.Encode();
  sqlite3_bind_blob64(changesets_.get(), 1, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
  sqlite3_bind_int64(changesets_.get(), 2, static_cast<sqlite3_int64>(piece_bytes));
  BindTables(changesets_.get(), 3, tables);
  return absl::OkStatus();
}

absl::Status SqliteReplica::NextChangeset(std::string* frame) {
  bool row;
  TRIBUTARY_SESSION_RETURN_IF_ERROR(Step(changesets_, &row));
  frame->assign(row ? BytesOf(changesets_.get(), 0) : std::string_view());
  return absl::OkStatus();
}

absl::Status SqliteReplica::Apply(std::string_view frame, uint64_t* rows_changed) {
  constexpr int kStepMs = 20;
  for (double waited_ms = 0;; waited_ms += kStepMs) {
    absl::Status applied = ApplyOnce(frame, rows_changed);
    if (!absl::IsUnavailable(applied) || waited_ms >= lock_timeout_seconds_ * 1000) return applied;
    sqlite3_sleep(kStepMs);
  }
}

absl::Status SqliteReplica::ApplyOnce(std::string_view frame, uint64_t* rows_changed) {
  if (apply_ == nullptr) {
    TRIBUTARY_SESSION_RETURN_IF_ERROR(Prepare("SELECT crsql_apply(?1)", &apply_));
  }
  bool row;
  // The bytes are used by this one call only.
  sqlite3_bind_blob64(apply_.get(), 1, frame.data(), frame.size(), SQLITE_STATIC);
  absl::Status applied = Step(apply_, &row);
  if (applied.ok() && row) {
    *rows_changed = static_cast<uint64_t>(sqlite3_column_int64(apply_.get(), 0));
  }
  // Outside a transaction of the host's, this is where the commit happens.
  const int rc = sqlite3_reset(apply_.get());
  if (applied.ok() && rc != SQLITE_OK) applied = Error();
  sqlite3_clear_bindings(apply_.get());
  return applied;
}

absl::Status SqliteReplica::HasChanged(bool* changed) {
  Statement s;
  bool row;
  TRIBUTARY_SESSION_RETURN_IF_ERROR(Prepare("PRAGMA main.data_version", &s));
  TRIBUTARY_SESSION_RETURN_IF_ERROR(Step(s, &row));
  const int64_t version = sqlite3_column_int64(s.get(), 0);
  *changed = data_version_ >= 0 && version != data_version_;
  data_version_ = version;
  return absl::OkStatus();
}

}  // namespace tributary
