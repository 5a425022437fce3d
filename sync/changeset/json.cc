#include "sync/changeset/json.h"

#include <algorithm>
#include <cstdio>
#include <iterator>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "crdt/key.h"
#include "crdt/utf8.h"
#include "sync/changeset/frame.h"
#include "sync/changeset/reader.h"

namespace tributary {
namespace {

std::string Hex(const SiteId& id) {
  return absl::BytesToHexString({reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()});
}

void AddString(std::string* out, std::string_view s) {
  out->push_back('"');
  while (!s.empty()) {
    uint32_t c = 0;
    const size_t length = NextCharacter(s, &c);
    if (length == 0) {
      out->append("\\ufffd");
    } else if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(static_cast<char>(c));
    } else if (c < 0x20) {
      absl::StrAppend(out, "\\u00", absl::Hex(c, absl::kZeroPad2));
    } else {
      out->append(s.substr(0, length));
    }
    s.remove_prefix(std::max<size_t>(length, 1));
  }
  out->push_back('"');
}

void AddValue(std::string* out, const Value& v) {
  switch (v.type) {
    case ValueType::kNull:
      out->append("null");
      return;
    case ValueType::kInteger:
      absl::StrAppend(out, v.integer);
      return;
    case ValueType::kReal: {
      // JSON has no infinity; SQLite reads this as one.
      const bool infinite = v.real - v.real != 0;
      char digits[32];
      std::snprintf(digits, sizeof digits, "%.17g", v.real);
      // The host's locale may have a decimal comma.
      std::replace(std::begin(digits), std::end(digits), ',', '.');
      const std::string_view text = digits;
      absl::StrAppend(out, infinite ? (v.real > 0 ? "9e999" : "-9e999") : text,
                      infinite || text.find_first_of(".e") != std::string_view::npos ? "" : ".0");
      return;
    }
    case ValueType::kText:
      AddString(out, v.bytes);
      return;
    case ValueType::kBlob:
      absl::StrAppend(out, "{\"blob\":\"", absl::BytesToHexString({v.bytes.data(), v.bytes.size()}),
                      "\"}");
      return;
  }
}

// The commas between the members of an object or array.
class Commas {
 public:
  explicit Commas(std::string* out) : out_(out) {}
  void Next() {
    if (any_) out_->push_back(',');
    any_ = true;
  }

