#include "tests/bench/database.h"

#include <unistd.h>

#include <ctime>

#include "tests/bench/unit.h"

#ifdef TRIBUTARY_STATIC
extern "C" int sqlite3_tributary_init(sqlite3* db, char** error, const void* api);
#endif

namespace tributary::bench {
namespace {

// The same for both contenders. 64 MiB of cache, so that small caches do not decide.
constexpr char kPragmas[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536";
constexpr uint64_t kFnvPrime = 1099511628211ULL;

void DoNothing(sqlite3_context* /*context*/, int /*argc*/, sqlite3_value** /*argv*/) {}
void NoResult(sqlite3_context* /*context*/) {}

}  // namespace

std::string NameOf(Contender contender) {
  return contender == Contender::kPlain       ? "plain"
         : contender == Contender::kTributary ? "tributary"
                                              : "triggers";
}

bool IsLinkedStatically() {
#ifdef TRIBUTARY_STATIC
  return true;
#else
  return false;
#endif
}

Database::Database(const Environment& env, Contender contender, const std::string& file) {
  if (sqlite3_open((env.dir + "/" + file).c_str(), &db_) != SQLITE_OK) {
    Fail("cannot open " + file);
  }
  Exec(kPragmas);
  if (contender == Contender::kTributary) LoadExtension(env);
  if (contender == Contender::kTriggers) MakeEmptyFunctions();
}

// As Tributary has them: a function for inserts, aggregates for the others.
void Database::MakeEmptyFunctions() {
  constexpr int kFlags = SQLITE_UTF8 | SQLITE_INNOCUOUS;
  if (sqlite3_create_function_v2(db_, "bench_empty", -1, kFlags, nullptr, DoNothing, nullptr,
                                 nullptr, nullptr) != SQLITE_OK ||
      sqlite3_create_function_v2(db_, "bench_empty_aggregate", -1, kFlags, nullptr, nullptr,
                                 DoNothing, NoResult, nullptr) != SQLITE_OK) {
    Fail("cannot make the empty functions");
  }
}

void Database::LoadExtension([[maybe_unused]] const Environment& env) {
  char* error = nullptr;
#ifdef TRIBUTARY_STATIC
  const int rc = sqlite3_tributary_init(db_, &error, nullptr);
#else
  sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, nullptr);
  const int rc = sqlite3_load_extension(db_, env.so.c_str(), "sqlite3_tributary_init", &error);
#endif
  if (rc != SQLITE_OK && rc != SQLITE_OK_LOAD_PERMANENTLY) {
    Fail(std::string("cannot load the extension: ") + (error == nullptr ? "?" : error));
  }
}

Database::~Database() {
  if (sqlite3_close(db_) != SQLITE_OK) Fail("close: something is still in use");
}

void Database::Exec(const std::string& sql) {
  if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    Fail(std::string(sqlite3_errmsg(db_)) + " <- " + sql);
  }
}

int64_t Database::QueryInt(const std::string& sql) {
  Statement query(*this, sql);
  if (!query.Step()) Fail("no row <- " + sql);
  return sqlite3_column_int64(query.get(), 0);
}

Statement::Statement(Database& db, const std::string& sql) {
  if (sqlite3_prepare_v3(db.handle(), sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &stmt_,
                         nullptr) != SQLITE_OK) {
    Fail(std::string(sqlite3_errmsg(db.handle())) + " <- " + sql);
  }
}

Statement::~Statement() { sqlite3_finalize(stmt_); }

bool Statement::Step() {
  const int rc = sqlite3_step(stmt_);
  if (rc == SQLITE_ROW) return true;
  if (rc != SQLITE_DONE) {
    Fail(std::string(sqlite3_errmsg(sqlite3_db_handle(stmt_))) + " <- " + sqlite3_sql(stmt_));
  }
  sqlite3_reset(stmt_);
  return false;
}

void Statement::Run() {
  while (Step()) {
  }
}

void RemoveDatabase(const std::string& path) {
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) unlink((path + suffix).c_str());
}

uint64_t HashTable(Database& db, const Shape& shape) {
  Statement query(
      db, "SELECT " + shape.ColumnList() + " FROM " + shape.name + " ORDER BY " + shape.columns[0]);
  const int columns = static_cast<int>(shape.columns.size());
  uint64_t hash = 1;
  while (query.Step()) {
    for (int i = 0; i < columns; ++i) {
      const auto type = static_cast<uint64_t>(sqlite3_column_type(query.get(), i));
      const unsigned char* text = sqlite3_column_text(query.get(), i);
      const int length = sqlite3_column_bytes(query.get(), i);
      for (int k = 0; k < length; ++k) hash = (hash ^ text[k]) * kFnvPrime;
      hash = Mix(hash + static_cast<uint64_t>(length) * 8 + type);
    }
  }
  return hash;
}

double CpuSeconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

}  // namespace tributary::bench
