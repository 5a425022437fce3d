#include "tests/bench/work.h"

#include <algorithm>

#include "tests/bench/unit.h"

namespace tributary::bench {
namespace {

void MakeEmptyTriggers(Database& db, const std::string& table,
                       const std::vector<std::string>& columns) {
  std::string cells;
  for (const char* row : {"NEW", "OLD"}) {
    for (size_t i = 1; i < columns.size(); ++i) cells += std::string(", ") + row + "." + columns[i];
  }
  const std::string& key = columns[0];
  const auto make = [&](const std::string& event, const std::string& call) {
    db.Exec("CREATE TRIGGER " + table + "_" + event + " AFTER " + event + " ON " + table +
            " BEGIN SELECT " + call + "; END");
  };
  make("INSERT", "bench_empty(1, NEW." + key + ")");
  make("UPDATE", "bench_empty_aggregate(1, NEW." + key + ", OLD." + key + cells + ")");
  make("DELETE", "bench_empty_aggregate(1, OLD." + key + ")");
}

}  // namespace

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Track(Database& db, Contender contender, const std::string& table,
           const std::vector<std::string>& columns) {
  if (contender == Contender::kTributary) db.Exec("SELECT crsql_as_crr('" + table + "')");
  if (contender == Contender::kTriggers) MakeEmptyTriggers(db, table, columns);
}

void CreateTable(Database& db, const Task& task) {
  db.Exec(task.shape->create_sql);
  Track(db, task.contender, task.shape->name, task.shape->columns);
}

void Fill(Database& db, const Shape& shape, int64_t rows, int64_t rows_per_transaction) {
  Statement insert(db, shape.InsertSql());
  for (int64_t row = 0; row < rows; ++row) {
    if (row % rows_per_transaction == 0) db.Exec("BEGIN");
    shape.BindKey(insert.get(), 1, row);
    shape.BindRest(insert.get(), 2, row, 0);
    insert.Run();
    if ((row + 1) % rows_per_transaction == 0 || row + 1 == rows) db.Exec("COMMIT");
  }
}

std::string Fresh(const Task& task, const std::string& file) {
  BeginStep("preparing");
  RemoveDatabase(task.env->dir + "/" + file);
  return file;
}

// All rows of plain SQLite; all changes after `since` of Tributary.
void Extract(Database& db, const Task& task, int64_t since, ChangeWriter* writer) {
  const bool plain = task.contender == Contender::kPlain;
  Statement query(db, plain ? "SELECT " + task.shape->ColumnList() + " FROM " + task.shape->name
                            : std::string("SELECT ") + kChangeColumns +
                                  " FROM crsql_changes WHERE db_version > ?");
  if (!plain) sqlite3_bind_int64(query.get(), 1, since);
  while (query.Step()) writer->AddRow(query.get());
}

int64_t ExpectedChanges(const Task& task) {
  const auto cells = static_cast<int64_t>(task.shape->columns.size()) - 1;
  return task.contender == Contender::kPlain ? task.rows : task.rows * cells;
}

void CheckCount(const std::string& what, int64_t got, int64_t expected) {
  if (got == expected) return;
  Fail(what + ": " + std::to_string(got) + " instead of " + std::to_string(expected));
}

}  // namespace tributary::bench
