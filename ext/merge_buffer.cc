#include "ext/merge_buffer.h"

namespace tributary {

std::string MergeBuffer::Name(const Table& table, std::string_view key) {
  const int64_t id = table.id();
  std::string name(reinterpret_cast<const char*>(&id), sizeof id);
  name.append(key);
  return name;
}

int64_t MergeBuffer::Find(const Table& table, std::string_view key) const {
  const auto it = index_.find(Name(table, key));
  return it == index_.end() ? -1 : static_cast<int64_t>(it->second);
}

uint32_t MergeBuffer::Add(MergeRow row) {
  const auto i = static_cast<uint32_t>(rows_.size());
  index_.emplace(Name(*row.table, row.key), i);
  bytes_ += sizeof row + 2 * row.key.size();
  rows_.push_back(std::move(row));
  return i;
}

void MergeBuffer::Clear() {
  rows_.clear();
  won_.clear();
  index_.clear();
  seen_.clear();
  last_saw_.reset();
  last_row_ = -1;
  ForgetReadValues();
  merged_ = 0;  // what is rolled back is not counted
  bytes_ = 0;
  held_bytes_ = 0;
}

void MergeBuffer::KeepHeld() {
  const size_t held_bytes = held_bytes_;
  std::vector<MergeRow> held;
  for (MergeRow& row : rows_) {
    if (!row.is_held() && !row.held_delete) continue;
    row.dirty = false;
    row.never_seen = false;
    row.looked_up = false;
    row.reload = true;
    held.push_back(std::move(row));
  }
  Clear();
  if (held.empty()) return;
  for (MergeRow& row : held) Add(std::move(row));
  bytes_ = 0;  // they have been flushed as far as they can be
  held_bytes_ = held_bytes;
}

}  // namespace tributary
