#include "ext/parking.h"

#include <algorithm>
#include <compare>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "crdt/coding.h"
#include "crdt/packed.h"
#include "ext/connection.h"
#include "ext/merge.h"
#include "ext/renew.h"

namespace tributary {
namespace {

constexpr int64_t kRecords = -1;
constexpr int64_t kOrder = -2;
constexpr size_t kOrderPrefix = 8 + 8 + 16;

std::string KeyOf(const ParkedRecord& r) {
  return absl::StrCat(r.table, std::string_view("\0", 1), r.cid, std::string_view("\0", 1), r.pk);
}

void PutBigEndian(std::string* out, int64_t v) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    out->push_back(static_cast<char>(static_cast<uint64_t>(v) >> shift));
  }
}

std::string OrderOf(const ParkedRecord& r) {
  std::string key;
  PutBigEndian(&key, r.version.value);
  PutBigEndian(&key, r.seq.value);
  key.append(BytesOf(r.site)).append(KeyOf(r));
  return key;
}

void PutString(std::string* out, std::string_view s) {
  PutVarint(out, s.size());
  out->append(s);
}

std::string Encode(const ParkedRecord& r) {
  std::string out(BytesOf(r.site));
  for (const int64_t n : {r.version.value, r.seq.value, r.col_version.value, r.cl.value,
                          r.log.commit_ms, int64_t{r.log.backfill}}) {
    PutVarint(&out, static_cast<uint64_t>(n));
  }
  PutVarint(&out, r.log.ts);
  PutVarint(&out, r.key_names.size());
  for (const std::string& name : r.key_names) PutString(&out, name);
  PutString(&out, r.reason);
  PackValues({r.value.value()}, &out);
  return out;
}

bool TakeString(ByteReader* in, std::string* s) {
  uint64_t size;
  std::string_view bytes;
  if (!in->Varint(&size) || !in->Bytes(size, &bytes)) return false;
  s->assign(bytes);
  return true;
}

bool Decode(std::string_view key, std::string_view data, ParkedRecord* r) {
  const size_t table_end = key.find('\0');
  const size_t cid_end = key.find('\0', table_end + 1);
  if (table_end == std::string_view::npos || cid_end == std::string_view::npos) return false;
  r->table = key.substr(0, table_end);
  r->cid = key.substr(table_end + 1, cid_end - table_end - 1);
  r->pk = key.substr(cid_end + 1);
  ByteReader in(data);
  std::string_view site;
  if (!in.Bytes(r->site.bytes.size(), &site) || !ParseSiteId(site, &r->site)) return false;
  int64_t backfill;
  for (int64_t* n : {&r->version.value, &r->seq.value, &r->col_version.value, &r->cl.value,
                     &r->log.commit_ms, &backfill}) {
    uint64_t bits;  // a commit time may be negative
    if (!in.Varint(&bits)) return false;
    *n = static_cast<int64_t>(bits);
  }
  r->log.backfill = backfill != 0;
  uint64_t names;
  if (!in.Varint(&r->log.ts) || !in.Varint(&names) || names > in.remaining()) return false;
  r->key_names.resize(names);
  for (std::string& name : r->key_names) {
    if (!TakeString(&in, &name)) return false;
  }
  std::vector<Value> values;
  if (!TakeString(&in, &r->reason) || !UnpackValues(in.rest(), &values) || values.size() != 1) {
    return false;
  }
  r->value = HeldValue(values[0]);
  return true;
}

Status Damaged() { return Status::Corrupt("crsql_rows has a parked record that is damaged"); }

// Whether `a` says more than `b` does of the same cell or row, by the merge rule.
bool Beats(const ParkedRecord& a, const ParkedRecord& b) {
  if (a.cl != b.cl) return a.cl > b.cl;
  if (a.col_version != b.col_version) return a.col_version > b.col_version;
  const std::strong_ordering value = CompareValues(a.value.value(), b.value.value());
  if (value != std::strong_ordering::equal) return value == std::strong_ordering::greater;
  return std::tie(a.site, a.version, b.seq) > std::tie(b.site, b.version, a.seq);
}

}  // namespace

