#include "ext/row_reader.h"

#include <algorithm>

namespace tributary {

Status RowReader::Step(std::string_view key, bool* found) {
  *found = false;
  if (!walking_) {
    if (!has_position_ || --wait_ > 0) return {};
    if (!walk_.prepared()) TRIBUTARY_RETURN_IF_ERROR(table_->PrepareWalk(&walk_));
    if (!walk_.prepared()) return {};
    walk_.Reset();
    walk_.Bind(1, last_rowid_);
  }
  TRIBUTARY_RETURN_IF_ERROR(walk_.Step(&walking_));
  if (walking_) {
    walked_key_.clear();
    const auto columns = static_cast<int>(table_->columns().size());
    for (size_t i = 0; i < table_->key().size(); i++) {
      AppendKeyValue(ValueOf(sqlite3_column_value(walk_.get(), columns + static_cast<int>(i))),
                     &walked_key_);
    }
    *found = walked_key_ == key;
  }
  constexpr int kMaxPatience = 1024;
  if (*found) {
    patience_ = 1;
    row_ = &walk_;
    return {};
  }
  walk_.Reset();
  walking_ = false;
  has_position_ = false;
  patience_ = std::min(2 * patience_, kMaxPatience);
  wait_ = patience_;
  return {};
}

Status RowReader::Read(std::string_view key, bool* found) {
  TRIBUTARY_RETURN_IF_ERROR(Step(key, found));
  if (*found) return {};
  if (!select_.prepared()) TRIBUTARY_RETURN_IF_ERROR(table_->PrepareSelect(&select_));
  select_.Reset();
  TRIBUTARY_RETURN_IF_ERROR(table_->BindKey(&select_, key, &decoder_));
  row_ = &select_;
  TRIBUTARY_RETURN_IF_ERROR(select_.Step(found));
  has_position_ = *found;
  if (*found) last_rowid_ = select_.Int(static_cast<int>(table_->columns().size()));
  return {};
}

}  // namespace tributary
