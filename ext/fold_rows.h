// What Folder (ext/flush.cc) works in: the rows that a list of captured writes mentions, and its
// other lists.
#ifndef TRIBUTARY_EXT_FOLD_ROWS_H_
#define TRIBUTARY_EXT_FOLD_ROWS_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "crdt/ids.h"
#include "crdt/key.h"
#include "crdt/log_chunk.h"
#include "crdt/row_clock.h"
#include "ext/row_store.h"
#include "ext/table.h"

namespace tributary {

inline constexpr int32_t kNoClock = -1;

// A row that the list mentions. Most are first inserts and need no RowClock at all.
struct FoldRow {
  Table* table;
  std::string_view key;
  std::optional<uint64_t> hash;  // HashKey of these, where it was needed
  int32_t clock = kNoClock;      // index into clocks_, once the row has more than its first insert
  bool inserted = false;         // its first insert is in this list, at `seq`
  bool was_alive = false;        // before the list, by a look-up that a REPLACE needed
  bool came = false;             // the list has an insert of it, or a move to it
  bool went = false;             // the list has a delete of it, or a move away
  Seq seq;
};

// The rows that the list mentions, in the order of their first operation, found by table and key.
// What comes in ascending order (keys that count up) or is a handful needs no hash table.
class FoldRows {
 public:
  FoldRows() : index_(0, Hash{&rows_}, Equal{&rows_}) {}
  FoldRows(const FoldRows&) = delete;
  FoldRows& operator=(const FoldRows&) = delete;

  void Reserve(size_t n) {
    capacity_ = n;
    rows_.reserve(n);
  }
  uint32_t FindOrAdd(Table* table, std::string_view key) {
    if (!indexed_) {
      if (rows_.empty() || rows_.back().table != table || rows_.back().key < key) {
        ascending_ = ascending_ && (rows_.empty() || rows_.back().table == table);
        if (ascending_) return Add(table, key);
      }
      ascending_ = ascending_ && rows_.back().key == key;
      if (ascending_) return size() - 1;
      if (rows_.size() <= kFew) {
        const auto found = std::find_if(rows_.begin(), rows_.end(), [&](const FoldRow& r) {
          return r.table == table && r.key == key;
        });
        return found != rows_.end() ? static_cast<uint32_t>(found - rows_.begin())
                                    : Add(table, key);
      }
      index_.reserve(capacity_);
      for (uint32_t i = 0; i < rows_.size(); i++) {
        rows_[i].hash = HashKey(rows_[i].table->id(), rows_[i].key);
        index_.insert(i);
      }
      indexed_ = true;
    }
    const Name name{table, key, HashKey(table->id(), key)};
    // The table does not bear a construction that fails.
    if (rows_.size() == rows_.capacity()) rows_.reserve(2 * rows_.size());
    return *index_.lazy_emplace(name, [&](const auto& construct) {
      const uint32_t row = Add(table, key);
      rows_[row].hash = name.hash;
      construct(row);
    });
  }

  void Clear() {
    rows_.clear();
    if (indexed_) index_.clear();
    ascending_ = true;
    indexed_ = false;
  }

  uint32_t size() const { return static_cast<uint32_t>(rows_.size()); }
  FoldRow& operator[](uint32_t i) { return rows_[i]; }
  const FoldRow& operator[](uint32_t i) const { return rows_[i]; }

 private:
  static constexpr size_t kFew = 8;
  struct Name {
    Table* table;
    std::string_view key;
    uint64_t hash;
  };
  struct Hash {
    using is_transparent = void;
    const std::vector<FoldRow>* rows;
    size_t operator()(const Name& n) const { return n.hash; }
    size_t operator()(uint32_t i) const { return *(*rows)[i].hash; }
  };
  struct Equal {
    using is_transparent = void;
    const std::vector<FoldRow>* rows;
    bool operator()(uint32_t i, uint32_t j) const { return i == j; }
    bool operator()(uint32_t i, const Name& n) const {
      return (*rows)[i].table == n.table && (*rows)[i].key == n.key;
    }
    bool operator()(const Name& n, uint32_t i) const { return (*this)(i, n); }
  };

  uint32_t Add(Table* table, std::string_view key) {
    rows_.push_back({.table = table, .key = key});
    return size() - 1;
  }

  std::vector<FoldRow> rows_;
  size_t capacity_ = 0;
  bool ascending_ = true;
  bool indexed_ = false;
  absl::flat_hash_set<uint32_t, Hash, Equal> index_;
};

// Sorts rows by table and key. Most keys differ in their first bytes, which are sorted as one
// number by radix (Knuth, TAOCP 3, 5.2.5), which takes a tenth of what comparing takes.
class FoldRowSorter {
 public:
  void Sort(const FoldRows& rows, std::vector<uint32_t>* order);

 private:
  struct Item {
    uint64_t prefix;
    uint32_t row;
  };
  void SortByPrefix();

  std::vector<Item> items_;
  std::vector<Item> other_;
};

// The row of an operation, and of the place it moved away from.
struct FoldOp {
  uint32_t row;
  uint32_t old_row;
};

// One record that the list leaves behind, to be logged in seq order.
struct FoldRecord {
  Seq seq;
  uint32_t row;
  LogKind kind;
  ColumnId column;
};

// Kept from one fold to the next: in a transaction of one row, allocating this anew is a good part
// of the whole.
struct FoldMemory {
  FoldRows rows;
  std::vector<FoldOp> ops;
  std::vector<RowClock> clocks;
  std::vector<uint32_t> clock_rows;  // the row of each clock
  std::vector<FoldRecord> records;
  std::vector<ColumnId> columns;
  std::vector<uint32_t> order;
  FoldRowSorter sorter;
  std::vector<RowStore::RowName> names;
  LogEntry entry;

  bool IsSmall() const { return ops.capacity() <= 1024; }
  void Clear() {
    rows.Clear();
    ops.clear();
    clocks.clear();
    clock_rows.clear();
    records.clear();
  }
};

}  // namespace tributary

#endif  // TRIBUTARY_EXT_FOLD_ROWS_H_
