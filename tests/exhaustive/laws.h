// The laws of the merge over everything small, reachable by local work or not: every question that
// can be put to Decide, every row state and every record of a small universe.
#ifndef TRIBUTARY_TESTS_EXHAUSTIVE_LAWS_H_
#define TRIBUTARY_TESTS_EXHAUSTIVE_LAWS_H_

#include <cstdint>

namespace tributary::exhaustive {

struct LawCounts {
  uint64_t questions = 0;     // to Decide, each with every tie
  uint64_t states = 0;        // rows
  uint64_t records = 0;       // of the universe
  uint64_t steps = 0;         // state x record: equals the model, idempotent, monotonic
  uint64_t commutations = 0;  // state x record x record
  uint64_t joins = 0;         // state x state: commutative, idempotent
  uint64_t associations = 0;  // state x state x state
};

// False after the first law that is broken, which it prints.
bool CheckLaws(LawCounts* counts);

}  // namespace tributary::exhaustive

#endif  // TRIBUTARY_TESTS_EXHAUSTIVE_LAWS_H_
