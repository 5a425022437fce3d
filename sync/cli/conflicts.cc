#include "sync/cli/conflicts.h"

#include <algorithm>
#include <bit>
#include <functional>

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
      "SELECT val, col_version FROM crsql_changes WHERE \"table\" = ? AND pk = ? AND cid = ?");
  return lookup_.status();
}

Status ConflictTracker::Before(const Change& c) {
  pending_ = false;
  if (rows_.empty()) return {};
  const uint64_t row = HashRow(c);
  const uint64_t* receiver_cl = Find(rows_, row);
  if (receiver_cl == nullptr) return {};
  if (c.db_version <= VersionOf(seen_, std::string(c.site))) return {};  // no news
  const auto local_cl = static_cast<int64_t>(*receiver_cl);
  if (local_cl != c.causal_length) {
    if (!reported_rows_.insert(row).second) return {};
    sender_wins_row_ = c.causal_length > local_cl;
    pending_is_row_ = true;
  } else {
    const uint64_t* value = c.sentinel() ? nullptr : Find(cells_, HashCell(c));
    if (value == nullptr || *value == HashValue(c.value)) return {};
    pending_is_row_ = false;
  }
  pending_ = true;
  ++count_;
  keep_details_ = details_.size() < max_details_;
  return keep_details_ ? Describe(c, pending_is_row_, local_cl) : Status();
}

Status ConflictTracker::Describe(const Change& c, bool about_row, int64_t receiver_cl) {
  Conflict d{.table = std::string(c.table), .key = ShowKey(c.key, kShownWidth)};
  if (about_row) {
    d.from_sender = Fate(c.row_is_deleted(), c.causal_length);
    d.from_receiver = Fate(receiver_cl % 2 == 0, receiver_cl);
    const bool gone = std::max(c.causal_length, receiver_cl) % 2 == 0;
    d.why = gone ? "a delete beats a change" : "made anew beats deleted";
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
  }
  lookup_.Reset();
  return lookup_.status();
}

void ConflictTracker::After(bool merge_changed_something) {
  if (!pending_ || !keep_details_) return;
  details_.back().sender_won = pending_is_row_ ? sender_wins_row_ : merge_changed_something;
}

}  // namespace tributary::cli
