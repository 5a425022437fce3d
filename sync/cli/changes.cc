#include "sync/cli/changes.h"

namespace tributary::cli {

Status ChangeReader::Start(const Database& db, const VersionVector& above) {
  above_ = above;
  sites_.clear();
  next_site_ = 0;
  Statement sites = db.Prepare("SELECT site_id FROM crsql_site_id ORDER BY ordinal");
  while (sites.Step()) sites_.emplace_back(sites.Bytes(0));
  TRIBUTARY_RETURN_IF_ERROR(sites.status());
  changes_ = db.PreparePersistent(
      "SELECT \"table\", pk, cid, val, col_version, db_version, cl, seq"
      " FROM crsql_changes WHERE site_id = ? AND db_version > ? ORDER BY db_version, seq");
  return changes_.status();
}

bool ChangeReader::Next(Change* change) {
  while (!changes_.Step()) {
    status_ = changes_.status();
    if (!status_.ok() || next_site_ == sites_.size()) return false;
    const std::string& site = sites_[next_site_++];
    changes_.Reset();
    changes_.BindBlob(1, site).Bind(2, above_.Of(SiteOf(site)).value);
  }
  change->table = changes_.Text(0);
  change->key = changes_.Bytes(1);
  change->column = changes_.Text(2);
  change->value = changes_.At(3);
  change->col_version = changes_.Int(4);
  change->db_version = changes_.Int(5);
  change->site = sites_[next_site_ - 1];
  change->causal_length = changes_.Int(6);
  change->seq = changes_.Int(7);
  return true;
}

}  // namespace tributary::cli
