// Random SQL for a random schema.
#ifndef TRIBUTARY_TESTS_SIM_SCRIPT_H_
#define TRIBUTARY_TESTS_SIM_SCRIPT_H_

#include <string>
#include <vector>

#include "tests/sim/episode.h"
#include "tests/sim/random.h"
#include "tests/sim/schema.h"

namespace tributary::sim {

// A statement that writes (or reads) one of the tables.
std::string RandomStatement(Episode* episode, Random* random, const RandomSchema& schema);

// A transaction of some statements, with savepoints, ended in one way or the other. One of the
// statements may fail, and even end the transaction (OR ROLLBACK): then the rest runs outside.
std::vector<std::string> RandomTransaction(Episode* episode, Random* random,
                                           const RandomSchema& schema);

}  // namespace tributary::sim

#endif  // TRIBUTARY_TESTS_SIM_SCRIPT_H_
