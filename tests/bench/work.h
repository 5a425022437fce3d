// The steps that several groups share.
#ifndef TRIBUTARY_TESTS_BENCH_WORK_H_
#define TRIBUTARY_TESTS_BENCH_WORK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/bench/changes.h"
#include "tests/bench/groups.h"

namespace tributary::bench {

inline constexpr char kChangeColumns[] =
    "\"table\", pk, cid, val, col_version, db_version, site_id, cl, seq";
inline constexpr int kChangeColumnCount = 9;

double Median(std::vector<double> values);

// `columns`: the key, then the others.
void Track(Database& db, Contender contender, const std::string& table,
           const std::vector<std::string>& columns);
// The task's table, empty, with what its contender tracks it by.
void CreateTable(Database& db, const Task& task);
void Fill(Database& db, const Shape& shape, int64_t rows, int64_t rows_per_transaction);

// The name of a database file that is not there yet.
std::string Fresh(const Task& task, const std::string& file);

// All rows of plain SQLite; all changes after `since` of Tributary.
void Extract(Database& db, const Task& task, int64_t since, ChangeWriter* writer);
int64_t ExpectedChanges(const Task& task);
// Fails the unit where the counts differ.
void CheckCount(const std::string& what, int64_t got, int64_t expected);

}  // namespace tributary::bench

#endif  // TRIBUTARY_TESTS_BENCH_WORK_H_
