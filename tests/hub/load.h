// What the programs that put load on a hub share.
#ifndef TRIBUTARY_TESTS_HUB_LOAD_H_
#define TRIBUTARY_TESTS_HUB_LOAD_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "sync/session/sqlite_replica.h"
#include "tests/hub/swarm.h"

namespace tributary::testing {

using Clock = std::chrono::steady_clock;

inline constexpr char kTable[] =
    "CREATE TABLE note(id INTEGER PRIMARY KEY NOT NULL, title TEXT, body TEXT);";

[[noreturn]] void Die(const std::string& why);
double Since(Clock::time_point start);
// Kilobytes of the process that it holds.
int64_t MemoryOf(const std::string& pid);
// Seconds of CPU that the process has used.
double CpuOf(const std::string& pid);

// A client's database, in memory.
class Writer {
 public:
  Writer();
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void Do(const std::string& sql);
  std::string Get(const std::string& sql);
  void Write(int64_t id);
  SqliteReplica* replica() { return replica_.get(); }

 private:
  sqlite3* db_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  std::unique_ptr<SqliteReplica> replica_;
};

WebSocketAddress Room(const std::string& url, const std::string& name);
// All that a session had to send is committed at the hub. Ends the program where it failed.
bool Acked(const Swarm::Peer* peer);

// 10 minutes, by default, of clients that come, go and die: soak.cc.
void Soak(const std::string& url, const std::string& pid, int seconds, int clients, uint64_t seed);

}  // namespace tributary::testing

#endif  // TRIBUTARY_TESTS_HUB_LOAD_H_
