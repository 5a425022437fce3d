#include "ext/row_reader.h"

#include <algorithm>
#include <utility>

namespace tributary {

void RowReader::Close() {
  statements_.walk.Reset();
  statements_.select.Reset();
  for (auto& [column, select] : statements_.cells) select.Reset();
  table_->GiveBack(std::move(statements_));
}

// Whether the walk does.
bool RowReader::StandsOn(const std::vector<Value>& key) const {
  auto column = static_cast<int>(table_->columns().size());
  return std::all_of(key.begin(), key.end(), [&](const Value& v) {
    return SameValue(ValueOf(statements_.walk.Column(column++)), v);
  });
}

Status RowReader::Step(const std::vector<Value>& key, bool* found) {
  *found = false;
  Statement& walk = statements_.walk;
  if (!walking_) {
    if (!has_position_ || --wait_ > 0) return {};
    if (!walk.prepared()) TRIBUTARY_RETURN_IF_ERROR(table_->PrepareWalk(&walk));
    if (!walk.prepared()) return {};
    walk.Reset();
    walk.Bind(1, last_rowid_);
  }
  TRIBUTARY_RETURN_IF_ERROR(walk.Step(&walking_));
  *found = walking_ && StandsOn(key);
  constexpr int kMaxPatience = 1024;
  if (*found) {
    patience_ = 1;
    row_ = &walk;
    only_ = kAll;
    return {};
  }
  walk.Reset();
  walking_ = false;
  has_position_ = false;
  patience_ = std::min(2 * patience_, kMaxPatience);
  wait_ = patience_;
  return {};
}

Status RowReader::SelectFor(int column, Statement** select) {
  // A statement takes a few KB of memory.
  constexpr size_t kMaxCells = 16;
  auto& cells = statements_.cells;
  only_ = column;
  if (column != kAll) {
    for (auto& [of, s] : cells) {
      if (of == column) {
        *select = &s;
        return {};
      }
    }
    if (cells.size() < kMaxCells) {
      Statement s;
      TRIBUTARY_RETURN_IF_ERROR(table_->PrepareSelectCell(&s, column));
      *select = &cells.emplace_back(column, std::move(s)).second;
      return {};
    }
  }
  only_ = kAll;
  *select = &statements_.select;
  return statements_.select.prepared() ? Status() : table_->PrepareSelect(&statements_.select);
}

Status RowReader::Read(const std::vector<Value>& key, int column, bool* found) {
  if (row_ != nullptr && !walking_) row_->Reset();
  row_ = nullptr;
  TRIBUTARY_RETURN_IF_ERROR(Step(key, found));
  if (*found) return {};
  Statement* select;
  TRIBUTARY_RETURN_IF_ERROR(SelectFor(column, &select));
  Table::BindKey(select, key);
  row_ = select;
  TRIBUTARY_RETURN_IF_ERROR(select->Step(found));
  has_position_ = *found;
  if (*found) {
    last_rowid_ = select->Int(only_ == kAll ? static_cast<int>(table_->columns().size()) : 1);
  }
  return {};
}

}  // namespace tributary
