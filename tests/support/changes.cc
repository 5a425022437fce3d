#include "tests/support/changes.h"

#include <cmath>
#include <sstream>
#include <utility>

namespace tributary::testing {
namespace {

constexpr char kColumns[] =
    R"("table", pk, cid, val, col_version, db_version, site_id, cl, seq, ts)";

int Rank(const Cell& cell) {
  switch (cell.type) {
    case SQLITE_INTEGER:
      return 4;
    case SQLITE_FLOAT:
      return 3;
    case SQLITE_TEXT:
      return 2;
    case SQLITE_BLOB:
      return 1;
    default:
      return 0;
  }
}

template <typename T>
int Sign(const T& a, const T& b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

std::string SiteName(const std::string& site, const std::string& own) {
  if (site == own) return "me";
  if (site.size() == 16 && site[0] > 0 && site[0] < 10 && site == std::string(16, site[0])) {
    return "S" + std::to_string(static_cast<int>(site[0]));
  }
  return ToHex(site);
}

// A prepared insert into crsql_changes.
class Inserter {
 public:
  explicit Inserter(Db& db) : db_(db) {
    const std::string sql = std::string("INSERT INTO crsql_changes(") + kColumns +
                            ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    if (sqlite3_prepare_v2(db.handle(), sql.c_str(), -1, &stmt_, nullptr) != SQLITE_OK) {
      throw TestError(sqlite3_errmsg(db.handle()));
    }
  }
  ~Inserter() { sqlite3_finalize(stmt_); }
  Inserter(const Inserter&) = delete;
  Inserter& operator=(const Inserter&) = delete;

  Outcome Insert(const Change& c) {
    BindAll(stmt_, {Cell::Text(c.table), Cell::Blob(c.pk), Cell::Text(c.cid), c.value,
                    Cell::Integer(c.col_version), Cell::Integer(c.db_version), Cell::Blob(c.site),
                    Cell::Integer(c.cl), Cell::Integer(c.seq), c.ts});
    Outcome outcome;
    if (sqlite3_step(stmt_) != SQLITE_DONE) {
      outcome.code = sqlite3_extended_errcode(db_.handle());
      outcome.error = sqlite3_errmsg(db_.handle());
    }
    sqlite3_reset(stmt_);
    return outcome;
  }

 private:
  Db& db_;
  sqlite3_stmt* stmt_ = nullptr;
};

}  // namespace

int CompareCells(const Cell& a, const Cell& b) {
  if (Rank(a) != Rank(b)) return Sign(Rank(a), Rank(b));
  if (a.type == SQLITE_INTEGER) return Sign(a.integer, b.integer);
  if (a.type == SQLITE_FLOAT) {
    if (a.real == 0 && b.real == 0) return Sign(!std::signbit(a.real), !std::signbit(b.real));
    return Sign(a.real, b.real);
  }
  return Sign(a.bytes.compare(b.bytes), 0);
}

std::vector<Change> ReadChanges(Db& db, const std::string& condition) {
  const Outcome outcome =
      db.Run(std::string("SELECT ") + kColumns + " FROM crsql_changes WHERE " + condition);
  if (!outcome.ok()) throw TestError("reading crsql_changes: " + outcome.error);
  std::vector<Change> changes;
  for (const Row& row : outcome.rows) {
    changes.push_back({.table = row[0].bytes,
                       .pk = row[1].bytes,
                       .cid = row[2].bytes,
                       .value = row[3],
                       .col_version = row[4].integer,
                       .db_version = row[5].integer,
                       .site = row[6].bytes,
                       .cl = row[7].integer,
                       .seq = row[8].integer,
                       .ts = row[9]});
  }
  return changes;
}

Outcome ApplyChange(Db& db, const Change& change) { return Inserter(db).Insert(change); }

std::string ApplyEach(Db& db, const std::vector<Change>& changes) {
  Inserter inserter(db);
  for (const Change& change : changes) {
    Outcome outcome = inserter.Insert(change);
    if (!outcome.ok()) return outcome.error;
  }
  return "";
}

std::string ApplyChanges(Db& db, const std::vector<Change>& changes) {
  db.Do("BEGIN");
  std::string error = ApplyEach(db, changes);
  if (error.empty()) error = db.Error("COMMIT");
  if (!db.autocommit()) db.Do("ROLLBACK");
  return error;
}

std::string ChangesText(Db& db, const std::string& condition) {
  const std::string own = db.One("SELECT crsql_site_id()").bytes;
  std::string text;
  for (const Change& c : ReadChanges(db, condition)) {
    if (!text.empty()) text += '\n';
    text += c.table + ' ' + ToHex(c.pk) + ' ' + c.cid + ' ' + c.value.ToSql();
    for (const int64_t n : {c.col_version, c.db_version}) text += ' ' + std::to_string(n);
    text += ' ' + SiteName(c.site, own);
    for (const int64_t n : {c.cl, c.seq}) text += ' ' + std::to_string(n);
  }
  return text;
}

std::string Site(int n) { return "x'" + ToHex(std::string(16, static_cast<char>(n))) + "'"; }

std::string MergeText(Db& db, std::string_view lines) {
  std::istringstream in{std::string(lines)};
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string table, pk, cid, value, col_version, db_version, site, cl, seq;
    words >> table >> pk >> cid >> value >> col_version >> db_version >> site >> cl >> seq;
    if (table.empty()) continue;
    if (seq.empty()) throw TestError("not a change: " + line);
    if (site == "me") {
      site = "crsql_site_id()";
    } else {
      site = site[0] == 'S' ? Site(site[1] - '0') : "x'" + site + "'";
    }
    std::string sql = "INSERT INTO crsql_changes VALUES(";
    sql += "'" + table + "', x'" + pk + "', '" + cid + "', " + value + ", ";
    sql += col_version + ", " + db_version + ", " + site + ", " + cl + ", " + seq + ")";
    std::string error = db.Error(sql);
    if (!error.empty()) return error;
  }
  return "";
}

void SyncAll(const std::vector<Db*>& dbs) {
  for (size_t round = 0; round < dbs.size(); round++) {
    for (Db* from : dbs) {
      for (Db* to : dbs) {
        if (from == to) continue;
        const std::string error = ApplyChanges(*to, ReadChanges(*from));
        if (!error.empty()) throw TestError("sync: " + error);
      }
    }
  }
}

std::string TableText(Db& db, const std::string& table) {
  std::string order;
  const Outcome keys =
      db.Run("SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", {Cell::Text(table)});
  for (const Row& row : keys.rows) order += (order.empty() ? "" : ", ") + Quoted(row[0].bytes);
  return db.Get("SELECT * FROM " + Quoted(table) + " ORDER BY " + order);
}

}  // namespace tributary::testing
