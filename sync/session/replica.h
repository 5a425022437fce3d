// A replica as a session sees it. SqliteReplica is one; tests have others.
#ifndef TRIBUTARY_SYNC_SESSION_REPLICA_H_
#define TRIBUTARY_SYNC_SESSION_REPLICA_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "crdt/ids.h"
#include "sync/changeset/header.h"
#include "sync/session/messages.h"

namespace tributary {

// Failures are Unavailable where another program holds a lock, else any other code; the message is
// one sentence for people.
class Replica {
 public:
  // Names of tables, ascending; none for all.
  using Tables = std::vector<std::string>;

  virtual ~Replica() = default;

  virtual absl::Status GetSite(SiteId* site) = 0;
  virtual absl::Status GetSchema(Schema* schema) = 0;
  // What it knows of these tables.
  virtual absl::Status GetHave(const Tables& tables, Have* have) = 0;

  // Changesets of what it holds and `have` lacks, as of one moment, each about `piece_bytes` long
  // and applicable on its own. At most one such stream is open; Apply() may only be called while
  // none is.
  virtual absl::Status OpenChangesets(const Have& have, const Tables& tables,
                                      size_t piece_bytes) = 0;
  // An empty frame: there are no more.
  virtual absl::Status NextChangeset(std::string* frame) = 0;
  // No effect where none is open.
  virtual void CloseChangesets() = 0;

  // Applies a changeset and commits. Whatever the bytes are, either all is done or nothing.
  virtual absl::Status Apply(std::string_view frame, uint64_t* rows_changed) = 0;
};

}  // namespace tributary

#endif  // TRIBUTARY_SYNC_SESSION_REPLICA_H_
