// Builds the body of a changeset, row by row, in columns. The format is proto/changeset.proto's.
//
//   ChangesetBuilder b;
//   const uint32_t table = b.AddTable({"note", {"id"}, {"title", "done"}});
//   b.BeginTransaction({.site = site, .version = DbVersion(7)});
//   b.BeginRow(table, key, CausalLength(1), Seq(0));
//   b.AddCell(0, ColVersion(1), Seq(0), Value::Text("milk"));
//   b.EndRow();
//   std::string frame = b.Finish(header);
#ifndef TRIBUTARY_SYNC_CHANGESET_BUILDER_H_
#define TRIBUTARY_SYNC_CHANGESET_BUILDER_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crdt/coding.h"
#include "crdt/ids.h"
#include "crdt/value.h"
#include "sync/changeset/frame.h"
#include "sync/changeset/header.h"

namespace tributary {

// A table as its changes name it.
struct TableNames {
  std::string name;
  std::vector<std::string> key;
  std::vector<std::string> columns;
  bool operator==(const TableNames&) const = default;
};

// A transaction of which a changeset has records.
struct TransactionInfo {
  SiteId site;
  DbVersion version;
  int64_t commit_ms = 0;  // since 1970, 0 if unknown
  uint64_t ts = 0;
  bool backfill = false;
  bool operator==(const TransactionInfo&) const = default;
};

class ChangesetBuilder {
 public:
  // What a reader accepts, so that no body makes it take much more memory than its own size.
  static constexpr size_t kMaxTransactions = 1 << 20;
  static constexpr size_t kMaxShapeRecords = 1 << 22;
  static constexpr size_t kMaxTables = ChangesetHeader::kMaxTables;
  static constexpr size_t kMaxColumns = 32767;  // and as many in a key: SQLite's own limit
  static constexpr size_t kMaxNames = 1 << 20;  // of all tables' columns and key columns
  static constexpr size_t kMaxCells = 1 << 26;  // runs can make a cell cost no byte at all

  // Returns the table's number in this changeset, the same for the same names.
  uint32_t AddTable(TableNames names);
  // The rows that follow are that transaction's.
  void BeginTransaction(const TransactionInfo& t);

  // One row's records of the transaction: its sentinel and cells, ascending by seq, at least one.
  // `key` is encoded as in crdt/key.h; `seq` is that of the first record.
  void BeginRow(uint32_t table, std::string_view key, CausalLength cl, Seq seq);
  void AddSentinel(Seq seq) { AddToShape(0, seq); }
  void AddCell(uint32_t column, ColVersion version, Seq seq, const Value& value);
  void EndRow();

  // Bytes of the body so far, about.
  size_t size() const { return size_; }
  // No further row may be added: a limit other than `size` is near.
  bool full() const {
    return transactions_ == kMaxTransactions || tables_.size() == kMaxTables ||
           names_ + 2 * kMaxColumns > kMaxNames || cells_ + kMaxColumns + 1 > kMaxCells ||
           shape_records_ + kMaxColumns + 1 > kMaxShapeRecords || size_ >= kMaxFrameBody / 2;
  }
  uint64_t rows() const { return rows_; }
  uint64_t cells() const { return cells_; }
  uint64_t transactions() const { return transactions_; }
  bool empty() const { return rows_ == 0; }

  // The changeset as a frame; the builder is empty afterwards. The header's counts are filled in.
  std::string Finish(ChangesetHeader header);

 private:
  // A column of numbers as (value, how often) pairs. In one of signed numbers both are: the values
  // that are added are zigzag, and how often becomes so here.
  class Runs {
   public:
    explicit Runs(bool is_signed = false) : is_signed_(is_signed) {}
    // Returns by how many bytes the column has grown.
    size_t Add(uint64_t v) {
      if (count_ > 0 && v == value_) {
        count_++;
        return 0;
      }
      const size_t before = data_.size();
      Close();
      value_ = v;
      count_ = 1;
      return data_.size() - before;
    }
    const std::string& Close() {
      if (count_ > 0) {
        PutVarint(&data_, value_);
        PutVarint(&data_, is_signed_ ? 2 * count_ : count_);
      }
      count_ = 0;
      return data_;
    }

   private:
    std::string data_;
    uint64_t value_ = 0;
    uint64_t count_ = 0;
    bool is_signed_;
  };
  struct ColumnData {
    Runs versions;
    Runs types;
    std::string integers;
    std::string reals;
    std::string lengths;
    std::string data;
    bool used = false;
  };
  using ShapeCells = std::vector<std::pair<uint32_t, int64_t>>;  // cell, offset of its seq
  struct TableData {
    TableNames names;
    std::map<ShapeCells, uint32_t> shapes;
    std::vector<const ShapeCells*> in_order;
    const ShapeCells* last_shape = nullptr;
    uint32_t last_number = 0;
    Runs transaction;
    Runs shape;
    Runs causal_length;
    Runs seq{true};
    std::string keys;
    std::vector<ColumnData> columns;
    uint64_t in_transaction = 0;  // the one of `expected`
    int64_t expected = 0;         // seq
  };
  void AddToShape(uint32_t cell, Seq seq);
  uint32_t SiteNumber(const SiteId& site);
  std::string Body();

  std::vector<SiteId> sites_;
  std::vector<TableData> tables_;
  TransactionInfo last_;
  uint64_t transactions_ = 0;
  Runs site_;
  std::string version_;
  std::string commit_ms_;
  Runs ts_;
  Runs backfill_;

  TableData* row_table_ = nullptr;
  Seq row_seq_;
  Seq row_end_;
  ShapeCells row_shape_;
  size_t size_ = 0;
  size_t names_ = 0;
  size_t shape_records_ = 0;
  uint64_t rows_ = 0;
  uint64_t cells_ = 0;
};

}  // namespace tributary

#endif  // TRIBUTARY_SYNC_CHANGESET_BUILDER_H_
