// Reads the body of a changeset in place. Takes hostile bytes: nothing is believed before it was
// checked, and memory is bounded by a small multiple of the body.
//
//   ChangesetReader body;
//   if (!body.Open(bytes, &error)) ...
//   for (size_t i = 0; i < body.groups(); i++) {
//     RowsReader rows(body, i);
//     while (rows.Next()) Use(rows.row());
//     if (!rows.ok()) ...              // malformed from there on
//   }
#ifndef TRIBUTARY_SYNC_CHANGESET_READER_H_
#define TRIBUTARY_SYNC_CHANGESET_READER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "crdt/coding.h"
#include "crdt/ids.h"
#include "crdt/value.h"
#include "sync/changeset/builder.h"

namespace tributary {

// One shape of rows: its records, ascending by seq.
struct RowShape {
  struct Record {
    int column;      // index into the table's columns, -1 for the sentinel
    int64_t offset;  // of its seq to the row's
  };
  std::vector<Record> records;
  size_t cells = 0;    // records that are no sentinel
  bool whole = false;  // every column once, in their order, seqs counting up, no sentinel
};

struct CellView {
  int column = 0;
  ColVersion version;
  Seq seq;
  Value value;  // a view into the body
};

// One row's records of one transaction.
struct RowView {
  uint32_t transaction = 0;
  std::string_view key;  // well-formed, but perhaps not of the table's types
  CausalLength cl;
  Seq seq;
  const RowShape* shape = nullptr;
  uint32_t shape_number = 0;
  bool has_sentinel = false;
  Seq sentinel;
  bool first_versions = false;       // every cell's col_version is 1
  absl::Span<const CellView> cells;  // ascending by seq
};

class ChangesetReader {
 public:
  // Reads everything but the rows. False, with a message for people, where that is malformed.
  // `body` must outlive the reader.
  bool Open(std::string_view body, std::string* error);

  const std::vector<TableNames>& tables() const { return tables_; }
  const std::vector<TransactionInfo>& transactions() const { return transactions_; }
  // Groups of rows, each of another table.
  size_t groups() const { return groups_.size(); }
  uint32_t table_of(size_t group) const { return groups_[group].table; }
  const std::vector<RowShape>& shapes(size_t group) const { return groups_[group].shapes; }

 private:
  friend class RowsReader;
  struct ColumnBytes {
    std::string_view versions;
    std::string_view types;
    std::string_view integers;
    std::string_view reals;
    std::string_view lengths;
    std::string_view data;
  };
  struct Group {
    uint32_t table = 0;
    std::vector<RowShape> shapes;
    std::string_view transaction;
    std::string_view shape;
    std::string_view causal_length;
    std::string_view seq;
    std::string_view keys;
    std::vector<ColumnBytes> columns;
  };
  bool ReadTable(std::string_view message);
  bool HasDuplicateTables() const;
  bool ReadTransactions(std::string_view message);
  bool ReadGroup(std::string_view message);
  // `seen`: per cell, the number from 1 of the last shape that has it.
  bool ReadShape(std::string_view message, std::vector<size_t>* seen, Group* group);
  bool ReadColumn(std::string_view message, Group* group);
  bool CountCells(std::string_view types);

  std::vector<SiteId> sites_;
  std::vector<TableNames> tables_;
  std::vector<TransactionInfo> transactions_;
  std::vector<Group> groups_;
  std::vector<bool> has_group_;  // by table
  size_t names_ = 0;             // of all tables
  size_t records_ = 0;           // of all shapes
  uint64_t cells_ = 0;           // of all groups
};

// Pairs of a value and how often it stands in a row. In a column of signed numbers both are zigzag;
// the values are given out as they are.
class RunsReader {
 public:
  explicit RunsReader(std::string_view data, bool is_signed = false)
      : in_(data), is_signed_(is_signed) {}
  bool Next(uint64_t* v) {
    if (left_ == 0) {
      if (!in_.Varint(&value_) || !in_.Varint(&left_)) return false;
      if (is_signed_ && (left_ & 1) != 0) return false;
      left_ >>= is_signed_ ? 1 : 0;
      if (left_ == 0) return false;
    }
    left_--;
    *v = value_;
    return true;
  }
  bool done() const { return left_ == 0 && in_.empty(); }

 private:
  ByteReader in_;
  uint64_t value_ = 0;
  uint64_t left_ = 0;
  bool is_signed_;
};

class RowsReader {
 public:
  RowsReader(const ChangesetReader& body, size_t group);
  // False at the end or where the rest is malformed; ok() tells which.
  bool Next();
  bool ok() const { return ok_; }
  // Valid until Next.
  const RowView& row() const { return row_; }

 private:
  struct ColumnReader {
    RunsReader versions;
    RunsReader types;
    ByteReader integers;
    ByteReader reals;
    ByteReader lengths;
    ByteReader data;
  };
  bool ReadRow();
  bool ReadCell(ColumnReader* column, CellView* cell);
  bool AtEnd() const;

  const ChangesetReader& body_;
  const ChangesetReader::Group& group_;
  size_t key_width_;
  RunsReader transaction_;
  RunsReader shape_;
  RunsReader causal_length_;
  RunsReader seq_;
  ByteReader keys_;
  std::vector<ColumnReader> columns_;
  std::vector<CellView> cells_;
  RowView row_;
  bool first_ = true;
  int64_t expected_ = 0;
  bool ok_ = true;
};

}  // namespace tributary

#endif  // TRIBUTARY_SYNC_CHANGESET_READER_H_
