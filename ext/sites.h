// Sites by their local ordinal: table crsql_site_id(site_id, ordinal), 0 being this replica; and
// the highest version seen of each peer, crsql_peers(ordinal, seen).
#ifndef TRIBUTARY_EXT_SITES_H_
#define TRIBUTARY_EXT_SITES_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "crdt/ids.h"
#include "ext/sql.h"

namespace tributary {

class Sites {
 public:
  explicit Sites(sqlite3* db) : db_(db) {}

  // This replica's id, as the file has it now: another may have been restored over it.
  Status Own(SiteId* id) { return ReadId(kOwnSite, id); }
  // The ordinal of a site, if it has one.
  Status Find(const SiteId& id, SiteOrdinal* ordinal, bool* found);
  // The same; the site gets one if it has none.
  Status FindOrAdd(const SiteId& id, SiteOrdinal* ordinal) {
    if (!last_found_ || last_found_->first != id) return FindOrAddAnother(id, ordinal);
    *ordinal = last_found_->second;
    return {};
  }
  Status IdOf(SiteOrdinal ordinal, SiteId* id);
  Status All(std::vector<SiteOrdinal>* ordinals);
  // Records that a version of that peer was seen; never lowers.
  Status RaiseSeen(SiteOrdinal ordinal, DbVersion version);

  // After a rollback, or when another connection may have written: ordinals may have changed.
  void Forget();

 private:
  Status FindOrAddAnother(const SiteId& id, SiteOrdinal* ordinal);
  Status ReadId(SiteOrdinal ordinal, SiteId* id);

  sqlite3* db_;
  absl::flat_hash_map<std::string, SiteOrdinal> ordinals_;
  std::optional<std::pair<SiteId, SiteOrdinal>> last_found_;
  absl::flat_hash_map<SiteOrdinal, SiteId> ids_;
  Statement find_;
  Statement add_;
  Statement id_of_;
  Statement all_;
  Statement raise_;
};

// A random UUID, version 4.
SiteId RandomSiteId();
// True where the blob is a site id; copies it.
bool ParseSiteId(std::string_view blob, SiteId* id);
inline std::string_view BytesOf(const SiteId& id) {
  return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

}  // namespace tributary

#endif  // TRIBUTARY_EXT_SITES_H_
