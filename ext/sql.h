// A thin skin over SQLite's statements: owned, persistent, reset when done; and quoting.
#ifndef TRIBUTARY_EXT_SQL_H_
#define TRIBUTARY_EXT_SQL_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "crdt/value.h"
#include "ext/sqlite_api.h"
#include "ext/status.h"

namespace tributary {

// "name", with double quotes doubled: an SQL identifier, whatever the name holds.
std::string QuoteName(std::string_view name);

// How an internal statement begins that replaces rows by key: in a WITHOUT ROWID table without
// indexes SQLite then writes with one descent of the tree, unless it has the pre-update hook built
// in. ReplaceWatch must be told of such statements.
#define TRIBUTARY_REPLACE "INSERT OR REPLACE "

// The bytes of an SQLite value, converted to text or blob; a view into it, empty for NULL. Where
// the conversion runs out of memory, which SQLite shows as NULL, they throw std::bad_alloc.
std::string_view TextOf(sqlite3_value* v);
std::string_view BlobOf(sqlite3_value* v);

// A prepared statement, owned. Bound and column values are views in and out. A value that could not
// be bound (no memory for its copy, longer than SQLITE_LIMIT_LENGTH) fails the next Step: SQLite
// itself would take it for NULL.
class Statement {
 public:
  Statement() = default;
  ~Statement() { Finalize(); }
  Statement(Statement&& other) noexcept { *this = std::move(other); }
  Statement& operator=(Statement&& other) noexcept {
    std::swap(stmt_, other.stmt_);
    std::swap(bind_error_, other.bind_error_);
    return *this;
  }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Status Prepare(sqlite3* db, std::string_view sql);
  // Prepares it unless that was done before.
  Status PrepareOnce(sqlite3* db, std::string_view sql) {
    return stmt_ != nullptr ? Status() : Prepare(db, sql);
  }
  void Finalize() {
    sqlite3_finalize(stmt_);
    stmt_ = nullptr;
    bind_error_ = SQLITE_OK;
  }
  bool prepared() const { return stmt_ != nullptr; }
  // How often it was prepared: once by us, then by SQLite, because the schema had changed when it
  // was to start.
  int preparations() const {
    return stmt_ != nullptr ? 1 + sqlite3_stmt_status(stmt_, SQLITE_STMTSTATUS_REPREPARE, 0) : 0;
  }
  sqlite3_stmt* get() const { return stmt_; }

  // Bytes that are bound must stay until the statement is reset.
  void Bind(int i, int64_t v) { Bound(sqlite3_bind_int64(stmt_, i, v)); }
  void BindText(int i, std::string_view v) {
    Bound(sqlite3_bind_text64(stmt_, i, v.data() != nullptr ? v.data() : "", v.size(),
                              SQLITE_STATIC, SQLITE_UTF8));
  }
  void BindBlob(int i, std::string_view v) {
    Bound(sqlite3_bind_blob64(stmt_, i, v.data() != nullptr ? v.data() : "", v.size(),
                              SQLITE_STATIC));
  }
  void BindValue(int i, const Value& v);
  // A copy.
  void BindValue(int i, sqlite3_value* v) { Bound(sqlite3_bind_value(stmt_, i, v)); }
  // For a function that knows the pointer's type, a literal.
  void BindPointer(int i, void* p, const char* type) {
    Bound(sqlite3_bind_pointer(stmt_, i, p, type, nullptr));
  }

  // SQLITE_ROW sets *row; SQLITE_DONE clears it.
  Status Step(bool* row);
  // Steps to the end and resets.
  Status Run();
  void Reset() {
    sqlite3_reset(stmt_);
    bind_error_ = SQLITE_OK;
  }

  int64_t Int(int column) const { return sqlite3_column_int64(stmt_, column); }
  sqlite3_value* Column(int column) const { return sqlite3_column_value(stmt_, column); }
  // By way of the value: of the column functions each locks the connection's mutex.
  std::string_view Text(int column) const { return TextOf(Column(column)); }
  std::string_view Blob(int column) const { return BlobOf(Column(column)); }

 private:
  void Bound(int rc) {
    if (rc != SQLITE_OK) bind_error_ = rc;
  }

  sqlite3_stmt* stmt_ = nullptr;
  int bind_error_ = SQLITE_OK;  // of a Bind since the last Reset
};

// Prepared statements of one text that nobody uses just now, so that each scan need not prepare its
// own. Several scans may be open at once, and one may read several sites.
class StatementPool {
 public:
  // REQUIRES: the same text in every call.
  Status Take(sqlite3* db, std::string_view sql, Statement* s);
  // Called by destructors, so it must not allocate: what is too many is finalized.
  void GiveBack(Statement s);

 private:
  static constexpr size_t kMaxIdle = 8;
  absl::InlinedVector<Statement, kMaxIdle> idle_;
};

// Resets a statement at the end of the scope.
class ScopedReset {
 public:
  explicit ScopedReset(Statement* s) : s_(s) {}
  ~ScopedReset() { s_->Reset(); }
  ScopedReset(const ScopedReset&) = delete;
  ScopedReset& operator=(const ScopedReset&) = delete;

 private:
  Statement* s_;
};

// Runs statements that return nothing of interest.
Status Execute(sqlite3* db, const std::string& sql);

// A savepoint that is rolled back unless it is released: what fails leaves nothing behind, and the
// caller's transaction goes on.
class ScopedSavepoint {
 public:
  explicit ScopedSavepoint(sqlite3* db) : db_(db) {}
  ~ScopedSavepoint();
  ScopedSavepoint(const ScopedSavepoint&) = delete;
  ScopedSavepoint& operator=(const ScopedSavepoint&) = delete;
  Status Begin();
  // No-op where it was not begun.
  Status Release();

 private:
  sqlite3* db_;
  // Prepared in advance: after it ran out of memory inside a statement, SQLite prepares no other.
  Statement undo_;
  Statement release_;
  bool open_ = false;
};

// Makes a copy of the text, or of a value, the result of an SQL function or column.
void ResultText(sqlite3_context* context, std::string_view s);
void ResultOf(sqlite3_context* context, const Value& v);

struct FreeValue {
  void operator()(sqlite3_value* v) const { sqlite3_value_free(v); }
};
using OwnedValue = std::unique_ptr<sqlite3_value, FreeValue>;

// A view of an SQLite value; text and blob point into it.
Value ValueOf(sqlite3_value* v);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_SQL_H_
