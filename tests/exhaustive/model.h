// The naive model: what a replica must hold that has seen a set of records, said as plainly as
// possible. It shares no code with crdt/.
//
//   - the row's causal length is the largest that any record carries;
//   - only records of that causal length count;
//   - the row's sentinel is that of the greatest name among the sentinel records;
//   - a living row's cell is the greatest record by (version, value, name).
#ifndef TRIBUTARY_TESTS_EXHAUSTIVE_MODEL_H_
#define TRIBUTARY_TESTS_EXHAUSTIVE_MODEL_H_

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace tributary::exhaustive {

inline constexpr int kSites = 3;
inline constexpr int kKeys = 2;
inline constexpr int kMaxWidth = 2;   // non-key columns
inline constexpr int kSentinel = -1;  // as a column
inline constexpr int kNull = -1;      // as a value; also every column's default

// Which record of which transaction of which site.
struct Name {
  int site = 0;
  int version = 0;
  int seq = 0;
  bool operator==(const Name&) const = default;
};

// True where `a` wins a tie against `b`: see CompareStamps.
bool GreaterName(const Name& a, const Name& b);

// One row of crsql_changes. A sentinel's version is its causal length and its value NULL.
struct Record {
  int key = 0;
  int column = kSentinel;
  int value = kNull;
  int cl = 0;
  int version = 0;
  Name name;
  bool operator==(const Record&) const = default;
};

struct CellState {
  int version = 0;
  int value = 0;  // 0 where there is no clock: stale values are not compared
  Name name;
  bool operator==(const CellState&) const = default;
};

struct RowState {
  int cl = 0;
  std::optional<Name> sentinel;
  std::array<CellState, kMaxWidth> cells;
  bool operator==(const RowState&) const = default;
};

// The state that those of `records` give whose bit is set in `seen`.
RowState ModelOf(const std::vector<Record>& records, unsigned seen);

std::string ToString(const Name& name);
std::string ToString(const Record& record);
std::string ToString(const RowState& state);

}  // namespace tributary::exhaustive

#endif  // TRIBUTARY_TESTS_EXHAUSTIVE_MODEL_H_
