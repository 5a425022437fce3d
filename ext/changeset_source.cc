#include "ext/changeset_source.h"

#include <algorithm>

#include "crdt/packed.h"
#include "ext/merge.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tributary {
namespace {

constexpr LogPoint kEndOfLog{kMaxVersion + 1, Seq(0)};

}  // namespace

Status ChangesetSource::Start(const Have& have, Scope scope, size_t max_bytes) {
  Stop();
  scope_ = std::move(scope);
  max_bytes_ = max_bytes;
  common_ = {};
  TRIBUTARY_RETURN_IF_ERROR(c_->stores().sites.Own(&common_.sender));
  if (c_->capture.state.version > DbVersion(0)) {
    return Status::Error(
        "crsql_changesets: this transaction has written to replicated tables: COMMIT first. What "
        "it has overwritten is gone, and what it has written instead may still be rolled back");
  }
  if (!c_->stores().merge.empty()) {
    return Status::Error(
        "crsql_changesets: this transaction has merged rows that wait for others, or for its end, "
        "as the table refuses them so far: COMMIT first");
  }
  TRIBUTARY_RETURN_IF_ERROR(LoadKnown(c_, scope_, &common_.until));
  common_.tables = scope_;
  if (scope_.empty()) TRIBUTARY_RETURN_IF_ERROR(c_->stores().catalog.Dropped(&common_.dropped));
  TRIBUTARY_RETURN_IF_ERROR(LoadEpoch(c_, &common_.epoch));
  TRIBUTARY_RETURN_IF_ERROR(Plan(have));
  std::string id(BytesOf(common_.sender));
  common_.until.Encode(&id);
  id.append(have.Encode());
  for (const std::string& name : scope_) id.append(name).push_back('\0');
  common_.transfer = XXH3_64bits_withSeed(id.data(), id.size(), common_.loose);
  if (segments_.empty()) return {};
  TRIBUTARY_RETURN_IF_ERROR(c_->stores().parking.Names(&parked_names_));
  parked_numbers_.assign(parked_names_.size(), std::nullopt);
  parked_last_.assign(parked_names_.size(), {});
  writes_ = c_->flushes();
  done_ = false;
  return Next();
}

void ChangesetSource::Stop() {
  scan_.Stop();
  done_ = true;
  segments_.clear();
  segment_ = 0;
  scanning_ = false;
  piece_ = 0;
  loose_pieces_ = 0;
  loose_hash_ = 0;
  inside_ = false;
  transaction_.reset();
  covers_.clear();
  builder_ = ChangesetBuilder();
  tables_.clear();
  last_table_ = nullptr;
}

// Sites in the order of their ids, what is loose before what is known.
Status ChangesetSource::Plan(const Have& have) {
  std::vector<SiteOrdinal> ordinals;
  TRIBUTARY_RETURN_IF_ERROR(c_->stores().sites.All(&ordinals));
  std::vector<std::pair<SiteId, SiteOrdinal>> sites;
  for (const SiteOrdinal ordinal : ordinals) {
    SiteId site;
    TRIBUTARY_RETURN_IF_ERROR(c_->stores().sites.IdOf(ordinal, &site));
    sites.emplace_back(site, ordinal);
  }
  std::sort(sites.begin(), sites.end());
  if (have.everything) {
    for (const auto& [site, ordinal] : sites) {
      segments_.push_back({ordinal, site, After(DbVersion(0)), kEndOfLog, true});
    }
    common_.until = {};
    return {};
  }
  for (const auto& [site, ordinal] : sites) {
    TRIBUTARY_RETURN_IF_ERROR(PlanLoose(have, ordinal, site));
  }
  // The same records are cut into the same pieces by the same limit.
  if (!segments_.empty()) {
    common_.loose = XXH3_64bits_withSeed(&max_bytes_, sizeof max_bytes_, loose_hash_) | 1;
  }
  for (const auto& [site, ordinal] : sites) PlanKnown(have, ordinal, site);
  return {};
}

// What lies between both replicas' knowledge, less what the other has of an unfinished transfer.
void ChangesetSource::PlanKnown(const Have& have, SiteOrdinal ordinal, const SiteId& site) {
  const auto mine =
      std::find_if(have.unfinished.begin(), have.unfinished.end(), [&](const Have::Unfinished& u) {
        return u.sender == common_.sender && u.loose == common_.loose && u.epoch == common_.epoch;
      });
  LogPoint at = After(have.known.Of(site));
  const LogPoint stop = After(common_.until.Of(site));
  while (at < stop) {
    LogPoint end = stop;
    if (mine != have.unfinished.end()) {
      at = mine->received.End(site, at);
      LogPoint next;
      if (mine->received.Next(site, at, &next)) end = std::min(stop, next);
    }
    if (at < end) segments_.push_back({ordinal, site, at, end, false});
    at = end;
  }
}

