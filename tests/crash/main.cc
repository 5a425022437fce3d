// kill -9 at random moments, and two processes on one file.
//
//   crash_test                       50 kills, seed 1
//   crash_test --kills 2000 --seed 7
//
// Timing decides where a kill falls, so a seed repeats the kind of work but not the very moment.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>

#include "tests/crash/crash.h"

namespace tributary::crash {

void Require(bool condition, const std::string& what) {
  if (!condition) throw testing::TestError(what);
}

void RequireHealthy(testing::Db& db, const std::string& when) {
  const std::string integrity = db.Get("PRAGMA integrity_check");
  Require(integrity == "'ok'", when + ": integrity_check: " + integrity);
  const std::string problems = db.Get("SELECT * FROM crsql_check()");
  Require(problems.empty(), when + ": crsql_check: " + problems);
}

pid_t Fork(const std::function<void()>& body) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child != 0) return child;
  int code = 0;
  try {
    body();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "child: %s\n", e.what());
    code = 1;
  }
  _exit(code);
}

void Join(pid_t child) {
  int status = 1;
  Require(waitpid(child, &status, 0) == child && status == 0, "a child failed");
}

bool KillSoon(pid_t child, sim::Random* random, size_t longest_us) {
  usleep(static_cast<useconds_t>(random->Below(longest_us)));
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  Require(WIFSIGNALED(status) || status == 0,
          "the child ended by itself with status " + std::to_string(status));
  return WIFSIGNALED(status);
}

std::string Open(const char* mode) {
  return std::string(
             "PRAGMA synchronous = NORMAL; PRAGMA cache_size = 20; PRAGMA journal_mode = ") +
         mode;
}

SharedCounter::SharedCounter()
    : value_(static_cast<volatile int64_t*>(mmap(nullptr, sizeof(int64_t), PROT_READ | PROT_WRITE,
                                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
  Require(value_ != MAP_FAILED, "mmap");
  *value_ = 0;
}

SharedCounter::~SharedCounter() { munmap(const_cast<int64_t*>(value_), sizeof(int64_t)); }

}  // namespace tributary::crash

int main(int argc, char** argv) {
  tributary::crash::Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--seed") options.seed = std::stoull(argv[i + 1]);
    if (name == "--kills") options.kills = std::stoi(argv[i + 1]);
  }
  try {
    tributary::crash::ConcurrentWriters(options);
    tributary::crash::KilledWriters(options);
    tributary::crash::KilledMergers(options);
    tributary::crash::KilledReceivers(options);
    tributary::crash::KilledPublishers(options);
  } catch (const std::exception& e) {
    std::printf("FAILED (seed %llu): %s\n", static_cast<unsigned long long>(options.seed),
                e.what());
    return 1;
  }
  return 0;
}
