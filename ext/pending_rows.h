// Many rows at once for crsql_rows: an eponymous virtual table, crsql_pending_rows, over a list in
// memory, so that one join reads the clocks of all and one INSERT ... SELECT stores them. Running a
// statement for each row costs about twice as much.
#ifndef TRIBUTARY_EXT_PENDING_ROWS_H_
#define TRIBUTARY_EXT_PENDING_ROWS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "crdt/row_clock.h"
#include "ext/sqlite_api.h"
#include "ext/status.h"

namespace tributary {

class Connection;

class PendingRows {
 public:
  struct Row {
    int64_t table;
    std::string_view key;
    size_t clock;  // where its record begins; it ends where the next one's does
  };

  // To be read. `key` must stay until Clear.
  void Add(int64_t table, std::string_view key) { rows_.push_back({table, key, 0}); }
  // To be stored.
  void Add(int64_t table, std::string_view key, const RowClock& clock) {
    rows_.push_back({table, key, clocks_.size()});
    clock.Encode(&clocks_);
  }
  void Clear() {
    rows_.clear();
    clocks_.clear();
  }
  size_t size() const { return rows_.size(); }
  const Row& operator[](size_t i) const { return rows_[i]; }
  std::string_view Clock(size_t i) const {
    const size_t end = i + 1 < rows_.size() ? rows_[i + 1].clock : clocks_.size();
    return {clocks_.data() + rows_[i].clock, end - rows_[i].clock};
  }

 private:
  std::vector<Row> rows_;
  std::string clocks_;
};

Status RegisterPendingRows(Connection* connection);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_PENDING_ROWS_H_
