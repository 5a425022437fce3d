// The row entries of a part of the log, in memory, found by key. Runs of consecutive integer keys,
// as a seeded table has them, take a few bytes.
#ifndef TRIBUTARY_EXT_LOG_BLOCK_H_
#define TRIBUTARY_EXT_LOG_BLOCK_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "crdt/ids.h"
#include "crdt/key_filter.h"
#include "crdt/log_chunk.h"

namespace tributary {

class LogBlock {
 public:
  // Adds a chunk's row entries; false where the chunk is malformed.
  bool Add(SiteOrdinal site, DbVersion version, int64_t chunk, std::string_view data);
  // After the last Add.
  void Seal();
  struct Found {
    Stamp first;          // of the row entry's first record
    int64_t chunk = 0;    // of its transaction, that has it
    uint32_t layout = 0;  // that the entry names
  };
  // The key's row entry; false where there is none.
  bool Find(const KeyProbe& probe, std::string_view key, Found* found) const;
  // Memory that it takes.
  size_t bytes() const;

 private:
  struct Row {
    uint64_t hash;
    int64_t table;
    Seq seq;
    uint32_t key;  // place in keys_
    uint32_t size;
    uint32_t chunk;  // index into chunks_
    uint32_t layout;
  };
  struct Run {
    int64_t table;
    int64_t first;
    uint64_t count;  // keys behind the first
    Seq seq;         // of the first
    int64_t stride;  // from key to key
    uint32_t chunk;
    uint32_t layout;
  };
  struct Chunk {
    SiteOrdinal site;
    DbVersion version;
    int64_t number;
  };
  void AddInteger(int64_t key, const LogEntry& entry);

  std::vector<Chunk> chunks_;
  std::vector<Run> runs_;  // sorted by Seal
  std::vector<Row> rows_;
  std::string keys_;
  std::vector<uint32_t> slots_;  // hash table of rows_: index + 1, 0 is empty
};

}  // namespace tributary

#endif  // TRIBUTARY_EXT_LOG_BLOCK_H_
