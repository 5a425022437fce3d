#include "ext/log_lookup.h"

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "crdt/log_chunk.h"

namespace tributary {
namespace {

// One byte string for table and key: the table's number, fixed width, before the key.
std::string RowName(int64_t table, std::string_view key) {
  std::string name(reinterpret_cast<const char*>(&table), sizeof table);
  name.append(key);
  return name;
}

Status Malformed(SiteOrdinal site, DbVersion version, int64_t chunk) {
  return Status::Corrupt(absl::StrCat("crsql_log: the chunk (site ", site, ", version ",
                                      version.value, ", chunk ", chunk,
                                      ") is malformed; SELECT * FROM crsql_check() tells more"));
}

Status MalformedRanges() {
  return Status::Corrupt("crsql_log_filters: the ranges of a filter are malformed");
}

// Looks for one key without decoding more than it must.
Status ScanChunk(SiteOrdinal site, DbVersion version, int64_t chunk, std::string_view data,
                 RowLookup* lookup) {
  LogChunkReader reader;
  if (!reader.Open(data)) return Malformed(site, version, chunk);
  while (reader.Next()) {
    const LogEntry& e = reader.entry();
    if (e.kind != LogKind::kRow || e.table != lookup->table || e.key != lookup->key) continue;
    lookup->found = true;
    lookup->first = {site, version, e.seq};
    lookup->chunk = chunk;
    lookup->layout = e.layout;
    return {};
  }
  return reader.ok() ? Status() : Malformed(site, version, chunk);
}

bool FindIn(const LogBlock& block, const KeyProbe& probe, RowLookup* lookup) {
  LogBlock::Found found;
  lookup->found = block.Find(probe, lookup->key, &found);
  if (lookup->found) {
    lookup->first = found.first;
    lookup->chunk = found.chunk;
    lookup->layout = found.layout;
  }
  return lookup->found;
}

}  // namespace

void LogLookup::Begin() {
  if (log_changes_ != log_->changes()) Forget();
  log_changes_ = log_->changes();
  lookups_++;
}

Status LogLookup::Load() {
  TRIBUTARY_RETURN_IF_ERROR(
      read_filters_.PrepareOnce(db_, "SELECT id, ranges, filter FROM crsql_log_filters"));
  ScopedReset reset(&read_filters_);
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(read_filters_.Step(&row));
    if (!row) break;
    const std::string_view ranges = read_filters_.Blob(1);
    const std::string_view filter = read_filters_.Blob(2);
    if (bytes_.size() + ranges.size() + filter.size() > kMaxFilters) {
      bytes_ = std::string();
      filters_.clear();
      too_large_ = true;
      break;
    }
    const auto at = static_cast<uint32_t>(bytes_.size());
    absl::StrAppend(&bytes_, ranges, filter);
    filters_.push_back({read_filters_.Int(0), at, at + static_cast<uint32_t>(ranges.size()),
                        static_cast<uint32_t>(bytes_.size())});
  }
  TRIBUTARY_RETURN_IF_ERROR(ForEachLoose([&](SiteOrdinal site, DbVersion version, int64_t chunk,
                                             std::string_view data, bool*) -> Status {
    return tails_.Add(site, version, chunk, data) ? Status() : Malformed(site, version, chunk);
  }));
  tails_.Seal();
  loaded_ = true;
  return {};
}

// Visits the chunks that are in no block.
Status LogLookup::ForEachLoose(VisitChunk visit) {
  TRIBUTARY_RETURN_IF_ERROR(tail_chunks_.PrepareOnce(db_, kTailSql));
  TRIBUTARY_RETURN_IF_ERROR(late_chunks_.PrepareOnce(db_, kLateSql));
  bool done = false;
  for (Statement* chunks : {&tail_chunks_, &late_chunks_}) {
    ScopedReset reset(chunks);
    while (!done) {
      bool row;
      TRIBUTARY_RETURN_IF_ERROR(chunks->Step(&row));
      if (!row) break;
      TRIBUTARY_RETURN_IF_ERROR(visit(static_cast<SiteOrdinal>(chunks->Int(0)),
                                      DbVersion(chunks->Int(1)), chunks->Int(2), chunks->Blob(3),
                                      &done));
    }
  }
  return {};
}