Status Parking::HasAny(bool* any) {
  if (any_ < 0) {
    Statement s;
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(
        s.Prepare(db_, "SELECT 1 FROM crsql_rows WHERE table_id = -2 LIMIT 1"));
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    any_ = row ? 1 : 0;
  }
  *any = any_ == 1;
  return {};
}

Status Parking::Find(std::string_view key, ParkedRecord* record, bool* found) {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(db_, "SELECT clock FROM crsql_rows WHERE table_id = ?1 AND key = ?2"));
  s.Bind(1, kRecords);
  s.BindBlob(2, key);
  TRIBUTARY_RETURN_IF_ERROR(s.Step(found));
  return !*found || Decode(key, s.Blob(0), record) ? Status() : Damaged();
}

Status Parking::Write(int64_t table, std::string_view key, std::string_view record) {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(db_, "INSERT INTO crsql_rows(table_id, key, clock) VALUES (?1, ?2, ?3)"));
  s.Bind(1, table);
  s.BindBlob(2, key);
  s.BindBlob(3, record);
  return s.Run();
}

Status Parking::Delete(int64_t table, std::string_view key) {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(db_, "DELETE FROM crsql_rows WHERE table_id = ?1 AND key = ?2"));
  s.Bind(1, table);
  s.BindBlob(2, key);
  return s.Run();
}

Status Parking::Park(const ParkedRecord& record) {
  const std::string key = KeyOf(record);
  ParkedRecord before;
  bool found;
  TRIBUTARY_RETURN_IF_ERROR(Find(key, &before, &found));
  if (found && !Beats(record, before)) return {};
  if (found) TRIBUTARY_RETURN_IF_ERROR(Remove(before));
  TRIBUTARY_RETURN_IF_ERROR(Write(kRecords, key, Encode(record)));
  any_ = 1;
  return Write(kOrder, OrderOf(record), "");
}

Status Parking::Remove(const ParkedRecord& record) {
  TRIBUTARY_RETURN_IF_ERROR(Delete(kRecords, KeyOf(record)));
  return Delete(kOrder, OrderOf(record));
}

Status Parking::List(std::string* after, size_t limit, std::vector<ParkedRecord>* records) {
  records->clear();
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(db_,
                "SELECT key, clock FROM crsql_rows WHERE table_id = ?1 AND key > ?2 ORDER BY key "
                "LIMIT ?3"));
  const std::string from = *after;
  s.Bind(1, kRecords);
  s.BindBlob(2, from);
  s.Bind(3, static_cast<int64_t>(limit));
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) return {};
    after->assign(s.Blob(0));
    if (!Decode(*after, s.Blob(1), &records->emplace_back())) return Damaged();
  }
}

Status Parking::Names(std::vector<TableNames>* names) {
  names->clear();
  bool any;
  TRIBUTARY_RETURN_IF_ERROR(HasAny(&any));
  if (!any) return {};
  ParkedScan scan;
  TRIBUTARY_RETURN_IF_ERROR(scan.Start(db_, DbVersion(0), kMaxDbVersion, std::nullopt));
  std::vector<Value> key;
  for (; !scan.done();) {
    const ParkedRecord& r = scan.record();
    TableNames t{.name = r.table, .key = r.key_names};
    if (t.key.empty() && UnpackValues(r.pk, &key)) t.key.resize(key.size());
    auto at = std::find_if(names->begin(), names->end(),
                           [&](const TableNames& n) { return n.name == t.name && n.key == t.key; });
    if (at == names->end()) at = names->insert(names->end(), std::move(t));
    const auto column = std::lower_bound(at->columns.begin(), at->columns.end(), r.cid);
    const bool known = column != at->columns.end() && *column == r.cid;
    if (r.cid != kSentinelCid && !known) at->columns.insert(column, r.cid);
    TRIBUTARY_RETURN_IF_ERROR(scan.Next());
  }
  return {};
}