// What came here without the promise that nothing is missing, unless the other has the same.
Status ChangesetSource::PlanLoose(const Have& have, SiteOrdinal ordinal, const SiteId& site) {
  if (ordinal == kOwnSite) return {};
  const DbVersion theirs = have.known.Of(site);
  const DbVersion from = std::max(theirs, common_.until.Of(site));
  DbVersion seen;
  TRIBUTARY_RETURN_IF_ERROR(SeenVersion(c_, ordinal, &seen));
  if (seen <= from) return {};
  Have::Loose ours{.site = site};
  TRIBUTARY_RETURN_IF_ERROR(
      HashLoose(c_, ordinal, from, scope_, UINT64_MAX - 1, &ours.records, &ours.hash));
  if (ours.records == 0) return {};
  // The other has hashed from its own knowledge on.
  const bool comparable = from == theirs;
  if (comparable && std::find(have.loose.begin(), have.loose.end(), ours) != have.loose.end()) {
    return {};
  }
  loose_hash_ += ours.hash + ours.records;
  segments_.push_back({ordinal, site, After(from), kEndOfLog, true});
  return {};
}

Status ChangesetSource::CheckUnchanged() {
  if (writes_ == c_->flushes() && c_->capture.list.empty()) return {};
  return Status::Error(
      "crsql_changesets: this connection has written to replicated tables since the first "
      "changeset was read, so that the rest would not fit it; read all of them first");
}

Status ChangesetSource::Next() {
  TRIBUTARY_RETURN_IF_ERROR(CheckUnchanged());
  if (segment_ == segments_.size()) {
    done_ = true;
    return {};
  }
  bool full;
  TRIBUTARY_RETURN_IF_ERROR(Fill(&full));
  Finish(!full);
  return {};
}

// Whether a piece must begin with the segment: as what is covered and what is not travel apart, so
// that all of a piece can be skipped by what it covers; and as only the begin and the end of a
// piece can say that they lie within a transaction.
bool ChangesetSource::MustBegin(const Segment& s) const {
  if (scanning_) return false;
  return covers_.empty() ? !s.loose && !builder_.empty() : s.begin.seq > Seq(0);
}

// *full: there is more to come.
Status ChangesetSource::Fill(bool* full) {
  *full = false;
  cut_inside_ = false;
  // Where the other has one part of a transaction, it puts the parts together.
  if (!scanning_) inside_ = segments_[segment_].begin.seq > Seq(0);
  ends_whole_ = inside_;
  while (segment_ < segments_.size()) {
    const Segment& s = segments_[segment_];
    *full = MustBegin(s);
    if (*full) return {};
    TRIBUTARY_RETURN_IF_ERROR(FillFrom(s, full));
    if (*full) return {};
    Cover(s, s.end);
    scan_.Stop();
    scanning_ = false;
    segment_++;
    cut_inside_ = s.end.seq > Seq(0);
    *full = cut_inside_ && segment_ < segments_.size();
    if (cut_inside_) return {};
  }
  return {};
}

// Whether the piece ends before the entry at that point.
bool ChangesetSource::MustCut(const LogPoint& at) const {
  if (builder_.empty()) return false;
  if (builder_.full()) return true;
  const bool same = transaction_ == std::pair(segments_[segment_].ordinal, at.version);
  return same ? builder_.size() >= max_bytes_ : ends_whole_ || builder_.size() >= max_bytes_;
}

Status ChangesetSource::FillFrom(const Segment& s, bool* full) {
  if (!scanning_) {
    const DbVersion last = s.end.seq > Seq(0) ? s.end.version : s.end.version + -1;
    TRIBUTARY_RETURN_IF_ERROR(
        scan_.Start({.first = s.begin.version, .last = last, .site = s.ordinal, .parked = true}));
    scanning_ = true;
    covered_ = s.begin;
  }
  for (; !scan_.done();) {
    const LogPoint at{scan_.db_version(), scan_.first_seq()};
    if (at >= s.end) return {};
    if (Wanted(s)) {
      // The other has the first part of this transaction from a transfer that broke off.
      if (s.begin.seq > Seq(0) && at.version == s.begin.version && builder_.empty() && !s.loose &&
          !IsBackfill()) {
        inside_ = ends_whole_ = true;
      }
      if (MustCut(at)) {
        const bool inside = transaction_ == std::pair(s.ordinal, at.version);
        Cover(s, inside ? at : LogPoint{at.version, Seq(0)});
        cut_inside_ = inside && !s.loose && !IsBackfill();
        *full = true;
        return {};
      }
      TRIBUTARY_RETURN_IF_ERROR(AddEntry(s));
    }
    TRIBUTARY_RETURN_IF_ERROR(scan_.SkipEntry());
  }
  return {};
}

void ChangesetSource::Cover(const Segment& s, const LogPoint& end) {
  if (s.loose || covered_ >= end) return;
  covers_.push_back({s.site, covered_, end});
  covered_ = end;
}

