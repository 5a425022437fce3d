// The tables that are measured, and the rows in them. Every value is a function of the row's
// number and a generation, so that both contenders and both replicas write the same.
#ifndef TRIBUTARY_TESTS_BENCH_SHAPE_H_
#define TRIBUTARY_TESTS_BENCH_SHAPE_H_

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <vector>

namespace tributary::bench {

struct Shape {
  enum class Kind { kTodo, kNarrow, kWide };

  Kind kind;
  std::string name;                  // of the table as well
  std::string title;                 // for people
  std::vector<std::string> columns;  // the first is the primary key
  std::string create_sql;
  std::string one_column;  // what one-column updates touch; an integer

  std::string ColumnList() const;
  std::string InsertSql() const;
  // Inserts the row, or overwrites all of it: plain SQLite's merge.
  std::string UpsertSql() const;
  // Parameter 1 is the key, the others follow.
  std::string UpdateAllSql() const;
  // Parameter 1 is the value, 2 the key.
  std::string UpdateOneSql() const;

  void BindKey(sqlite3_stmt* stmt, int index, int64_t row) const;
  // All columns but the key, from parameter `index` on. Every value of generation g differs from
  // the one of generation g - 1.
  void BindRest(sqlite3_stmt* stmt, int index, int64_t row, int64_t generation) const;
};

// All shapes, in the order in which they are shown.
const std::vector<Shape>& AllShapes();

// Null where there is none of that name.
const Shape* FindShape(const std::string& name);

// splitmix64's finaliser: the benchmark's source of numbers that look random.
uint64_t Mix(uint64_t x);

// The k-th of n rows in an order that jumps about the table and visits each row once.
int64_t Scattered(int64_t k, int64_t n);

}  // namespace tributary::bench

#endif  // TRIBUTARY_TESTS_BENCH_SHAPE_H_