 private:
  std::string* out_;
  bool any_ = false;
};

void AddVector(std::string* out, const VersionVector& vector) {
  out->push_back('{');
  Commas commas(out);
  for (const VersionVector::Entry& e : vector.entries()) {
    commas.Next();
    absl::StrAppend(out, "\"", Hex(e.site), "\":", e.version.value);
  }
  out->push_back('}');
}

void AddSpans(std::string* out, absl::Span<const SiteSpan> spans) {
  out->push_back('[');
  Commas commas(out);
  for (const SiteSpan& s : spans) {
    commas.Next();
    absl::StrAppend(out, "{\"site\":\"", Hex(s.site), "\",\"from\":[", s.begin.version.value, ",",
                    s.begin.seq.value, "],\"to\":[", s.end.version.value, ",", s.end.seq.value,
                    "]}");
  }
  out->push_back(']');
}

void AddNames(std::string* out, const std::vector<std::string>& names) {
  out->push_back('[');
  Commas commas(out);
  for (const std::string& name : names) {
    commas.Next();
    AddString(out, name);
  }
  out->push_back(']');
}

void AddHeader(std::string* out, const ChangesetHeader& h) {
  absl::StrAppend(out, "\"sender\":\"", Hex(h.sender), "\",\"transfer\":\"",
                  absl::Hex(h.transfer, absl::kZeroPad16), "\",\"piece\":", h.piece,
                  ",\"last\":", h.last ? "true" : "false", ",\"until\":");
  AddVector(out, h.until);
  out->append(",\"covers\":");
  AddSpans(out, h.covers);
  out->append(",\"tables\":");
  if (h.tables.empty()) {
    out->append("null");
  } else {
    AddNames(out, h.tables);
  }
  if (!h.dropped.empty()) {
    out->append(",\"dropped\":");
    AddNames(out, h.dropped);
  }
  if (h.continues) out->append(",\"continues\":true");
  if (h.continued) out->append(",\"continued\":true");
}

void AddTransactions(std::string* out, const ChangesetReader& body) {
  out->append(",\"transactions\":[");
  Commas commas(out);
  for (const TransactionInfo& t : body.transactions()) {
    commas.Next();
    absl::StrAppend(out, "{\"site\":\"", Hex(t.site), "\",\"db_version\":", t.version.value,
                    ",\"commit_ms\":", t.commit_ms, ",\"ts\":", t.ts,
                    t.backfill ? ",\"backfill\":true}" : "}");
  }
  out->push_back(']');
}

bool AddRow(std::string* out, const TableNames& table, const RowView& row) {
  out->append("{\"table\":");
  AddString(out, table.name);
  absl::StrAppend(out, ",\"transaction\":", row.transaction, ",\"key\":[");
  ByteReader bytes(row.key);
  KeyDecoder key;
  if (!key.Decode(&bytes, table.key.size())) return false;
  Commas values(out);
  for (const Value& v : key.values()) {
    values.Next();
    AddValue(out, v);
  }
  absl::StrAppend(out, "],\"cl\":", row.cl.value, ",\"seq\":", row.seq.value);
  if (row.has_sentinel) absl::StrAppend(out, ",\"sentinel\":", row.sentinel.value);
  out->append(",\"cells\":{");
  Commas cells(out);
  for (const CellView& c : row.cells) {
    cells.Next();
    AddString(out, table.columns[static_cast<size_t>(c.column)]);
    out->append(":{\"value\":");
    AddValue(out, c.value);
    absl::StrAppend(out, ",\"col_version\":", c.version.value, ",\"seq\":", c.seq.value, "}");
  }
  out->append("}}");
  return true;
}

}  // namespace

std::string HaveToJson(const Have& have) {
  std::string out = "{\"known\":";
  AddVector(&out, have.known);
  out.append(",\"unfinished\":[");
  Commas unfinished(&out);
  for (const Have::Unfinished& u : have.unfinished) {
    unfinished.Next();
    absl::StrAppend(&out, "{\"sender\":\"", Hex(u.sender), "\",\"received\":");
    AddSpans(&out, u.received.spans());
    out.push_back('}');
  }
  out.append("],\"loose\":[");
  Commas loose(&out);
  for (const Have::Loose& l : have.loose) {
    loose.Next();
    absl::StrAppend(&out, "{\"site\":\"", Hex(l.site), "\",\"records\":", l.records, ",\"hash\":\"",
                    absl::Hex(l.hash, absl::kZeroPad16), "\"}");
  }
  out.append("]}");
  return out;
}

bool ChangesetToJson(std::string_view data, std::string* json, std::string* error) {
  Frame frame;
  ChangesetHeader header;
  std::string buffer;
  std::string_view bytes;
  ChangesetReader body;
  if (!frame.Open(data, error) || !header.Decode(frame.header(), error) ||
      !frame.Body(&buffer, &bytes, error) || !body.Open(bytes, error)) {
    return false;
  }
  *json = "{";
  AddHeader(json, header);
  absl::StrAppend(json, ",\"bytes\":", data.size(), ",\"body_bytes\":", frame.body_size());
  AddTransactions(json, body);
  json->append(",\"rows\":[");
  Commas commas(json);
  for (size_t i = 0; i < body.groups(); i++) {
    RowsReader rows(body, i);
    while (rows.Next()) {
      commas.Next();
      if (!AddRow(json, body.tables()[body.table_of(i)], rows.row())) break;
    }
    if (!rows.ok()) {
      *error = "the changeset's body is malformed";
      return false;
    }
  }
  json->append("]}");
  return true;
}

}  // namespace tributary
