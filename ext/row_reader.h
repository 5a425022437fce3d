// Reads rows of a base table by key, quickly where they are asked for in the order of the table.
//
// A bulk insert is in the log in the order in which it filled the table. So after a row was found
// by its key, the next one is first expected behind it: a step of a scan instead of two look-ups.
// Where that guess fails, guessing is put off for a while.
#ifndef TRIBUTARY_EXT_ROW_READER_H_
#define TRIBUTARY_EXT_ROW_READER_H_

#include <string>
#include <string_view>

#include "ext/table.h"

namespace tributary {

class RowReader {
 public:
  explicit RowReader(const Table* table) : table_(table) {}

  // The row's values are then in row() by index of column, until the next Read.
  Status Read(std::string_view key, bool* found);
  const Statement& row() const { return *row_; }

 private:
  // Sets *found if the row behind the last one has this key.
  Status Step(std::string_view key, bool* found);

  const Table* table_;
  Statement select_;
  Statement walk_;
  Statement* row_ = nullptr;
  bool walking_ = false;       // walk_ stands on the row that was read last
  bool has_position_ = false;  // last_rowid_ is that of the row that was read last
  int64_t last_rowid_ = 0;
  int wait_ = 0;      // reads to go before the next guess
  int patience_ = 1;  // reads to wait after the next failed guess
  std::string walked_key_;
  KeyDecoder decoder_;
};

}  // namespace tributary

#endif  // TRIBUTARY_EXT_ROW_READER_H_
