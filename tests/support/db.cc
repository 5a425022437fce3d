#include "tests/support/db.h"

#include <unistd.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#ifdef TRIBUTARY_STATIC
#include "ext/tributary.h"
#endif

namespace tributary::testing {
namespace {

std::string RealToSql(double v) {
  if (std::isinf(v)) return v < 0 ? "-9e999" : "9e999";
  char buffer[64];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), v);
  std::string text(buffer, error == std::errc() ? end : buffer);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string TextToSql(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c < ' ' || c > '~') return "CAST(x'" + ToHex(text) + "' AS TEXT)";
    quoted += c;
    if (c == '\'') quoted += c;
  }
  return quoted + "'";
}

Cell ReadColumn(sqlite3_stmt* stmt, int i) {
  Cell cell{.type = sqlite3_column_type(stmt, i)};
  switch (cell.type) {
    case SQLITE_INTEGER:
      cell.integer = sqlite3_column_int64(stmt, i);
      break;
    case SQLITE_FLOAT:
      cell.real = sqlite3_column_double(stmt, i);
      break;
    case SQLITE_TEXT:
    case SQLITE_BLOB: {
      // sqlite3_column_text converts to UTF-8 where the database is UTF-16.
      const void* data = cell.type == SQLITE_TEXT
                             ? static_cast<const void*>(sqlite3_column_text(stmt, i))
                             : sqlite3_column_blob(stmt, i);
      const int size = sqlite3_column_bytes(stmt, i);
      if (size > 0) cell.bytes.assign(static_cast<const char*>(data), size);
      break;
    }
    default:
      break;
  }
  return cell;
}

int BindCell(sqlite3_stmt* stmt, int i, const Cell& cell) {
  const auto size = static_cast<sqlite3_uint64>(cell.bytes.size());
  switch (cell.type) {
    case SQLITE_INTEGER:
      return sqlite3_bind_int64(stmt, i, cell.integer);
    case SQLITE_FLOAT:
      return sqlite3_bind_double(stmt, i, cell.real);
    case SQLITE_TEXT:
      return sqlite3_bind_text64(stmt, i, cell.bytes.data(), size, SQLITE_TRANSIENT, SQLITE_UTF8);
    case SQLITE_BLOB:
      return sqlite3_bind_blob64(stmt, i, cell.bytes.data(), size, SQLITE_TRANSIENT);
    default:
      return sqlite3_bind_null(stmt, i);
  }
}

// Steps one statement to its end.
int StepThrough(sqlite3_stmt* stmt, const Row& parameters, std::vector<Row>* rows) {
  BindAll(stmt, parameters);
  int rc = SQLITE_OK;
  while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
    rows->push_back(ReadRow(stmt));
  }
  return rc;
}

}  // namespace

Row ReadRow(sqlite3_stmt* stmt) {
  Row row;
  for (int i = 0; i < sqlite3_column_count(stmt); i++) row.push_back(ReadColumn(stmt, i));
  return row;
}

void BindAll(sqlite3_stmt* stmt, const Row& parameters) {
  const int wanted = sqlite3_bind_parameter_count(stmt);
  for (int i = 1; i <= wanted && i <= static_cast<int>(parameters.size()); i++) {
    BindCell(stmt, i, parameters[i - 1]);
  }
}

std::string ToHex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const unsigned char c : bytes) {
    hex += kDigits[c >> 4];
    hex += kDigits[c & 15];
  }
  return hex;
}

std::string Quoted(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    quoted += c;
    if (c == '"') quoted += c;
  }
  return quoted + "\"";
}

std::string Cell::ToSql() const {
  switch (type) {
    case SQLITE_INTEGER:
      return std::to_string(integer);
    case SQLITE_FLOAT:
      return RealToSql(real);
    case SQLITE_TEXT:
      return TextToSql(bytes);
    case SQLITE_BLOB:
      return "x'" + ToHex(bytes) + "'";
    default:
      return "NULL";
  }
}

