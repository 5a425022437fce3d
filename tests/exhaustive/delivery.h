// Every order in which records can reach one row of one replica, proven by walking the lattice of
// the sets that it can have received: each set is reached from each of its predecessors by really
// merging one more record, and at each set every state that comes about must be the model's. By
// induction that covers all n! orders, with repetitions anywhere, in n * 2^n merges.
#ifndef TRIBUTARY_TESTS_EXHAUSTIVE_DELIVERY_H_
#define TRIBUTARY_TESTS_EXHAUSTIVE_DELIVERY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/exhaustive/engine.h"

namespace tributary::exhaustive {

// A row's state after some deliveries. States of one set differ at most in what the model leaves
// open: the values of cells without a clock, and how a clock is stored.
struct Reached {
  unsigned seen = 0;  // bit per record of the row
  Row row;
  int parent = -1;  // index of the state it came from, and
  int via = -1;     // by which record
};

struct DeliveryCounts {
  uint64_t merges = 0;  // that changed or could have changed a row
  uint64_t repeats = 0;
  uint64_t states = 0;
};

class Delivery {
 public:
  explicit Delivery(const Engine* engine) : engine_(engine) {}

  // Walks from `row`, which has seen `seen` of `records`. All states, the start first; the last one
  // has seen everything. False, with *why and a partial result that ends with the bad state, where
  // a law is broken.
  bool Walk(int site, const Row& row, unsigned seen, const std::vector<Record>& records,
            std::vector<Reached>* reached, std::string* why);

  const DeliveryCounts& counts() const { return counts_; }

 private:
  bool Check(int site, const Reached& at, const std::vector<Record>& records, std::string* why);

  const Engine* engine_;
  DeliveryCounts counts_;
  std::vector<std::vector<int>> by_set_;  // scratch: states by set of deliveries
  std::vector<Record> emitted_;           // scratch
};

}  // namespace tributary::exhaustive

#endif  // TRIBUTARY_TESTS_EXHAUSTIVE_DELIVERY_H_
