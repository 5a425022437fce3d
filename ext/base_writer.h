// Writes merged rows to their base tables, and holds back what the table does not accept yet.
//
// Records arrive cell by cell, and rows in any order. A row whose first cells violate a CHECK, or
// that refers to a row still to come, is held in memory and tried again with each further cell, and
// at the end of the transaction. The delete of a row that others refer to waits for the end, too:
// then what still refers to it is treated as its foreign key says, as a write of this replica's own
// (ON DELETE CASCADE deletes it...), so that others learn of it. What is still not accepted then
// fails the merge as a whole.
#ifndef TRIBUTARY_EXT_BASE_WRITER_H_
#define TRIBUTARY_EXT_BASE_WRITER_H_

#include <string>
#include <vector>

#include "ext/connection.h"
#include "ext/foreign_keys.h"
#include "sync/changeset/reader.h"

namespace tributary {

// Whether sqlite3_total_changes64 tells of any write to the table that its rows' rowids and values
// may have been changed by. A statement that runs now is not counted yet; what it has written is
// captured and flushed before a merge, unless the sync bit is on, or a trigger that ran before ours
// has brought us here.
inline bool AllWritesCounted(const Connection& c, const Table& table) {
  return c.sync_bit == 0 && !table.traits().has_user_triggers;
}

// A violation that further cells or rows of the same transaction can cure.
bool MayBeCured(const Status& s);

class BaseWriter {
 public:
  explicit BaseWriter(Connection* connection) : c_(connection) {}

  // Makes sure that the row exists and, unless `column` is -1, gives it that cell.
  Status Write(MergeRow* row, int column, const Value& value);
  // A new life of the row begins: what it has, or was to have, of an earlier one goes with the next
  // Write, except in columns whose default is not the same in each row.
  Status Revive(MergeRow* row);
  Status Delete(MergeRow* row);
  // Inserts a whole row, its cells in the order of the table's columns; *inserted is false where
  // the key is taken. What the table does not accept is an error, nothing is held.
  Status InsertWhole(Table* table, std::string_view key, absl::Span<const CellView> cells,
                     bool* inserted);

  // Tries all that is held. `final`: settles deletes, and fails if anything is left.
  Status Settle(bool final);

 private:
  Status WriteNow(MergeRow* row, int column, const Value& value);
  Status TryHeld(MergeRow* row);
  Status WriteHeld(MergeRow* row);
  Status SettleWrites();
  Status SettleDelete(MergeRow* row, bool final, bool* done);
  Status HasReferences(MergeRow* row, const ForeignKey& key, bool* any);
  Status Detach(MergeRow* row, const ForeignKey& key);
  Status BindParent(Statement* s, MergeRow* row, const ForeignKey& key);
  Status Refused(const MergeRow& row);
  struct MissingParent {
    ForeignKey key;
    bool deleted;
  };
  static const Value* HeldCell(const MergeRow& row, const std::vector<Value>& key,
                               const std::string& name, Value* buffer);
  Status MissingParents(const MergeRow& row, std::vector<MissingParent>* missing);
  Status IsDeleted(const ForeignKey& key, const std::vector<Value>& values, bool* deleted);
  Status Orphan(MergeRow* row, bool* done);

  Connection* c_;
};

}  // namespace tributary

#endif  // TRIBUTARY_EXT_BASE_WRITER_H_
