#include "sync/cli/db.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "ext/tributary.h"

namespace tributary::cli {
namespace {

// SQLite reads some names specially (":memory:", "", "file:..."). A path is always a file here.
std::string PlainPath(const std::string& path) {
  return path.starts_with('/') ? path : "./" + path;
}

// Looks at the file before SQLite does, whose errors are later and less clear.
Status InspectFile(const std::string& path, bool may_create) {
  struct stat info {};
  if (path.empty()) return {ExitCode::kCannotOpen, "the name of the database is empty"};
  if (stat(PlainPath(path).c_str(), &info) != 0) {
    if (errno == ENOENT && may_create) return {};
    if (errno == ENOENT) return {ExitCode::kCannotOpen, path + ": no such file"};
    return {ExitCode::kCannotOpen, path + ": " + std::strerror(errno)};
  }
  if (S_ISDIR(info.st_mode)) return {ExitCode::kCannotOpen, path + ": is a folder, not a database"};
  if (!S_ISREG(info.st_mode)) return {ExitCode::kCannotOpen, path + ": is not a regular file"};
  if (access(PlainPath(path).c_str(), R_OK) != 0) {
    return {ExitCode::kCannotOpen, path + ": permission denied"};
  }
  if (info.st_size == 0 && may_create) return {};
  if (info.st_size == 0) {
    return {ExitCode::kCannotOpen,
            path + ": is an empty file, not a SQLite database: it has no tables yet"};
  }
  char magic[16] = {};
  FILE* file = std::fopen(PlainPath(path).c_str(), "rb");
  const size_t got = file == nullptr ? 0 : std::fread(magic, 1, sizeof magic, file);
  if (file != nullptr) std::fclose(file);
  if (got != sizeof magic || std::memcmp(magic, "SQLite format 3", sizeof magic) != 0) {
    return {ExitCode::kCannotOpen, path + ": is not a SQLite database"};
  }
  return {};
}

}  // namespace

void Statement::Check(int rc) {
  if (rc != SQLITE_OK) status_.Update(db_->Error(rc));
}

Statement& Statement::Bind(int index, int64_t value) {
  if (status_.ok()) Check(sqlite3_bind_int64(stmt_.get(), index, value));
  return *this;
}

Statement& Statement::BindTextAs(int index, std::string_view text, Lifetime lifetime) {
  if (!status_.ok()) return *this;
  const char* data = text.data() == nullptr ? "" : text.data();
  Check(sqlite3_bind_text64(stmt_.get(), index, data, text.size(), lifetime, SQLITE_UTF8));
  return *this;
}

Statement& Statement::BindBlobAs(int index, std::string_view bytes, Lifetime lifetime) {
  if (!status_.ok()) return *this;
  const char* data = bytes.data() == nullptr ? "" : bytes.data();
  Check(sqlite3_bind_blob64(stmt_.get(), index, data, bytes.size(), lifetime));
  return *this;
}

Statement& Statement::BindAs(int index, const Value& value, Lifetime lifetime) {
  switch (value.type) {
    case ValueType::kInteger:
      return Bind(index, value.integer);
    case ValueType::kReal:
      if (status_.ok()) Check(sqlite3_bind_double(stmt_.get(), index, value.real));
      return *this;
    case ValueType::kText:
      return BindTextAs(index, value.bytes, lifetime);
    case ValueType::kBlob:
      return BindBlobAs(index, value.bytes, lifetime);
    case ValueType::kNull:
      break;
  }
  if (status_.ok()) Check(sqlite3_bind_null(stmt_.get(), index));
  return *this;
}

Statement& Statement::Bind(int index, const Value& value) {
  return BindAs(index, value, SQLITE_TRANSIENT);
}

Statement& Statement::BindText(int index, std::string_view text) {
  return BindTextAs(index, text, SQLITE_TRANSIENT);
}

Statement& Statement::BindBlob(int index, std::string_view bytes) {
  return BindBlobAs(index, bytes, SQLITE_TRANSIENT);
}

Statement& Statement::BindView(int index, const Value& value) {
  return BindAs(index, value, SQLITE_STATIC);
}

Statement& Statement::BindTextView(int index, std::string_view text) {
  return BindTextAs(index, text, SQLITE_STATIC);
}

Statement& Statement::BindBlobView(int index, std::string_view bytes) {
  return BindBlobAs(index, bytes, SQLITE_STATIC);
}

bool Statement::Step() {
  if (!status_.ok() || stmt_ == nullptr) return false;
  const int rc = sqlite3_step(stmt_.get());
  if (rc == SQLITE_ROW) return true;
  if (rc != SQLITE_DONE) Check(rc);
  return false;
}

void Statement::Reset() {
  if (stmt_ != nullptr) sqlite3_reset(stmt_.get());
}

Status Statement::Run() {
  while (Step()) {
  }
  Reset();
  return status_;
}

std::string_view Statement::ColumnName(int column) const {
  const char* name = sqlite3_column_name(stmt_.get(), column);
  return name == nullptr ? std::string_view() : name;
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(stmt_.get(), column) == SQLITE_NULL;
}

std::string_view Statement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(stmt_.get(), column));
  if (text == nullptr) return {};
  return {text, static_cast<size_t>(sqlite3_column_bytes(stmt_.get(), column))};
}

