#include "sync/changeset/reader.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "sync/changeset/pbf.h"

namespace tributary {
namespace {

using namespace pbf;  // NOLINT(google-build-using-namespace): the vocabulary of this file

constexpr size_t kMaxColumns = ChangesetBuilder::kMaxColumns;
constexpr size_t kMaxTables = ChangesetBuilder::kMaxTables;

}  // namespace

bool ChangesetReader::Open(std::string_view body, std::string* error) {
  std::string_view transactions;
  std::vector<std::string_view> groups;
  bool sound = true;
  try {
    pbf_reader in(body.data(), body.size());
    while (sound && in.next()) {
      switch (in.tag_and_type()) {
        case Bytes(1):
          sound = ToSite(View(&in), &sites_.emplace_back());
          break;
        case Bytes(2):
          sound = tables_.size() < kMaxTables && ReadTable(View(&in));
          break;
        case Bytes(3):
          transactions = View(&in);
          break;
        case Bytes(4):
          groups.push_back(View(&in));
          sound = groups.size() <= kMaxTables;
          break;
        default:
          in.skip();
      }
    }
    sound = sound && !HasDuplicateTables() && ReadTransactions(transactions);
    has_group_.resize(tables_.size());
    for (const std::string_view group : groups) sound = sound && ReadGroup(group);
  } catch (const protozero::exception&) {
    sound = false;
  }
  if (!sound) *error = "the changeset's body is malformed";
  return sound;
}

bool ChangesetReader::ReadTable(std::string_view message) {
  TableNames& t = tables_.emplace_back();
  pbf_reader in(message.data(), message.size());
  while (in.next()) {
    switch (in.tag_and_type()) {
      case Bytes(1):
        t.name = View(&in);
        break;
      case Bytes(2):
        if (++names_ > ChangesetBuilder::kMaxNames) return false;
        t.key.emplace_back(View(&in));
        break;
      case Bytes(3):
        if (++names_ > ChangesetBuilder::kMaxNames) return false;
        t.columns.emplace_back(View(&in));
        break;
      default:
        in.skip();
    }
  }
  if (t.name.empty() || t.key.empty() || t.key.size() > kMaxColumns ||
      t.columns.size() > kMaxColumns) {
    return false;
  }
  // A column that is there twice would have two values in one row. The names of a key may not be
  // known: then all of them are empty.
  absl::flat_hash_set<std::string_view> names(t.columns.begin(), t.columns.end());
  const bool is_known = std::any_of(t.key.begin(), t.key.end(),
                                    [](const std::string& name) { return !name.empty(); });
  if (is_known) names.insert(t.key.begin(), t.key.end());
  return names.size() == (is_known ? t.key.size() : 0) + t.columns.size();
}

bool ChangesetReader::HasDuplicateTables() const {
  // Of a name there may be several, with other columns: what a replica only passes on may be of
  // other schemas than its own.
  absl::flat_hash_set<std::string> names;
  for (const TableNames& t : tables_) {
    std::string text = t.name;
    for (const std::string& name : t.key) text.append("\1").append(name);
    for (const std::string& name : t.columns) text.append("\2").append(name);
    names.insert(std::move(text));
  }
  return names.size() != tables_.size();
}

bool ChangesetReader::ReadTransactions(std::string_view message) {
  std::string_view fields[5];
  pbf_reader in(message.data(), message.size());
  while (in.next()) {
    const uint32_t n = in.tag();
    if (n >= 1 && n <= 5 && in.tag_and_type() == Bytes(n)) {
      fields[n - 1] = View(&in);
    } else {
      in.skip();
    }
  }
  RunsReader sites(fields[0]);
  ByteReader versions(fields[1]);
  ByteReader times(fields[2]);
  RunsReader ts(fields[3]);
  RunsReader backfill(fields[4]);
  while (!versions.empty()) {
    if (transactions_.size() == ChangesetBuilder::kMaxTransactions) return false;
    uint64_t site;
    uint64_t version;
    uint64_t time;
    TransactionInfo t;
    uint64_t is_backfill;
    if (!sites.Next(&site) || site >= sites_.size() || !versions.Varint(&version) ||
        !times.Varint(&time) || !ts.Next(&t.ts) || !backfill.Next(&is_backfill)) {
      return false;
    }
    t.site = sites_[site];
    t.backfill = is_backfill == 1;
    int64_t before = 0;
    if (!transactions_.empty()) {
      const TransactionInfo& last = transactions_.back();
      before = last.site == t.site ? last.version.value : 0;
      t.commit_ms = last.commit_ms;
    }
    if (version == 0 || version > static_cast<uint64_t>(kMaxVersion.value - before)) return false;
    t.version = DbVersion(before + static_cast<int64_t>(version));
    // For people only: it may wrap, but not overflow.
    t.commit_ms = static_cast<int64_t>(static_cast<uint64_t>(t.commit_ms) +
                                       static_cast<uint64_t>(protozero::decode_zigzag64(time)));
    transactions_.push_back(t);
  }
  return sites.done() && times.empty() && ts.done() && backfill.done();
}

bool ChangesetReader::ReadGroup(std::string_view message) {
  Group& g = groups_.emplace_back();
  std::vector<std::string_view> shapes;
  std::vector<std::string_view> columns;
  pbf_reader in(message.data(), message.size());
  while (in.next()) {
    switch (in.tag_and_type()) {
      case Varint(1):
        g.table = in.get_uint32();
        break;
      case Bytes(2):
        if (shapes.size() == ChangesetBuilder::kMaxShapeRecords) return false;
        shapes.push_back(View(&in));
        break;
      case Bytes(3):
        g.transaction = View(&in);
        break;
      case Bytes(4):
        g.shape = View(&in);
        break;
      case Bytes(5):
        g.causal_length = View(&in);
        break;
      case Bytes(6):
        g.seq = View(&in);
        break;
      case Bytes(7):
        g.keys = View(&in);
        break;
      case Bytes(8):
        if (columns.size() == kMaxColumns) return false;
        columns.push_back(View(&in));
        break;
      default:
        in.skip();
    }
  }
  if (g.table >= tables_.size() || columns.size() > tables_[g.table].columns.size()) return false;
  if (has_group_[g.table]) return false;
  has_group_[g.table] = true;
  g.columns.resize(tables_[g.table].columns.size());
  std::vector<size_t> seen(g.columns.size() + 1);
  for (const std::string_view shape : shapes) {
    if (!ReadShape(shape, &seen, &g)) return false;
  }
  return std::all_of(columns.begin(), columns.end(),
                     [&](std::string_view column) { return ReadColumn(column, &g); });
}

bool ChangesetReader::ReadShape(std::string_view message, std::vector<size_t>* seen, Group* group) {
  std::string_view numbers;
  std::string_view offsets;
  pbf_reader in(message.data(), message.size());
  while (in.next()) {
    switch (in.tag_and_type()) {
      case Bytes(1):
        numbers = View(&in);
        break;
      case Bytes(2):
        offsets = View(&in);
        break;
      default:
        in.skip();
    }
  }
  RowShape shape;
  const size_t columns = group->columns.size();
  const size_t this_one = group->shapes.size() + 1;
  ByteReader number(numbers);
  ByteReader offset(offsets);
  bool plain = true;
  while (!number.empty()) {
    uint64_t n;
    if (++records_ > ChangesetBuilder::kMaxShapeRecords || !number.Varint(&n) || n > columns ||
        (*seen)[n] == this_one) {
      return false;
    }
    (*seen)[n] = this_one;
    RowShape::Record r{.column = static_cast<int>(n) - 1,
                       .offset = static_cast<int64_t>(shape.records.size())};
    if (!offsets.empty()) {
      if (!offset.Count(&r.offset) || r.offset > kMaxCounter) return false;
      const int64_t least = shape.records.empty() ? 0 : shape.records.back().offset;
      // A sentinel may share the seq of the cell that stood for it in cr-sqlite.
      if (r.offset < least || (shape.records.empty() && r.offset != 0)) return false;
    }
    plain = plain && r.column == static_cast<int>(shape.records.size()) &&
            r.offset == static_cast<int64_t>(shape.records.size());
    if (r.column >= 0) shape.cells++;
    shape.records.push_back(r);
  }
  if (shape.records.empty() || !offset.empty()) return false;
  shape.whole = plain && shape.records.size() == columns;
  group->shapes.push_back(std::move(shape));
  return true;
}

bool ChangesetReader::ReadColumn(std::string_view message, Group* group) {
  uint32_t number = 0;
  ColumnBytes c;
  pbf_reader in(message.data(), message.size());
  while (in.next()) {
    switch (in.tag_and_type()) {
      case Varint(1):
        number = in.get_uint32();
        break;
      case Bytes(2):
        c.versions = View(&in);
        break;
      case Bytes(3):
        c.types = View(&in);
        break;
      case Bytes(4):
        c.integers = View(&in);
        break;
      case Bytes(5):
        c.reals = View(&in);
        break;
      case Bytes(6):
        c.lengths = View(&in);
        break;
      case Bytes(7):
        c.data = View(&in);
        break;
      default:
        in.skip();
    }
  }
  // A column has cells and is there once.
  if (number >= group->columns.size() || c.types.empty() || !group->columns[number].types.empty()) {
    return false;
  }
  group->columns[number] = c;
  return CountCells(c.types);
}

// Runs make a cell as cheap as nothing: their number, not their bytes, bounds a reader's work.
bool ChangesetReader::CountCells(std::string_view types) {
  ByteReader in(types);
  while (!in.empty()) {
    uint64_t type;
    uint64_t count;
    if (!in.Varint(&type) || !in.Varint(&count)) return false;
    if (count > ChangesetBuilder::kMaxCells - cells_) return false;
    cells_ += count;
  }
  return true;
}

}  // namespace tributary
