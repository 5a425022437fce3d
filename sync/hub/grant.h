// What a token allows.
#ifndef TRIBUTARY_SYNC_HUB_GRANT_H_
#define TRIBUTARY_SYNC_HUB_GRANT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "crdt/ids.h"
#include "sync/changeset/header.h"

namespace tributary::hub {

enum class Access {
  kRead,   // is sent what the room has
  kWrite,  // and sends changesets; gives a room its first tables
  kAdmin,  // and alters its tables
};

struct Grant {
  std::string subject;             // whose it is, for logs and the rate limit; may be empty
  std::vector<std::string> rooms;  // "*": all
  Access access = Access::kRead;
  int64_t expires = 0;  // seconds since 1970; 0: never
  // Only this site's own transactions may be sent.
  std::optional<SiteId> site;

  bool AllowsRoom(std::string_view room) const;
  bool may_write() const { return access != Access::kRead; }
  bool operator==(const Grant&) const = default;
};

// Whether a changeset stays within `max_bytes` when its body is uncompressed, as a small one may
// become very large. FailedPrecondition, naming the flag.
absl::Status CheckSize(std::string_view changeset, size_t max_bytes);

// Whether a changeset has nothing but its bound author's own transactions, and claims no knowledge
// of others that the room lacks. PermissionDenied, naming the site, or InvalidArgument.
absl::Status CheckBound(const SiteId& bound, std::string_view changeset, const Have& room);

}  // namespace tributary::hub

#endif  // TRIBUTARY_SYNC_HUB_GRANT_H_
