#include "tests/changeset/sample.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"
#include "sync/changeset/frame.h"
#include "sync/changeset/reader.h"
#include "tests/crdt/damage.h"
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tributary {
namespace {

std::string HexOf(const SiteId& site) {
  return Hex({reinterpret_cast<const char*>(site.bytes.data()), site.bytes.size()});
}

// An empty string must stay visible.
std::string Quoted(std::string_view bytes) { return absl::StrCat("x", Hex(bytes)); }

std::string ValueText(const Value& v) {
  switch (v.type) {
    case ValueType::kNull:
      return "null";
    case ValueType::kInteger:
      return absl::StrCat("i", v.integer);
    case ValueType::kReal:
      return absl::StrCat("r", std::bit_cast<uint64_t>(v.real));
    case ValueType::kText:
      return absl::StrCat("t", Hex(v.bytes));
    case ValueType::kBlob:
      return absl::StrCat("b", Hex(v.bytes));
  }
  return "?";
}

std::string SpanText(const SiteSpan& s) {
  return absl::StrCat(HexOf(s.site), " ", s.begin.version.value, " ", s.begin.seq.value, " ",
                      s.end.version.value, " ", s.end.seq.value, "\n");
}

void AddVectorText(const VersionVector& vector, std::string* out) {
  for (const VersionVector::Entry& e : vector.entries()) {
    absl::StrAppend(out, "known ", HexOf(e.site), " ", e.version.value, "\n");
  }
}

void AddRowText(const SampleRow& row, std::string* out) {
  absl::StrAppend(out, "row ", row.table, " ", row.transaction, " ", Quoted(row.key), " ",
                  row.cl.value);
  for (const SampleRecord& r : row.records) {
    if (r.column < 0) {
      absl::StrAppend(out, " sentinel:", r.seq.value);
    } else {
      absl::StrAppend(out, " ", r.column, ":", r.seq.value, ":", r.version.value, ":",
                      ValueText(r.value));
    }
  }
  out->push_back('\n');
}

SampleRow FromView(uint32_t table, const RowView& row) {
  SampleRow r{.table = table,
              .transaction = row.transaction,
              .key = std::string(row.key),
              .cl = row.cl,
              .records = {}};
  auto cell = row.cells.begin();
  for (const RowShape::Record& s : row.shape->records) {
    SampleRecord& record = r.records.emplace_back();
    record.column = s.column;
    record.seq = row.seq + s.offset;
    if (s.column < 0) continue;
    record.version = cell->version;
    record.bytes = cell->value.bytes;
    record.value = cell->value;
    record.value.bytes = {};
    ++cell;
  }
  return r;
}

}  // namespace

std::string Sample::ToFrame(const ChangesetHeader& header) const {
  ChangesetBuilder b;
  for (const TableNames& t : tables) b.AddTable(t);
  auto row = rows.begin();
  for (uint32_t i = 0; i < transactions.size(); i++) {
    b.BeginTransaction(transactions[i]);
    for (; row != rows.end() && row->transaction == i; ++row) {
      b.BeginRow(row->table, row->key, row->cl, row->records.front().seq);
      for (const SampleRecord& r : row->records) {
        Value v = r.value;
        v.bytes = r.bytes;
        if (r.column < 0) {
          b.AddSentinel(r.seq);
        } else {
          b.AddCell(static_cast<uint32_t>(r.column), r.version, r.seq, v);
        }
      }
      b.EndRow();
    }
  }
  return b.Finish(header);
}

std::string Sample::ToBody() const {
  const std::string bytes = ToFrame({});
  Frame frame;
  std::string error;
  std::string buffer;
  std::string_view body;
  if (!frame.Open(bytes, &error) || !frame.Body(&buffer, &body, &error)) return "";
  return std::string(body);
}

std::string Sample::Text() const {
  std::string out;
  for (const TableNames& t : tables) {
    absl::StrAppend(&out, "table ", Quoted(t.name), " key");
    for (const std::string& k : t.key) absl::StrAppend(&out, " ", Quoted(k));
    out.append(" columns");
    for (const std::string& c : t.columns) absl::StrAppend(&out, " ", Quoted(c));
    out.push_back('\n');
  }
  for (const TransactionInfo& t : transactions) {
    absl::StrAppend(&out, "transaction ", HexOf(t.site), " ", t.version.value, " ", t.commit_ms,
                    " ", t.ts, t.backfill ? " backfill\n" : "\n");
  }
  std::vector<const SampleRow*> by_table;
  for (const SampleRow& row : rows) by_table.push_back(&row);
  std::stable_sort(by_table.begin(), by_table.end(),
                   [](const SampleRow* a, const SampleRow* b) { return a->table < b->table; });
  for (const SampleRow* row : by_table) {
    SampleRow copy = *row;
    for (SampleRecord& r : copy.records) r.value.bytes = r.bytes;
    AddRowText(copy, &out);
  }
  return out;
}

bool ReadSample(std::string_view body, Sample* sample, std::string* error) {
  *sample = {};
  ChangesetReader reader;
  if (!reader.Open(body, error)) return false;
  sample->tables = reader.tables();
  sample->transactions = reader.transactions();
  for (size_t i = 0; i < reader.groups(); i++) {
    RowsReader rows(reader, i);
    while (rows.Next()) sample->rows.push_back(FromView(reader.table_of(i), rows.row()));
    if (!rows.ok()) {
      *error = absl::StrCat("group ", i, " is malformed");
      return false;
    }
  }
  std::stable_sort(
      sample->rows.begin(), sample->rows.end(),
      [](const SampleRow& a, const SampleRow& b) { return a.transaction < b.transaction; });
  return true;
}

std::string Reseal(std::string frame) {
  if (frame.size() < kFrameFixedSize) return frame;
  const std::string hashed = frame.substr(0, 20) + frame.substr(kFrameFixedSize);
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(hashed.data(), hashed.size()));
  std::copy_n(canonical.digest, sizeof canonical.digest, frame.begin() + 20);
  return frame;
}

std::string ToText(const ChangesetHeader& h) {
  std::string out =
      absl::StrCat("sender ", HexOf(h.sender), " ", h.transfer, " ", h.piece, " ", h.transactions,
                   " ", h.rows, " ", h.cells, " ", h.loose_pieces, h.last ? " last" : "",
                   h.continues ? " continues" : "", h.continued ? " continued" : "", "\n");
  AddVectorText(h.until, &out);
  for (const SiteSpan& s : h.covers) absl::StrAppend(&out, "covers ", SpanText(s));
  for (const std::string& t : h.tables) absl::StrAppend(&out, "table ", Quoted(t), "\n");
  for (const std::string& t : h.dropped) absl::StrAppend(&out, "dropped ", Quoted(t), "\n");
  return out;
}

std::string ToText(const Have& have) {
  std::string out;
  AddVectorText(have.known, &out);
  if (have.everything) out.append("everything\n");
  for (const Have::Unfinished& u : have.unfinished) {
    absl::StrAppend(&out, "unfinished ", HexOf(u.sender), "\n");
    for (const SiteSpan& s : u.received.spans()) absl::StrAppend(&out, "received ", SpanText(s));
  }
  for (const Have::Loose& l : have.loose) {
    absl::StrAppend(&out, "loose ", HexOf(l.site), " ", l.records, " ", l.hash, "\n");
  }
  return out;
}

}  // namespace tributary
