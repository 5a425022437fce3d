// The merge of one record whose table, column, key and author have been looked up.
#ifndef TRIBUTARY_EXT_MERGE_RECORD_H_
#define TRIBUTARY_EXT_MERGE_RECORD_H_

#include <cstdint>
#include <string_view>

#include "ext/connection.h"

namespace tributary {

struct MergeRecord {
  Table* table = nullptr;
  std::string_view key;    // crdt/key.h; not needed with known_row
  int64_t known_row = -1;  // index of the row in the merge buffer, if that is known
  int column = -1;         // index into the table's columns; -1: the row's sentinel
  Value value;             // as the author has it
  ColVersion col_version;
  CausalLength cl;
  SiteId site;
  Stamp stamp;           // by the ordinal of that site
  LogHeader log;         // what else is logged with it: commit time, ts, back-fill
  bool is_last = false;  // no other cell of this row comes next
  // Claims a version of this site that it never issued. Refused if it has news, unless that is
  // upstream's way: see Merger::TakeOver.
  bool unissued = false;
};

struct MergeResult {
  uint32_t row = 0;      // its index in the merge buffer
  bool changed = false;  // the base table has changed
};

// Decides, writes the base table and remembers the clock in the merge buffer. On failure nothing of
// it is kept. Fails with SQLITE_CONSTRAINT_DATATYPE where a STRICT table does not take the value.
Status MergeOne(Connection* connection, const MergeRecord& record, MergeResult* result);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_MERGE_RECORD_H_
