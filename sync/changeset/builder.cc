#include "sync/changeset/builder.h"

#include <algorithm>
#include <bit>

#include "sync/changeset/pbf.h"

namespace tributary {
namespace {

using namespace pbf;  // NOLINT(google-build-using-namespace): the vocabulary of this file

void PutFixed64(std::string* out, uint64_t v) {
  char bytes[8];
  for (int i = 0; i < 8; i++) bytes[i] = static_cast<char>(v >> (8 * i));
  out->append(bytes, sizeof bytes);
}

void AddUnlessEmpty(pbf_writer* out, uint32_t field, std::string_view data) {
  if (!data.empty()) AddBytes(out, field, data);
}

}  // namespace

uint32_t ChangesetBuilder::AddTable(TableNames names) {
  const auto known = std::find_if(tables_.begin(), tables_.end(),
                                  [&](const TableData& t) { return t.names == names; });
  if (known != tables_.end()) return static_cast<uint32_t>(known - tables_.begin());
  TableData& t = tables_.emplace_back();
  t.columns.resize(names.columns.size());
  size_ += names.name.size() + 16 * (1 + names.key.size() + names.columns.size());
  names_ += names.key.size() + names.columns.size();
  t.names = std::move(names);
  return static_cast<uint32_t>(tables_.size() - 1);
}

uint32_t ChangesetBuilder::SiteNumber(const SiteId& site) {
  // Transactions come site by site: the last one is nearly always it.
  const auto found = std::find(sites_.rbegin(), sites_.rend(), site);
  if (found != sites_.rend()) return static_cast<uint32_t>(sites_.rend() - found - 1);
  sites_.push_back(site);
  size_ += sizeof(site.bytes) + 2;
  return static_cast<uint32_t>(sites_.size() - 1);
}

void ChangesetBuilder::BeginTransaction(const TransactionInfo& t) {
  const bool same_site = transactions_ > 0 && last_.site == t.site;
  const int64_t before = same_site ? last_.version.value : 0;
  const size_t before_bytes = version_.size() + commit_ms_.size();
  size_ += site_.Add(SiteNumber(t.site)) + ts_.Add(t.ts) + backfill_.Add(t.backfill ? 1 : 0);
  PutVarint(&version_, static_cast<uint64_t>(t.version.value - before));
  // Any clock's time will do, as differences wrap.
  const uint64_t since =
      static_cast<uint64_t>(t.commit_ms) - static_cast<uint64_t>(last_.commit_ms);
  PutVarint(&commit_ms_, protozero::encode_zigzag64(static_cast<int64_t>(since)));
  last_ = t;
  transactions_++;
  size_ += version_.size() + commit_ms_.size() - before_bytes;
}

void ChangesetBuilder::BeginRow(uint32_t table, std::string_view key, CausalLength cl, Seq seq) {
  TableData& t = tables_[table];
  row_table_ = &t;
  row_seq_ = row_end_ = seq;
  row_shape_.clear();
  t.keys.append(key);
  size_ += t.causal_length.Add(static_cast<uint64_t>(cl.value));
  const uint64_t transaction = transactions_ - 1;
  size_ += t.transaction.Add(transaction);
  if (t.in_transaction != transaction) t.expected = 0;
  t.in_transaction = transaction;
  size_ += t.seq.Add(protozero::encode_zigzag64(seq.value - t.expected)) + key.size();
  rows_++;
}

void ChangesetBuilder::AddToShape(uint32_t cell, Seq seq) {
  row_shape_.emplace_back(cell, seq.value - row_seq_.value);
  row_end_ = seq;
  cells_++;
}

void ChangesetBuilder::AddCell(uint32_t column, ColVersion version, Seq seq, const Value& value) {
  AddToShape(column + 1, seq);
  ColumnData& c = row_table_->columns[column];
  c.used = true;
  size_ += c.versions.Add(static_cast<uint64_t>(version.value)) +
           c.types.Add(static_cast<uint64_t>(value.type));
  switch (value.type) {
    case ValueType::kNull:
      break;
    case ValueType::kInteger: {
      const size_t before = c.integers.size();
      PutVarint(&c.integers, protozero::encode_zigzag64(value.integer));
      size_ += c.integers.size() - before;
      break;
    }
    case ValueType::kReal:
      PutFixed64(&c.reals, std::bit_cast<uint64_t>(value.real));
      size_ += 8;
      break;
    case ValueType::kText:
    case ValueType::kBlob:
      PutVarint(&c.lengths, value.bytes.size());
      c.data.append(value.bytes);
      size_ += value.bytes.size() + 1;
      break;
  }
}

void ChangesetBuilder::EndRow() {
  TableData& t = *row_table_;
  t.expected = row_end_.value + 1;
  if (t.last_shape == nullptr || *t.last_shape != row_shape_) {
    const auto number = static_cast<uint32_t>(t.shapes.size());
    const auto [at, added] = t.shapes.try_emplace(row_shape_, number);
    if (added) t.in_order.push_back(&at->first);
    if (added) {
      size_ += 2 + 2 * row_shape_.size();
      shape_records_ += row_shape_.size();
    }
    t.last_shape = &at->first;
    t.last_number = at->second;
  }
  size_ += t.shape.Add(t.last_number);
}

std::string ChangesetBuilder::Body() {
  std::string data;
  data.reserve(size_ + size_ / 8);
  pbf_writer out(data);
  for (const SiteId& s : sites_) AddSite(&out, 1, s);
  for (const TableData& t : tables_) {
    pbf_writer table(out, 2);
    table.add_string(1, t.names.name);
    for (const std::string& k : t.names.key) table.add_string(2, k);
    for (const std::string& c : t.names.columns) table.add_string(3, c);
  }
  {
    pbf_writer transactions(out, 3);
    AddUnlessEmpty(&transactions, 1, site_.Close());
    AddUnlessEmpty(&transactions, 2, version_);
    AddUnlessEmpty(&transactions, 3, commit_ms_);
    AddUnlessEmpty(&transactions, 4, ts_.Close());
    AddUnlessEmpty(&transactions, 5, backfill_.Close());
  }
  for (size_t i = 0; i < tables_.size(); i++) {
    TableData& t = tables_[i];
    if (t.in_order.empty()) continue;
    pbf_writer rows(out, 4);
    rows.add_uint32(1, static_cast<uint32_t>(i));
    for (const ShapeCells* cells : t.in_order) {
      std::string numbers;
      std::string offsets;
      bool plain = true;
      int64_t next = 0;
      for (const auto& [cell, offset] : *cells) {
        PutVarint(&numbers, cell);
        PutVarint(&offsets, static_cast<uint64_t>(offset));
        plain = plain && offset == next++;
      }
      pbf_writer shape(rows, 2);
      AddBytes(&shape, 1, numbers);
      if (!plain) AddBytes(&shape, 2, offsets);
    }
    AddBytes(&rows, 3, t.transaction.Close());
    AddBytes(&rows, 4, t.shape.Close());
    AddBytes(&rows, 5, t.causal_length.Close());
    AddBytes(&rows, 6, t.seq.Close());
    AddBytes(&rows, 7, t.keys);
    for (size_t j = 0; j < t.columns.size(); j++) {
      ColumnData& c = t.columns[j];
      if (!c.used) continue;
      pbf_writer column(rows, 8);
      column.add_uint32(1, static_cast<uint32_t>(j));
      AddBytes(&column, 2, c.versions.Close());
      AddBytes(&column, 3, c.types.Close());
      AddUnlessEmpty(&column, 4, c.integers);
      AddUnlessEmpty(&column, 5, c.reals);
      AddUnlessEmpty(&column, 6, c.lengths);
      AddUnlessEmpty(&column, 7, c.data);
    }
  }
  return data;
}

std::string ChangesetBuilder::Finish(ChangesetHeader header) {
  header.transactions = transactions_;
  header.rows = rows_;
  header.cells = cells_;
  const std::string body = empty() && transactions_ == 0 ? std::string() : Body();
  std::string frame = EncodeFrame(FrameKind::kChangeset, header.Encode(), body, true);
  *this = ChangesetBuilder();
  return frame;
}

}  // namespace tributary
