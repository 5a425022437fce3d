// A thin skin over SQLite's statements: owned, persistent, reset when done; and quoting.
#ifndef TRIBUTARY_EXT_SQL_H_
#define TRIBUTARY_EXT_SQL_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "crdt/value.h"
#include "ext/sqlite_api.h"
#include "ext/status.h"

namespace tributary {

// "name", with double quotes doubled: an SQL identifier, whatever the name holds.
std::string QuoteName(std::string_view name);

// A prepared statement, owned. Bound and column values are views in and out.
class Statement {
 public:
  Statement() = default;
  ~Statement() { Finalize(); }
  Statement(Statement&& other) noexcept : stmt_(other.stmt_) { other.stmt_ = nullptr; }
  Statement& operator=(Statement&& other) noexcept {
    std::swap(stmt_, other.stmt_);
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
  }
  bool prepared() const { return stmt_ != nullptr; }
  sqlite3_stmt* get() const { return stmt_; }

  // Bytes that are bound must stay until the statement is reset.
  void Bind(int i, int64_t v) { sqlite3_bind_int64(stmt_, i, v); }
  void BindText(int i, std::string_view v) {
    sqlite3_bind_text64(stmt_, i, v.data() != nullptr ? v.data() : "", v.size(), SQLITE_STATIC,
                        SQLITE_UTF8);
  }
  void BindBlob(int i, std::string_view v) {
    sqlite3_bind_blob64(stmt_, i, v.data() != nullptr ? v.data() : "", v.size(), SQLITE_STATIC);
  }
  void BindValue(int i, const Value& v);

  // SQLITE_ROW sets *row; SQLITE_DONE clears it.
  Status Step(bool* row);
  // Steps to the end and resets.
  Status Run();
  void Reset() { sqlite3_reset(stmt_); }

  int64_t Int(int column) const { return sqlite3_column_int64(stmt_, column); }
  std::string_view Text(int column) const;
  std::string_view Blob(int column) const;

 private:
  sqlite3_stmt* stmt_ = nullptr;
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
  Status Release();

 private:
  sqlite3* db_;
  // Prepared in advance: after it ran out of memory inside a statement, SQLite prepares no other.
  Statement undo_;
  Statement release_;
  bool open_ = false;
};

// The bytes of an SQLite value, converted to text or blob; a view into it, empty for NULL.
std::string_view TextOf(sqlite3_value* v);
std::string_view BlobOf(sqlite3_value* v);

// Makes a copy of the text the result of an SQL function or column.
void ResultText(sqlite3_context* context, std::string_view s);

// A view of an SQLite value; text and blob point into it.
Value ValueOf(sqlite3_value* v);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_SQL_H_
