#include "sync/cli/conflicts.h"

#include <algorithm>
#include <bit>
#include <functional>

#include "crdt/key.h"
#include "crdt/packed.h"
#include "sync/changeset/frame.h"
#include "sync/changeset/reader.h"
#include "sync/cli/output.h"

namespace tributary::cli {
namespace {

constexpr int kShownWidth = 32;

uint64_t Combine(uint64_t a, uint64_t b) {
  a ^= b + 0x9e3779b97f4a7c15 + (a << 6) + (a >> 2);
  a *= 0xff51afd7ed558ccd;
  return a ^ (a >> 33);
}

uint64_t HashBytes(std::string_view bytes) { return std::hash<std::string_view>()(bytes); }

uint64_t HashRow(const Change& c) { return Combine(HashBytes(c.table), HashBytes(c.key)); }
uint64_t HashCell(const Change& c) { return Combine(HashRow(c), HashBytes(c.column)); }

uint64_t HashValue(const Value& v) {
  uint64_t h = HashBytes(v.bytes);
  if (v.type == ValueType::kInteger) h = std::bit_cast<uint64_t>(v.integer);
  if (v.type == ValueType::kReal) h = std::bit_cast<uint64_t>(v.real);
  return Combine(static_cast<uint64_t>(v.type), h);
}

std::string Fate(bool deleted, int64_t causal_length) {
  if (deleted) return "deleted the row";
  return causal_length > 1 ? "made the row anew" : "changed the row";
}

std::string Rule(int64_t sender_version, int64_t receiver_version) {
  if (sender_version == receiver_version) return "the larger value wins";
  return "changed more often wins, " + std::to_string(std::max(sender_version, receiver_version)) +
         " : " + std::to_string(std::min(sender_version, receiver_version));
}

}  // namespace

const uint64_t* ConflictTracker::Find(const Entries& entries, uint64_t hash) {
  const auto it = std::lower_bound(entries.begin(), entries.end(), std::pair(hash, uint64_t{0}));
  return it != entries.end() && it->first == hash ? &it->second : nullptr;
}

Status ConflictTracker::Collect(const Database& receiver, const VersionVector& known_to_sender) {
  TRIBUTARY_RETURN_IF_ERROR(LoadSeenVersions(receiver, &seen_));
  ChangeReader reader;
  TRIBUTARY_RETURN_IF_ERROR(reader.Start(receiver, known_to_sender));
  Change c;
  while (reader.Next(&c)) {
    const uint64_t row = HashRow(c);
    const auto cl = static_cast<uint64_t>(c.causal_length);
    // The records of a row mostly come together; what repeats is sorted out below.
    if (rows_.empty() || rows_.back() != std::pair(row, cl)) rows_.emplace_back(row, cl);
    if (!c.sentinel()) cells_.emplace_back(HashCell(c), HashValue(c.value));
    if (rows_.size() + cells_.size() >= 2 * kMaxEntries) {
      truncated_ = true;
      break;
    }
  }
  TRIBUTARY_RETURN_IF_ERROR(reader.status());
  std::sort(rows_.begin(), rows_.end());
  rows_.erase(std::unique(rows_.begin(), rows_.end()), rows_.end());
  std::sort(cells_.begin(), cells_.end());
  lookup_ = receiver.Prepare(
      "SELECT val, col_version, hex(site_id) || ' ' || db_version || ' ' || seq FROM crsql_changes"
      " WHERE \"table\" = ? AND pk = ? AND cid = ?");
  return lookup_.status();
}

Status ConflictTracker::Before(std::string_view data) {
  if (rows_.empty()) return {};
  Frame frame;
  ChangesetReader body;
  std::string buffer;
  std::string_view bytes;
  std::string error;
  if (!frame.Open(data, &error) || !frame.Body(&buffer, &bytes, &error) ||
      !body.Open(bytes, &error)) {
    return {ExitCode::kFailed, error};
  }
  for (size_t i = 0; i < body.groups(); i++) {
    const TableNames& table = body.tables()[body.table_of(i)];
    Change c{.table = table.name};
    KeyDecoder decoder;
    std::string key;
    RowsReader rows(body, i);
    while (rows.Next()) {
      const RowView& row = rows.row();
      ByteReader in(row.key);
      if (!decoder.Decode(&in, table.key.size())) continue;  // crsql_apply will tell
      key.clear();
      PackValues(decoder.values(), &key);
      c.key = key;
      const TransactionInfo& t = body.transactions()[row.transaction];
      c.site = {reinterpret_cast<const char*>(t.site.bytes.data()), t.site.bytes.size()};
      c.db_version = t.version.value;
      c.causal_length = row.cl.value;
      if (row.has_sentinel) {
        c.column = kSentinel;
        c.value = Value::Null();
        c.col_version = c.causal_length;
        TRIBUTARY_RETURN_IF_ERROR(Look(c));
      }
      for (const CellView& cell : row.cells) {
        c.column = table.columns[static_cast<size_t>(cell.column)];
        c.value = cell.value;
        c.col_version = cell.version.value;
        TRIBUTARY_RETURN_IF_ERROR(Look(c));
      }
    }
  }
  return {};
}

Status ConflictTracker::Look(const Change& c) {
  const uint64_t row = HashRow(c);
  const uint64_t* receiver_cl = Find(rows_, row);
  if (receiver_cl == nullptr) return {};
  if (c.db_version <= seen_.Of(SiteOf(c.site)).value) return {};  // no news
  const auto local_cl = static_cast<int64_t>(*receiver_cl);
  const bool about_row = local_cl != c.causal_length;
  if (about_row) {
    if (!reported_rows_.insert(row).second) return {};
  } else {
    const uint64_t* value = c.sentinel() ? nullptr : Find(cells_, HashCell(c));
    if (value == nullptr || *value == HashValue(c.value)) return {};
  }
  ++count_;
  return details_.size() < max_details_ ? Describe(c, about_row, local_cl) : Status();
}

Status ConflictTracker::Describe(const Change& c, bool about_row, int64_t receiver_cl) {
  Conflict d{.table = std::string(c.table), .key = ShowKey(c.key, kShownWidth)};
  if (about_row) {
    d.from_sender = Fate(c.row_is_deleted(), c.causal_length);
    d.from_receiver = Fate(receiver_cl % 2 == 0, receiver_cl);
    const bool gone = std::max(c.causal_length, receiver_cl) % 2 == 0;
    d.why = gone ? "a delete beats a change" : "made anew beats deleted";
    d.sender_won = c.causal_length > receiver_cl;
  } else {
    TRIBUTARY_RETURN_IF_ERROR(DescribeCell(c, &d));
  }
  details_.push_back(std::move(d));
  return {};
}

Status ConflictTracker::DescribeCell(const Change& c, Conflict* conflict) {
  conflict->column = c.column;
  conflict->from_sender = Show(c.value, kShownWidth);
  lookup_.BindText(1, c.table).BindBlob(2, c.key).BindText(3, c.column);
  if (lookup_.Step()) {
    conflict->from_receiver = Show(lookup_.At(0), kShownWidth);
    conflict->why = Rule(c.col_version, lookup_.Int(1));
    questions_.push_back({details_.size(), std::string(c.key), std::string(lookup_.Bytes(2))});
  }
  lookup_.Reset();
  return lookup_.status();
}

Status ConflictTracker::Settle() {
  for (const Question& q : questions_) {
    Conflict& c = details_[q.conflict];
    lookup_.BindText(1, c.table).BindBlob(2, q.key).BindText(3, c.column);
    c.sender_won = !lookup_.Step() || lookup_.Bytes(2) != q.stamp;
    lookup_.Reset();
    TRIBUTARY_RETURN_IF_ERROR(lookup_.status());
  }
  questions_.clear();
  return {};
}

}  // namespace tributary::cli