Status ParkedScan::Start(sqlite3* db, DbVersion first, DbVersion last, std::optional<SiteId> site) {
  site_ = site;
  first_.clear();
  last_.clear();
  PutBigEndian(&first_, first.value);
  PutBigEndian(&last_, last.value);
  last_.append(kOrderPrefix, '\xff');
  TRIBUTARY_RETURN_IF_ERROR(rows_.Prepare(
      db,
      "SELECT p.key, p.clock FROM crsql_rows o CROSS JOIN crsql_rows p ON p.table_id = -1 AND "
      "p.key = substr(o.key, 33) WHERE o.table_id = -2 AND o.key >= ?1 AND o.key < ?2 ORDER BY "
      "o.key"));
  rows_.BindBlob(1, first_);
  rows_.BindBlob(2, last_);
  return Next();
}

Status ParkedScan::Next() {
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(rows_.Step(&row));
    if (!row) {
      rows_.Finalize();
      return {};
    }
    if (!Decode(rows_.Blob(0), rows_.Blob(1), &record_)) return Damaged();
    if (!site_ || *site_ == record_.site) return {};
  }
}

namespace {

// Whether table and column are here now. `table`: the record's, or null.
bool Fits(const Table* table, const ParkedRecord& r) {
  return table != nullptr && (r.cid == kSentinelCid || table->FindColumn(r.cid) >= 0) &&
         table->MayHaveKey(r.key_names);
}

// The first key behind those of the record's table, or of its column where the table is here.
std::string Behind(const Table* table, const ParkedRecord& r) {
  return absl::StrCat(
      r.table, table != nullptr ? absl::StrCat(std::string_view("\0", 1), r.cid) : std::string(),
      "\x01");
}

Status MergeParked(Connection* c, ParkedRecord* r) {
  TRIBUTARY_RETURN_IF_ERROR(c->stores().parking.Remove(*r));
  return MergeRecordOf(c, *r);
}

// What a constraint refuses stays, with the reason.
Status MergeAlone(Connection* c, ParkedRecord* r) {
  Status merged;
  {
    ScopedSavepoint savepoint(c->db());
    TRIBUTARY_RETURN_IF_ERROR(savepoint.Begin());
    merged = MergeParked(c, r);
    if (merged.ok()) merged = c->Flush(true);
    if (merged.ok()) return savepoint.Release();
  }
  if ((merged.code() & 0xff) != SQLITE_CONSTRAINT) return merged;
  TRIBUTARY_RETURN_IF_ERROR(c->stores().parking.Remove(*r));
  r->reason = std::string(merged.message());
  return c->stores().parking.Park(*r);
}

Status UnparkAll(Connection* c, bool each_alone) {
  constexpr size_t kChunk = 1000;
  std::string after;
  std::vector<ParkedRecord> records;
  for (;;) {
    TRIBUTARY_RETURN_IF_ERROR(c->stores().parking.List(&after, kChunk, &records));
    if (records.empty()) break;
    for (ParkedRecord& r : records) {
      Table* table;
      TRIBUTARY_RETURN_IF_ERROR(c->stores().catalog.Find(r.table, &table));
      if (Fits(table, r)) {
        TRIBUTARY_RETURN_IF_ERROR(each_alone ? MergeAlone(c, &r) : MergeParked(c, &r));
        continue;
      }
      after = Behind(table, r);
      break;
    }
  }
  return c->Flush(true);
}

}  // namespace

Status Unpark(Connection* c) {
  bool any;
  TRIBUTARY_RETURN_IF_ERROR(c->stores().parking.HasAny(&any));
  // Rows that wait for others are settled when what was parked is: not before their transaction
  // ends.
  if (!any || !c->may_unpark || !c->stores().merge.empty()) return {};
  // Together, as one may cure another; else as many as can be.
  for (const bool each_alone : {false, true}) {
    ScopedSavepoint savepoint(c->db());
    TRIBUTARY_RETURN_IF_ERROR(savepoint.Begin());
    Status done = UnparkAll(c, each_alone);
    if (done.ok()) {
      TRIBUTARY_RETURN_IF_ERROR(savepoint.Release());
      break;
    }
    if ((done.code() & 0xff) != SQLITE_CONSTRAINT || each_alone) return done;
  }
  // What was refused waits for the next change of the schema.
  c->may_unpark = false;
  return {};
}

}  // namespace tributary
