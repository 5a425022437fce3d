#include "ext/log_lookup.h"

#include "absl/strings/str_cat.h"
#include "crdt/log_chunk.h"
#include "ext/log_store.h"

namespace tributary {
namespace {

// One byte string for table and key: the table's number, fixed width, before the key.
std::string RowName(int64_t table, std::string_view key) {
  std::string name(reinterpret_cast<const char*>(&table), sizeof table);
  name.append(key);
  return name;
}

Status Malformed(SiteOrdinal site, int64_t version, int64_t chunk) {
  return Status::Corrupt(absl::StrCat("crsql_log: the chunk (site ", site, ", version ", version,
                                      ", chunk ", chunk,
                                      ") is malformed; SELECT * FROM crsql_check() tells more"));
}

}  // namespace

Status LogLookup::Load(SiteOrdinal site, int64_t version, int64_t chunk, std::string_view data) {
  chunk_.rows.clear();
  LogChunkReader reader;
  if (!reader.Open(data)) return Malformed(site, version, chunk);
  while (reader.Next()) {
    const LogEntry& e = reader.entry();
    if (e.kind != LogKind::kRow) continue;
    chunk_.rows.emplace(RowName(e.table, e.key), Stamp{site, DbVersion(version), e.seq});
  }
  if (!reader.ok()) return Malformed(site, version, chunk);
  chunk_.site = site;
  chunk_.version = version;
  chunk_.chunk = chunk;
  return {};
}

bool LogLookup::FindInChunk(RowLookup* lookup) const {
  const auto it = chunk_.rows.find(RowName(lookup->table, lookup->key));
  if (it == chunk_.rows.end()) return false;
  lookup->found = true;
  lookup->first = it->second;
  return true;
}

Status LogLookup::FindInTransaction(const Stamp& hint, RowLookup* lookup) {
  TRIBUTARY_RETURN_IF_ERROR(transaction_.PrepareOnce(
      db_,
      "SELECT chunk, data FROM crsql_log WHERE site = ?1 AND version = ?2 AND chunk > ?3 "
      "AND chunk <= ?4 ORDER BY chunk"));
  // Changes arrive in the order of the log: the chunk behind the last one first, then the others.
  const bool same = chunk_.site == hint.site && chunk_.version == hint.version.value;
  const int64_t start = same ? chunk_.chunk : -1;
  for (const auto& [after, until] :
       {std::pair<int64_t, int64_t>{start, INT64_MAX}, std::pair<int64_t, int64_t>{-1, start}}) {
    transaction_.Bind(1, hint.site);
    transaction_.Bind(2, hint.version.value);
    transaction_.Bind(3, after);
    transaction_.Bind(4, until);
    ScopedReset reset(&transaction_);
    for (;;) {
      bool row;
      TRIBUTARY_RETURN_IF_ERROR(transaction_.Step(&row));
      if (!row) break;
      TRIBUTARY_RETURN_IF_ERROR(
          Load(hint.site, hint.version.value, transaction_.Int(0), transaction_.Blob(1)));
      if (FindInChunk(lookup)) return {};
    }
    if (start < 0) break;
  }
  return {};
}

Status LogLookup::Find(const Stamp& hint, RowLookup* lookup) {
  lookup->found = false;
  if (FindInChunk(lookup)) return {};
  TRIBUTARY_RETURN_IF_ERROR(FindInTransaction(hint, lookup));
  if (lookup->found) return {};
  return FindAll({lookup});
}

Status LogLookup::FindAll(std::vector<RowLookup*> lookups) {
  absl::flat_hash_map<std::string, RowLookup*> wanted;
  for (RowLookup* l : lookups) {
    l->found = false;
    wanted.emplace(RowName(l->table, l->key), l);
  }
  TRIBUTARY_RETURN_IF_ERROR(
      all_.PrepareOnce(db_, "SELECT site, version, chunk, data FROM crsql_log WHERE version < ?1"));
  all_.Bind(1, kHeadVersion);
  ScopedReset reset(&all_);
  LogChunkReader reader;
  while (!wanted.empty()) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(all_.Step(&row));
    if (!row) break;
    const auto site = static_cast<SiteOrdinal>(all_.Int(0));
    if (!reader.Open(all_.Blob(3))) return Malformed(site, all_.Int(1), all_.Int(2));
    while (reader.Next()) {
      const LogEntry& e = reader.entry();
      if (e.kind != LogKind::kRow) continue;
      const auto it = wanted.find(RowName(e.table, e.key));
      if (it == wanted.end()) continue;
      it->second->found = true;
      it->second->first = {site, DbVersion(all_.Int(1)), e.seq};
      wanted.erase(it);
    }
    if (!reader.ok()) return Malformed(site, all_.Int(1), all_.Int(2));
  }
  return {};
}

void LogLookup::Forget() { chunk_ = Chunk(); }

}  // namespace tributary
