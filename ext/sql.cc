#include "ext/sql.h"

#include <new>
#include <utility>

namespace tributary {

std::string QuoteName(std::string_view name) {
  std::string out(1, '"');
  for (const char c : name) {
    if (c == '"') out.push_back('"');
    out.push_back(c);
  }
  out.push_back('"');
  return out;
}

Status Statement::Prepare(sqlite3* db, std::string_view sql) {
  Finalize();
  if (sqlite3_prepare_v3(db, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                         &stmt_, nullptr) != SQLITE_OK) {
    return Status::FromDb(db);
  }
  return {};
}

void Statement::BindValue(int i, const Value& v) {
  switch (v.type) {
    case ValueType::kInteger:
      Bind(i, v.integer);
      return;
    case ValueType::kReal:
      Bound(sqlite3_bind_double(stmt_, i, v.real));
      return;
    case ValueType::kText:
      BindText(i, v.bytes);
      return;
    case ValueType::kBlob:
      BindBlob(i, v.bytes);
      return;
    case ValueType::kNull:
      Bound(sqlite3_bind_null(stmt_, i));
      return;
  }
}

Status Statement::Step(bool* row) {
  if (bind_error_ != SQLITE_OK) {
    Status failed(bind_error_, sqlite3_errstr(bind_error_));
    Reset();
    return failed;
  }
  const int rc = sqlite3_step(stmt_);
  *row = rc == SQLITE_ROW;
  if (rc == SQLITE_ROW || rc == SQLITE_DONE) return {};
  Status failed = Status::FromDb(sqlite3_db_handle(stmt_));
  sqlite3_reset(stmt_);
  return failed;
}

Status Statement::Run() {
  bool row;
  do {
    TRIBUTARY_RETURN_IF_ERROR(Step(&row));
  } while (row);
  Reset();
  return {};
}

Status StatementPool::Take(sqlite3* db, std::string_view sql, Statement* s) {
  if (idle_.empty()) return s->Prepare(db, sql);
  *s = std::move(idle_.back());
  idle_.pop_back();
  return {};
}

void StatementPool::GiveBack(Statement s) {
  if (!s.prepared() || idle_.size() == kMaxIdle) return;
  s.Reset();
  idle_.push_back(std::move(s));
}

Status Execute(sqlite3* db, const std::string& sql) {
  if (sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return Status::FromDb(db);
  }
  return {};
}

ScopedSavepoint::~ScopedSavepoint() {
  if (!open_) return;
  sqlite3_step(undo_.get());
  if (release_.prepared()) sqlite3_step(release_.get());
}

Status ScopedSavepoint::Begin() {
  // Where it is a transaction of its own, RELEASE would commit, and might have to wait for a lock.
  const bool outermost = sqlite3_get_autocommit(db_) != 0;
  TRIBUTARY_RETURN_IF_ERROR(
      undo_.Prepare(db_, outermost ? "ROLLBACK" : "ROLLBACK TO crsql_internal"));
  if (!outermost) TRIBUTARY_RETURN_IF_ERROR(release_.Prepare(db_, "RELEASE crsql_internal"));
  TRIBUTARY_RETURN_IF_ERROR(Execute(db_, "SAVEPOINT crsql_internal"));
  open_ = true;
  return {};
}

Status ScopedSavepoint::Release() {
  if (!open_) return {};
  TRIBUTARY_RETURN_IF_ERROR(Execute(db_, "RELEASE crsql_internal"));
  open_ = false;
  return {};
}

namespace {

// `type` is the value's.
std::string_view TextOf(sqlite3_value* v, int type) {
  const auto* p = reinterpret_cast<const char*>(sqlite3_value_text(v));
  if (p == nullptr && type != SQLITE_NULL) throw std::bad_alloc();
  return {p != nullptr ? p : "", static_cast<size_t>(sqlite3_value_bytes(v))};
}

std::string_view BlobOf(sqlite3_value* v, int type) {
  const auto* p = static_cast<const char*>(sqlite3_value_blob(v));
  // An empty blob is a null pointer, too, but a value that could not be converted becomes NULL.
  if (p == nullptr && type != sqlite3_value_type(v)) throw std::bad_alloc();
  return {p != nullptr ? p : "", static_cast<size_t>(sqlite3_value_bytes(v))};
}

}  // namespace

std::string_view TextOf(sqlite3_value* v) { return TextOf(v, sqlite3_value_type(v)); }

std::string_view BlobOf(sqlite3_value* v) { return BlobOf(v, sqlite3_value_type(v)); }

void ResultText(sqlite3_context* context, std::string_view s) {
  sqlite3_result_text64(context, s.data(), s.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

void ResultOf(sqlite3_context* context, const Value& v) {
  switch (v.type) {
    case ValueType::kNull:
      return;
    case ValueType::kInteger:
      return sqlite3_result_int64(context, v.integer);
    case ValueType::kReal:
      return sqlite3_result_double(context, v.real);
    case ValueType::kText:
      return ResultText(context, v.bytes);
    case ValueType::kBlob:
      return sqlite3_result_blob64(context, v.bytes.data() != nullptr ? v.bytes.data() : "",
                                   v.bytes.size(), SQLITE_TRANSIENT);
  }
}

Value ValueOf(sqlite3_value* v) {
  const int type = sqlite3_value_type(v);
  switch (type) {
    case SQLITE_INTEGER:
      return Value::Integer(sqlite3_value_int64(v));
    case SQLITE_FLOAT:
      return Value::Real(sqlite3_value_double(v));
    case SQLITE_TEXT:
      return Value::Text(TextOf(v, type));
    case SQLITE_BLOB:
      return Value::Blob(BlobOf(v, type));
    default:
      return Value::Null();
  }
}

}  // namespace tributary