std::string_view Statement::Bytes(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(stmt_.get(), column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<size_t>(sqlite3_column_bytes(stmt_.get(), column))};
}

Value Statement::At(int column) const {
  switch (sqlite3_column_type(stmt_.get(), column)) {
    case SQLITE_INTEGER:
      return Value::Integer(Int(column));
    case SQLITE_FLOAT:
      return Value::Real(sqlite3_column_double(stmt_.get(), column));
    case SQLITE_TEXT:
      return Value::Text(Text(column));
    case SQLITE_BLOB:
      return Value::Blob(Bytes(column));
    default:
      return Value::Null();
  }
}

Status Database::OpenOnce(int flags, int* rc) {
  sqlite3* handle = nullptr;
  flags |= SQLITE_OPEN_NOMUTEX;  // the program has one thread
  *rc = sqlite3_open_v2(PlainPath(path_).c_str(), &handle, flags, nullptr);
  db_.reset(handle);
  if (*rc != SQLITE_OK) return Error(*rc);
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, static_cast<int>(busy_timeout_seconds_ * 1000));
  Statement probe = Prepare("SELECT count(*) FROM sqlite_schema");
  probe.Step();
  *rc = sqlite3_extended_errcode(handle);
  return probe.status();
}

Status Database::Open(const std::string& path, OpenMode mode, double busy_timeout_seconds) {
  path_ = path;
  busy_timeout_seconds_ = busy_timeout_seconds;
  TRIBUTARY_RETURN_IF_ERROR(InspectFile(path, mode == OpenMode::kCreate));
  if (mode != OpenMode::kRead) {
    int rc = SQLITE_OK;
    TRIBUTARY_RETURN_IF_ERROR(OpenOnce(
        SQLITE_OPEN_READWRITE | (mode == OpenMode::kCreate ? SQLITE_OPEN_CREATE : 0), &rc));
    if (sqlite3_db_readonly(get(), "main") == 1) {
      return {ExitCode::kCannotOpen, path + ": permission denied (cannot write to the file)"};
    }
    return {};
  }
  int rc = SQLITE_OK;
  Status status = OpenOnce(SQLITE_OPEN_READONLY, &rc);
  // A crash left a journal, or a WAL has no shared-memory file yet: only a writer may mend that.
  const auto needs_writer = [&rc] {
    return (rc & 0xff) == SQLITE_READONLY || (rc & 0xff) == SQLITE_CANTOPEN;
  };
  if (status.ok() || !needs_writer()) return status;
  status = OpenOnce(SQLITE_OPEN_READWRITE, &rc);
  if (status.ok() || !needs_writer()) return status;
  return {ExitCode::kCannotOpen,
          path +
              ": is in WAL mode or was left in the middle of a write, and cannot be read "
              "without permission to write to it and its folder"};
}

