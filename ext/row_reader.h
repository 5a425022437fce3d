// Reads rows of a base table by key, quickly where they are asked for in the order of the table.
//
// A bulk insert is in the log in the order in which it filled the table. So after a row was found
// by its key, the next one is first expected behind it: a step of a scan instead of two look-ups.
// Where that guess fails, guessing is put off for a while.
#ifndef TRIBUTARY_EXT_ROW_READER_H_
#define TRIBUTARY_EXT_ROW_READER_H_

#include <vector>

#include "ext/table.h"

namespace tributary {

class RowReader {
 public:
  // Every column is wanted.
  static constexpr int kAll = -1;

  // REQUIRES: the table lives until the reader is gone or has been closed.
  explicit RowReader(Table* table) : table_(table), statements_(table->TakeRowStatements()) {}
  // Lets the table's next reader have the statements. The reader is not used afterwards.
  void Close();

  // `key` holds the key's values and stays as it is until the next Read. `column` is the only one
  // whose value will be asked for, or kAll.
  Status Read(const std::vector<Value>& key, int column, bool* found);
  // A value of the row that was read, until the next Read.
  sqlite3_value* value(int column) const { return row_->Column(only_ == kAll ? column : 0); }

 private:
  // Sets *found if the row behind the last one has this key.
  Status Step(const std::vector<Value>& key, bool* found);
  bool StandsOn(const std::vector<Value>& key) const;
  // The statement that reads that column by key; sets only_.
  Status SelectFor(int column, Statement** select);

  Table* table_;
  RowStatements statements_;
  Statement* row_ = nullptr;
  int only_ = kAll;            // the only column that *row_ has, or kAll
  bool walking_ = false;       // the walk stands on the row that was read last
  bool has_position_ = false;  // last_rowid_ is that of the row that was read last
  int64_t last_rowid_ = 0;
  int wait_ = 0;      // reads to go before the next guess
  int patience_ = 1;  // reads to wait after the next failed guess
};

}  // namespace tributary

#endif  // TRIBUTARY_EXT_ROW_READER_H_
