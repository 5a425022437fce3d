// Changesets between replicas, by a network that loses, delays, doubles and reorders pieces.
#ifndef TRIBUTARY_TESTS_SIM_MAIL_H_
#define TRIBUTARY_TESTS_SIM_MAIL_H_

#include <string>
#include <utility>
#include <vector>

#include "tests/sim/episode.h"
#include "tests/sim/random.h"
#include "tests/sim/replica.h"

namespace tributary::sim {

class Mail {
 public:
  Mail(Episode* episode, Random* random, World* world, std::vector<std::string> tables)
      : episode_(*episode), random_(*random), world_(*world), tables_(std::move(tables)) {}

  // Some or all of what `to` lacks of `from`, of all tables or of some, in one bad way or another.
  void Exchange(Replica* from, Replica* to);
  // Everything to everyone, and then nobody has anything to say any more.
  void Settle();
  // Law (K) of ext/knowledge.h: of what `who` claims to know nothing that another holds is news to
  // it. Only where no single records travel beside the changesets.
  void ExpectLaw(Replica* who);

 private:
  void ExpectLaw(Replica* who, const Replica& other, const testing::Cell& tables);
  std::vector<std::string> Ask(Replica* from, Replica* to, const testing::Cell& tables);
  void Deliver(Replica* to, const std::vector<std::string>& pieces);
  void Apply(Replica* to, const std::string& piece);
  testing::Cell SomeTables();

  Episode& episode_;
  Random& random_;
  World& world_;
  std::vector<std::string> tables_;
  std::vector<std::pair<char, std::string>> late_;  // to whom, what
};

}  // namespace tributary::sim

#endif  // TRIBUTARY_TESTS_SIM_MAIL_H_
