// Merging one record of another replica, as it comes through crsql_changes.
#ifndef TRIBUTARY_EXT_MERGE_H_
#define TRIBUTARY_EXT_MERGE_H_

#include <cstdint>
#include <string_view>

#include "crdt/ids.h"
#include "ext/connection.h"

namespace tributary {

// The column of crsql_changes that says "this record is about the row itself".
inline constexpr std::string_view kSentinelCid = "-1";

struct IncomingChange {
  std::string_view table;
  std::string_view pk;  // packed, crdt/packed.h
  std::string_view cid;
  sqlite3_value* value = nullptr;
  ColVersion col_version;
  DbVersion db_version;
  SiteId site;
  CausalLength cl;
  Seq seq;
  uint64_t ts = 0;
};

// Decides and applies one record. On failure nothing of it is kept.
Status MergeChange(Connection* connection, const IncomingChange& change);

// What to do about two files with one site id; follows a colon.
inline constexpr char kCopyRemedy[] =
    "SELECT crsql_new_site_id(N) in the copy, where N is what crsql_db_version() was when it was "
    "made, gives it an id of its own";

// What a merge says of names that are not here, and of versions of this site that it never issued.
// `who` is the function or table that was given them.
Status UnknownTable(const char* who, std::string_view table);
Status UnknownColumn(const char* who, const Table& table, std::string_view column);
Status CheckOwnVersion(Connection* connection, const char* who, DbVersion version);

// Writes the clocks and log entries of what was merged, and empties the buffer, except for what the
// base tables do not accept yet. `final`, at the end of the transaction: fails if there is such.
Status FlushMerge(Connection* connection, bool final);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_MERGE_H_
