#include "tests/bench/groups.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "tests/bench/changes.h"
#include "tests/bench/unit.h"
#include "tests/bench/work.h"

namespace tributary::bench {
namespace {

constexpr int kLastChanges = 100;
constexpr int kReadPasses = 5;
constexpr double kMinReadSeconds = 0.1;
constexpr int kOpens = 31;
constexpr int kOpenTables = 20;
constexpr int64_t kMaxReads = 100000;
constexpr int64_t kMaxEdits = 20000;  // in one transaction
constexpr int64_t kMaxEditTxns = 5000;
constexpr int64_t kMaxSmallRows = 50000;

// The least of several passes: reads are short, and whatever disturbs them only adds.
void MeasureReads(Metric metric, int64_t operations, const std::function<void()>& pass) {
  BeginStep(InfoOf(metric).label);
  double least = 0;
  double total = 0;
  for (int i = 0; i < kReadPasses || total < kMinReadSeconds; ++i) {
    const double start = CpuSeconds();
    pass();
    const double seconds = CpuSeconds() - start;
    if (i == 0 || seconds < least) least = seconds;
    total += seconds;
  }
  ReportValue(metric, least * 1e6 / static_cast<double>(operations));
}

void ReadRows(Database& db, const Task& task) {
  const Shape& shape = *task.shape;
  const std::string all = "SELECT " + shape.ColumnList() + " FROM " + shape.name;
  const int64_t reads = std::min(task.rows, kMaxReads);
  Statement one(db, all + " WHERE " + shape.columns[0] + " = ?");
  ChangeWriter sink("");
  MeasureReads(Metric::kPointRead, reads, [&] {
    for (int64_t k = 0; k < reads; ++k) {
      shape.BindKey(one.get(), 1, Scattered(k, task.rows));
      if (!one.Step()) Fail("a row is missing");
      sink.AddRow(one.get());
      sqlite3_reset(one.get());
    }
  });
  Statement scan(db, all);
  MeasureReads(Metric::kScan, task.rows, [&] {
    while (scan.Step()) sink.AddRow(scan.get());
  });
}

void ExtractAll(Database& db, const Task& task) {
  ChangeWriter sink("");
  Measure(Metric::kExtract, static_cast<double>(task.rows), [&] { Extract(db, task, 0, &sink); });
  CheckCount("changes", sink.rows(), ExpectedChanges(task));
}

// What a client asks for all the time: the few changes since it asked last.
void ExtractLast(Database& db, const Task& task) {
  BeginStep(InfoOf(Metric::kLast100).label);
  const int64_t since = db.QueryInt("SELECT crsql_db_version()");
  Statement update(db, task.shape->UpdateOneSql());
  for (int64_t k = 0; k < kLastChanges; ++k) {
    sqlite3_bind_int64(update.get(), 1, 50000000 + k);
    task.shape->BindKey(update.get(), 2, Scattered(k + 7, task.rows));
    update.Run();
  }
  std::vector<double> seconds;
  for (int i = 0; i < kReadPasses + 1; ++i) {
    ChangeWriter sink("");
    const double start = CpuSeconds();
    Extract(db, task, since, &sink);
    if (i > 0) seconds.push_back(CpuSeconds() - start);  // the first warms the caches
    CheckCount("changes", sink.rows(), kLastChanges);
  }
  ReportValue(Metric::kLast100, Median(seconds) * 1e6);
}

void Update(Database& db, const Task& task) {
  const Shape& shape = *task.shape;
  const int64_t edits = std::min(task.rows / 4, kMaxEdits);
  const int64_t transactions = std::min(task.rows / 10, kMaxEditTxns);
  Statement one(db, shape.UpdateOneSql());
  Measure(Metric::kUpdateOne, static_cast<double>(edits), [&] {
    db.Exec("BEGIN");
    for (int64_t k = 0; k < edits; ++k) {
      sqlite3_bind_int64(one.get(), 1, 70000000 + k);
      shape.BindKey(one.get(), 2, Scattered(k, task.rows));
      one.Run();
    }
    db.Exec("COMMIT");
  });
  Measure(Metric::kUpdateOneSmall, static_cast<double>(transactions), [&] {
    for (int64_t k = 0; k < transactions; ++k) {
      sqlite3_bind_int64(one.get(), 1, 80000000 + k);
      shape.BindKey(one.get(), 2, Scattered(k + 31, task.rows));
      one.Run();
    }
  });
  Statement all(db, shape.UpdateAllSql());
  Measure(Metric::kUpdateAll, static_cast<double>(edits), [&] {
    db.Exec("BEGIN");
    for (int64_t k = 0; k < edits; ++k) {
      const int64_t row = Scattered(k, task.rows);
      shape.BindKey(all.get(), 1, row);
      shape.BindRest(all.get(), 2, row, 1);
      all.Run();
    }
    db.Exec("COMMIT");
  });
}

void Delete(Database& db, const Task& task) {
  const Shape& shape = *task.shape;
  const int64_t deletes = std::min(task.rows / 4, kMaxEdits);
  Statement remove(db, "DELETE FROM " + shape.name + " WHERE " + shape.columns[0] + " = ?");
  Measure(Metric::kDelete, static_cast<double>(deletes), [&] {
    db.Exec("BEGIN");
    for (int64_t k = 0; k < deletes; ++k) {
      shape.BindKey(remove.get(), 1, Scattered(k, task.rows));
      remove.Run();
    }
    db.Exec("COMMIT");
  });
  CheckCount("rows left", db.QueryInt("SELECT count(*) FROM " + shape.name), task.rows - deletes);
}

void WorkLocally(const Task& task, const std::string& file) {
  Database db(*task.env, task.contender, file);
  CreateTable(db, task);
  Measure(Metric::kInsert, static_cast<double>(task.rows),
          [&] { Fill(db, *task.shape, task.rows, task.rows); });
  db.Exec("PRAGMA wal_checkpoint(TRUNCATE)");
  const int64_t bytes =
      db.QueryInt("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
  ReportValue(Metric::kFileBytes, static_cast<double>(bytes) / static_cast<double>(task.rows));
  ReadRows(db, task);
  if (task.contender != Contender::kTriggers) ExtractAll(db, task);
  if (task.contender == Contender::kTributary) ExtractLast(db, task);
  Update(db, task);
  Delete(db, task);
}

// What a program that starts and changes one row waits for.
void Reopen(const Task& task, const std::string& file) {
  BeginStep(InfoOf(Metric::kReopen).label);
  std::vector<double> seconds;
  for (int64_t i = 0; i < kOpens; ++i) {
    const double start = CpuSeconds();
    Database db(*task.env, task.contender, file);
    Statement update(db, task.shape->UpdateOneSql());
    sqlite3_bind_int64(update.get(), 1, 90000000 + i);
    // Rows that Delete() has left.
    task.shape->BindKey(update.get(), 2, Scattered(task.rows - 1 - i, task.rows));
    update.Run();
    if (sqlite3_changes(db.handle()) != 1) Fail("the row is missing");
    seconds.push_back(CpuSeconds() - start);
  }
  ReportValue(Metric::kReopen, Median(seconds) * 1e6);
}

}  // namespace

void RunLocal(const Task& task) {
  const std::string file = Fresh(task, "local.db");
  WorkLocally(task, file);
  Reopen(task, file);
}

void RunSmallTransactions(const Task& task) {
  const int64_t rows = std::min(task.rows, kMaxSmallRows);
  Database db(*task.env, task.contender, Fresh(task, "small.db"));
  CreateTable(db, task);
  Measure(Metric::kInsertSmall, static_cast<double>(rows),
          [&] { Fill(db, *task.shape, rows, 10); });
}

void RunUpgrade(const Task& task) {
  const Shape& shape = *task.shape;
  Database db(*task.env, task.contender, Fresh(task, "upgrade.db"));
  db.Exec(shape.create_sql);
  Fill(db, shape, task.rows, task.rows);
  if (task.contender == Contender::kPlain) {
    std::string create = shape.create_sql;
    create.replace(create.find(shape.name), shape.name.size(), "copy_of_it");
    Measure(Metric::kUpgrade, static_cast<double>(task.rows), [&] {
      db.Exec("BEGIN; " + create + "; INSERT INTO copy_of_it SELECT * FROM " + shape.name +
              "; COMMIT");
    });
    return;
  }
  Measure(Metric::kUpgrade, static_cast<double>(task.rows),
          [&] { Track(db, task.contender, shape.name, shape.columns); });
  CheckCount("changes after as_crr", db.QueryInt("SELECT count(*) FROM crsql_changes"),
             ExpectedChanges(task));
}

void RunOpen(const Task& task) {
  const std::string file = Fresh(task, "open.db");
  {
    Database db(*task.env, task.contender, file);
    for (int i = 0; i < kOpenTables; ++i) {
      const std::string table = "t" + std::to_string(i);
      db.Exec("CREATE TABLE " + table + "(id TEXT PRIMARY KEY NOT NULL, a INT, b TEXT, c TEXT)");
      Track(db, task.contender, table, {"id", "a", "b", "c"});
      db.Exec("INSERT INTO " + table + " VALUES('k1', 1, 'x', 'y'), ('k2', 1, 'x', 'y')");
    }
  }
  BeginStep(InfoOf(Metric::kOpen).label);
  std::vector<double> seconds;
  for (int i = 0; i < kOpens; ++i) {
    const double start = CpuSeconds();
    Database db(*task.env, task.contender, file);
    CheckCount("rows", db.QueryInt("SELECT count(*) FROM t7"), 2);
    seconds.push_back(CpuSeconds() - start);
  }
  ReportValue(Metric::kOpen, Median(seconds) * 1e6);
}

}  // namespace tributary::bench
