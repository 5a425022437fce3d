// One random history: its seed and size, what it counts, and how it fails. There are four kinds:
//
// - oracle: simple tables and structured writes; a naive model says exactly what crsql_changes
//   and the tables must hold on every replica after every step;
// - wild: random schemas and random SQL on three replicas with any kind of delivery, by rows of
//   crsql_changes and by changesets; what a replica claims to know it must know, and in the end all
//   replicas must be equal bit for bit;
// - twin: the same random script on plain SQLite and on replicated tables; every statement must
//   give the same rows, counts, rowids and errors;
// - schema: replicas that take the same steps of a schema at different times, with writes and
//   deliveries in between, and must be equal once all have taken the last one.
#ifndef TRIBUTARY_TESTS_SIM_EPISODE_H_
#define TRIBUTARY_TESTS_SIM_EPISODE_H_

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace tributary::sim {

struct Counts {
  int64_t episodes = 0;
  int64_t statements = 0;
  int64_t writes = 0;      // rows changed by SQL
  int64_t applies = 0;     // rows inserted into crsql_changes
  int64_t deliveries = 0;  // batches of these
  int64_t pieces = 0;      // changesets applied
  int64_t transfers = 0;   // asked for
  int64_t laws = 0;        // claims of knowledge tried
  int64_t rollbacks = 0;   // of transactions and savepoints
  int64_t errors = 0;      // statements that failed as they should
  int64_t reopens = 0;
  int64_t comparisons = 0;
  std::map<std::string, int64_t> features;  // of the generated schemas and scripts
};

struct Episode {
  uint64_t seed = 0;
  int steps = 60;
  Counts* counts = nullptr;
  std::vector<std::string> log;  // what was done, as SQL with comments

  void Note(const std::string& feature) { counts->features[feature]++; }
};

class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

void RunOracle(Episode* episode);
void RunWild(Episode* episode);
void RunTwin(Episode* episode);
void RunSchema(Episode* episode);

}  // namespace tributary::sim

#endif  // TRIBUTARY_TESTS_SIM_EPISODE_H_