bool operator==(const Cell& a, const Cell& b) {
  return a.type == b.type && a.integer == b.integer && a.bytes == b.bytes &&
         std::memcmp(&a.real, &b.real, sizeof(a.real)) == 0;
}

std::string Outcome::ToText() const {
  if (!ok()) return "error: " + error;
  std::string text;
  for (const Row& row : rows) {
    if (&row != &rows.front()) text += '\n';
    for (const Cell& cell : row) {
      if (&cell != &row.front()) text += '|';
      text += cell.ToSql();
    }
  }
  return text;
}

int LoadExtension(sqlite3* db, std::string* error) {
  char* message = nullptr;
#ifdef TRIBUTARY_STATIC
  const int rc = sqlite3_tributary_init(db, &message, nullptr);
#else
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, nullptr);
  const int rc = sqlite3_load_extension(db, TRIBUTARY_SO, nullptr, &message);
#endif
  if (message != nullptr) *error = message;
  sqlite3_free(message);
  return rc;
}

Db::Db(const std::string& path, const Options& options) : path_(path) {
  const int rc = sqlite3_open_v2(path.c_str(), &db_, options.flags, nullptr);
  std::string error = rc == SQLITE_OK ? "" : sqlite3_errmsg(db_);
  if (rc == SQLITE_OK) {
    sqlite3_extended_result_codes(db_, 1);
    sqlite3_busy_timeout(db_, 20000);
    if (!options.before.empty()) error = Error(options.before);
    if (error.empty() && options.extension) {
      const int loaded = LoadExtension(db_, &error);
      if (loaded != SQLITE_OK && error.empty()) error = sqlite3_errstr(loaded);
    }
  }
  if (!error.empty()) {
    sqlite3_close(db_);
    throw TestError("cannot open " + path + ": " + error);
  }
}

Db::~Db() {
  if (Close() == SQLITE_OK) return;
  std::fprintf(stderr, "%s: sqlite3_close fails, a statement is still open\n", path_.c_str());
  sqlite3_close_v2(db_);
}

int Db::Close() {
  const int rc = sqlite3_close(db_);
  if (rc == SQLITE_OK) db_ = nullptr;
  return rc;
}

Outcome Db::Run(std::string_view sql, const Row& parameters) {
  Outcome outcome;
  const std::string text(sql);
  const char* rest = text.c_str();
  while (*rest != '\0') {
    sqlite3_stmt* stmt = nullptr;
    int rc = sqlite3_prepare_v2(db_, rest, -1, &stmt, &rest);
    if (rc == SQLITE_OK && stmt == nullptr) continue;  // a comment or white space
    if (rc == SQLITE_OK) rc = StepThrough(stmt, parameters, &outcome.rows);
    if (rc != SQLITE_DONE) {
      outcome.code = sqlite3_extended_errcode(db_);
      if (outcome.code == SQLITE_OK) outcome.code = rc;
      outcome.error = sqlite3_errmsg(db_);
    }
    sqlite3_finalize(stmt);
    if (!outcome.ok()) break;
  }
  return outcome;
}

void Db::Do(std::string_view sql, const Row& parameters) {
  const Outcome outcome = Run(sql, parameters);
  if (!outcome.ok()) throw TestError(outcome.error + "\n  in: " + std::string(sql));
}

Cell Db::One(std::string_view sql, const Row& parameters) {
  const Outcome outcome = Run(sql, parameters);
  if (!outcome.ok()) throw TestError(outcome.error + "\n  in: " + std::string(sql));
  if (outcome.rows.empty()) throw TestError("no row from: " + std::string(sql));
  return outcome.rows[0][0];
}

TempDir::TempDir() {
  // In memory where that can be had: thousands of small files are made and removed.
  const char* base = std::getenv("TMPDIR");
  if (base == nullptr) base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  path_ = std::string(base) + "/tributary-test-XXXXXX";
  if (mkdtemp(path_.data()) == nullptr) throw TestError("cannot make " + path_);
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace tributary::testing
