#include "ext/changeset_source.h"

#include <algorithm>

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
  TRIBUTARY_RETURN_IF_ERROR(LoadKnown(c_, scope_, &common_.until));
  common_.tables = scope_;
  std::string id(BytesOf(common_.sender));
  common_.until.Encode(&id);
  id.append(have.Encode());
  for (const std::string& name : scope_) id.append(name).push_back('\0');
  common_.transfer = XXH3_64bits(id.data(), id.size());
  TRIBUTARY_RETURN_IF_ERROR(Plan(have));
  if (segments_.empty()) return {};
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
  inside_ = false;
  transaction_.reset();
  covers_.clear();
  builder_ = ChangesetBuilder();
  tables_.clear();
  last_table_ = nullptr;
}

// Sites in the order of their ids, what is known before what is loose.
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
  for (const auto& [site, ordinal] : sites) PlanKnown(have, ordinal, site);
  for (const auto& [site, ordinal] : sites) {
    TRIBUTARY_RETURN_IF_ERROR(PlanLoose(have, ordinal, site));
  }
  return {};
}

// What lies between both replicas' knowledge, less what the other has of an unfinished transfer.
void ChangesetSource::PlanKnown(const Have& have, SiteOrdinal ordinal, const SiteId& site) {
  const auto mine =
      std::find_if(have.unfinished.begin(), have.unfinished.end(),
                   [&](const Have::Unfinished& u) { return u.sender == common_.sender; });
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
  TRIBUTARY_RETURN_IF_ERROR(HashLoose(c_, ordinal, from, scope_, &ours.records, &ours.hash));
  if (ours.records == 0) return {};
  // The other has hashed from its own knowledge on.
  const bool comparable = from == theirs && ours.records <= kMaxLoose;
  if (comparable && std::find(have.loose.begin(), have.loose.end(), ours) != have.loose.end()) {
    return {};
  }
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

// *full: there is more to come.
Status ChangesetSource::Fill(bool* full) {
  *full = false;
  cut_inside_ = false;
  ends_whole_ = inside_;
  while (segment_ < segments_.size()) {
    const Segment& s = segments_[segment_];
    // What is covered and what is not travel apart, so that all of a piece can be skipped by what
    // it covers. The rest of a transaction begins a piece, which says so.
    *full = (s.loose || s.begin.seq > Seq(0)) && !covers_.empty();
    if (*full) return {};
    TRIBUTARY_RETURN_IF_ERROR(FillFrom(s, full));
    if (*full) return {};
    Cover(s, s.end);
    scan_.Stop();
    scanning_ = false;
    segment_++;
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
        scan_.Start({.first = s.begin.version, .last = last, .site = s.ordinal}));
    scanning_ = true;
    covered_ = s.begin;
  }
  for (; !scan_.done();) {
    const LogPoint at{scan_.db_version(), scan_.entry().seq};
    if (at >= s.end) return {};
    if (at >= s.begin && Wanted(*scan_.table())) {
      // The other has the first part of this transaction from a transfer that broke off.
      if (s.begin.seq > Seq(0) && at.version == s.begin.version && builder_.empty() && !s.loose &&
          !scan_.header().backfill) {
        inside_ = ends_whole_ = true;
      }
      if (MustCut(at)) {
        const bool inside = transaction_ == std::pair(s.ordinal, at.version);
        Cover(s, inside ? at : LogPoint{at.version, Seq(0)});
        cut_inside_ = inside && !s.loose && !scan_.header().backfill;
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

bool ChangesetSource::Wanted(const Table& table) const {
  return scope_.empty() || std::binary_search(scope_.begin(), scope_.end(), table.name());
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

Status ChangesetSource::AddEntry(const Segment& s) {
  const std::pair transaction(s.ordinal, scan_.db_version());
  if (transaction_ != transaction) {
    const LogHeader& header = scan_.header();
    builder_.BeginTransaction(
        {s.site, transaction.second, header.commit_ms, header.ts, header.backfill});
    transaction_ = transaction;
  }
  const std::vector<LiveRecord>& records = scan_.records();
  builder_.BeginRow(TableNumber(scan_.table()), scan_.key(), scan_.cl(), records.front().seq);
  for (const LiveRecord& r : records) {
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
  header_.transactions = builder_.transactions();
  header_.rows = builder_.rows();
  header_.cells = builder_.cells();
  frame_ = builder_.Finish(header_);
  inside_ = cut_inside_;
  transaction_.reset();
  tables_.clear();
  last_table_ = nullptr;
}

}  // namespace tributary
