// Which keys which part of the version log mentions, so that the log answers by key without being
// read whole (T12).
//
//   crsql_log_filters(id, ranges, filter)  a block: a filter (crdt/key_filter.h) of all keys that
//   the
//       chunks in its ranges mention. ranges: per range the varints site, first version, first
//       chunk, last version minus the first, last chunk
//   crsql_log_covered(site, version)       up to which version the site's small chunks are in
//   blocks crsql_log_late(site, version, chunk)   small chunks that came behind that and are in no
//   block yet
//
// The law: a chunk of kOwnFilterBytes or more has a block of its own. A smaller one is in a range
// of a block that passes its keys, or its version is above what crsql_log_covered has for its site
// (the site's tail), or it is in crsql_log_late. Blocks may pass keys that the log no longer has.
//
// The tails of all sites together stay at about kTailBytes: every so often an append puts them into
// blocks. Who has made all the appends since the last block knows when they are enough, and has
// their keys at hand. For whoever has not, a hash of the append's position decides, so that no
// counter has to be written with every transaction, and the tails are read.
#ifndef TRIBUTARY_EXT_LOG_FILTERS_H_
#define TRIBUTARY_EXT_LOG_FILTERS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "crdt/ids.h"
#include "crdt/key_filter.h"
#include "ext/sql.h"

namespace tributary {

inline constexpr size_t kOwnFilterBytes = 4096;
inline constexpr size_t kTailBytes = 16 << 10;

// Chunks of one site by their place in the log, both ends included.
struct LogRange {
  SiteOrdinal site = 0;
  DbVersion first_version;
  int64_t first_chunk = 0;
  DbVersion last_version;
  int64_t last_chunk = 0;

  bool single() const { return first_version == last_version && first_chunk == last_chunk; }
  bool operator==(const LogRange&) const = default;
};

void AppendRange(const LogRange& range, std::string* ranges);
// Appends them to *out; false where the bytes are no ranges.
bool DecodeRanges(std::string_view ranges, std::vector<LogRange>* out);

// The small chunks in no block, as (site, version, chunk, data): the tails in order, and the late.
extern const char kTailSql[];
extern const char kLateSql[];

// Reads the chunks of a range in order. Of a range of several chunks only the small: big ones that
// lie between have blocks of their own.
class LogRangeReader {
 public:
  explicit LogRangeReader(sqlite3* db) : db_(db) {}
  Status Start(const LogRange& range);
  // Valid until the next call.
  Status Next(bool* found);
  DbVersion version() const { return DbVersion(chunks_.Int(0)); }
  int64_t chunk() const { return chunks_.Int(1); }
  std::string_view data() const { return chunks_.Blob(2); }
  void Stop() { chunks_.Reset(); }

 private:
  sqlite3* db_;
  Statement chunks_;
};

class LogFilters {
 public:
  explicit LogFilters(sqlite3* db) : db_(db), range_(db) {}

  // A chunk was appended. Empties `keys`, which has its keys.
  Status Appended(SiteOrdinal site, DbVersion version, int64_t chunk, size_t size,
                  KeyFilterBuilder* keys);
  // A chunk has lost so many bytes, or all. Makes blocks anew now and then, so that they do not
  // outgrow the log.
  Status Lost(SiteOrdinal site, DbVersion version, int64_t chunk, size_t bytes);

  // The version is new: nothing of it can be covered.
  void StartTransaction(SiteOrdinal site, DbVersion version) { covered_[site] = version + -1; }
  // After a rollback, and when another connection may have written.
  void Forget() {
    covered_.clear();
    tails_known_ = false;
  }

 private:
  // What becomes a block.
  struct Block {
    // `follows`: between this chunk and the one before, its site has none that needs this block.
    void Extend(SiteOrdinal site, DbVersion version, int64_t chunk, bool follows);
    void Clear() {
      ranges.clear();
      keys.Clear();
      bytes = 0;
    }
    std::vector<LogRange> ranges;
    KeyFilterBuilder keys;
    size_t bytes = 0;  // of the chunks, as they count for kTailBytes
  };
  class BlockWriter;
  using Versions = absl::flat_hash_map<SiteOrdinal, DbVersion>;
  Status Covered(SiteOrdinal site, DbVersion* version);
  Status AppendedSmall(SiteOrdinal site, DbVersion version, int64_t chunk, KeyFilterBuilder* keys);
  Status CoverTails(SiteOrdinal site, DbVersion version);
  Status ReadTails(Versions* last);
  Status WriteBlock(Block* block);
  Status WriteBig(SiteOrdinal site, DbVersion version, int64_t chunk, KeyFilterBuilder* keys);
  Status AddAll(Statement* chunks, bool in_order, BlockWriter* block, Versions* last);
  Status RemakeOldest();
  Status Write(std::string_view ranges, std::string_view filter);

  sqlite3* db_;
  LogRangeReader range_;
  Versions covered_;
  // The small chunks in no block, while tails_known_.
  Block tails_;
  bool tails_known_ = false;
  bool after_late_ = false;  // its last range is of a late chunk
  Statement read_covered_;
  Statement write_covered_;
  Statement write_;
  Statement add_late_;
  Statement read_tails_;
  Statement read_late_;
  Statement clear_late_;
  Statement oldest_;
  Statement remove_;
};

}  // namespace tributary

#endif  // TRIBUTARY_EXT_LOG_FILTERS_H_
