#include "ext/log_filters.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "crdt/coding.h"
#include "crdt/log_chunk.h"

namespace tributary {

// 4096 is kOwnFilterBytes; the largest version is the log's head.
const char kTailSql[] =
    "SELECT l.site, l.version, l.chunk, l.data FROM crsql_site_id s CROSS JOIN crsql_log l "
    "WHERE l.site = s.ordinal AND l.version > "
    "ifnull((SELECT c.version FROM crsql_log_covered c WHERE c.site = s.ordinal), -1) "
    "AND l.version < 9223372036854775807 AND length(l.data) < 4096";
const char kLateSql[] =
    "SELECT l.site, l.version, l.chunk, l.data FROM crsql_log_late CROSS JOIN crsql_log l "
    "USING (site, version, chunk)";

namespace {

// A single key's small chunk costs more to read than an entry of a big one: there, filters that err
// less are worth their bytes.
constexpr uint64_t kChunkBitsPerKey = 10;
constexpr uint64_t kBlockBitsPerKey = 16;

// The log keeps this much per chunk besides its data, and a tail is read past its big chunks.
constexpr size_t kChunkOverhead = 16;
constexpr size_t kBigChunkWeight = 512;

Status Malformed(SiteOrdinal site, DbVersion version, int64_t chunk) {
  return Status::Corrupt(absl::StrCat("crsql_log: the chunk (site ", site, ", version ",
                                      version.value, ", chunk ", chunk,
                                      ") is malformed; SELECT * FROM crsql_check() tells more"));
}

// True for the share weight / kTailBytes of all positions. Multiples of the golden ratio spread
// evenly: the gaps between hits stay near their mean.
bool IsTurn(SiteOrdinal site, DbVersion version, int64_t chunk, size_t weight) {
  const uint64_t spot = static_cast<uint64_t>(version.value) * 0x9e3779b97f4a7c15 +
                        static_cast<uint64_t>(chunk) * 0xd1b54a32d192ed03 +
                        uint64_t{site} * 0x8cb92ba72f3d8dd7;
  static_assert(kTailBytes == 1 << 14);
  return (spot >> 50) < weight;
}

}  // namespace

void AppendRange(const LogRange& r, std::string* ranges) {
  PutVarint(ranges, r.site);
  PutVarint(ranges, static_cast<uint64_t>(r.first_version.value));
  PutVarint(ranges, static_cast<uint64_t>(r.first_chunk));
  PutVarint(ranges, static_cast<uint64_t>(r.last_version.value - r.first_version.value));
  PutVarint(ranges, static_cast<uint64_t>(r.last_chunk));
}

bool DecodeRanges(std::string_view ranges, std::vector<LogRange>* out) {
  ByteReader in(ranges);
  while (!in.empty()) {
    int64_t site;
    int64_t more;
    LogRange r;
    if (!in.Count(&site) || site > UINT32_MAX || !in.Count(&r.first_version.value) ||
        !in.Count(&r.first_chunk) || !in.Count(&more) || more > INT64_MAX - r.first_version.value ||
        !in.Count(&r.last_chunk)) {
      return false;
    }
    r.site = static_cast<SiteOrdinal>(site);
    r.last_version = r.first_version + more;
    out->push_back(r);
  }
  return true;
}

Status LogRangeReader::Start(const LogRange& r) {
  TRIBUTARY_RETURN_IF_ERROR(chunks_.PrepareOnce(
      db_,
      "SELECT version, chunk, data FROM crsql_log WHERE site = ?1 AND (version, chunk) >= (?2, ?3) "
      "AND (version, chunk) <= (?4, ?5) AND (?6 OR length(data) < 4096) ORDER BY version, chunk"));
  chunks_.Reset();
  chunks_.Bind(1, r.site);
  chunks_.Bind(2, r.first_version.value);
  chunks_.Bind(3, r.first_chunk);
  chunks_.Bind(4, r.last_version.value);
  chunks_.Bind(5, r.last_chunk);
  chunks_.Bind(6, r.single() ? 1 : 0);
  return {};
}

Status LogRangeReader::Next(bool* found) {
  TRIBUTARY_RETURN_IF_ERROR(chunks_.Step(found));
  if (!*found) chunks_.Reset();
  return {};
}

void LogFilters::Block::Extend(SiteOrdinal site, DbVersion version, int64_t chunk, bool follows) {
  if (follows && !ranges.empty() && ranges.back().site == site) {
    ranges.back().last_version = version;
    ranges.back().last_chunk = chunk;
  } else {
    ranges.push_back({site, version, chunk, version, chunk});
  }
}

// Gathers chunks into blocks of about kTailBytes.
class LogFilters::BlockWriter {
 public:
  explicit BlockWriter(LogFilters* filters) : filters_(filters) {}

