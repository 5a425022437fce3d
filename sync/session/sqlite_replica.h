// A replica in an SQLite database, by way of the extension's SQL functions.
#ifndef TRIBUTARY_SYNC_SESSION_SQLITE_REPLICA_H_
#define TRIBUTARY_SYNC_SESSION_SQLITE_REPLICA_H_

#include <memory>
#include <string>
#include <string_view>

#include "sqlite3.h"
#include "sync/session/replica.h"

namespace tributary {

class SqliteReplica : public Replica {
 public:
  // The connection has the extension loaded, is in no transaction, and outlives the replica. What
  // others wrote to its database is seen; what it writes itself must not fall between the calls of
  // one stream.
  // Locks are waited for so long, beside the connection's own busy timeout, which SQLite does not
  // heed where a transaction has begun by reading.
  SqliteReplica(sqlite3* db, double lock_timeout_seconds)
      : db_(db), lock_timeout_seconds_(lock_timeout_seconds) {}

  absl::Status GetSite(SiteId* site) override;
  absl::Status GetSchema(Schema* schema) override;
  absl::Status GetHave(const Tables& tables, Have* have) override;
  absl::Status OpenChangesets(const Have& have, const Tables& tables, size_t piece_bytes) override;
  absl::Status NextChangeset(std::string* frame) override;
  void CloseChangesets() override { changesets_.reset(); }
  absl::Status Apply(std::string_view frame, uint64_t* rows_changed) override;

  // Whether another connection has committed since the last call.
  absl::Status HasChanged(bool* changed);

 private:
  struct Finalizer {
    void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Finalizer>;

  absl::Status Prepare(const char* sql, Statement* statement) const;
  absl::Status Step(const Statement& statement, bool* row) const;
  absl::Status ReadNames(const char* sql, const std::string& table,
                         std::vector<std::string>* names) const;
  absl::Status ApplyOnce(std::string_view frame, uint64_t* rows_changed);
  absl::Status Error() const;

  sqlite3* db_;
  double lock_timeout_seconds_;
  Statement changesets_;
  Statement apply_;
  int64_t data_version_ = -1;
};

}  // namespace tributary

#endif  // TRIBUTARY_SYNC_SESSION_SQLITE_REPLICA_H_
