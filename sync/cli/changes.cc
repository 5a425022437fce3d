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
      "SELECT \"table\", pk, cid, val, col_version, db_version, cl, seq, ts"
      " FROM crsql_changes WHERE site_id = ? AND db_version > ? ORDER BY db_version, seq");
  return changes_.status();
}

bool ChangeReader::Next(Change* change) {
  while (!changes_.Step()) {
    status_ = changes_.status();
    if (!status_.ok() || next_site_ == sites_.size()) return false;
    const std::string& site = sites_[next_site_++];
    const auto known = above_.find(site);
    changes_.Reset();
    changes_.BindBlob(1, site).Bind(2, known == above_.end() ? int64_t{-1} : known->second);
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
  change->timestamp = changes_.At(8);
  return true;
}

Status ChangeWriter::Start(const Database& db) {
  insert_ = db.PreparePersistent(
      "INSERT INTO crsql_changes"
      " (\"table\", pk, cid, val, col_version, db_version, site_id, cl, seq, ts)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  impacted_ = db.PreparePersistent("SELECT crsql_rows_impacted()");
  Status status = insert_.status();
  status.Update(impacted_.status());
  return status;
}

Status ChangeWriter::Write(const Change& c) {
  if (!bound_ || c.table != table_) insert_.BindTextView(1, table_ = c.table);
  if (!bound_ || c.key != key_) insert_.BindBlobView(2, key_ = c.key);
  if (!bound_ || c.site != site_) insert_.BindBlobView(7, site_ = c.site);
  bound_ = true;
  insert_.BindTextView(3, c.column).BindView(4, c.value);
  insert_.Bind(5, c.col_version).Bind(6, c.db_version);
  insert_.Bind(8, c.causal_length).Bind(9, c.seq).BindView(10, c.timestamp);
  return insert_.Run();
}

Status ChangeWriter::Impacted(int64_t* count) {
  *count = impacted_.Step() ? impacted_.Int(0) : 0;
  impacted_.Reset();
  return impacted_.status();
}

}  // namespace tributary::cli