  // `follows` as for Extend.
  Status Add(SiteOrdinal site, DbVersion version, int64_t chunk, std::string_view data,
             bool follows) {
    const bool big = data.size() >= kOwnFilterBytes;
    KeyFilterBuilder* keys = big ? &big_keys_ : &block_.keys;
    if (!reader_.Open(data)) return Malformed(site, version, chunk);
    while (reader_.Next()) keys->Add(reader_.entry().table, reader_.entry().key);
    if (!reader_.ok()) return Malformed(site, version, chunk);
    if (big) return filters_->WriteBig(site, version, chunk, &big_keys_);
    block_.Extend(site, version, chunk, follows);
    block_.bytes += data.size() + kChunkOverhead;
    return block_.bytes >= kTailBytes ? Close() : Status();
  }
  Status Close() { return filters_->WriteBlock(&block_); }
  size_t bytes() const { return block_.bytes; }

 private:
  LogFilters* filters_;
  Block block_;
  KeyFilterBuilder big_keys_;
  LogChunkReader reader_;  // kept for its memory
};

// Empties the block.
Status LogFilters::WriteBlock(Block* block) {
  if (block->ranges.empty()) return {};
  std::string ranges;
  for (const LogRange& r : block->ranges) AppendRange(r, &ranges);
  const std::string filter = block->keys.Finish(kBlockBitsPerKey);
  block->Clear();
  return Write(ranges, filter);
}

// The block of a big chunk alone. Empties `keys`.
Status LogFilters::WriteBig(SiteOrdinal site, DbVersion version, int64_t chunk,
                            KeyFilterBuilder* keys) {
  std::string ranges;
  AppendRange({site, version, chunk, version, chunk}, &ranges);
  return Write(ranges, keys->Finish(kChunkBitsPerKey));
}

Status LogFilters::Write(std::string_view ranges, std::string_view filter) {
  TRIBUTARY_RETURN_IF_ERROR(
      write_.PrepareOnce(db_, "INSERT INTO crsql_log_filters(ranges, filter) VALUES (?1, ?2)"));
  write_.BindBlob(1, ranges);
  write_.BindBlob(2, filter);
  return write_.Run();
}

Status LogFilters::Covered(SiteOrdinal site, DbVersion* version) {
  const auto known = covered_.find(site);
  if (known != covered_.end()) {
    *version = known->second;
    return {};
  }
  TRIBUTARY_RETURN_IF_ERROR(
      read_covered_.PrepareOnce(db_, "SELECT version FROM crsql_log_covered WHERE site = ?1"));
  read_covered_.Bind(1, site);
  ScopedReset reset(&read_covered_);
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(read_covered_.Step(&row));
  *version = DbVersion(row ? read_covered_.Int(0) : -1);
  covered_[site] = *version;
  return {};
}

Status LogFilters::Appended(SiteOrdinal site, DbVersion version, int64_t chunk, size_t size,
                            KeyFilterBuilder* keys) {
  const bool big = size >= kOwnFilterBytes;
  TRIBUTARY_RETURN_IF_ERROR(big ? WriteBig(site, version, chunk, keys)
                                : AppendedSmall(site, version, chunk, keys));
  const size_t weight = (big ? kBigChunkWeight : size) + kChunkOverhead;
  tails_.bytes += weight;
  const bool enough =
      tails_known_ ? tails_.bytes >= kTailBytes : IsTurn(site, version, chunk, weight);
  return enough ? CoverTails(site, version) : Status();
}

Status LogFilters::AppendedSmall(SiteOrdinal site, DbVersion version, int64_t chunk,
                                 KeyFilterBuilder* keys) {
  DbVersion covered;
  TRIBUTARY_RETURN_IF_ERROR(Covered(site, &covered));
  const bool late = version <= covered;
  if (tails_known_) {
    // A late chunk's range stays its own: it lies far from the others.
    bool follows = false;
    if (!late && !after_late_ && !tails_.ranges.empty()) {
      const LogRange& r = tails_.ranges.back();
      follows = std::pair(r.last_version, r.last_chunk) < std::pair(version, chunk);
    }
    after_late_ = late;
    tails_.Extend(site, version, chunk, follows);
    tails_.keys.TakeFrom(keys);
  }
  keys->Clear();
  if (!late) return {};
  // The same number may have been used before, by a chunk that a sweep removed.
  TRIBUTARY_RETURN_IF_ERROR(add_late_.PrepareOnce(
      db_, "INSERT OR IGNORE INTO crsql_log_late(site, version, chunk) VALUES (?1, ?2, ?3)"));
  add_late_.Bind(1, site);
  add_late_.Bind(2, version.value);
  add_late_.Bind(3, chunk);
  return add_late_.Run();
}

// Adds the small chunks that a statement returns; *last gets the last version of each site.
Status LogFilters::AddAll(Statement* chunks, bool in_order, BlockWriter* block, Versions* last) {
  ScopedReset reset(chunks);
  DbVersion* last_of_site = nullptr;
  int64_t last_site = -1;
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(chunks->Step(&row));
    if (!row) break;
    const auto site = static_cast<SiteOrdinal>(chunks->Int(0));
    const DbVersion version(chunks->Int(1));
    TRIBUTARY_RETURN_IF_ERROR(block->Add(site, version, chunks->Int(2), chunks->Blob(3), in_order));
    if (site != last_site) last_of_site = &(*last)[site];
    last_site = site;
    *last_of_site = std::max(*last_of_site, version);
  }
  return {};
}

