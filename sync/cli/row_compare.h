// Walks the rows of one table in two databases side by side, in key order, one row of each in
// memory at a time.
#ifndef TRIBUTARY_SYNC_CLI_ROW_COMPARE_H_
#define TRIBUTARY_SYNC_CLI_ROW_COMPARE_H_

#include <compare>
#include <string>
#include <vector>

#include "sync/cli/db.h"
#include "sync/cli/replica.h"

namespace tributary::cli {

// SQLite's sort order of values under the BINARY collation in a UTF-8 database.
std::weak_ordering CompareAsSqlite(const Value& a, const Value& b);

class RowCompare {
 public:
  enum class Kind { kOnlyA, kOnlyB, kChanged };

  // `columns` are those both sides have; the keys must be the same on both.
  // REQUIRES: a read transaction on each side; the databases outlive this.
  Status Start(const Database& a, const Database& b, const TableColumns& columns);

  // Goes on to the next row that differs. False at the end or on failure: see status().
  bool Next(Kind* kind);
  const Status& status() const { return status_; }

  // The row Next stopped at. Valid until the next call.
  Value A(size_t column) const { return a_.At(First() + static_cast<int>(column)); }
  Value B(size_t column) const { return b_.At(First() + static_cast<int>(column)); }
  bool ColumnDiffers(size_t column) const { return !SameValue(A(column), B(column)); }
  const std::vector<std::string>& names() const { return names_; }  // keys first
  size_t key_count() const { return key_count_; }
  int64_t rows_seen() const { return rows_seen_; }

 private:
  int First() const { return by_packed_key_ ? 1 : 0; }
  std::weak_ordering CompareKeys() const;
  void Advance(Statement* s, bool* at_row);

  Statement a_;
  Statement b_;
  bool has_a_ = false;
  bool has_b_ = false;
  bool step_a_ = true;
  bool step_b_ = true;
  bool by_packed_key_ = false;
  std::vector<std::string> names_;
  size_t key_count_ = 0;
  int64_t rows_seen_ = 0;
  Status status_;
};

}  // namespace tributary::cli

#endif  // TRIBUTARY_SYNC_CLI_ROW_COMPARE_H_
