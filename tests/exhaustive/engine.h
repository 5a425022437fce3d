// A miniature of ext/: rows of a table of two keys and up to two columns, each a RowClock and
// values, with the calls into crdt/ that the real engine makes. What the real one finds in its log
// (the stamp of an implied clock) is one field here.
#ifndef TRIBUTARY_TESTS_EXHAUSTIVE_ENGINE_H_
#define TRIBUTARY_TESTS_EXHAUSTIVE_ENGINE_H_

#include <array>
#include <string>
#include <vector>

#include "crdt/merge.h"
#include "crdt/row_clock.h"
#include "tests/exhaustive/model.h"

namespace tributary::exhaustive {

struct Row {
  RowClock clock;
  Stamp whole_row;  // of the log's entry for the row; meaningful while clocks are implied
  std::array<int, kMaxWidth> values{kNull, kNull};
  bool operator==(const Row&) const = default;
};

using Rows = std::array<Row, kKeys>;

enum class OpKind : uint8_t { kInsert, kReplace, kUpdate, kUpdateAll, kDelete, kMove };

// One local transaction of one statement.
struct Op {
  OpKind kind = OpKind::kInsert;
  int key = 0;
  int column = 0;  // kUpdate only
  int value = 0;   // of `column`, else of column 0, the others become 0
  bool operator==(const Op&) const = default;
};

class Engine {
 public:
  explicit Engine(int width);
  int width() const { return width_; }

  // What can be done to the row of `key`.
  std::vector<Op> OpsFor(const Row& row, int key) const;

  // A local transaction; returns its records.
  std::vector<Record> Execute(int site, const Op& op, int version, Rows* rows) const;

  // What a record would do to the row of this site.
  MergeAction Ask(int site, const Row& row, const Record& record) const;
  void Merge(int site, const Record& record, Row* row) const;

  RowState StateOf(int site, const Row& row) const;
  // What crsql_changes shows of the row.
  void Emit(int site, int key, const Row& row, std::vector<Record>* out) const;

  // Appends bytes that are equal only for equal rows.
  static void AppendTo(const Row& row, std::string* out);

 private:
  ColumnId IdOf(int column) const { return layouts_.current()[static_cast<size_t>(column)]; }
  void SetAll(int value, Row* row) const;
  Stamp StampOf(const Row& row, int column) const;

  int width_;
  Layouts layouts_;
};

}  // namespace tributary::exhaustive

#endif  // TRIBUTARY_TESTS_EXHAUSTIVE_ENGINE_H_
