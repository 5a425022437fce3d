// What one replica writes and another one merges: as rows, and as changesets.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "tests/bench/changes.h"
#include "tests/bench/unit.h"
#include "tests/bench/work.h"

namespace tributary::bench {
namespace {

// One-column updates of every second row: the source sets it to this + k, the target before it
// merges them to this + (k ^ 1), so that each wins half of the conflicts.
constexpr int64_t kConflictValue = 9000000;

std::string PathOf(const Task& task, const char* file) { return task.env->dir + "/" + file; }

void Put(std::FILE* file, const void* bytes, size_t length) {
  if (std::fwrite(bytes, 1, length, file) != length) Fail("cannot write a file (disk full?)");
}

std::FILE* Open(const std::string& path, const char* mode) {
  std::FILE* file = std::fopen(path.c_str(), mode);
  if (file == nullptr) Fail("cannot open " + path);
  return file;
}

// All changesets that a replica with this version vector lacks, each behind its length. Returns how
// many bytes they have.
int64_t WriteChangesets(Database& db, const Task& task, const std::string& have, const char* name) {
  Statement query(db, "SELECT changeset FROM crsql_changesets(?)");
  if (!have.empty()) {
    sqlite3_bind_blob64(query.get(), 1, have.data(), have.size(), SQLITE_STATIC);
  }
  std::FILE* file = Open(PathOf(task, name), "wb");
  int64_t total = 0;
  while (query.Step()) {
    const int64_t length = sqlite3_column_bytes(query.get(), 0);
    Put(file, &length, sizeof length);
    Put(file, sqlite3_column_blob(query.get(), 0), static_cast<size_t>(length));
    total += length;
  }
  if (std::fclose(file) != 0) Fail("cannot write the changesets (disk full?)");
  return total;
}

// Inside one transaction, as an application merges a batch.
void ApplyChangesets(Database& db, const Task& task, const char* name) {
  Statement apply(db, "SELECT crsql_apply(?)");
  std::FILE* file = Open(PathOf(task, name), "rb");
  std::string changeset;
  int64_t length = 0;
  db.Exec("BEGIN");
  while (std::fread(&length, sizeof length, 1, file) == 1) {
    changeset.resize(static_cast<size_t>(length));
    if (std::fread(changeset.data(), 1, changeset.size(), file) != changeset.size()) {
      Fail("the file of changesets ends early");
    }
    sqlite3_bind_blob64(apply.get(), 1, changeset.data(), changeset.size(), SQLITE_STATIC);
    apply.Run();
  }
  db.Exec("COMMIT");
  std::fclose(file);
}

// Inside one transaction, too.
void Merge(Database& db, const Task& task, const char* file) {
  const bool plain = task.contender == Contender::kPlain;
  const int columns = plain ? static_cast<int>(task.shape->columns.size()) : kChangeColumnCount;
  Statement merge(db, plain ? task.shape->UpsertSql()
                            : std::string("INSERT INTO crsql_changes(") + kChangeColumns +
                                  ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)");
  ChangeReader reader(PathOf(task, file), columns);
  db.Exec("BEGIN");
  while (reader.BindRow(merge.get())) merge.Run();
  db.Exec("COMMIT");
}

double PeakMebibytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

void UpdateHalf(Database& db, const Task& task, int64_t flip) {
  Statement update(db, task.shape->UpdateOneSql());
  db.Exec("BEGIN");
  for (int64_t k = 0; k < task.rows / 2; ++k) {
    sqlite3_bind_int64(update.get(), 1, kConflictValue + (k ^ flip));
    task.shape->BindKey(update.get(), 2, k * 2);
    update.Run();
  }
  db.Exec("COMMIT");
}

void CheckConflicts(Database& db, const Task& task) {
  Statement value(db, "SELECT " + task.shape->one_column + " FROM " + task.shape->name + " WHERE " +
                          task.shape->columns[0] + " = ?");
  for (int64_t k = 0; k < task.rows / 2; ++k) {
    task.shape->BindKey(value.get(), 1, k * 2);
    if (!value.Step()) Fail("a row is missing");
    CheckCount("merged value", sqlite3_column_int64(value.get(), 0),
               kConflictValue + std::max(k, k ^ 1));
    sqlite3_reset(value.get());
  }
}

uint64_t SourceHash(const Task& task) {
  uint64_t hash = 0;
  std::FILE* file = Open(PathOf(task, "hash"), "rb");
  if (std::fread(&hash, sizeof hash, 1, file) != 1) Fail("the source left no hash");
  std::fclose(file);
  return hash;
}

// The rows that UpdateHalf has changed, for plain SQLite.
void WriteHalf(Database& db, const Task& task) {
  ChangeWriter writer(PathOf(task, "half"));
  Statement row(db, "SELECT " + task.shape->ColumnList() + " FROM " + task.shape->name + " WHERE " +
                        task.shape->columns[0] + " = ?");
  for (int64_t k = 0; k < task.rows / 2; ++k) {
    task.shape->BindKey(row.get(), 1, k * 2);
    if (!row.Step()) Fail("a row is missing");
    writer.AddRow(row.get());
    sqlite3_reset(row.get());
  }
}

}  // namespace

void RunMergeSource(const Task& task) {
  const bool plain = task.contender == Contender::kPlain;
  Database db(*task.env, task.contender, Fresh(task, "source.db"));
  CreateTable(db, task);
  BeginStep("filling the source of the merge");
  Fill(db, *task.shape, task.rows, task.rows);
  {
    ChangeWriter writer(PathOf(task, "changes"));
    Extract(db, task, 0, &writer);
    CheckCount("changes", writer.rows(), ExpectedChanges(task));
  }
  const uint64_t hash = HashTable(db, *task.shape);
  std::FILE* file = Open(PathOf(task, "hash"), "wb");
  Put(file, &hash, sizeof hash);
  if (std::fclose(file) != 0) Fail("cannot write the hash");
  const auto rows = static_cast<double>(task.rows);
  if (plain) {
    ChangeWriter sink("");
    Measure(Metric::kChangesets, rows, [&] { Extract(db, task, 0, &sink); });
    UpdateHalf(db, task, 0);
    WriteHalf(db, task);
    return;
  }
  int64_t bytes = 0;
  Measure(Metric::kChangesets, rows, [&] { bytes = WriteChangesets(db, task, "", "changesets"); });
  ReportValue(Metric::kInsertBytes, static_cast<double>(bytes) / rows);
  std::string have;
  {
    Statement known(db, "SELECT crsql_version_vector()");
    if (!known.Step()) Fail("no version vector");
    have.assign(static_cast<const char*>(sqlite3_column_blob(known.get(), 0)),
                static_cast<size_t>(sqlite3_column_bytes(known.get(), 0)));
  }
  UpdateHalf(db, task, 0);
  bytes = WriteChangesets(db, task, have, "half");
  ReportValue(Metric::kUpdateBytes, static_cast<double>(bytes) / (rows / 2));
}

void RunMergeTarget(const Task& task) {
  Database db(*task.env, task.contender, Fresh(task, "target.db"));
  CreateTable(db, task);
  const uint64_t expected = SourceHash(task);
  const auto rows = static_cast<double>(task.rows);
  Measure(Metric::kMergeEmpty, rows, [&] { Merge(db, task, "changes"); });
  ReportValue(Metric::kMergeMemory, PeakMebibytes());
  if (HashTable(db, *task.shape) != expected) Fail("the merged table differs from its source");
  Measure(Metric::kMergeAgain, rows, [&] { Merge(db, task, "changes"); });
  if (HashTable(db, *task.shape) != expected) Fail("merging again changed the table");
}

void RunApplyTarget(const Task& task) {
  const bool plain = task.contender == Contender::kPlain;
  const auto apply = [&](Database& db, const char* rows_file, const char* changesets) {
    plain ? Merge(db, task, rows_file) : ApplyChangesets(db, task, changesets);
  };
  Database db(*task.env, task.contender, Fresh(task, "apply.db"));
  CreateTable(db, task);
  const uint64_t expected = SourceHash(task);
  const auto rows = static_cast<double>(task.rows);
  Measure(Metric::kApplyEmpty, rows, [&] { apply(db, "changes", "changesets"); });
  ReportValue(Metric::kApplyMemory, PeakMebibytes());
  if (HashTable(db, *task.shape) != expected) Fail("the merged table differs from its source");
  Measure(Metric::kApplyAgain, rows, [&] { apply(db, "changes", "changesets"); });
  if (HashTable(db, *task.shape) != expected) Fail("merging again changed the table");
  UpdateHalf(db, task, 1);
  Measure(Metric::kApplyConflicts, rows / 2, [&] { apply(db, "half", "half"); });
  if (!plain) CheckConflicts(db, task);
}

}  // namespace tributary::bench
