#include "ext/sites.h"

#include <cstring>

#include "absl/strings/str_cat.h"

namespace tributary {

SiteId RandomSiteId() {
  SiteId id;
  sqlite3_randomness(static_cast<int>(id.bytes.size()), id.bytes.data());
  id.bytes[6] = (id.bytes[6] & 0x0f) | 0x40;
  id.bytes[8] = (id.bytes[8] & 0x3f) | 0x80;
  return id;
}

bool ParseSiteId(std::string_view blob, SiteId* id) {
  if (blob.size() != id->bytes.size()) return false;
  std::memcpy(id->bytes.data(), blob.data(), id->bytes.size());
  return true;
}

Status Sites::Find(const SiteId& id, SiteOrdinal* ordinal, bool* found) {
  if (last_found_ && last_found_->first == id) {
    *found = true;
    *ordinal = last_found_->second;
    return {};
  }
  const auto known = ordinals_.find(BytesOf(id));
  *found = known != ordinals_.end();
  if (*found) {
    *ordinal = known->second;
    last_found_ = {id, *ordinal};
    return {};
  }
  TRIBUTARY_RETURN_IF_ERROR(
      find_.PrepareOnce(db_, "SELECT ordinal FROM crsql_site_id WHERE site_id = ?1"));
  find_.BindBlob(1, BytesOf(id));
  ScopedReset reset(&find_);
  TRIBUTARY_RETURN_IF_ERROR(find_.Step(found));
  if (!*found) return {};
  *ordinal = static_cast<SiteOrdinal>(find_.Int(0));
  ordinals_.emplace(std::string(BytesOf(id)), *ordinal);  // moved in: that cannot fail halfway
  return {};
}

Status Sites::FindOrAddAnother(const SiteId& id, SiteOrdinal* ordinal) {
  bool found;
  TRIBUTARY_RETURN_IF_ERROR(Find(id, ordinal, &found));
  if (found) return {};
  TRIBUTARY_RETURN_IF_ERROR(
      add_.PrepareOnce(db_,
                       "INSERT INTO crsql_site_id(site_id, ordinal) "
                       "VALUES (?1, (SELECT max(ordinal) + 1 FROM crsql_site_id))"));
  add_.BindBlob(1, BytesOf(id));
  TRIBUTARY_RETURN_IF_ERROR(add_.Run());
  return Find(id, ordinal, &found);
}

Status Sites::IdOf(SiteOrdinal ordinal, SiteId* id) {
  const auto known = ids_.find(ordinal);
  if (known != ids_.end()) {
    *id = known->second;
    return {};
  }
  TRIBUTARY_RETURN_IF_ERROR(ReadId(ordinal, id));
  ids_.emplace(ordinal, *id);
  return {};
}

Status Sites::ReadId(SiteOrdinal ordinal, SiteId* id) {
  TRIBUTARY_RETURN_IF_ERROR(
      id_of_.PrepareOnce(db_, "SELECT site_id FROM crsql_site_id WHERE ordinal = ?1"));
  id_of_.Bind(1, ordinal);
  ScopedReset reset(&id_of_);
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(id_of_.Step(&row));
  if (!row || !ParseSiteId(id_of_.Blob(0), id)) {
    return Status::Corrupt(
        absl::StrCat("table crsql_site_id has no 16-byte site id with ordinal ", ordinal));
  }
  return {};
}

Status Sites::All(std::vector<SiteOrdinal>* ordinals) {
  ordinals->clear();
  TRIBUTARY_RETURN_IF_ERROR(
      all_.PrepareOnce(db_, "SELECT ordinal FROM crsql_site_id ORDER BY ordinal"));
  ScopedReset reset(&all_);
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(all_.Step(&row));
    if (!row) return {};
    ordinals->push_back(static_cast<SiteOrdinal>(all_.Int(0)));
  }
}

Status Sites::RaiseSeen(SiteOrdinal ordinal, DbVersion version) {
  TRIBUTARY_RETURN_IF_ERROR(raise_.PrepareOnce(
      db_,
      "INSERT INTO crsql_peers(ordinal, seen) VALUES (?1, ?2) ON CONFLICT(ordinal) DO UPDATE "
      "SET seen = excluded.seen WHERE excluded.seen > seen"));
  raise_.Bind(1, ordinal);
  raise_.Bind(2, version.value);
  return raise_.Run();
}

void Sites::Forget() {
  ordinals_.clear();
  last_found_.reset();
  ids_.clear();
}

}  // namespace tributary
