// What is random of sample.h.
#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"
#include "crdt/key.h"
#include "tests/changeset/sample.h"

namespace tributary {
namespace {

constexpr int64_t kIntegers[] = {0,         1,         -1,        127,       128,
                                 INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, INT64_MIN + 1};
constexpr uint64_t kReals[] = {
    0x0000000000000000,  // 0.0
    0x8000000000000000,  // -0.0
    0x0000000000000001,  // the smallest
    0x7fefffffffffffff,  // the largest
    0x7ff0000000000000,  // infinity
    0xfff0000000000000,  // -infinity
    0x3ff8000000000000,  // 1.5
};

}  // namespace

int64_t Maker::UpTo(int64_t most) {
  const auto all = static_cast<uint64_t>(most) + 1;
  switch (Below(8)) {
    case 0:
      return most;
    case 1:
      return most - static_cast<int64_t>(Below(std::min<uint64_t>(all, 4)));
    case 2:
      return static_cast<int64_t>(Below(all));
    default:
      return static_cast<int64_t>(Below(std::min<uint64_t>(all, 5)));
  }
}

SiteId Maker::Site() {
  SiteId site;
  for (uint8_t& b : site.bytes) b = static_cast<uint8_t>(Below(256));
  return site;
}

std::string Maker::Bytes(size_t most) {
  std::string s(Below(most + 1), '\0');
  // Mostly what compresses, with NULs.
  const uint64_t letters = OneIn(2) ? 256 : 3;
  for (char& c : s) c = static_cast<char>(Below(letters));
  return s;
}

std::string Maker::Name(size_t n) {
  static constexpr const char* kNames[] = {"a", "Wörter", "two words", "\"", "表", "e\nf"};
  return absl::StrCat(kNames[Below(std::size(kNames))], n);
}

void Maker::SetValue(SampleRecord* record) {
  record->bytes.clear();
  switch (Below(5)) {
    case 0:
      record->value = Value::Null();
      return;
    case 1:
      record->value = Value::Integer(kIntegers[Below(std::size(kIntegers))]);
      return;
    case 2:
      record->value = Value::Real(std::bit_cast<double>(kReals[Below(std::size(kReals))]));
      return;
    case 3:
      record->value = Value::Text({});
      break;
    default:
      record->value = Value::Blob({});
  }
  record->bytes = Bytes(OneIn(50) ? 100000 : 12);
}

std::string Maker::Key(size_t width) {
  std::string key;
  while (width > 0) {
    SampleRecord value;
    SetValue(&value);
    if (value.value.type == ValueType::kNull) continue;
    value.value.bytes = value.bytes;
    AppendKeyValue(value.value, &key);
    width--;
  }
  return key;
}

VersionVector Maker::Vector(size_t most) {
  VersionVector v;
  for (size_t n = Below(most + 1); n > 0; n--) {
    v.Raise(Site(), DbVersion(1 + UpTo(kMaxVersion.value - 1)));
  }
  return v;
}

Coverage Maker::Spans(size_t most) {
  Coverage c;
  const SiteId sites[] = {Site(), Site()};
  for (size_t n = Below(most + 1); n > 0; n--) {
    const LogPoint a{DbVersion(UpTo(INT64_MAX)), Seq(UpTo(kMaxCounter))};
    const LogPoint b{DbVersion(UpTo(INT64_MAX)), Seq(UpTo(kMaxCounter))};
    c.Add({sites[Below(2)], std::min(a, b), std::max(a, b)});
  }
  return c;
}

ChangesetHeader Maker::Header() {
  const Coverage covers = Spans(5);
  ChangesetHeader h{.sender = Site(),
                    .transfer = random_(),
                    .piece = static_cast<uint32_t>(UpTo(UINT32_MAX)),
                    .last = OneIn(2),
                    .until = Vector(4),
                    .covers = {covers.spans().begin(), covers.spans().end()},
                    .tables = {},
                    .transactions = static_cast<uint64_t>(UpTo(INT64_MAX)),
                    .rows = OneIn(2) ? UINT64_MAX : 0,
                    .cells = Below(100),
                    .continues = OneIn(2),
                    .continued = OneIn(2),
                    .loose_pieces = static_cast<uint32_t>(UpTo(UINT32_MAX)),
                    .dropped = {}};
  for (size_t n = Below(3); n > 0; n--) h.tables.push_back(Name(n));
  for (size_t n = Below(3); n > 0; n--) h.dropped.push_back(Name(n));
  return h;
}

Have Maker::KnownBySomebody() {
  Have have{.known = Vector(5), .everything = OneIn(2), .unfinished = {}, .loose = {}};
  for (size_t n = Below(3); n > 0; n--) have.unfinished.push_back({Site(), Spans(6)});
  for (size_t n = Below(3); n > 0; n--) {
    have.loose.push_back({Site(), static_cast<uint64_t>(UpTo(INT64_MAX)), random_()});
  }
  return have;
}

void Maker::AddRow(Sample* sample, Seq* next) {
  SampleRow row{.table = static_cast<uint32_t>(Below(sample->tables.size())),
                .transaction = static_cast<uint32_t>(sample->transactions.size() - 1),
                .records = {}};
  const TableNames& table = sample->tables[row.table];
  row.key = Key(table.key.size());
  row.cl = CausalLength(OneIn(3) ? 1 + UpTo(kMaxCounter - 1) : 1);
  if (OneIn(20)) *next = Seq(UpTo(kMaxCounter - 1000));
  const auto take = [&] {
    const Seq seq = *next;
    *next = *next + (OneIn(10) ? 1 + UpTo(100) : 1);
    return seq;
  };
  // A row that is dead has its sentinel only.
  std::vector<int> columns;
  if (IsAlive(row.cl)) {
    const uint64_t share = 1 + Below(3);
    for (size_t i = 0; i < table.columns.size(); i++) {
      if (OneIn(share)) columns.push_back(static_cast<int>(i));
    }
    if (OneIn(4)) std::shuffle(columns.begin(), columns.end(), random_);
  }
  if (columns.empty() || OneIn(6)) {
    columns.insert(columns.begin() + static_cast<ptrdiff_t>(Below(columns.size() + 1)), -1);
  }
  for (const int column : columns) {
    SampleRecord& r = row.records.emplace_back();
    r.column = column;
    r.seq = take();
    if (column < 0) continue;
    r.version = ColVersion(OneIn(3) ? 1 + UpTo(kMaxCounter - 1) : 1);
    SetValue(&r);
  }
  sample->rows.push_back(std::move(row));
}

Sample Maker::Changeset(size_t rows) {
  Sample s;
  for (size_t i = 1 + Below(4); i > 0; i--) {
    TableNames& t = s.tables.emplace_back();
    t.name = Name(i);
    for (size_t n = 1 + Below(3); n > 0; n--) t.key.push_back(absl::StrCat("key ", Name(n)));
    for (size_t n = Below(8); n > 0; n--) t.columns.push_back(Name(n));
  }
  const SiteId sites[] = {Site(), Site(), Site()};
  while (s.rows.size() < rows) {
    TransactionInfo t{.site = sites[Below(3)], .version = DbVersion(1)};
    // Of one site, versions ascend.
    if (!s.transactions.empty() && s.transactions.back().site == t.site) {
      t.version = s.transactions.back().version + 1;
    }
    if (t.version > kMaxVersion) continue;
    t.version = t.version + (OneIn(4) ? UpTo(kMaxVersion.value - t.version.value) : 0);
    if (!OneIn(4)) t.commit_ms = 1700000000000 + static_cast<int64_t>(Below(100000));
    if (OneIn(10)) t.commit_ms = kIntegers[Below(std::size(kIntegers))];
    if (OneIn(3)) t.ts = OneIn(2) ? UINT64_MAX : Below(10);
    t.backfill = OneIn(5);
    s.transactions.push_back(t);
    Seq next;
    for (size_t n = Below(8); n > 0; n--) AddRow(&s, &next);
  }
  return s;
}

}  // namespace tributary
