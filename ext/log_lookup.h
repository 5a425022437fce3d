// Finds the row entry of a key in the log: who made the first insert of a row whose clock is implied
// (T12), and whether a key was alive at all.
#ifndef TRIBUTARY_EXT_LOG_LOOKUP_H_
#define TRIBUTARY_EXT_LOG_LOOKUP_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "crdt/ids.h"
#include "ext/sql.h"

namespace tributary {

struct RowLookup {
  int64_t table = 0;
  std::string_view key;
  // The answer.
  bool found = false;
  Stamp first;  // of the row entry's first record
};

class LogLookup {
 public:
  explicit LogLookup(sqlite3* db) : db_(db) {}

  // `hint` is a transaction that is likely to hold it (a change that is delivered again); it is
  // looked at first, with the chunk that answered last before all others.
  Status Find(const Stamp& hint, RowLookup* lookup);
  // Answers all in one pass over the log.
  Status FindAll(std::vector<RowLookup*> lookups);

  // After the log was written or rolled back.
  void Forget();

 private:
  // One decoded chunk.
  struct Chunk {
    SiteOrdinal site = 0;
    int64_t version = -1;
    int64_t chunk = -1;
    absl::flat_hash_map<std::string, Stamp> rows;  // by table and key
  };
  Status Load(SiteOrdinal site, int64_t version, int64_t chunk, std::string_view data);
  bool FindInChunk(RowLookup* lookup) const;
  Status FindInTransaction(const Stamp& hint, RowLookup* lookup);

  sqlite3* db_;
  Chunk chunk_;
  Statement transaction_;
  Statement all_;
};

}  // namespace tributary

#endif  // TRIBUTARY_EXT_LOG_LOOKUP_H_
