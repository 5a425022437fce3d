#include "tests/faults/session.h"

#include <vector>

#include "ext/tributary.h"
#include "tests/faults/injector.h"

namespace tributary::faults {
namespace {

using testing::Outcome;
using testing::TestError;

// A call into SQLite: here faults happen.
template <typename F>
int Call(F body) {
  const Active active;
  try {
    return body();
  } catch (...) {
    return kEscaped;
  }
}

}  // namespace

Outcome Session::Failed(int rc) {
  if (rc == kEscaped) return {.code = kEscaped, .error = "a C++ exception came out of SQLite"};
  Outcome outcome{.code = rc, .error = sqlite3_errstr(rc)};
  if (db_ != nullptr && (sqlite3_extended_errcode(db_) & 0xff) == (rc & 0xff)) {
    outcome.code = sqlite3_extended_errcode(db_);
    outcome.error = sqlite3_errmsg(db_);
  }
  return outcome;
}

Outcome Session::Open() {
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  int rc = Call([&] { return sqlite3_open_v2(path_.c_str(), &db_, kFlags, kVfsName); });
  char* message = nullptr;
  if (rc == SQLITE_OK) {
    sqlite3_extended_result_codes(db_, 1);
    rc = Call([&] { return sqlite3_tributary_init(db_, &message, nullptr); });
  }
  Outcome outcome;
  if (rc == SQLITE_OK) {
    // A small cache, so that pages are read and spilled in the midst of transactions.
    outcome = Run("PRAGMA cache_size = 8");
    if (outcome.ok()) outcome = Run("PRAGMA foreign_keys = ON");
    outcome.rows.clear();
  } else {
    outcome = Failed(rc);
    if (message != nullptr) outcome.error = message;
  }
  sqlite3_free(message);
  if (!outcome.ok() && outcome.code != kEscaped && Close() != SQLITE_OK) {
    throw TestError("sqlite3_close after a failed open");
  }
  return outcome;
}

Outcome Session::Run(const std::string& sql) {
  if (sql == ".open") {
    const int closed = db_ == nullptr ? SQLITE_OK : Call([&] { return Close(); });
    return closed == SQLITE_OK ? Open() : Failed(closed);
  }
  Outcome outcome;
  sqlite3_stmt* stmt = nullptr;
  int rc = Call([&] { return sqlite3_prepare_v2(db_, sql.c_str(), -1, &stmt, nullptr); });
  if (rc == SQLITE_OK) {
    while ((rc = Call([&] { return sqlite3_step(stmt); })) == SQLITE_ROW) {
      outcome.rows.push_back(testing::ReadRow(stmt));
    }
    if (rc == SQLITE_DONE) rc = SQLITE_OK;
  }
  if (rc != SQLITE_OK) outcome = Failed(rc);
  if (rc != kEscaped) Call([&] { return sqlite3_finalize(stmt); });
  return outcome;
}

std::string Session::Get(const std::string& sql) {
  const Outcome outcome = Run(sql);
  if (!outcome.ok()) throw TestError(outcome.error + "\n  in: " + sql);
  return outcome.ToText();
}

int Session::Close() {
  const int rc = sqlite3_close(db_);
  if (rc == SQLITE_OK) db_ = nullptr;
  return rc;
}

State StateOf(Session* session) {
  State state;
  // The extension's own tables are compared by what they mean. The trigger for REPLACE is only an
  // aid to speed, and its creation may fail.
  const char* kSchema =
      "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'crsql_%' AND tbl_name NOT "
      "LIKE 'crsql_%' AND name NOT LIKE '%rtrig' ORDER BY name";
  state.text = session->Get(kSchema);
  const char* kTables =
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE "
      "'crsql_%' AND name "
      "NOT LIKE 'sqlite_%' ORDER BY name";
  const Outcome tables = session->Run(kTables);
  for (const testing::Row& row : tables.rows) {
    state.text += "\n" + row[0].bytes + "\n" +
                  session->Get("SELECT * FROM " + testing::Quoted(row[0].bytes) + " ORDER BY 1, 2");
  }
  if (session->Get("SELECT count(*) FROM sqlite_schema WHERE name = 'crsql_log'") == "0") {
    state.text +=
        "\nchanges\n\nversion 0, seen:\n\nknown:\n"
        "'[]'|'[]'";
    return state;
  }
  state.text += "\nchanges\n" +
                session->Get(
                    "SELECT \"table\", pk, cid, val, col_version, db_version, CASE site_id WHEN "
                    "crsql_site_id() THEN 'me' ELSE (SELECT ordinal FROM crsql_site_id s WHERE "
                    "s.site_id = c.site_id) END, cl, seq, ts FROM crsql_changes c");
  state.text += "\nversion " + session->Get("SELECT crsql_db_version()") + ", seen:\n";
  // Sites by their ordinals: their ids are random.
  state.text += session->Get(
      "SELECT ordinal, db_version FROM crsql_db_versions NATURAL JOIN crsql_site_id WHERE ordinal "
      "> "
      "0 ORDER BY 1");
  state.text +=
      "\nknown:\n" +
      session->Get(
          "SELECT coalesce(ordinal, key), value FROM json_each(crsql_version_vector_json()"
          ", '$.known') LEFT JOIN crsql_site_id ON lower(hex(site_id)) = key ORDER BY 1");
  state.text += session->Get(
      "SELECT crsql_version_vector_json() ->> '$.unfinished', "
      "crsql_version_vector_json() ->> '$.loose'");
  if (session->Get("SELECT count(*) FROM sqlite_schema WHERE name = 'crsql_transfers'") == "1") {
    state.text += session->Get("SELECT count(*) FROM crsql_transfers WHERE item > 0");
  }
  state.site = session->Get("SELECT crsql_site_id()");
  state.digest = session->Get("SELECT crsql_digest()");
  return state;
}

void RequireHealthy(Session* session) {
  const std::string integrity = session->Get("PRAGMA integrity_check");
  if (integrity != "'ok'") throw TestError("integrity_check: " + integrity);
  const std::string problems = session->Get("SELECT * FROM crsql_check");
  if (!problems.empty()) throw TestError("crsql_check: " + problems);
}

}  // namespace tributary::faults
