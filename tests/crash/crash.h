// What a process that is killed, or that shares its file with another one, must leave behind.
#ifndef TRIBUTARY_TESTS_CRASH_CRASH_H_
#define TRIBUTARY_TESTS_CRASH_CRASH_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>

#include "tests/sim/random.h"
#include "tests/support/db.h"

namespace tributary::crash {

// Throws testing::TestError with what is wrong.
void Require(bool condition, const std::string& what);
// integrity_check and crsql_check.
void RequireHealthy(testing::Db& db, const std::string& when);

// Runs `body` in a child process; an exception makes it end with code 1 after a message.
pid_t Fork(const std::function<void()>& body);
// Waits for a child that must end by itself and with code 0.
void Join(pid_t child);

// Kills the child after up to `longest_us`. False where it had ended by itself, with code 0.
bool KillSoon(pid_t child, sim::Random* random, size_t longest_us);

constexpr const char* kModes[] = {"WAL", "DELETE", "TRUNCATE", "PERSIST"};
// What a connection in that journal mode begins with: little cache, so that it writes early.
std::string Open(const char* mode);

// Law K of ext/knowledge.h, for a closed file: what it asks the source for leads to the same as all
// that the source has.
void RequireLawK(const std::string& path, testing::Db* source, const std::string& when);

// A counter in memory that both processes see.
class SharedCounter {
 public:
  SharedCounter();
  ~SharedCounter();
  SharedCounter(const SharedCounter&) = delete;
  SharedCounter& operator=(const SharedCounter&) = delete;
  volatile int64_t& value() { return *value_; }

 private:
  volatile int64_t* value_;
};

struct Options {
  uint64_t seed = 1;
  int kills = 50;
};

// The tests. Each prints a line with its counts.
void KilledWriters(const Options& options);
void KilledMergers(const Options& options);
void KilledReceivers(const Options& options);
void KilledPublishers(const Options& options);
void ConcurrentWriters(const Options& options);

}  // namespace tributary::crash

#endif  // TRIBUTARY_TESTS_CRASH_CRASH_H_
