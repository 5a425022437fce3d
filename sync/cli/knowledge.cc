#include "sync/cli/knowledge.h"

#include <algorithm>
#include <cstring>

#include "sync/changeset/frame.h"

namespace tributary::cli {

SiteId SiteOf(std::string_view bytes) {
  SiteId site;
  std::memcpy(site.bytes.data(), bytes.data(), std::min(bytes.size(), site.bytes.size()));
  return site;
}

Status LoadKnowledge(const Database& db, VersionVector* knowledge) {
  Statement s = db.Prepare("SELECT crsql_version_vector()");
  if (!s.Step()) return s.status();
  Have have;
  std::string error;
  if (!have.Decode(s.Bytes(0), &error)) return {ExitCode::kFailed, db.path() + ": " + error};
  *knowledge = std::move(have.known);
  return {};
}

Status ReadHeader(std::string_view changeset, ChangesetHeader* header) {
  Frame frame;
  std::string error;
  if (!frame.Open(changeset, &error) || !header->Decode(frame.header(), &error)) {
    return {ExitCode::kFailed, "crsql_changesets made a malformed changeset: " + error};
  }
  return {};
}

Status LoadSeenVersions(const Database& db, VersionVector* seen) {
  *seen = {};
  Statement s = db.Prepare(
      "SELECT site_id, db_version FROM crsql_db_versions"
      " UNION ALL SELECT crsql_site_id(), crsql_db_version()");
  while (s.Step()) seen->Raise(SiteOf(s.Bytes(0)), DbVersion(s.Int(1)));
  return s.status();
}

}  // namespace tributary::cli
