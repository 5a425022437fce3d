#include "sync/cli/knowledge.h"

#include <algorithm>

#include "sync/cli/replica.h"

namespace tributary::cli {
namespace {

// Marks the rows of crsql_tracked_peers that hold V: "TRIB". Event 0 is "received", as in
// cr-sqlite's own use of that table.
constexpr int64_t kTag = 0x54524942;
constexpr int64_t kEventReceived = 0;

Status ReadVersions(Statement* s, VersionVector* out) {
  while (s->Step()) {
    int64_t& version = (*out)[std::string(s->Bytes(0))];
    version = std::max(version, s->Int(1));
  }
  return s->status();
}

}  // namespace

Status LoadKnowledge(const Database& db, VersionVector* knowledge) {
  knowledge->clear();
  Statement s = db.Prepare(
      "SELECT site_id, version FROM crsql_tracked_peers WHERE tag = ?1 AND event = ?2"
      " UNION ALL SELECT crsql_site_id(), crsql_db_version()");
  s.Bind(1, kTag).Bind(2, kEventReceived);
  return ReadVersions(&s, knowledge);
}

Status LoadSeenVersions(const Database& db, VersionVector* seen) {
  seen->clear();
  Statement s = db.Prepare(
      "SELECT site_id, db_version FROM crsql_db_versions"
      " UNION ALL SELECT crsql_site_id(), crsql_db_version()");
  return ReadVersions(&s, seen);
}

Status SaveKnowledge(const Database& db, const VersionVector& gained) {
  VersionVector known;
  TRIBUTARY_RETURN_IF_ERROR(LoadKnowledge(db, &known));
  std::string own;
  TRIBUTARY_RETURN_IF_ERROR(OwnSiteId(db, &own));
  Statement s = db.Prepare(
      "INSERT OR REPLACE INTO crsql_tracked_peers (site_id, version, seq, tag, event)"
      " VALUES (?, ?, 0, ?, ?)");
  for (const auto& [site, version] : gained) {
    if (site == own || version <= VersionOf(known, site)) continue;
    s.BindBlob(1, site).Bind(2, version).Bind(3, kTag).Bind(4, kEventReceived);
    TRIBUTARY_RETURN_IF_ERROR(s.Run());
  }
  return s.status();
}

int64_t VersionOf(const VersionVector& vector, const std::string& site) {
  const auto it = vector.find(site);
  return it == vector.end() ? 0 : it->second;
}

bool Covers(const VersionVector& a, const VersionVector& b) {
  return std::all_of(b.begin(), b.end(),
                     [&](const auto& entry) { return VersionOf(a, entry.first) >= entry.second; });
}

}  // namespace tributary::cli
