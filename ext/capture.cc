#include "ext/capture.h"

#include <cstring>

namespace tributary {

void OpList::Columns(const Op& op, std::vector<ColumnId>* columns) const {
  columns->resize(op.columns);
  if (op.columns == 0) return;
  std::memcpy(columns->data(), arena_.data() + op.key + op.key_size + op.old_key_size,
              op.columns * sizeof(ColumnId));
}

void OpList::Add(OpKind kind, int64_t table, size_t key, size_t key_size, size_t old_key_size,
                 absl::Span<const ColumnId> columns) {
  if (!columns.empty()) {
    arena_.append(reinterpret_cast<const char*>(columns.data()), columns.size() * sizeof(ColumnId));
  }
  // SQLite's limit on columns is 32767.
  ops_.push_back({.table = table,
                  .key = static_cast<uint32_t>(key),
                  .key_size = static_cast<uint32_t>(key_size),
                  .old_key_size = static_cast<uint32_t>(old_key_size),
                  .columns = static_cast<uint16_t>(columns.size()),
                  .kind = kind});
}

void Capture::Savepoint(int level) {
  marks_.push_back({level, list.size(), list.arena_size(), state, nullptr});
}

void Capture::Release(int level) {
  while (!marks_.empty() && marks_.back().level >= level) marks_.pop_back();
}

void Capture::RollbackTo(int level) {
  alive_before_insert.clear();
  size_t first = marks_.size();
  while (first > 0 && marks_[first - 1].level >= level) first--;
  if (first == marks_.size() || marks_[first].level != level) {
    // For want of memory it was not marked, so did not begin either: all is as it was.
    if (first > 0) return;
    // The savepoint is older than our part in the transaction: nothing of ours existed then.
    list.Clear();
    state = TransactionState();
    marks_.resize(first);
    return;
  }
  Mark& mark = marks_[first];
  if (mark.flushed) list = *mark.flushed;
  mark.flushed.reset();
  list.Cut(mark.ops, mark.arena);
  state = mark.state;
  marks_.resize(first + 1);
}

void Capture::Flushed() {
  std::shared_ptr<const OpList> flushed;
  for (Mark& m : marks_) {
    if (m.flushed || m.ops == 0) {
      // Nothing of this mark's is in the list, or it was kept by an earlier flush.
      if (!m.flushed) m.flushed = std::make_shared<const OpList>();
      continue;
    }
    if (!flushed) flushed = std::make_shared<const OpList>(list);
    m.flushed = flushed;
  }
  list.Clear();
}

void Capture::End() {
  list.Clear();
  state = TransactionState();
  alive_before_insert.clear();
  marks_.clear();
}

}  // namespace tributary
