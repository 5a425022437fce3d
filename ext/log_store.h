// The version log: crsql_log(site, version, chunk, data), what each transaction wrote, in chunks
// (crdt/log_chunk.h); and its head, the row that sorts behind all of this site's own versions:
//   format byte 1; varints: last version issued here; bytes and entries of the log; bytes of them
//   that have become stale since the last sweep began; and while a sweep (ext/sweep.h) is under way
//   the bytes that it may still read, and its position (site, version, chunk)
// Small transactions leave the head as it is for a while: it then lacks some of the last versions,
// which whoever reads it finds in the log before it and counts in.
#ifndef TRIBUTARY_EXT_LOG_STORE_H_
#define TRIBUTARY_EXT_LOG_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/types/span.h"
#include "crdt/ids.h"
#include "crdt/log_chunk.h"
#include "ext/log_filters.h"
#include "ext/sql.h"

namespace tributary {

// Version of the head row. Never issued, see kMaxDbVersion.
inline constexpr int64_t kHeadVersion = INT64_MAX;
inline constexpr DbVersion kMaxDbVersion{INT64_MAX - 1};

// Chunks are closed when their entries pass this, so that reading one never takes much memory.
inline constexpr size_t kChunkBytes = 16 << 10;

struct LogHead {
  DbVersion last_version;  // the last that this site issued
  int64_t bytes = 0;       // of all chunks
  int64_t entries = 0;     // in them
  int64_t stale = 0;       // bytes that have become stale since the last sweep began, about
  bool sweeping = false;   // a sweep is under way and stands before the position below
  int64_t credit = 0;      // bytes that it may read by now
  SiteOrdinal sweep_site = 0;
  DbVersion sweep_version;
  int64_t sweep_chunk = 0;
  // Not stored: how many transactions' chunks the stored head lacks.
  int uncounted = 0;

  bool SweepStandsAt(const LogHead& other) const {
    return sweeping == other.sweeping && sweep_site == other.sweep_site &&
           sweep_version == other.sweep_version && sweep_chunk == other.sweep_chunk;
  }
};

// Bytes that a sweep under way may read per byte logged.
inline constexpr int64_t kSweepPace = 4;

// The most transactions that a stored head may lack.
inline constexpr int kMaxUncounted = 16;

class LogStore {
 public:
  explicit LogStore(sqlite3* db) : db_(db), filters_(db) {}

  // While held (inside a write transaction, when nobody else can change it) the head is read once.
  Status ReadHead(LogHead* head);
  Status RereadHead();
  Status WriteHead(const LogHead& head);
  // Instead of WriteHead, where all that has changed is that the last version is one more, small
  // and in the log, with a sweep's credit for it. REQUIRES: head.uncounted < kMaxUncounted, held.
  void DeferHead(const LogHead& head) {
    head_ = head;
    head_->uncounted++;
  }
  void Hold() { held_ = true; }
  // At the end of the transaction. What is known stays known until Forget.
  void Release() {
    held_ = false;
    last_version_ = DbVersion(-1);
    growth_ = {};
  }
  // After a rollback, and when another connection may have written.
  void Forget() {
    last_version_ = DbVersion(-1);
    growth_ = {};
    head_.reset();
    filters_.Forget();
  }
  // The next Append for this transaction is the first that the log ever had for it.
  void StartTransaction(SiteOrdinal site, DbVersion version) {
    last_site_ = site;
    last_version_ = version;
    last_chunk_ = -1;
    filters_.StartTransaction(site, version);
  }

  // Appends a chunk behind those that the transaction has already. Empties `keys`, the keys of its
  // entries.
  Status Append(SiteOrdinal site, DbVersion version, std::string_view data, KeyFilterBuilder* keys);
  // A chunk that the log has, and its size.
  struct ChunkName {
    SiteOrdinal site;
    DbVersion version;
    int64_t chunk;
    size_t size;
  };
  // REQUIRES: data has no key that the chunk had not, so that its filter holds for it, and is not
  // longer.
  Status Replace(const ChunkName& chunk, std::string_view data);
  // Removes chunks of one site. REQUIRES: ascending, and the log has no others between them.
  Status Remove(absl::Span<const ChunkName> run);
  // Moves whenever this connection changes chunks, though not when that is rolled back.
  int64_t changes() const { return changes_; }

  // A chunk that is being written, and the keys of its entries. LogWriters pass on its memory.
  struct Draft {
    LogChunkWriter chunk;
    KeyFilterBuilder keys;
  };
  Draft TakeDraft() { return std::exchange(draft_, {}); }
  void GiveBack(Draft draft) {
    draft_ = std::move(draft);
    draft_.chunk.Clear();
    draft_.keys.Clear();
  }

  // What was appended since this was last taken; a LogWriter reports it.
  struct Growth {
    int64_t bytes = 0;
    int64_t entries = 0;
  };
  void Grew(int64_t bytes, int64_t entries) {
    growth_.bytes += bytes;
    growth_.entries += entries;
  }
  const Growth& growth() const { return growth_; }
  Growth TakeGrowth() { return std::exchange(growth_, {}); }

  // Moves with the first reading of the head from the file after the schema has changed.
  int schema_changes() const { return read_head_.preparations(); }

  // For ReplaceWatch: the statements that begin with TRIBUTARY_REPLACE.
  const Statement* write_head() const { return &write_head_; }
  const Statement* write_chunk() const { return &write_chunk_; }

 private:
  Status Write(SiteOrdinal site, DbVersion version, int64_t chunk, std::string_view data);
  Status CountIn(LogHead* head);

  sqlite3* db_;
  LogFilters filters_;
  int64_t changes_ = 0;
  Statement read_head_;
  Statement write_head_;
  Statement next_chunk_;
  Statement write_chunk_;
  Statement remove_run_;
  // Where the last Append went, so that a run of chunks asks for its number once.
  SiteOrdinal last_site_ = 0;
  DbVersion last_version_{-1};
  int64_t last_chunk_ = 0;
  Growth growth_;
  Draft draft_;
  bool held_ = false;
  std::optional<LogHead> head_;
};

}  // namespace tributary

#endif  // TRIBUTARY_EXT_LOG_STORE_H_
