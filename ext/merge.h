// Merging one record of another replica, as it comes through crsql_changes.
#ifndef TRIBUTARY_EXT_MERGE_H_
#define TRIBUTARY_EXT_MERGE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "crdt/ids.h"
#include "ext/connection.h"

namespace tributary {

// The column of crsql_changes that says "this record is about the row itself".
inline constexpr std::string_view kSentinelCid = "-1";

struct IncomingChange {
  std::string_view table;
  std::string_view pk;  // packed, crdt/packed.h
  std::string_view cid;
  Value value;
  ColVersion col_version;
  DbVersion db_version;
  SiteId site;
  CausalLength cl;
  Seq seq;
  LogHeader log;  // ts; of what was parked also commit time and back-fill
  const std::vector<std::string>* key_names = nullptr;  // as the author's schema has them, if known
};

// Decides and applies one record. On failure nothing of it is kept.
Status MergeChange(Connection* connection, const IncomingChange& change);

// What to do about two files with one site id; follows a colon.
inline constexpr char kCopyRemedy[] =
    "SELECT crsql_new_site_id(N) in the copy, where N is what crsql_db_version() was when it was "
    "made, gives it an id of its own";

// Keeps a record that cannot be merged here.
Status ParkRecord(Connection* connection, const ParkedRecord& record);
// Merges a record that was parked, or parks it again.
Status MergeRecordOf(Connection* connection, const ParkedRecord& record);

// The key of a record, as the table encodes it, or why it does not fit the table. Fails where it
// fits none.
Status KeyFits(const Table& table, const char* who, const std::vector<Value>& values,
               std::string* key, std::string* misfit);
Status CheckKeyIsSound(const char* who, std::string_view table, const std::vector<Value>& values);
// Why a record is parked.
std::string NoTable(std::string_view table);
std::string NoColumn(const Table& table, std::string_view column);
// Names of tables that are no user's, of SQLite or of Tributary: nothing is kept for such.
Status CheckNotReserved(const char* who, std::string_view table);

// What a merge says of versions of this site that it never issued. `who` is the function or table
// that was given them.
Status CheckOwnVersion(Connection* connection, const char* who, DbVersion version);

// Writes the clocks and log entries of what was merged, and empties the buffer, except for what the
// base tables do not accept yet. `final`, at the end of the transaction: fails if there is such.
Status FlushMerge(Connection* connection, bool final);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_MERGE_H_
