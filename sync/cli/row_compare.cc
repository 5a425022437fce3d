#include "sync/cli/row_compare.h"

namespace tributary::cli {
namespace {

int Class(ValueType type) {
  switch (type) {
    case ValueType::kNull:
      return 0;
    case ValueType::kInteger:
    case ValueType::kReal:
      return 1;
    case ValueType::kText:
      return 2;
    case ValueType::kBlob:
      return 3;
  }
  return 0;
}

// Exact: a conversion to double would make large integers equal. SQLite never stores NaN.
std::weak_ordering CompareIntReal(int64_t i, double r) {
  static constexpr double kTwoTo63 = 9223372036854775808.0;
  if (r >= kTwoTo63) return std::weak_ordering::less;
  if (r < -kTwoTo63) return std::weak_ordering::greater;
  const auto whole = static_cast<int64_t>(r);
  if (i != whole) return i <=> whole;
  const double fraction = r - static_cast<double>(whole);
  return fraction > 0   ? std::weak_ordering::less
         : fraction < 0 ? std::weak_ordering::greater
                        : std::weak_ordering::equivalent;
}

Status UsesUtf8(const Database& db, bool* utf8) {
  std::string encoding;
  TRIBUTARY_RETURN_IF_ERROR(db.QueryText("PRAGMA encoding", &encoding));
  *utf8 = encoding == "UTF-8";
  return {};
}

}  // namespace

std::weak_ordering CompareAsSqlite(const Value& a, const Value& b) {
  const int class_a = Class(a.type);
  const int class_b = Class(b.type);
  if (class_a != class_b) return class_a <=> class_b;
  const bool int_a = a.type == ValueType::kInteger;
  const bool int_b = b.type == ValueType::kInteger;
  switch (class_a) {
    case 1:
      if (int_a && int_b) return a.integer <=> b.integer;
      if (int_a) return CompareIntReal(a.integer, b.real);
      if (int_b) return 0 <=> CompareIntReal(b.integer, a.real);
      return a.real < b.real   ? std::weak_ordering::less
             : a.real > b.real ? std::weak_ordering::greater
                               : std::weak_ordering::equivalent;
    case 2:
    case 3:
      return a.bytes.compare(b.bytes) <=> 0;
    default:
      return std::weak_ordering::equivalent;
  }
}

Status RowCompare::Start(const Database& a, const Database& b, const TableColumns& columns) {
  bool utf8_a = true;
  bool utf8_b = true;
  TRIBUTARY_RETURN_IF_ERROR(UsesUtf8(a, &utf8_a));
  TRIBUTARY_RETURN_IF_ERROR(UsesUtf8(b, &utf8_b));
  // In UTF-16 files SQLite sorts text by other bytes. Then SQLite sorts (on disk, if it must) by
  // the packed key, whose bytes do not depend on the encoding.
  by_packed_key_ = !utf8_a || !utf8_b;
  names_ = columns.keys;
  key_count_ = names_.size();
  names_.insert(names_.end(), columns.values.begin(), columns.values.end());
  std::string list;
  std::string keys;
  std::string order;
  for (size_t i = 0; i < names_.size(); ++i) {
    const std::string quoted = QuoteName(names_[i]);
    list += (i > 0 ? ", " : "") + quoted;
    if (i >= key_count_) continue;
    keys += (i > 0 ? ", " : "") + quoted;
    order += (i > 0 ? ", " : "") + quoted + " COLLATE BINARY";
  }
  std::string sql = "SELECT ";
  if (by_packed_key_) sql += "crsql_pack_columns(" + keys + "), ";
  sql += list + " FROM " + QuoteName(columns.name) + " ORDER BY ";
  sql += by_packed_key_ ? "1" : order;
  a_ = a.Prepare(sql);
  b_ = b.Prepare(sql);
  TRIBUTARY_RETURN_IF_ERROR(a_.status());
  return b_.status();
}

std::weak_ordering RowCompare::CompareKeys() const {
  const size_t count = by_packed_key_ ? 1 : key_count_;
  for (size_t i = 0; i < count; ++i) {
    const int column = static_cast<int>(i);
    const std::weak_ordering order = CompareAsSqlite(a_.At(column), b_.At(column));
    if (order != 0) return order;
  }
  return std::weak_ordering::equivalent;
}

void RowCompare::Advance(Statement* s, bool* at_row) {
  *at_row = s->Step();
  rows_seen_ += *at_row ? 1 : 0;
  status_.Update(s->status());
}

bool RowCompare::Next(Kind* kind) {
  while (status_.ok()) {
    if (step_a_) Advance(&a_, &has_a_);
    if (step_b_) Advance(&b_, &has_b_);
    if (!status_.ok() || (!has_a_ && !has_b_)) break;
    const std::weak_ordering order = !has_a_   ? std::weak_ordering::greater
                                     : !has_b_ ? std::weak_ordering::less
                                               : CompareKeys();
    step_a_ = order <= 0;
    step_b_ = order >= 0;
    if (order < 0) {
      *kind = Kind::kOnlyA;
      return true;
    }
    if (order > 0) {
      *kind = Kind::kOnlyB;
      return true;
    }
    for (size_t i = 0; i < names_.size(); ++i) {
      if (!ColumnDiffers(i)) continue;
      *kind = Kind::kChanged;
      return true;
    }
  }
  // Stays at the end: a further step would start the statements again.
  step_a_ = step_b_ = false;
  has_a_ = has_b_ = false;
  return false;
}

}  // namespace tributary::cli
