// The list of local writes of the running transaction that are not yet in the file.
//
// Triggers only append here; Flush (ext/flush.h) turns the list into clocks and log entries. The
// list follows SQLite's savepoints: what is rolled back leaves it, and what was flushed inside a
// savepoint that is rolled back returns to it (T15).
#ifndef TRIBUTARY_EXT_CAPTURE_H_
#define TRIBUTARY_EXT_CAPTURE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/types/span.h"
#include "crdt/ids.h"

namespace tributary {

enum class OpKind : uint8_t {
  kInsert,           // of a key that was not alive
  kInsertOrReplace,  // the statement might replace: whether the key was alive must be looked up
  kReplace,          // of a key that was alive
  kUpdate,           // of some columns
  kDelete,
  kMove,           // the key changed; perhaps columns, too; the new key was not alive
  kMoveOrReplace,  // likewise, but whether the new key was alive must be looked up
  kMoveReplace,    // likewise, and the new key was alive
  kTouch,          // an update by a trigger that knows no column from that one on
};

struct Op {
  int64_t table;
  uint32_t key = 0;  // offset of the key in the arena
  uint32_t key_size = 0;
  uint32_t old_key_size = 0;  // of a move: where the row came from; follows the key
  uint16_t columns = 0;       // changed columns, as ColumnIds, follow that
  OpKind kind;
};
static_assert(sizeof(Op) == 24);  // a megabyte of them is a transaction's list

class OpList {
 public:
  bool empty() const { return ops_.empty(); }
  size_t size() const { return ops_.size(); }
  size_t bytes() const { return arena_.size() + ops_.size() * sizeof(Op); }
  const std::vector<Op>& ops() const { return ops_; }
  std::string_view Key(const Op& op) const { return {arena_.data() + op.key, op.key_size}; }
  std::string_view OldKey(const Op& op) const {
    return {arena_.data() + op.key + op.key_size, op.old_key_size};
  }
  void Columns(const Op& op, std::vector<ColumnId>* columns) const;

  // Where the next operation's bytes go; Commit takes what was appended since as that operation's.
  std::string* arena() { return &arena_; }
  void Add(OpKind kind, int64_t table, size_t key, size_t key_size, size_t old_key_size = 0,
           absl::Span<const ColumnId> columns = {});
  void Cut(size_t ops, size_t arena) {
    ops_.resize(ops);
    arena_.resize(arena);
  }
  size_t arena_size() const { return arena_.size(); }
  void Clear() { Cut(0, 0); }

 private:
  std::vector<Op> ops_;
  std::string arena_;
};

// What of a transaction goes back with a savepoint, besides the list.
struct TransactionState {
  DbVersion version;  // allotted to this transaction by its first flush; 0 before
  Seq next_seq;       // next to be handed out
  int64_t rows_impacted = 0;
};

class Capture {
 public:
  // A list of the first size is flushed at the next savepoint, that is, before the next statement
  // that has a journal; at once where no savepoint is open, or from the second size on. What is
  // written inside of one makes SQLite keep its statement journal in a file for the rest of the
  // transaction, which makes inserts twice as slow.
  static constexpr size_t kFlushBytes = 1 << 20;
  static constexpr size_t kMostBytes = 8 << 20;

  OpList list;
  TransactionState state;

  // Keys of living rows that a BEFORE INSERT trigger saw; an AFTER INSERT for one is a replacement
  // (T1). Hashes do: a collision only bumps clocks that need not have been.
  absl::flat_hash_set<uint64_t> alive_before_insert;

  // Of the row whose update is being reported in parts: changed columns, and how many the trigger
  // knows.
  std::vector<ColumnId> changed_columns;
  size_t reported_columns = 0;

  bool full() const { return list.bytes() >= kFlushBytes; }
  bool must_flush() const { return full() && (marks_.empty() || list.bytes() >= kMostBytes); }

  // What the next savepoint will be.
  int next_level() const { return marks_.empty() ? 0 : marks_.back().level + 1; }
  // The savepoint callbacks of SQLite's virtual tables, by level.
  void Savepoint(int level);
  void Release(int level);
  void RollbackTo(int level);
  // The list has been written to the file.
  void Flushed();
  // The transaction has ended.
  void End();

 private:
  struct Mark {
    int level;
    size_t ops;
    size_t arena;
    TransactionState state;
    std::shared_ptr<const OpList> flushed;  // what the list held when it was flushed since
  };
  std::vector<Mark> marks_;
};

}  // namespace tributary

#endif  // TRIBUTARY_EXT_CAPTURE_H_