// Reads what is in no block, puts it into blocks, and gives each site's last version of it.
Status LogFilters::ReadTails(Versions* last) {
  BlockWriter block(this);
  TRIBUTARY_RETURN_IF_ERROR(read_tails_.PrepareOnce(db_, kTailSql));
  TRIBUTARY_RETURN_IF_ERROR(AddAll(&read_tails_, true, &block, last));
  Versions ignored;
  TRIBUTARY_RETURN_IF_ERROR(read_late_.PrepareOnce(db_, kLateSql));
  TRIBUTARY_RETURN_IF_ERROR(AddAll(&read_late_, false, &block, &ignored));
  return block.Close();
}

// Puts all that is in no block into blocks.
Status LogFilters::CoverTails(SiteOrdinal site, DbVersion version) {
  // The site of the append is past its big chunks, too, though they leave nothing to be done.
  Versions last;
  DbVersion covered;
  TRIBUTARY_RETURN_IF_ERROR(Covered(site, &covered));
  if (version > covered) last[site] = version;
  if (tails_known_) {
    for (const LogRange& r : tails_.ranges) last[r.site] = std::max(last[r.site], r.last_version);
    tails_known_ = false;  // until it is done
    TRIBUTARY_RETURN_IF_ERROR(WriteBlock(&tails_));
  } else {
    TRIBUTARY_RETURN_IF_ERROR(ReadTails(&last));
  }
  // Not OR REPLACE: that word would make ReplaceWatch suspect every statement of the connection.
  TRIBUTARY_RETURN_IF_ERROR(
      write_covered_.PrepareOnce(db_,
                                 "INSERT INTO crsql_log_covered(site, version) VALUES (?1, ?2) "
                                 "ON CONFLICT(site) DO UPDATE SET version = excluded.version "
                                 "WHERE version < excluded.version"));
  for (const auto& [s, v] : last) {
    TRIBUTARY_RETURN_IF_ERROR(Covered(s, &covered));
    covered_[s] = std::max(covered, v);
    write_covered_.Bind(1, s);
    write_covered_.Bind(2, v.value);
    TRIBUTARY_RETURN_IF_ERROR(write_covered_.Run());
  }
  TRIBUTARY_RETURN_IF_ERROR(clear_late_.PrepareOnce(db_, "DELETE FROM crsql_log_late"));
  TRIBUTARY_RETURN_IF_ERROR(clear_late_.Run());
  tails_.Clear();
  tails_known_ = true;
  return {};
}

Status LogFilters::Lost(SiteOrdinal site, DbVersion version, int64_t chunk, size_t bytes) {
  // As often as blocks come. Each time at least one block goes, so that those that stand for
  // nothing do not become more than the others.
  return IsTurn(site, version, chunk, bytes + kChunkOverhead) ? RemakeOldest() : Status();
}

// The oldest blocks, until what the log still has of them fills half a new one, which goes to the
// end: so all get their turn.
Status LogFilters::RemakeOldest() {
  constexpr int kMostBlocks = 8;
  TRIBUTARY_RETURN_IF_ERROR(
      oldest_.PrepareOnce(db_, "SELECT id, ranges FROM crsql_log_filters ORDER BY id LIMIT 1"));
  TRIBUTARY_RETURN_IF_ERROR(
      remove_.PrepareOnce(db_, "DELETE FROM crsql_log_filters WHERE id = ?1"));
  BlockWriter block(this);
  std::vector<LogRange> ranges;
  for (int i = 0; i < kMostBlocks && block.bytes() < kTailBytes / 2; i++) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(oldest_.Step(&row));
    ScopedReset reset(&oldest_);
    if (!row) break;
    ranges.clear();
    if (!DecodeRanges(oldest_.Blob(1), &ranges)) {
      return Status::Corrupt("crsql_log_filters: the ranges of a filter are malformed");
    }
    remove_.Bind(1, oldest_.Int(0));
    bool big = false;
    for (const LogRange& range : ranges) {
      bool follows = false;
      TRIBUTARY_RETURN_IF_ERROR(range_.Start(range));
      for (;;) {
        bool found;
        TRIBUTARY_RETURN_IF_ERROR(range_.Next(&found));
        if (!found) break;
        TRIBUTARY_RETURN_IF_ERROR(
            block.Add(range.site, range_.version(), range_.chunk(), range_.data(), follows));
        follows = true;
        big = big || range_.data().size() >= kOwnFilterBytes;
      }
    }
    oldest_.Reset();
    TRIBUTARY_RETURN_IF_ERROR(remove_.Run());
    if (big) break;
  }
  return block.Close();
}

}  // namespace tributary
