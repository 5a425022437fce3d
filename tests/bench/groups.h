// What the contenders do while they are measured. Each function runs in a child process of its
// own (unit.h), starts from no file and reports its metrics.
#ifndef TRIBUTARY_TESTS_BENCH_GROUPS_H_
#define TRIBUTARY_TESTS_BENCH_GROUPS_H_

#include <cstdint>

#include "tests/bench/database.h"
#include "tests/bench/shape.h"

namespace tributary::bench {

struct Task {
  const Environment* env;
  Contender contender;
  const Shape* shape;
  int64_t rows;
};

// Fills a table in one transaction, reads it, extracts its changes, updates and deletes.
void RunLocal(const Task& task);
// Fills a table in transactions of 10 rows.
void RunSmallTransactions(const Task& task);
// Fills a replica and leaves its changes, as rows and as changesets, and its hash in files.
void RunMergeSource(const Task& task);
// Merges what RunMergeSource left, compares the table with its source, merges it once more.
void RunMergeTarget(const Task& task);
// The same with changesets, then with updates that conflict with its own.
void RunApplyTarget(const Task& task);
// Starts tracking a full table; plain SQLite copies it.
void RunUpgrade(const Task& task);
// Opens a database of 20 small tables; independent of shape and rows.
void RunOpen(const Task& task);

}  // namespace tributary::bench

#endif  // TRIBUTARY_TESTS_BENCH_GROUPS_H_
