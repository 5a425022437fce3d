// Rows of crsql_changes, read in whole transactions.
#ifndef TRIBUTARY_SYNC_CLI_CHANGES_H_
#define TRIBUTARY_SYNC_CLI_CHANGES_H_

#include <string>
#include <string_view>
#include <vector>

#include "sync/cli/db.h"
#include "sync/cli/knowledge.h"

namespace tributary::cli {

inline constexpr std::string_view kSentinel = "-1";  // cid of a record about the row itself

// One record, as a view of the statement it was read from.
struct Change {
  std::string_view table;
  std::string_view key;     // packed
  std::string_view column;  // or kSentinel
  Value value;
  int64_t col_version = 0;
  int64_t db_version = 0;
  std::string_view site;
  int64_t causal_length = 0;
  int64_t seq = 0;

  bool sentinel() const { return column == kSentinel; }
  bool row_is_deleted() const { return causal_length % 2 == 0; }
};

// Reads what one database holds above a version vector: site by site, transaction by transaction,
// in order. REQUIRES: a transaction, so that it is one state of the database.
class ChangeReader {
 public:
  Status Start(const Database& db, const VersionVector& above);
  // What *change views lives until the next call.
  bool Next(Change* change);
  const Status& status() const { return status_; }

 private:
  Statement changes_;
  std::vector<std::string> sites_;
  size_t next_site_ = 0;
  VersionVector above_;
  Status status_;
};

}  // namespace tributary::cli

#endif  // TRIBUTARY_SYNC_CLI_CHANGES_H_
