// Which keys a part of the log may mention: a Bloom filter, and exactly, in a few bytes, the runs
// of consecutive integer keys that most tables are filled with.
//
// Format (numbers are varints): number of runs; per run its table, first key (zigzag) and number of
// keys minus 1; then a filter (crdt/filter.h) over HashKey(table, key) of all other keys, to the
// end.
#ifndef TRIBUTARY_CRDT_KEY_FILTER_H_
#define TRIBUTARY_CRDT_KEY_FILTER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crdt/key.h"

namespace tributary {

class KeyFilterBuilder {
 public:
  // `hash`: HashKey of both, if that is known.
  void Add(int64_t table, std::string_view key, std::optional<uint64_t> hash = {});
  // Adds all that `other` has and empties it.
  void TakeFrom(KeyFilterBuilder* other);
  bool empty() const { return hashes_.empty() && runs_.empty(); }
  // The filter; the builder is empty afterwards.
  std::string Finish(uint64_t bits_per_key);
  void Clear();

 private:
  struct Run {
    int64_t table = 0;
    int64_t first = 0;
    uint64_t count = 0;  // keys behind the first
  };
  bool Continues(int64_t table, int64_t key) const;
  // `hash` gives the key's, where that is needed.
  template <typename Hash>
  void AddInteger(int64_t table, int64_t integer, const Hash& hash);

  std::vector<Run> runs_;
  std::vector<uint64_t> hashes_;
  // The run that the last key belongs to. While it is short its hashes are the last in hashes_.
  Run run_;
  bool in_run_ = false;
};

// A key to ask filters for.
struct KeyProbe {
  KeyProbe(int64_t t, std::string_view key)
      : table(t), hash(HashKey(t, key)), is_integer(DecodeIntegerKey(key, &integer)) {}
  int64_t table;
  uint64_t hash;
  int64_t integer = 0;
  bool is_integer;
};

// True also where the filter is malformed: then it excludes nothing.
bool KeyFilterMayContain(std::string_view filter, const KeyProbe& probe);

}  // namespace tributary

#endif  // TRIBUTARY_CRDT_KEY_FILTER_H_
