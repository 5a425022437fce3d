// Every small history: up to a number of operations on two rows at three replicas, before each of
// them any set of the records so far delivered to the replica in any order, and at the end all
// records delivered everywhere in every order (delivery.h).
//
// Histories that differ only in what cannot matter are taken once: the order of two neighbouring
// operations of which neither saw the other (the lower site goes first), deliveries to a row that
// the next operation does not touch (they come later, as part of the others), and which of the two
// keys is which. Sites are not interchangeable, as their ids break ties.
#ifndef TRIBUTARY_TESTS_EXHAUSTIVE_HISTORIES_H_
#define TRIBUTARY_TESTS_EXHAUSTIVE_HISTORIES_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "tests/exhaustive/delivery.h"
#include "tests/exhaustive/engine.h"

namespace tributary::exhaustive {

struct Scope {
  int operations = 4;
  int width = 2;        // columns
  bool moves = true;    // key moves, and with them a second row
  bool second = false;  // operations other than moves on the second row, too
};

// One event of a history; ToString and ParseStep are the language of replays.
struct Step {
  int site = 0;
  bool delivery = false;
  Op op;      // else
  Name name;  // of the record that is delivered
};
std::string ToString(const Step& step);
bool ParseStep(const std::string& text, Step* step);

struct World {
  std::array<Rows, kSites> rows;
  std::array<std::array<unsigned, kKeys>, kSites> seen{};  // bit per record
  std::array<int, kSites> versions{};
  std::array<std::vector<Record>, kKeys> records;

  // Runs a local transaction; returns, per key, the bits of its records.
  std::array<unsigned, kKeys> Run(const Engine& engine, int site, const Op& op);
};

struct HistoryCounts {
  uint64_t histories = 0;   // that differ in operations or in what each of them had seen
  double orders = 0;        // the same times their orders of final delivery
  uint64_t walks = 0;       // distinct problems "this row, these records", see delivery.h
  size_t most_records = 0;  // that one row had to take
  DeliveryCounts delivery;
};

class Histories {
 public:
  explicit Histories(const Scope& scope);

  // Runs all of them. False after the first that fails, which it prints.
  bool Run();
  HistoryCounts counts() const;

 private:
  using Sets = std::array<unsigned, kKeys>;

  bool Extend(const World& world, int depth, int last_site, const Sets& last_records);
  bool ExtendWith(const World& world, int depth, int site, const Op& op);
  bool Finish(const World& world);
  bool FinishRow(const World& world, int site, size_t key);
  bool Reach(const World& world, int site, size_t key, std::vector<Reached>* reached);
  void NoteDeliveries(int site, size_t key, const World& world, const std::vector<Reached>& reached,
                      int at);
  void Report(const std::string& why) const;

  Scope scope_;
  Engine engine_;
  Delivery delivery_;
  HistoryCounts counts_;
  std::vector<Step> steps_;  // of the history at hand
  absl::flat_hash_set<std::array<uint64_t, 2>> walked_;
  std::vector<Reached> final_;  // scratch
  std::string problem_;         // scratch
};

}  // namespace tributary::exhaustive

#endif  // TRIBUTARY_TESTS_EXHAUSTIVE_HISTORIES_H_