// Whether the entry at which the scan stands has something that was asked for. The segment's ends
// may lie within it: another sender, or this one while the records were parked, has cut it there.
bool ChangesetSource::Wanted(const Segment& s) {
  const DbVersion version = scan_.db_version();
  const auto outside = [&](Seq seq) {
    const LogPoint at{version, seq};
    return at < s.begin || at >= s.end;
  };
  const ParkedRecord* parked = scan_.parked();
  const std::string& table = parked != nullptr ? parked->table : scan_.table()->name();
  if (!scope_.empty() && !std::binary_search(scope_.begin(), scope_.end(), table)) return false;
  if (parked != nullptr) return !outside(parked->seq);
  wanted_ = scan_.records();
  if (version == s.begin.version || version == s.end.version) {
    std::erase_if(wanted_, [&](const LiveRecord& r) { return outside(r.seq); });
  }
  return !wanted_.empty();
}

bool ChangesetSource::IsBackfill() const {
  return scan_.parked() != nullptr ? scan_.parked()->log.backfill : scan_.header().backfill;
}

uint32_t ChangesetSource::TableNumber(Table* table) {
  if (table == last_table_) return last_number_;
  const auto [at, added] = tables_.try_emplace(table, 0);
  if (added) {
    TableNames names{.name = table->name()};
    for (const KeyColumn& k : table->key()) names.key.push_back(k.name);
    for (const DataColumn& d : table->columns()) names.columns.push_back(d.name);
    at->second = builder_.AddTable(std::move(names));
  }
  last_table_ = table;
  last_number_ = at->second;
  return last_number_;
}

void ChangesetSource::BeginTransaction(const Segment& s, const LogHeader& header) {
  const std::pair transaction(s.ordinal, scan_.db_version());
  if (transaction_ == transaction) return;
  builder_.BeginTransaction(
      {s.site, transaction.second, header.commit_ms, header.ts, header.backfill});
  transaction_ = transaction;
}

void ChangesetSource::AddParked(const ParkedRecord& r) {
  std::vector<Value> key;
  if (!UnpackValues(r.pk, &key)) return;
  const auto fits = [&](const TableNames& t) {
    return t.name == r.table && (r.key_names.empty() ? t.key == std::vector<std::string>(key.size())
                                                     : t.key == r.key_names);
  };
  const auto names = std::find_if(parked_names_.begin(), parked_names_.end(), fits);
  if (names == parked_names_.end()) return;
  const auto group = static_cast<size_t>(names - parked_names_.begin());
  std::optional<uint32_t> number = parked_numbers_[group];
  TableNames alone;
  const std::pair at(r.version, r.seq);
  if (number && parked_last_[group] == at) {
    // One cell under two names, of which a replica has renamed the column: in a group of its own,
    // as those of one come in the order of their seqs.
    alone = {.name = names->name, .key = names->key, .columns = {r.cid, ""}};
    number = builder_.AddTable(alone);
  } else if (!number) {
    number = parked_numbers_[group] = builder_.AddTable(*names);
  }
  parked_last_[group] = at;
  std::string encoded;
  for (const Value& v : key) AppendKeyValue(v, &encoded);
  builder_.BeginRow(*number, encoded, r.cl, r.seq);
  if (r.cid == kSentinelCid) {
    builder_.AddSentinel(r.seq);
  } else {
    const auto column = std::lower_bound(names->columns.begin(), names->columns.end(), r.cid);
    builder_.AddCell(
        alone.columns.empty() ? static_cast<uint32_t>(column - names->columns.begin()) : 0,
        r.col_version, r.seq, r.value.value());
  }
  builder_.EndRow();
}

Status ChangesetSource::AddEntry(const Segment& s) {
  if (scan_.parked() != nullptr) {
    BeginTransaction(s, scan_.parked()->log);
    AddParked(*scan_.parked());
    return {};
  }
  BeginTransaction(s, scan_.header());
  builder_.BeginRow(TableNumber(scan_.table()), scan_.key(), scan_.cl(), wanted_.front().seq);
  for (const LiveRecord& r : wanted_) {
    if (r.column < 0) {
      builder_.AddSentinel(r.seq);
    } else {
      builder_.AddCell(static_cast<uint32_t>(r.column), r.version, r.seq,
                       ValueOf(scan_.row().value(r.column)));
    }
  }
  builder_.EndRow();
  return {};
}

void ChangesetSource::Finish(bool last) {
  header_ = common_;
  header_.piece = piece_++;
  header_.last = last;
  header_.continues = inside_;
  header_.continued = cut_inside_;
  header_.covers = std::exchange(covers_, {});
  if (header_.covers.empty()) {
    loose_pieces_++;
  } else {
    header_.loose_pieces = loose_pieces_;
  }
  header_.transactions = builder_.transactions();
  header_.rows = builder_.rows();
  header_.cells = builder_.cells();
  frame_ = builder_.Finish(header_);
  inside_ = cut_inside_;
  transaction_.reset();
  tables_.clear();
  parked_numbers_.assign(parked_names_.size(), std::nullopt);
  parked_last_.assign(parked_names_.size(), {});
  last_table_ = nullptr;
}

}  // namespace tributary
