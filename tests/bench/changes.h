// Rows of a query in a file: what one replica writes and another one reads. A file, so that the
// time and the memory of a merge are the merge's alone.
//
// Format: the columns of the rows one after another, each a tag byte and a payload:
//   SQLITE_INTEGER  8 bytes, host order
//   SQLITE_FLOAT    8 bytes, host order
//   SQLITE_TEXT, SQLITE_BLOB  4 bytes length, the bytes
//   SQLITE_NULL     nothing
//   0               nothing: the same text or blob as in the row before
#ifndef TRIBUTARY_TESTS_BENCH_CHANGES_H_
#define TRIBUTARY_TESTS_BENCH_CHANGES_H_

#include <sqlite3.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace tributary::bench {

// Fetches every column of rows and counts them; writes them where it has a file.
class ChangeWriter {
 public:
  // `path` may be "" for no file.
  explicit ChangeWriter(const std::string& path);
  ~ChangeWriter();
  ChangeWriter(const ChangeWriter&) = delete;
  ChangeWriter& operator=(const ChangeWriter&) = delete;

  void AddRow(sqlite3_stmt* stmt);
  int64_t rows() const { return rows_; }

 private:
  void WriteColumn(size_t column, int type, const void* bytes, uint32_t length);
  void Put(const void* bytes, size_t length);

  std::FILE* file_ = nullptr;
  int64_t rows_ = 0;
  uint64_t sum_ = 0;  // keeps the fetches from being optimised away
  std::vector<std::string> before_;
};

// Binds rows from such a file to a statement's parameters.
class ChangeReader {
 public:
  ChangeReader(const std::string& path, int columns);
  ~ChangeReader();
  ChangeReader(const ChangeReader&) = delete;
  ChangeReader& operator=(const ChangeReader&) = delete;

  // False at the end. The values are valid until the next call.
  bool BindRow(sqlite3_stmt* stmt);

 private:
  struct Held {
    int type = SQLITE_NULL;
    std::string bytes;
  };

  void Get(void* bytes, size_t length);

  std::FILE* file_ = nullptr;
  std::vector<Held> before_;
};

}  // namespace tributary::bench

#endif  // TRIBUTARY_TESTS_BENCH_CHANGES_H_
