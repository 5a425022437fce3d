// A SQLite connection for tests: loads the extension, and turns what comes back into text that a
// test can compare exactly (1 and 1.0, 'a' and x'61' and -0.0 all look different).
//
//   Db db;
//   db.Do("CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, b, c); SELECT crsql_as_crr('foo')");
//   EXPECT_EQ(db.Get("SELECT b, c FROM foo"), "2|'x'\n3|NULL");
//   EXPECT_EQ(db.Get("SELECT nope"), "error: no such column: nope");
//
// Where the tests run under sanitizers (TRIBUTARY_STATIC) the extension is linked in and started
// by hand, else the .so is loaded. Nothing here needs googletest.
#ifndef TRIBUTARY_TESTS_SUPPORT_DB_H_
#define TRIBUTARY_TESTS_SUPPORT_DB_H_

#include <sqlite3.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace tributary::testing {

// One SQLite value with its storage class; compares bit for bit.
struct Cell {
  int type = SQLITE_NULL;
  int64_t integer = 0;
  double real = 0;
  std::string bytes;

  static Cell Null() { return {}; }
  static Cell Integer(int64_t v) { return {.type = SQLITE_INTEGER, .integer = v}; }
  static Cell Real(double v) { return {.type = SQLITE_FLOAT, .real = v}; }
  static Cell Text(std::string v) { return {.type = SQLITE_TEXT, .bytes = std::move(v)}; }
  static Cell Blob(std::string v) { return {.type = SQLITE_BLOB, .bytes = std::move(v)}; }

  // As a SQL literal: NULL, 1, 1.0, -0.0, 'it''s', x'00ff'. Text that is not printable ASCII and
  // infinities have no literal of their own; they become CAST(x'..' AS TEXT) and 9e999.
  std::string ToSql() const;
};
bool operator==(const Cell& a, const Cell& b);
inline bool operator!=(const Cell& a, const Cell& b) { return !(a == b); }

using Row = std::vector<Cell>;

// What became of a piece of SQL. `rows` are those of all its statements.
struct Outcome {
  int code = SQLITE_OK;  // extended
  std::string error;     // "" where all went well
  std::vector<Row> rows;

  bool ok() const { return code == SQLITE_OK; }
  // Rows as lines of cells parted by '|'; or "error: ...".
  std::string ToText() const;
};

// Thrown by Do and where a test's own set-up fails.
class TestError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Starts the extension on a connection, as a host would. Returns SQLite's code.
int LoadExtension(sqlite3* db, std::string* error);

class Db {
 public:
  struct Options {
    bool extension = true;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI;
    std::string before;  // SQL that runs before the extension is loaded
  };

  Db() : Db(":memory:") {}
  explicit Db(const std::string& path) : Db(path, Options{}) {}
  Db(const std::string& path, const Options& options);
  ~Db();
  Db(const Db&) = delete;
  Db& operator=(const Db&) = delete;

  sqlite3* handle() const { return db_; }
  const std::string& path() const { return path_; }

  // Runs all statements up to the first that fails.
  Outcome Run(std::string_view sql, const Row& parameters = {});
  // The same; throws where one fails.
  void Do(std::string_view sql, const Row& parameters = {});
  // The rows of all statements, as text, or "error: ...".
  std::string Get(std::string_view sql) { return Run(sql).ToText(); }
  // The error's message; "" where there is none.
  std::string Error(std::string_view sql) { return Run(sql).error; }
  Cell One(std::string_view sql, const Row& parameters = {});
  int64_t Int(std::string_view sql) { return One(sql).integer; }

  bool autocommit() const { return sqlite3_get_autocommit(db_) != 0; }
  // sqlite3_close, not _v2: SQLITE_BUSY where the extension still holds a statement.
  int Close();

 private:
  std::string path_;
  sqlite3* db_ = nullptr;
};

// A folder of its own for files; removed at the end.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Binds parameters 1, 2, ... as far as the statement has them.
void BindAll(sqlite3_stmt* stmt, const Row& parameters);
// The row that the statement stands on.
Row ReadRow(sqlite3_stmt* stmt);

std::string ToHex(std::string_view bytes);

// "name" for use in SQL.
std::string Quoted(std::string_view name);

}  // namespace tributary::testing

#endif  // TRIBUTARY_TESTS_SUPPORT_DB_H_
