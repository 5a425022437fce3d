#include "tests/sim/replica.h"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace tributary::sim {
namespace {

// Whatever SQL comes, it must not lead to one of these.
bool IsInternal(const Outcome& outcome) {
  switch (outcome.code & 0xff) {
    case SQLITE_INTERNAL:
    case SQLITE_CORRUPT:
    case SQLITE_MISUSE:
    case SQLITE_NOMEM:
    case SQLITE_IOERR:
    case SQLITE_NOTADB:
    case SQLITE_ABORT:
    case SQLITE_FORMAT:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return true;
    default:
      return outcome.error == "SQL logic error";
  }
}

constexpr char kAllChanges[] =
    "SELECT \"table\", pk, cid, val, col_version, db_version, site_id, cl, seq FROM crsql_changes "
    "ORDER BY \"table\", pk, cid";

}  // namespace

std::string TextLiteral(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) {
    quoted += c;
    if (c == '\'') quoted += c;
  }
  return quoted + "'";
}

std::string ToSql(const Change& c) {
  std::string sql = "INSERT INTO crsql_changes VALUES(";
  sql += TextLiteral(c.table) + ", x'" + testing::ToHex(c.pk) + "', ";
  sql += TextLiteral(c.cid) + ", " + c.value.ToSql() + ", ";
  sql += std::to_string(c.col_version) + ", " + std::to_string(c.db_version) + ", x'";
  sql += testing::ToHex(c.site) + "', " + std::to_string(c.cl) + ", " + std::to_string(c.seq);
  return sql + ");";
}

void World::Open(size_t n, const std::vector<std::string>& encodings) {
  for (size_t i = 0; i < n; i++) {
    Replica r;
    const bool file = random_.OneIn(3);
    r.path = file ? dir_.File("r" + std::to_string(i) + ".db") : ":memory:";
    const std::string encoding = random_.Pick(encodings);
    r.before = "PRAGMA encoding = '" + encoding + "'; PRAGMA synchronous = OFF;";
    if (file) {
      const std::string mode = random_.Pick({"WAL", "DELETE", "TRUNCATE", "PERSIST", "MEMORY"});
      r.before += "PRAGMA journal_mode = " + mode + ";";
      episode_.Note("journal " + mode);
    }
    episode_.Note("encoding " + encoding);
    episode_.Note(file ? "file" : "in memory");
    r.name = static_cast<char>('a' + i);
    // Until its site id falls into this replica's share of all ids.
    do {
      r.db.reset();
      for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
        std::filesystem::remove(r.path + suffix);
      }
      r.db = std::make_unique<Db>(r.path, Db::Options{.before = r.before});
      r.site = r.db->One("SELECT crsql_site_id()").bytes;
    } while (static_cast<unsigned char>(r.site[0]) * n / 256 != i);
    replicas_.push_back(std::move(r));
  }
}

void World::Reopen(Replica* replica) {
  if (replica->path == ":memory:") return;
  episode_.log.push_back(std::string("-- ") + replica->name + " is closed and opened again");
  episode_.counts->reopens++;
  if (replica->db->Close() != SQLITE_OK) Fail("sqlite3_close is refused");
  replica->db = std::make_unique<Db>(replica->path, Db::Options{.before = replica->before});
  if (replica->db->One("SELECT crsql_site_id()").bytes != replica->site) Fail("a new site id");
}

void World::Log(const Replica& replica, const std::string& sql) {
  episode_.log.push_back(std::string("/* ") + replica.name + " */ " + sql);
}

Outcome World::Run(Replica* replica, const std::string& sql) {
  Log(*replica, sql + ";");
  episode_.counts->statements++;
  const int64_t before = sqlite3_total_changes(replica->db->handle());
  Outcome outcome = replica->db->Run(sql);
  if (outcome.ok() && sqlite3_total_changes(replica->db->handle()) > before) {
    episode_.counts->writes += sqlite3_changes(replica->db->handle());
  }
  if (!outcome.ok()) {
    episode_.counts->errors++;
    episode_.log.push_back("--   error: " + outcome.error);
    if (IsInternal(outcome)) Fail("an internal error: " + outcome.error);
  }
  return outcome;
}

void World::Do(Replica* replica, const std::string& sql) {
  const Outcome outcome = Run(replica, sql);
  if (!outcome.ok()) Fail("unexpected error: " + outcome.error);
}

