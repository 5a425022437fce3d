// Rows that this transaction has merged into, with their clocks in memory: each row is looked up
// once, decided cell by cell, and its clock is written once, when the buffer is flushed. The base
// table is written at once, so that the host's next SELECT sees the merged values.
#ifndef TRIBUTARY_EXT_MERGE_BUFFER_H_
#define TRIBUTARY_EXT_MERGE_BUFFER_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "crdt/log_chunk.h"
#include "crdt/row_clock.h"
#include "ext/table.h"

namespace tributary {

// A value that owns its bytes.
struct HeldValue {
  explicit HeldValue(const Value& v) : fixed(v), bytes(v.bytes) { fixed.bytes = {}; }
  Value value() const {
    Value v = fixed;
    v.bytes = bytes;
    return v;
  }
  Value fixed;
  std::string bytes;
};

struct MergeRow {
  Table* table = nullptr;
  std::string key;
  RowClock clock;
  bool never_seen = false;   // when first looked up: no record and no row
  bool in_base = false;      // the row exists in the base table
  int64_t rowid = 0;         // and has, or had, this rowid there
  int64_t rowid_epoch = -1;  // surely so while this is the buffer's epoch()
  int64_t named = 0;         // by how many log entries its clock was made, before any merge
  bool dirty = false;
  bool reload = false;  // the clock must be read again before it is used

  // What the base table did not accept yet, see base_writer.h.
  bool held_insert = false;
  bool held_delete = false;
  std::map<int, HeldValue> held_cells;  // by column
  std::string held_why;
  bool is_held() const { return held_insert || !held_cells.empty(); }

  bool looked_up = false;  // `implied` has been asked for
  bool has_implied = false;
  Stamp implied;  // of the first implied cell, if the log has the row's entry
  uint32_t implied_layout = 0;
};

// A record that won when it was merged.
struct WonRecord {
  uint32_t row = 0;
  LogKind kind = LogKind::kCells;  // kCells or kSentinel, later kRow
  ColumnId column = 0;
  Stamp stamp;
  LogHeader log;  // without seqs
};

class MergeBuffer {
 public:
  static constexpr size_t kFlushBytes = 1 << 20;

  bool empty() const { return rows_.empty() && seen_.empty(); }
  // To be flushed before another row is added: one whose cells are all there may need no record.
  bool full() const { return bytes_ >= kFlushBytes; }
  // To be flushed now.
  bool overfull() const { return bytes_ >= 2 * kFlushBytes; }
  // Index of the row in rows(), or -1.
  int64_t Find(const Table& table, std::string_view key) const;
  // The same for the packed key that the last Remember was given: records of one row come in a run.
  int64_t FindLast(const Table* table, std::string_view pk) const {
    const bool same = last_row_ >= 0 && rows_[last_row_].table == table && last_pk_ == pk;
    return same ? last_row_ : -1;
  }
  // The table of that row, if this is its name; else null.
  Table* LastTable(std::string_view name) const {
    if (last_row_ < 0) return nullptr;
    Table* const table = rows_[last_row_].table;
    return table->name() == name ? table : nullptr;
  }
  void Remember(uint32_t row, std::string_view pk) {
    last_row_ = row;
    last_pk_ = pk;
  }
  uint32_t Add(MergeRow row);
  void AddWon(const WonRecord& won) {
    won_.push_back(won);
    bytes_ += sizeof won;
  }
  void Saw(SiteOrdinal site, DbVersion version) {
    if (last_saw_ == std::pair(site, version)) return;
    DbVersion& seen = seen_[site];
    if (version > seen) seen = version;
    last_saw_ = std::pair(site, version);
  }
  void Clear();
  // Forgets all but what is held.
  void KeepHeld();
  void Held(size_t bytes) { held_bytes_ += bytes; }
  size_t held_bytes() const { return held_bytes_; }

  // Given sqlite3_total_changes64: a new epoch begins with any write but those reported as Wrote,
  // and the host's inserts into crsql_changes themselves, which count when their statement ends.
  void NoteWrites(int64_t total) {
    if (total == total_changes_) return;
    if (total != total_changes_ + merged_) epoch_++;
    total_changes_ = total;
    merged_ = 0;
  }
  void Merged() { merged_++; }
  // Since NoteWrites one row of a base table was to be written, and nothing else if `total` has
  // moved by no more than one.
  void Wrote(int64_t total) {
    if (total > total_changes_ + 1) epoch_++;
    total_changes_ = total;
  }
  int64_t epoch() const { return epoch_; }

  // Values of the row that was last read from its base table, by column; some may be null pointers.
  // Null where it is another row, or the table may have been written since.
  std::vector<OwnedValue>* ReadValues(uint32_t row) {
    return read_row_ == row && read_epoch_ == epoch_ ? read_values_.get() : nullptr;
  }
  std::vector<OwnedValue>* NewReadValues(uint32_t row, size_t columns) {
    read_row_ = row;
    read_epoch_ = epoch_;
    if (read_values_ == nullptr || read_values_.use_count() > 1) {
      read_values_ = std::make_shared<std::vector<OwnedValue>>();
    }
    read_values_->clear();
    read_values_->resize(columns);
    return read_values_.get();
  }
  void ForgetReadValues() { read_row_ = -1; }

  int next_column = 0;  // where the next record's column is looked for first

  std::vector<MergeRow>& rows() { return rows_; }
  std::vector<WonRecord>& won() { return won_; }
  const absl::flat_hash_map<SiteOrdinal, DbVersion>& seen() const { return seen_; }

 private:
  static std::string Name(const Table& table, std::string_view key);
  std::vector<MergeRow> rows_;
  std::vector<WonRecord> won_;
  absl::flat_hash_map<std::string, uint32_t> index_;
  absl::flat_hash_map<SiteOrdinal, DbVersion> seen_;
  std::optional<std::pair<SiteOrdinal, DbVersion>> last_saw_;
  int64_t last_row_ = -1;
  std::string last_pk_;
  size_t bytes_ = 0;
  size_t held_bytes_ = 0;
  int64_t total_changes_ = -1;
  int64_t merged_ = 0;  // inserts into crsql_changes since
  int64_t epoch_ = 0;
  int64_t read_row_ = -1;
  int64_t read_epoch_ = 0;
  std::shared_ptr<std::vector<OwnedValue>> read_values_;  // shared with copies of the buffer
};

}  // namespace tributary

#endif  // TRIBUTARY_EXT_MERGE_BUFFER_H_
