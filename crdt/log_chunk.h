// One chunk of the version log: which cells a transaction wrote, in seq order, without values.
//
// Chunk format (numbers are varints):
//   version byte 1; flag byte (bit 0: back-fill of a filled table, no user transaction);
//   the author's commit time, ms since 1970, 0 if unknown (for people, never for merging);
//   ts, the author's free timestamp (crsql_set_ts); seq of the first entry; last seq of the last
//   entry minus that; then entries to the end:
//     head: bits 0-1 kind, bit 2 another table, bit 3 key is the previous one + 1,
//           bits 4.. gap between the seq that would follow and this entry's seq
//     if bit 2: table id, layout number, columns of that layout, values of its key
//     unless bit 3: the key (crdt/key.h)
//     kCells: number of cells, then per cell its column and its seq minus the entry's
// Bit 3 is only for keys of a single integer in the table of the entry before. The seq that would
// follow is one more than the last seq of the entry before.
#ifndef TRIBUTARY_CRDT_LOG_CHUNK_H_
#define TRIBUTARY_CRDT_LOG_CHUNK_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "crdt/ids.h"

namespace tributary {

enum class LogKind : uint8_t {
  kRow = 0,       // the first insert of a row with all columns: the clocks it implies (R1)
  kCells = 1,     // some cells
  kSentinel = 2,  // the row's sentinel
  kAllCells = 3,  // all columns of the layout, seqs counting up, of a row whose clock is explicit
};

struct LogCell {
  ColumnId column = 0;
  Seq seq;
  bool operator==(const LogCell&) const = default;
};

struct LogEntry {
  int64_t table = 0;
  uint32_t layout = 0;
  uint32_t width = 0;      // columns of the layout
  uint32_t key_width = 0;  // values of the key
  LogKind kind = LogKind::kRow;
  Seq seq;  // of the first record
  std::string_view key;
  std::vector<LogCell> cells;  // kCells only, ascending by seq

  Seq LastSeq() const;
};

struct LogHeader {
  bool backfill = false;
  int64_t commit_ms = 0;
  uint64_t ts = 0;
  Seq first_seq;  // of the first record; set by the writer
  Seq last_seq;   // of the last record; set by the writer
};

class LogChunkWriter {
 public:
  // REQUIRES: entry.seq is not below the seq that would follow, seqs are at most kMaxCounter, cells
  // are ascending by seq and, in a kCells entry, not empty.
  void Add(const LogEntry& entry);
  bool empty() const { return entries_.empty(); }
  // The seq that would follow.
  Seq next() const { return next_; }
  // Bytes of the entries so far.
  size_t size() const { return entries_.size(); }
  // The chunk; the writer is empty afterwards. REQUIRES: not empty.
  std::string Finish(const LogHeader& header);
  void Clear();

 private:
  bool TakeKey(const LogEntry& entry);

  std::string entries_;
  Seq first_;
  Seq next_;
  int64_t table_ = -1;
  uint32_t layout_ = 0;
  // The one integer that would be the previous key + 1, if that was a single integer.
  bool has_successor_ = false;
  int64_t successor_ = 0;
};

// Reads a chunk's entries in order. The data must outlive the reader, and a copied or moved reader
// has no valid entry.
class LogChunkReader {
 public:
  // False where the header is malformed. It alone may be read from the first kMaxHeaderSize bytes.
  bool Open(std::string_view data);
  static constexpr size_t kMaxHeaderSize = 2 + 4 * 10;
  const LogHeader& header() const { return header_; }

  // False at the end or where the chunk is malformed or incomplete; ok() tells which. The entry is
  // valid until the next call.
  bool Next();
  const LogEntry& entry() const { return entry_; }
  bool ok() const { return ok_; }

 private:
  bool Fail() {
    ok_ = false;
    return false;
  }
  bool ReadTable(class ByteReader* in);
  bool ReadKey(class ByteReader* in, bool successor);
  bool ReadCells(class ByteReader* in);

  std::string_view rest_;
  LogHeader header_;
  LogEntry entry_;
  std::string key_;  // backs entry_.key where that is a successor
  Seq next_{1};      // a reader that was never opened is at its end
  bool ok_ = true;
};

}  // namespace tributary

#endif  // TRIBUTARY_CRDT_LOG_CHUNK_H_