Status Database::OpenTemporary(const std::string& shown_path) {
  path_ = shown_path;
  sqlite3* handle = nullptr;
  const int rc = sqlite3_open_v2(
      "", &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  db_.reset(handle);
  return rc == SQLITE_OK ? Status() : Error(rc);
}

Status Database::LoadExtension() {
  char* message = nullptr;
  const int rc = sqlite3_tributary_init(get(), &message, nullptr);
  if (rc == SQLITE_OK) return {};
  Status status = Error(rc);
  if (message != nullptr) {
    status = {status.code() == ExitCode::kBusy ? ExitCode::kBusy : ExitCode::kFailed,
              path_ + ": " + message};
    sqlite3_free(message);
  }
  return status;
}

Statement Database::PrepareWith(std::string_view sql, unsigned flags, const char** tail) const {
  Statement s;
  s.db_ = this;
  sqlite3_stmt* stmt = nullptr;
  s.Check(sqlite3_prepare_v3(get(), sql.data(), static_cast<int>(sql.size()), flags, &stmt, tail));
  s.stmt_.reset(stmt);
  return s;
}

Statement Database::Prepare(std::string_view sql) const { return PrepareWith(sql, 0, nullptr); }

Statement Database::PreparePersistent(std::string_view sql) const {
  return PrepareWith(sql, SQLITE_PREPARE_PERSISTENT, nullptr);
}

Statement Database::PrepareNext(std::string_view* sql) const {
  const char* tail = nullptr;
  Statement s = PrepareWith(*sql, 0, &tail);
  if (tail != nullptr) sql->remove_prefix(static_cast<size_t>(tail - sql->data()));
  return s;
}

Status Database::Exec(std::string_view sql) const {
  while (!sql.empty()) {
    Statement s = PrepareNext(&sql);
    TRIBUTARY_RETURN_IF_ERROR(s.Run());
  }
  return {};
}

Status Database::QueryInt(std::string_view sql, int64_t* out) const {
  Statement s = Prepare(sql);
  *out = s.Step() ? s.Int(0) : 0;
  return s.status();
}

Status Database::QueryText(std::string_view sql, std::string* out) const {
  Statement s = Prepare(sql);
  *out = s.Step() ? std::string(s.Text(0)) : "";
  return s.status();
}

Status Database::Error(int rc) const {
  const std::string detail = db_ == nullptr ? sqlite3_errstr(rc) : sqlite3_errmsg(get());
  switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: {
      char waited[48];
      std::snprintf(waited, sizeof waited, " (waited %g s)", busy_timeout_seconds_);
      return {ExitCode::kBusy, path_ + ": is locked by another program" + waited};
    }
    case SQLITE_NOTADB:
      return {ExitCode::kCannotOpen, path_ + ": is not a SQLite database"};
    case SQLITE_CORRUPT:
      return {ExitCode::kCannotOpen, path_ + ": is damaged: " + detail};
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
      return {ExitCode::kCannotOpen, path_ + ": " + detail};
    default:
      return {ExitCode::kFailed, path_ + ": " + detail};
  }
}

Transaction::~Transaction() {
  // A failure may have ended it already, and there is nobody left to tell.
  if (open_ && db_.in_transaction()) db_.Exec("ROLLBACK").ok();
}

Status Transaction::BeginRead() {
  TRIBUTARY_RETURN_IF_ERROR(db_.Exec("BEGIN"));
  open_ = true;
  int64_t ignored = 0;  // BEGIN alone takes no snapshot, the first read does
  return db_.QueryInt("SELECT count(*) FROM sqlite_schema", &ignored);
}

Status Transaction::BeginWrite() {
  TRIBUTARY_RETURN_IF_ERROR(db_.Exec("BEGIN IMMEDIATE"));
  open_ = true;
  return {};
}

Status Transaction::Commit() {
  TRIBUTARY_RETURN_IF_ERROR(db_.Exec("COMMIT"));
  open_ = false;
  return {};
}

std::string QuoteName(std::string_view name) {
  std::string quoted = "\"";
  for (char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string Hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (unsigned char c : bytes) {
    hex += kDigits[c >> 4];
    hex += kDigits[c & 15];
  }
  return hex;
}

}  // namespace tributary::cli
