// A thin skin over SQLite: one connection, its statements, and errors as one sentence.
//
//   Database db;
//   TRIBUTARY_RETURN_IF_ERROR(db.Open("notes.db", OpenMode::kRead, options));
//   Statement s = db.Prepare("SELECT title FROM note WHERE id = ?");
//   s.Bind(1, int64_t{7});
//   while (s.Step()) Use(s.Text(0));
//   TRIBUTARY_RETURN_IF_ERROR(s.status());
//
// Single-threaded, like the program.
#ifndef TRIBUTARY_SYNC_CLI_DB_H_
#define TRIBUTARY_SYNC_CLI_DB_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "crdt/value.h"
#include "sqlite3.h"
#include "sync/cli/status.h"

namespace tributary::cli {

class Database;

// A prepared statement. A failure of Prepare, Bind or Step sticks: Step() then returns false and
// status() tells why. Views that it hands out live until the next Step, Reset or destruction.
class Statement {
 public:
  Statement() = default;

  Statement& Bind(int index, int64_t value);
  Statement& Bind(int index, const Value& value);
  Statement& BindText(int index, std::string_view text);
  Statement& BindBlob(int index, std::string_view bytes);
  // Without a copy: the bytes must live until this parameter is bound again, or is not used again.
  Statement& BindTextView(int index, std::string_view text);
  Statement& BindBlobView(int index, std::string_view bytes);
  Statement& BindView(int index, const Value& value);

  bool Step();   // true: there is a row
  void Reset();  // ready to run again; bindings stay
  Status Run();  // steps to the end and resets

  int columns() const { return sqlite3_column_count(stmt_.get()); }
  std::string_view ColumnName(int column) const;
  int64_t Int(int column) const { return sqlite3_column_int64(stmt_.get(), column); }
  bool IsNull(int column) const;
  std::string_view Text(int column) const;
  std::string_view Bytes(int column) const;  // of a blob, or of a text as it is stored
  Value At(int column) const;

  const Status& status() const { return status_; }
  sqlite3_stmt* get() const { return stmt_.get(); }

 private:
  friend class Database;
  struct Finalizer {
    void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
  };
  using Lifetime = sqlite3_destructor_type;
  void Check(int rc);
  Statement& BindTextAs(int index, std::string_view text, Lifetime lifetime);
  Statement& BindBlobAs(int index, std::string_view bytes, Lifetime lifetime);
  Statement& BindAs(int index, const Value& value, Lifetime lifetime);

  const Database* db_ = nullptr;
  std::unique_ptr<sqlite3_stmt, Finalizer> stmt_;
  Status status_;
};

enum class OpenMode {
  kRead,    // must exist; falls back to writing only where SQLite has to repair a journal first
  kWrite,   // must exist
  kCreate,  // is made if missing
};

class Database {
 public:
  // Opens the file and looks at its header and schema, so that a file that is no database, or is
  // locked, is refused here. Never makes or changes a file unless the mode is kCreate.
  Status Open(const std::string& path, OpenMode mode, double busy_timeout_seconds);

  // A new empty database that nobody else sees, gone with this object; its pages are in memory, or
  // in an unnamed temporary file where they are many. Messages call it `shown_path`.
  Status OpenTemporary(const std::string& shown_path);

  // Loads the extension. The first time in a file this adds its (empty) tables.
  Status LoadExtension();

  Statement Prepare(std::string_view sql) const;
  Statement PreparePersistent(std::string_view sql) const;
  // Prepares the first statement of *sql and cuts it off the front.
  Statement PrepareNext(std::string_view* sql) const;
  Status Exec(std::string_view sql) const;  // one statement or several; rows are thrown away

  // First column of the first row; 0 or "" where there is none.
  Status QueryInt(std::string_view sql, int64_t* out) const;
  Status QueryText(std::string_view sql, std::string* out) const;

  Status Error(int rc) const;  // the last failure on this connection
  const std::string& path() const { return path_; }
  sqlite3* get() const { return db_.get(); }
  bool in_transaction() const { return sqlite3_get_autocommit(db_.get()) == 0; }

 private:
  struct Closer {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };
  Status OpenOnce(int flags, int* rc);
  Statement PrepareWith(std::string_view sql, unsigned flags, const char** tail) const;

  std::string path_;
  double busy_timeout_seconds_ = 0;
  std::unique_ptr<sqlite3, Closer> db_;
};

// Rolls back at the end of its scope unless Commit() was called.
class Transaction {
 public:
  explicit Transaction(const Database& db) : db_(db) {}
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  Status BeginRead();   // a snapshot, taken now
  Status BeginWrite();  // with the write lock, taken now
  Status Commit();
  bool open() const { return open_; }

 private:
  const Database& db_;
  bool open_ = false;
};

std::string QuoteName(std::string_view name);  // "na""me"
std::string Hex(std::string_view bytes);       // lower case

}  // namespace tributary::cli

#endif  // TRIBUTARY_SYNC_CLI_DB_H_
