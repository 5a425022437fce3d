// Records that this replica cannot merge yet: of a table or column that it does not have, or whose
// type or key it declares otherwise (T4 of the design). They are kept with their clocks, passed on
// to others like what was merged, and merged when the schema has caught up. Of each cell only the
// record that beats the others is kept.
//
// Stored among the exceptions, in crsql_rows, so that nothing has to be created in the midst of a
// merge:
//   table_id -1  key: table, NUL, column, NUL, packed pk   clock: the rest of the record
//   table_id -2  key: version, seq (8 bytes each, big-endian), site id, the key above; no clock
#ifndef TRIBUTARY_EXT_PARKING_H_
#define TRIBUTARY_EXT_PARKING_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crdt/ids.h"
#include "crdt/log_chunk.h"
#include "ext/merge_buffer.h"
#include "ext/sql.h"
#include "sync/changeset/builder.h"

namespace tributary {

class Connection;

struct ParkedRecord {
  std::string table;
  std::string pk;                  // packed, crdt/packed.h
  std::string cid;                 // the column, or kSentinelCid
  HeldValue value{Value::Null()};  // as the author has it
  ColVersion col_version;          // of a sentinel its causal length
  CausalLength cl;
  SiteId site;
  DbVersion version;
  Seq seq;
  LogHeader log;
  std::vector<std::string> key_names;  // none where the record came without
  std::string reason;                  // for people; empty where table or column are missing
};

// What is parked in the file.
class Parking {
 public:
  explicit Parking(sqlite3* db) : db_(db) {}

  // Whether there is anything; asked of the file once.
  Status HasAny(bool* any);
  void Forget() { any_ = -1; }
  // Keeps the record, unless one that beats it is kept already.
  Status Park(const ParkedRecord& record);
  Status Remove(const ParkedRecord& record);
  // Up to `limit` records behind that key, in the order of keys; the last one's key is returned.
  // What is parked, as changesets name it: per table and key its columns, ascending. Where the
  // key's columns are not known, their names are empty.
  Status Names(std::vector<TableNames>* names);
  Status List(std::string* after, size_t limit, std::vector<ParkedRecord>* records);

 private:
  Status Find(std::string_view key, ParkedRecord* record, bool* found);
  Status Write(int64_t table, std::string_view key, std::string_view record);
  Status Delete(int64_t table, std::string_view key);

  sqlite3* db_;
  int8_t any_ = -1;
};

// Reads what is parked, by (version, seq).
class ParkedScan {
 public:
  // Of all sites, or of one. REQUIRES: Parking::HasAny.
  Status Start(sqlite3* db, DbVersion first, DbVersion last, std::optional<SiteId> site);
  Status Next();
  void Stop() { rows_.Finalize(); }
  bool done() const { return !rows_.prepared(); }
  const ParkedRecord& record() const { return record_; }

 private:
  Statement rows_;
  std::string first_;
  std::string last_;
  std::optional<SiteId> site_;
  ParkedRecord record_;
};

// Merges what fits the schema now; what a constraint refuses stays. Cheap where nothing is parked,
// or the schema has not changed since this connection last looked. REQUIRES: a write transaction,
// no statement that writes is running, nothing captured waits.
Status Unpark(Connection* c);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_PARKING_H_