// Visits the blocks whose filter passes, the oldest first, until one says that it is done.
Status LogLookup::ForEachBlock(const KeyProbe& probe, Visit visit) {
  bool done = false;
  if (loaded_ && !too_large_) {
    const std::string_view bytes = bytes_;
    for (const Filter& f : filters_) {
      const auto filter = bytes.substr(f.end_of_ranges, f.end - f.end_of_ranges);
      if (!KeyFilterMayContain(filter, probe)) continue;
      TRIBUTARY_RETURN_IF_ERROR(
          visit(f.id, bytes.substr(f.ranges, f.end_of_ranges - f.ranges), &done));
      if (done) return {};
    }
    return {};
  }
  TRIBUTARY_RETURN_IF_ERROR(
      read_filters_.PrepareOnce(db_, "SELECT id, ranges, filter FROM crsql_log_filters"));
  ScopedReset reset(&read_filters_);
  while (!done) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(read_filters_.Step(&row));
    if (!row) return {};
    if (!KeyFilterMayContain(read_filters_.Blob(2), probe)) continue;
    TRIBUTARY_RETURN_IF_ERROR(visit(read_filters_.Int(0), read_filters_.Blob(1), &done));
  }
  return {};
}

Status LogLookup::ForEachIn(std::string_view ranges, VisitChunk visit) {
  std::vector<LogRange> decoded;
  if (!DecodeRanges(ranges, &decoded)) return MalformedRanges();
  for (const LogRange& range : decoded) {
    TRIBUTARY_RETURN_IF_ERROR(range_.Start(range));
    for (;;) {
      bool found;
      TRIBUTARY_RETURN_IF_ERROR(range_.Next(&found));
      if (!found) break;
      bool done = false;
      Status visited = visit(range.site, range_.version(), range_.chunk(), range_.data(), &done);
      if (!visited.ok() || done) {
        range_.Stop();
        return visited;
      }
    }
  }
  return {};
}

Status LogLookup::LoadBlock(int64_t id, std::string_view ranges, const LogBlock** block) {
  const auto known = blocks_.find(id);
  if (known != blocks_.end()) {
    *block = known->second.get();
    return {};
  }
  auto loaded = std::make_unique<LogBlock>();
  TRIBUTARY_RETURN_IF_ERROR(ForEachIn(ranges,
                                      [&](SiteOrdinal site, DbVersion version, int64_t chunk,
                                          std::string_view data, bool*) -> Status {
                                        return loaded->Add(site, version, chunk, data)
                                                   ? Status()
                                                   : Malformed(site, version, chunk);
                                      }));
  loaded->Seal();
  blocks_bytes_ += loaded->bytes();
  while (blocks_bytes_ > kMaxBlocks && !blocks_.empty()) {
    const auto victim = blocks_.begin();
    if (last_ == victim->second.get()) last_ = nullptr;
    blocks_bytes_ -= victim->second->bytes();
    blocks_.erase(victim);
  }
  *block = (blocks_[id] = std::move(loaded)).get();
  return {};
}

Status LogLookup::FindInBlock(int64_t id, std::string_view ranges, const KeyProbe& probe,
                              RowLookup* lookup) {
  if (loaded_) {
    const LogBlock* block;
    TRIBUTARY_RETURN_IF_ERROR(LoadBlock(id, ranges, &block));
    if (FindIn(*block, probe, lookup)) last_ = block;
    return {};
  }
  return ForEachIn(ranges,
                   [&](SiteOrdinal site, DbVersion version, int64_t chunk, std::string_view data,
                       bool* done) -> Status {
                     TRIBUTARY_RETURN_IF_ERROR(ScanChunk(site, version, chunk, data, lookup));
                     *done = lookup->found;
                     return {};
                   });
}

Status LogLookup::FindInTails(const KeyProbe& probe, RowLookup* lookup) {
  if (loaded_) {
    (void)FindIn(tails_, probe, lookup);
    return {};
  }
  return ForEachLoose([&](SiteOrdinal site, DbVersion version, int64_t chunk, std::string_view data,
                          bool* done) -> Status {
    TRIBUTARY_RETURN_IF_ERROR(ScanChunk(site, version, chunk, data, lookup));
    *done = lookup->found;
    return {};
  });
}

// Where the hint's transaction is a small one, to read it is quicker than to ask the filters.
Status LogLookup::FindInTransaction(const Stamp& hint, const KeyProbe& probe, RowLookup* lookup) {
  if (loaded_ && FindIn(tails_, probe, lookup)) return {};
  TRIBUTARY_RETURN_IF_ERROR(transaction_.PrepareOnce(
      db_, "SELECT chunk, data FROM crsql_log WHERE site = ?1 AND version = ?2 LIMIT 1"));
  transaction_.Bind(1, hint.site);
  transaction_.Bind(2, hint.version.value);
  ScopedReset reset(&transaction_);
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(transaction_.Step(&row));
  if (!row) return {};
  const std::string_view data = transaction_.Blob(1);
  if (data.size() >= kOwnFilterBytes) return {};
  return ScanChunk(hint.site, hint.version, transaction_.Int(0), data, lookup);
}