std::vector<Change> World::Scramble(std::vector<Change> changes) {
  switch (random_.Below(4)) {
    case 0:
      random_.Shuffle(&changes);
      break;
    case 1:
      std::reverse(changes.begin(), changes.end());
      break;
    default:
      break;
  }
  if (random_.OneIn(3)) {  // lose some
    const size_t keep_of_8 = 1 + random_.Below(7);
    std::erase_if(changes, [&](const Change&) { return random_.Below(8) >= keep_of_8; });
  }
  if (random_.OneIn(4)) {  // some twice
    const size_t n = changes.size();
    for (size_t i = 0; i < n / 4; i++) {
      changes.insert(changes.begin() + static_cast<int64_t>(random_.Below(n)),
                     Change(changes[random_.Below(n)]));
    }
  }
  return changes;
}

void World::LogChanges(const Replica& replica, const std::vector<Change>& changes) {
  for (const Change& c : changes) Log(replica, ToSql(c));
}

void World::Deliver(Replica* to, const std::vector<Change>& changes) {
  episode_.counts->deliveries++;
  const bool in_transactions = !random_.OneIn(5);
  const size_t batch = random_.OneIn(2) ? changes.size() + 1 : 1 + random_.Below(20);
  for (size_t at = 0; at < changes.size(); at += batch) {
    const size_t end = std::min(changes.size(), at + batch);
    const std::vector<Change> part(changes.begin() + static_cast<int64_t>(at),
                                   changes.begin() + static_cast<int64_t>(end));
    if (in_transactions) Log(*to, "BEGIN;");
    LogChanges(*to, part);
    if (in_transactions) Log(*to, "COMMIT;");
    const std::string error =
        in_transactions ? testing::ApplyChanges(*to->db, part) : testing::ApplyEach(*to->db, part);
    if (!error.empty()) Fail(std::string("a merge into ") + to->name + " fails: " + error);
    episode_.counts->applies += static_cast<int64_t>(part.size());
  }
}

void World::Settle() {
  episode_.log.push_back("-- all to all");
  for (size_t round = 0; round + 1 < replicas_.size(); round++) {
    for (Replica& from : replicas_) {
      for (Replica& to : replicas_) {
        if (&from == &to) continue;
        std::vector<Change> changes = testing::ReadChanges(*from.db);
        if (random_.OneIn(2)) random_.Shuffle(&changes);
        Deliver(&to, changes);
      }
    }
  }
}

void World::ExpectHealthy(Replica* replica) {
  const std::string problems = replica->db->Get("SELECT * FROM crsql_check()");
  if (!problems.empty()) Fail(std::string("crsql_check of ") + replica->name + ": " + problems);
  // SQLite 3.40 finds wrong NULLs and types in WITHOUT ROWID tables whose key does not come first,
  // with or without this extension: CREATE TABLE t(c NUMERIC DEFAULT 'x', k INT PRIMARY KEY)
  // WITHOUT ROWID; INSERT INTO t VALUES('x', 3), (5, 7). The values themselves are compared by
  // ExpectEqual.
  const std::string false_alarm =
      sqlite3_libversion_number() < 3042000 ? "integrity_check GLOB '* value in *'" : "0";
  const std::string integrity = replica->db->Get(
      "SELECT * FROM pragma_integrity_check WHERE integrity_check <> 'ok' AND NOT " + false_alarm);
  if (!integrity.empty()) Fail("integrity_check: " + integrity);
}

void World::ExpectEqual(const std::vector<std::string>& tables) {
  Replica& first = replicas_[0];
  for (Replica& other : replicas_) {
    ExpectHealthy(&other);
    if (&other == &first) continue;
    episode_.counts->comparisons++;
    const std::string who = std::string(" of a and ") + other.name;
    for (const std::string& table : tables) {
      const std::string a = testing::TableText(*first.db, table);
      const std::string b = testing::TableText(*other.db, table);
      if (a != b) Fail("rows" + who + " differ in " + table + ":\n" + a + "\n--\n" + b);
    }
    const std::string a = first.db->Get(kAllChanges), b = other.db->Get(kAllChanges);
    if (a != b) Fail("changes" + who + " differ:\n" + a + "\n--\n" + b);
    if (first.db->Get("SELECT crsql_digest()") != other.db->Get("SELECT crsql_digest()")) {
      Fail("digests" + who + " differ, rows and changes do not");
    }
  }
}

}  // namespace tributary::sim
