// A thin skin over SQLite for code that runs in a child process: whatever goes wrong ends the
// child with a message to the parent (Fail), so no caller has an error to handle.
#ifndef TRIBUTARY_TESTS_BENCH_DATABASE_H_
#define TRIBUTARY_TESTS_BENCH_DATABASE_H_

#include <sqlite3.h>

#include <cstdint>
#include <string>

#include "tests/bench/shape.h"

namespace tributary::bench {

enum class Contender {
  kPlain,
  kTributary,
  kTriggers,  // plain SQLite with triggers like Tributary's, whose functions do nothing
};

// For messages.
std::string NameOf(Contender contender);

// Where children report and how databases are opened. Set once, before the first fork.
struct Environment {
  std::string dir;  // scratch
  std::string so;   // the extension
};

// True where this program was built with the extension inside.
bool IsLinkedStatically();

// An open database, with what the contender loads.
class Database {
 public:
  Database(const Environment& env, Contender contender, const std::string& file);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  sqlite3* handle() const { return db_; }
  void Exec(const std::string& sql);
  int64_t QueryInt(const std::string& sql);

 private:
  void LoadExtension(const Environment& env);
  void MakeEmptyFunctions();

  sqlite3* db_ = nullptr;
};

// A prepared statement.
class Statement {
 public:
  Statement(Database& db, const std::string& sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  sqlite3_stmt* get() const { return stmt_; }
  // True while there are rows; resets at the end.
  bool Step();
  // To the end, whatever rows there are.
  void Run();

 private:
  sqlite3_stmt* stmt_ = nullptr;
};

// Removes a database with the files beside it.
void RemoveDatabase(const std::string& path);

// Order-independent of the file's layout: a hash of all rows in the order of the key.
uint64_t HashTable(Database& db, const Shape& shape);

// CPU seconds of this process, user and system.
double CpuSeconds();

}  // namespace tributary::bench

#endif  // TRIBUTARY_TESTS_BENCH_DATABASE_H_
