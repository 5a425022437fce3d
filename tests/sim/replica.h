// A replica under test, a folder for it, and what the kinds of episodes share: running SQL with a
// log, delivering changes in every bad way a network can, comparing replicas bit for bit.
#ifndef TRIBUTARY_TESTS_SIM_REPLICA_H_
#define TRIBUTARY_TESTS_SIM_REPLICA_H_

#include <memory>
#include <string>
#include <vector>

#include "tests/sim/episode.h"
#include "tests/sim/random.h"
#include "tests/support/changes.h"
#include "tests/support/db.h"

namespace tributary::sim {

using testing::Change;
using testing::Db;
using testing::Outcome;

struct Replica {
  char name = 'a';  // in the log
  std::string path;
  std::string before;  // SQL to run at each opening
  std::unique_ptr<Db> db;
  std::string site;
};

class World {
 public:
  World(Episode* episode, Random* random) : episode_(*episode), random_(*random) {}

  // Opens n replicas, in memory or as files, in the order of their site ids: what happens depends
  // on nothing but this order, so that a seed replays though site ids are random.
  void Open(size_t n, const std::vector<std::string>& encodings);
  void Reopen(Replica* replica);

  std::vector<Replica>& replicas() { return replicas_; }
  Replica& Any() { return replicas_[random_.Below(replicas_.size())]; }

  // Runs one statement, logged and counted. Errors are the caller's business, except those that
  // no SQL may ever cause.
  Outcome Run(Replica* replica, const std::string& sql);
  // The same for SQL that must not fail.
  void Do(Replica* replica, const std::string& sql);

  // Some changes, in some order, some of them twice.
  std::vector<Change> Scramble(std::vector<Change> changes);
  // Applies them, in one transaction, several, or none. `on_refusal` is thrown as a failure.
  void Deliver(Replica* to, const std::vector<Change>& changes);
  // Everything to everyone.
  void Settle();

  // Throws where tables, digests, changes or checks differ or complain.
  void ExpectEqual(const std::vector<std::string>& tables);
  void ExpectHealthy(Replica* replica);
  [[noreturn]] void Fail(const std::string& what) const { throw Failure(what); }

 private:
  void Log(const Replica& replica, const std::string& sql);
  void LogChanges(const Replica& replica, const std::vector<Change>& changes);

  Episode& episode_;
  Random& random_;
  testing::TempDir dir_;
  std::vector<Replica> replicas_;
};

// 'it''s', whatever the bytes and the database's encoding.
std::string TextLiteral(const std::string& text);

// One change as an INSERT that can be pasted into a shell.
std::string ToSql(const Change& change);

}  // namespace tributary::sim

#endif  // TRIBUTARY_TESTS_SIM_REPLICA_H_
