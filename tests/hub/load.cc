#include "tests/hub/load.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "ext/tributary.h"

namespace tributary::testing {

void Die(const std::string& why) {
  std::fprintf(stderr, "hub_load: %s\n", why.c_str());
  std::exit(1);
}

double Since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

int64_t MemoryOf(const std::string& pid) {
  std::ifstream in("/proc/" + pid + "/status");
  std::string line;
  while (std::getline(in, line)) {
    if (line.starts_with("VmRSS:")) return std::atoll(line.c_str() + 6);
  }
  return 0;
}

double CpuOf(const std::string& pid) {
  constexpr int kUser = 14;  // fields of /proc/PID/stat, in ticks of 10 ms
  constexpr int kSystem = 15;
  std::ifstream in("/proc/" + pid + "/stat");
  std::string word;
  double ticks = 0;
  for (int i = 1; i <= kSystem && in >> word; i++) {
    if (i == kUser || i == kSystem) ticks += std::atof(word.c_str());
  }
  return ticks / 100;
}

Writer::Writer() {
  char* error = nullptr;
  if (sqlite3_open(":memory:", &db_) != SQLITE_OK ||
      sqlite3_tributary_init(db_, &error, nullptr) != SQLITE_OK) {
    Die("no database in memory");
  }
  Do(std::string(kTable) + "SELECT crsql_as_crr('note')");
  replica_ = std::make_unique<SqliteReplica>(db_, 1);
  sqlite3_prepare_v2(db_, "INSERT INTO note(id, title, body) VALUES (?1, ?2, ?3)", -1, &insert_,
                     nullptr);
}

Writer::~Writer() {
  replica_.reset();
  sqlite3_finalize(insert_);
  sqlite3_close_v2(db_);
}

void Writer::Do(const std::string& sql) {
  if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    Die(sqlite3_errmsg(db_));
  }
}

std::string Writer::Get(const std::string& sql) {
  sqlite3_stmt* s = nullptr;
  sqlite3_prepare_v2(db_, sql.c_str(), -1, &s, nullptr);
  if (sqlite3_step(s) != SQLITE_ROW) Die(sqlite3_errmsg(db_));
  std::string text(static_cast<const char*>(sqlite3_column_blob(s, 0)),
                   static_cast<size_t>(sqlite3_column_bytes(s, 0)));
  sqlite3_finalize(s);
  return text;
}

void Writer::Write(int64_t id) {
  sqlite3_bind_int64(insert_, 1, id);
  sqlite3_bind_text(insert_, 2, "a title of some length", -1, SQLITE_STATIC);
  sqlite3_bind_int64(insert_, 3, id * 7919);
  sqlite3_step(insert_);
  if (sqlite3_reset(insert_) != SQLITE_OK) Die(sqlite3_errmsg(db_));
}

WebSocketAddress Room(const std::string& url, const std::string& name) {
  WebSocketAddress address;
  if (!ParseWebSocketUrl(url + "/v1/rooms/" + name, &address)) Die("no URL: " + url);
  return address;
}

bool Acked(const Swarm::Peer* peer) {
  const Session* s = peer->session();
  if (peer->over()) Die("a session ended: " + s->status().ToString());
  return s->caught_up();
}

}  // namespace tributary::testing