Status LogLookup::Find(const Stamp& hint, RowLookup* lookup) {
  Begin();
  lookup->found = false;
  const KeyProbe probe(lookup->table, lookup->key);
  if (last_ != nullptr && FindIn(*last_, probe, lookup)) return {};
  TRIBUTARY_RETURN_IF_ERROR(FindInTransaction(hint, probe, lookup));
  return lookup->found ? Status() : FindInLog(probe, lookup);
}

Status LogLookup::Find(RowLookup* lookup) {
  Begin();
  lookup->found = false;
  return FindInLog(KeyProbe(lookup->table, lookup->key), lookup);
}

Status LogLookup::FindInLog(const KeyProbe& probe, RowLookup* lookup) {
  if (lookups_ > 1 && !loaded_) TRIBUTARY_RETURN_IF_ERROR(Load());
  const auto visit = [&](int64_t id, std::string_view ranges, bool* done) -> Status {
    TRIBUTARY_RETURN_IF_ERROR(FindInBlock(id, ranges, probe, lookup));
    *done = lookup->found;
    return {};
  };
  TRIBUTARY_RETURN_IF_ERROR(ForEachBlock(probe, visit));
  return lookup->found ? Status() : FindInTails(probe, lookup);
}

Status LogLookup::FindAll(const std::vector<RowLookup*>& lookups) {
  Begin();
  if (lookups.size() > 1 && !loaded_) TRIBUTARY_RETURN_IF_ERROR(Load());
  // With more keys than blocks nearly every block has one: then a pass over the log is quicker than
  // to ask so many filters.
  if (loaded_ && lookups.size() > filters_.size() / 2 + 8) return ScanAll(lookups);
  for (RowLookup* l : lookups) TRIBUTARY_RETURN_IF_ERROR(Find(l));
  return {};
}

Status LogLookup::ScanAll(const std::vector<RowLookup*>& lookups) {
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
  std::string name;
  while (!wanted.empty()) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(all_.Step(&row));
    if (!row) break;
    const auto site = static_cast<SiteOrdinal>(all_.Int(0));
    const DbVersion version(all_.Int(1));
    if (!reader.Open(all_.Blob(3))) return Malformed(site, version, all_.Int(2));
    while (reader.Next()) {
      const LogEntry& e = reader.entry();
      if (e.kind != LogKind::kRow) continue;
      name.assign(reinterpret_cast<const char*>(&e.table), sizeof e.table);
      name.append(e.key);
      const auto it = wanted.find(name);
      if (it == wanted.end()) continue;
      it->second->found = true;
      it->second->first = {site, version, e.seq};
      it->second->layout = e.layout;
      it->second->chunk = all_.Int(2);
      wanted.erase(it);
    }
    if (!reader.ok()) return Malformed(site, version, all_.Int(2));
  }
  return {};
}

Status LogLookup::ChunksOf(SiteOrdinal site, DbVersion version, int64_t table, std::string_view key,
                           std::vector<int64_t>* chunks) {
  Begin();
  chunks->clear();
  TRIBUTARY_RETURN_IF_ERROR(sizes_.PrepareOnce(
      db_, "SELECT chunk, length(data) FROM crsql_log WHERE site = ?1 AND version = ?2"));
  sizes_.Bind(1, site);
  sizes_.Bind(2, version.value);
  ScopedReset reset(&sizes_);
  std::vector<int64_t> big;
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(sizes_.Step(&row));
    if (!row) break;
    (sizes_.Int(1) < int64_t{kOwnFilterBytes} ? chunks : &big)->push_back(sizes_.Int(0));
  }
  if (big.size() <= 1) {
    chunks->insert(chunks->end(), big.begin(), big.end());
    return {};
  }
  if (lookups_ > 1 && !loaded_) TRIBUTARY_RETURN_IF_ERROR(Load());
  absl::flat_hash_set<int64_t> left(big.begin(), big.end());
  std::vector<LogRange> decoded;
  return ForEachBlock(KeyProbe(table, key), [&](int64_t, std::string_view ranges, bool*) -> Status {
    decoded.clear();
    if (!DecodeRanges(ranges, &decoded)) return MalformedRanges();
    const LogRange& r = decoded.front();
    if (r.site == site && r.first_version == version && r.single() &&
        left.erase(r.first_chunk) > 0) {
      chunks->push_back(r.first_chunk);
    }
    return {};
  });
}

void LogLookup::Forget() {
  lookups_ = 0;
  loaded_ = false;
  too_large_ = false;
  bytes_ = std::string();
  filters_.clear();
  tails_ = LogBlock();
  blocks_.clear();
  blocks_bytes_ = 0;
  last_ = nullptr;
}

}  // namespace tributary
