// For crsql_check(): whether the filters of the log keep their law (ext/log_filters.h).
#ifndef TRIBUTARY_EXT_FILTER_CHECK_H_
#define TRIBUTARY_EXT_FILTER_CHECK_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "ext/log_filters.h"

namespace tributary {

class FilterCheck {
 public:
  // Reads all filters. *ok is false where one is malformed.
  Status Load(sqlite3* db, bool* ok);
  // Goes on to a chunk. REQUIRES: chunks come in the order of the log.
  void Start(SiteOrdinal site, DbVersion version, int64_t chunk, size_t size);
  // Whether a look-up of the key would read that chunk.
  bool Finds(int64_t table, std::string_view key) const;

 private:
  using Place = std::tuple<SiteOrdinal, DbVersion, int64_t>;
  struct Block {
    LogRange range;
    size_t filter;  // index into filters_
  };
  static Place Begin(const LogRange& r) { return {r.site, r.first_version, r.first_chunk}; }
  static Place End(const LogRange& r) { return {r.site, r.last_version, r.last_chunk}; }

  std::vector<std::string> filters_;
  std::vector<Block> blocks_;  // by Begin
  size_t next_ = 0;            // block that does not begin yet
  std::vector<Block> here_;    // blocks with a range around the chunk
  absl::flat_hash_map<SiteOrdinal, DbVersion> covered_;
  absl::flat_hash_set<Place> late_;
  bool loose_ = false;  // the chunk need not be in a block
  bool small_ = false;
};

}  // namespace tributary

#endif  // TRIBUTARY_EXT_FILTER_CHECK_H_
