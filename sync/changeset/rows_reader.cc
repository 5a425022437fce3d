// The rows of a changeset's body, one at a time: what every cell that arrives goes through.
#include <algorithm>
#include <bit>

#include "crdt/key.h"
#include "sync/changeset/pbf.h"
#include "sync/changeset/reader.h"

namespace tributary {
namespace {

bool ReadFixed64(ByteReader* in, uint64_t* v) {
  std::string_view bytes;
  if (!in->Bytes(8, &bytes)) return false;
  *v = 0;
  for (size_t i = 0; i < 8; i++) *v |= uint64_t{static_cast<uint8_t>(bytes[i])} << 8 * i;
  return true;
}

}  // namespace

RowsReader::RowsReader(const ChangesetReader& body, size_t group)
    : body_(body),
      group_(body.groups_[group]),
      key_width_(body.tables_[group_.table].key.size()),
      transaction_(group_.transaction),
      shape_(group_.shape),
      causal_length_(group_.causal_length),
      seq_(group_.seq, true),
      keys_(group_.keys) {
  columns_.reserve(group_.columns.size());
  for (const ChangesetReader::ColumnBytes& c : group_.columns) {
    columns_.push_back({RunsReader(c.versions), RunsReader(c.types), ByteReader(c.integers),
                        ByteReader(c.reals), ByteReader(c.lengths), ByteReader(c.data)});
  }
}

bool RowsReader::AtEnd() const {
  const bool columns_done = std::all_of(columns_.begin(), columns_.end(), [](const auto& c) {
    return c.versions.done() && c.types.done() && c.integers.empty() && c.reals.empty() &&
           c.lengths.empty() && c.data.empty();
  });
  return columns_done && transaction_.done() && shape_.done() && causal_length_.done() &&
         seq_.done();
}

bool RowsReader::Next() {
  if (!ok_) return false;
  if (keys_.empty()) {
    ok_ = AtEnd();
    return false;
  }
  ok_ = ReadRow();
  return ok_;
}

bool RowsReader::ReadRow() {
  uint64_t transaction;
  uint64_t shape;
  uint64_t cl;
  uint64_t gap;
  if (!SkipKey(&keys_, key_width_, &row_.key) || !transaction_.Next(&transaction) ||
      !shape_.Next(&shape) || !causal_length_.Next(&cl) || !seq_.Next(&gap)) {
    return false;
  }
  if (transaction >= body_.transactions_.size() || shape >= group_.shapes.size() || cl == 0 ||
      cl > static_cast<uint64_t>(kMaxCounter)) {
    return false;
  }
  if (first_ || transaction != row_.transaction) {
    if (!first_ && transaction < row_.transaction) return false;
    expected_ = 0;
  }
  first_ = false;
  const int64_t distance = protozero::decode_zigzag64(gap);
  if (distance > kMaxCounter || distance < -expected_) return false;
  row_.seq = Seq(expected_ + distance);
  row_.transaction = static_cast<uint32_t>(transaction);
  row_.cl = CausalLength(static_cast<int64_t>(cl));
  row_.shape_number = static_cast<uint32_t>(shape);
  row_.shape = &group_.shapes[shape];
  expected_ = row_.seq.value + row_.shape->records.back().offset + 1;
  if (expected_ > kMaxCounter + 1) return false;
  row_.has_sentinel = false;
  row_.first_versions = true;
  cells_.clear();
  for (const RowShape::Record& r : row_.shape->records) {
    const Seq seq = row_.seq + r.offset;
    if (r.column < 0) {
      row_.has_sentinel = true;
      row_.sentinel = seq;
      continue;
    }
    CellView& cell = cells_.emplace_back();
    cell.column = r.column;
    cell.seq = seq;
    if (!ReadCell(&columns_[static_cast<size_t>(r.column)], &cell)) return false;
    row_.first_versions = row_.first_versions && cell.version == ColVersion(1);
  }
  row_.cells = cells_;
  // The dead have no cells.
  return IsAlive(row_.cl) || cells_.empty();
}

bool RowsReader::ReadCell(ColumnReader* column, CellView* cell) {
  uint64_t version;
  uint64_t type;
  if (!column->versions.Next(&version) || version == 0 ||
      version > static_cast<uint64_t>(kMaxCounter) || !column->types.Next(&type)) {
    return false;
  }
  cell->version = ColVersion(static_cast<int64_t>(version));
  Value& v = cell->value;
  v = Value::Null();
  uint64_t number;
  switch (type) {
    case static_cast<uint64_t>(ValueType::kNull):
      return true;
    case static_cast<uint64_t>(ValueType::kInteger):
      if (!column->integers.Varint(&number)) return false;
      v = Value::Integer(protozero::decode_zigzag64(number));
      return true;
    case static_cast<uint64_t>(ValueType::kReal):
      if (!ReadFixed64(&column->reals, &number)) return false;
      v = Value::Real(std::bit_cast<double>(number));
      return v.real == v.real;  // SQLite has no NaN
    case static_cast<uint64_t>(ValueType::kText):
    case static_cast<uint64_t>(ValueType::kBlob):
      v.type = static_cast<ValueType>(type);
      return column->lengths.Varint(&number) && column->data.Bytes(number, &v.bytes);
    default:
      return false;
  }
}

}  // namespace tributary
