// Finds the row entry of a key in the log: who made the first insert of a row whose clock is
// implied (T12), and whether a key was alive at all.
//
// Asks the filters (ext/log_filters.h) which blocks may have it and reads only those, and the few
// chunks that are in no block yet. The first look-up since Forget reads the filters past from the
// file; from the second on they, the chunks in no block, and the blocks that answered are kept in
// memory: at most kMaxFilters, about kTailBytes and kMaxBlocks bytes.
#ifndef TRIBUTARY_EXT_LOG_LOOKUP_H_
#define TRIBUTARY_EXT_LOG_LOOKUP_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "crdt/ids.h"
#include "ext/log_block.h"
#include "ext/log_store.h"
#include "ext/sql.h"

namespace tributary {

struct RowLookup {
  int64_t table = 0;
  std::string_view key;
  // The answer.
  bool found = false;
  Stamp first;          // of the row entry's first record
  int64_t chunk = 0;    // of that transaction
  uint32_t layout = 0;  // of the row entry
};

class LogLookup {
 public:
  LogLookup(sqlite3* db, const LogStore* log) : db_(db), log_(log), range_(db) {}

  // `hint` is a transaction that is likely to hold it (a change that is delivered again).
  Status Find(const Stamp& hint, RowLookup* lookup);
  Status Find(RowLookup* lookup);
  Status FindAll(const std::vector<RowLookup*>& lookups);
  // The chunks of a transaction that may mention a key in any way.
  Status ChunksOf(SiteOrdinal site, DbVersion version, int64_t table, std::string_view key,
                  std::vector<int64_t>* chunks);

  // After a rollback, and when another connection may have written.
  void Forget();

 private:
  static constexpr size_t kMaxFilters = 16 << 20;
  static constexpr size_t kMaxBlocks = 16 << 20;

  // A block's filter in memory; the bytes are in bytes_, its ranges first.
  struct Filter {
    int64_t id;
    uint32_t ranges;
    uint32_t end_of_ranges;
    uint32_t end;
  };
  using Visit = absl::FunctionRef<Status(int64_t id, std::string_view ranges, bool* done)>;
  using VisitChunk = absl::FunctionRef<Status(SiteOrdinal, DbVersion, int64_t chunk,
                                              std::string_view data, bool* done)>;

  void Begin();
  Status Load();
  Status ForEachLoose(VisitChunk visit);
  // The chunks of a block's ranges.
  Status ForEachIn(std::string_view ranges, VisitChunk visit);
  Status ForEachBlock(const KeyProbe& probe, Visit visit);
  Status FindInLog(const KeyProbe& probe, RowLookup* lookup);
  Status FindInTransaction(const Stamp& hint, const KeyProbe& probe, RowLookup* lookup);
  Status FindInBlock(int64_t id, std::string_view ranges, const KeyProbe& probe, RowLookup* lookup);
  Status FindInTails(const KeyProbe& probe, RowLookup* lookup);
  Status LoadBlock(int64_t id, std::string_view ranges, const LogBlock** block);
  Status ScanAll(const std::vector<RowLookup*>& lookups);

  sqlite3* db_;
  const LogStore* log_;
  LogRangeReader range_;
  int64_t log_changes_ = -1;  // the log's when what is below was read
  int lookups_ = 0;           // since Forget
  bool loaded_ = false;
  bool too_large_ = false;  // the filters do not fit
  std::string bytes_;
  std::vector<Filter> filters_;
  LogBlock tails_;
  absl::flat_hash_map<int64_t, std::unique_ptr<LogBlock>> blocks_;  // by the filter's id
  size_t blocks_bytes_ = 0;
  const LogBlock* last_ = nullptr;  // that answered
  Statement transaction_;
  Statement all_;
  Statement sizes_;
  Statement read_filters_;
  Statement tail_chunks_;
  Statement late_chunks_;
};

}  // namespace tributary

#endif  // TRIBUTARY_EXT_LOG_LOOKUP_H_
