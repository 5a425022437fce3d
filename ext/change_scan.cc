#include "ext/change_scan.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "crdt/packed.h"
#include "ext/merge.h"

namespace tributary {

bool ChangeScan::Later(size_t a, size_t b) const {
  const LogStream& x = *streams_[a];
  const LogStream& y = *streams_[b];
  if (x.version() != y.version()) return x.version() > y.version();
  if (x.entry().seq != y.entry().seq) return x.entry().seq > y.entry().seq;
  return x.site_id() > y.site_id();
}

std::unique_ptr<LogStream> ChangeScan::MakeStream(SiteOrdinal site) {
  return std::make_unique<LogStream>(c_->db(), &stores_->log_ranges, site);
}

// Takes a stream that was started. Most sites of many have nothing in a narrow range.
Status ChangeScan::Use(std::unique_ptr<LogStream> stream) {
  if (stream->done()) return {};
  SiteId id;
  TRIBUTARY_RETURN_IF_ERROR(stores_->sites.IdOf(stream->site(), &id));
  stream->Name(c_->Keep(id));
  streams_.push_back(std::move(stream));
  return {};
}

Status ChangeScan::AddStream(SiteOrdinal site, DbVersion first, DbVersion last) {
  std::unique_ptr<LogStream> stream = MakeStream(site);
  TRIBUTARY_RETURN_IF_ERROR(stream->Start(first, last));
  return Use(std::move(stream));
}

Status ChangeScan::AddKeyStream(SiteOrdinal site, DbVersion version,
                                const std::vector<int64_t>& chunks) {
  if (filter_.site && *filter_.site != site) return {};
  if (version < filter_.first || version > filter_.last) return {};
  std::unique_ptr<LogStream> stream = MakeStream(site);
  TRIBUTARY_RETURN_IF_ERROR(stream->StartKey(version, chunks, filter_.table->id(), *filter_.key));
  return Use(std::move(stream));
}

// Only the chunks that the row's present clock names.
Status ChangeScan::StartRow(const ChangeFilter& f) {
  Stores& stores = *stores_;
  RowClock clock;
  bool found;
  TRIBUTARY_RETURN_IF_ERROR(stores.rows.Get(f.table, *f.key, &clock, &found));
  if (!found) clock = RowClock::Implied();
  std::set<std::pair<SiteOrdinal, DbVersion>> transactions;
  const auto add = [&](const Stamp& s) { transactions.emplace(s.site, s.version); };
  if (clock.sentinel()) add(*clock.sentinel());
  if (clock.rest() == Rest::kBase) add(clock.base());
  for (const CellClock& cell : clock.cells()) add(cell.stamp);
  if (clock.rest() == Rest::kImplied) {
    RowLookup lookup{.table = f.table->id(), .key = *f.key};
    TRIBUTARY_RETURN_IF_ERROR(stores.lookup.Find(&lookup));
    // Without an exception nothing but that entry speaks for the row.
    if (!found) {
      return lookup.found ? AddKeyStream(lookup.first.site, lookup.first.version, {lookup.chunk})
                          : Status();
    }
    if (lookup.found) add(lookup.first);
  }
  std::vector<int64_t> chunks;
  for (const auto& [site, version] : transactions) {
    TRIBUTARY_RETURN_IF_ERROR(
        stores.lookup.ChunksOf(site, version, f.table->id(), *f.key, &chunks));
    TRIBUTARY_RETURN_IF_ERROR(AddKeyStream(site, version, chunks));
  }
  return {};
}

Status ChangeScan::Start(const ChangeFilter& filter) {
  Stop();
  filter_ = filter;
  if (stores_ != c_->shared_stores()) {
    if (stores_ != nullptr) stores_->catalog.CloseScan();
    stores_ = c_->shared_stores();
    stores_->catalog.OpenScan();
  }
  if (filter.parked || filter.only_parked) TRIBUTARY_RETURN_IF_ERROR(StartParked(filter));
  if (filter.only_parked) {
    Choose();
    return {};
  }
  if (filter.table != nullptr && filter.key) {
    TRIBUTARY_RETURN_IF_ERROR(StartRow(filter));
  } else if (filter.site) {
    TRIBUTARY_RETURN_IF_ERROR(AddStream(*filter.site, filter.first, filter.last));
  } else {
    std::vector<SiteOrdinal> sites;
    TRIBUTARY_RETURN_IF_ERROR(stores_->sites.All(&sites));
    for (const SiteOrdinal s : sites) {
      TRIBUTARY_RETURN_IF_ERROR(AddStream(s, filter.first, filter.last));
    }
  }
  for (size_t i = 0; i < streams_.size(); i++) heap_.push_back(i);
  const auto later = [this](size_t a, size_t b) { return Later(a, b); };
  std::make_heap(heap_.begin(), heap_.end(), later);
  log_done_ = false;
  TRIBUTARY_RETURN_IF_ERROR(NextEntry());
  Choose();
  return {};
}

Status ChangeScan::StartParked(const ChangeFilter& filter) {
  bool any;
  TRIBUTARY_RETURN_IF_ERROR(stores_->parking.HasAny(&any));
  if (!any) return {};
  std::optional<SiteId> site;
  if (filter.site) {
    TRIBUTARY_RETURN_IF_ERROR(stores_->sites.IdOf(*filter.site, &site.emplace()));
  }
  return parked_.Start(c_->db(), filter.first, filter.last, site);
}

// Which of the two comes first: what the log has, or what is parked.
void ChangeScan::Choose() {
  at_parked_ = !parked_.done();
  if (!at_parked_ || log_done_) return;
  const ParkedRecord& p = parked_.record();
  at_parked_ = std::tie(p.version, p.seq, p.site) <
               std::tuple(stream_->version(), records_[at_].seq, stream_->site_id());
}

void ChangeScan::Stop() {
  for (auto& [table, reader] : readers_) reader->Close();
  readers_.clear();
  streams_.clear();
  heap_.clear();
  records_.clear();
  log_done_ = true;
  at_parked_ = false;
  parked_.Stop();
  stream_ = nullptr;
  table_ = nullptr;
  reader_ = nullptr;
  at_ = 0;
}

ChangeScan::~ChangeScan() {
  Stop();
  if (stores_ != nullptr) stores_->catalog.CloseScan();
}

Status ChangeScan::Next() {
  if (at_parked_) {
    TRIBUTARY_RETURN_IF_ERROR(parked_.Next());
  } else {
    TRIBUTARY_RETURN_IF_ERROR(NextOfLog());
  }
  if (!parked_.done() || at_parked_) Choose();
  return {};
}

Status ChangeScan::NextOfLog() {
  if (++at_ < records_.size()) return {};
  const auto later = [this](size_t a, size_t b) { return Later(a, b); };
  // The present entry's stream is on top of the heap.
  std::pop_heap(heap_.begin(), heap_.end(), later);
  TRIBUTARY_RETURN_IF_ERROR(stream_->Next());
  if (stream_->done()) {
    heap_.pop_back();
  } else {
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  return NextEntry();
}

// Goes on from the entry on top of the heap to one that has live records.
Status ChangeScan::NextEntry() {
  const auto later = [this](size_t a, size_t b) { return Later(a, b); };
  while (!heap_.empty()) {
    stream_ = streams_[heap_.front()].get();
    bool any;
    TRIBUTARY_RETURN_IF_ERROR(Expand(&any));
    if (any) return {};
    std::pop_heap(heap_.begin(), heap_.end(), later);
    TRIBUTARY_RETURN_IF_ERROR(stream_->Next());
    if (stream_->done()) {
      heap_.pop_back();
    } else {
      std::push_heap(heap_.begin(), heap_.end(), later);
    }
  }
  log_done_ = true;
  return {};
}

bool ChangeScan::Wanted(const LiveRecord& record) const {
  if (!filter_.cid) return true;
  return *filter_.cid == (record.column < 0 ? kSentinelCid : table_->columns()[record.column].name);
}

Status ChangeScan::Expand(bool* any) {
  records_.clear();
  at_ = 0;
  *any = false;
  packed_.clear();
  decoded_ = false;
  const LogEntry& e = stream_->entry();
  if (table_ == nullptr || table_->id() != e.table) {
    TRIBUTARY_RETURN_IF_ERROR(stores_->catalog.Get(e.table, &table_));
    reader_ = nullptr;
  }
  if (table_ == nullptr || (filter_.table != nullptr && filter_.table != table_)) return {};
  if (filter_.key && *filter_.key != e.key) return {};
  bool found;
  TRIBUTARY_RETURN_IF_ERROR(stores_->rows.Get(table_, e.key, &clock_, &found));
  if (!found) clock_ = RowClock::Implied();
  ForEachLive(*table_, clock_, stream_->site(), stream_->version(), e,
              [this](const LiveRecord& record) {
                if (Wanted(record)) records_.push_back(record);
                return true;
              });
  *any = !records_.empty();
  if (!*any || records_.front().column < 0) return {};
  // A row that vanished behind our back (deleted with the sync bit on) has nothing to say.
  const int column = records_.size() == 1 ? records_.front().column : RowReader::kAll;
  TRIBUTARY_RETURN_IF_ERROR(table_->DecodeKey(e.key, &key_));
  decoded_ = true;
  return Reader()->Read(key_.values(), column, any);
}

RowReader* ChangeScan::Reader() {
  if (reader_ == nullptr) {
    auto reader = readers_.find(table_);
    if (reader == readers_.end()) {
      reader = readers_.emplace(table_, std::make_unique<RowReader>(table_)).first;
    }
    reader_ = reader->second.get();
  }
  return reader_;
}

std::string_view ChangeScan::packed_key() {
  if (!packed_.empty()) return packed_;
  if (!decoded_) decoded_ = table_->DecodeKey(key(), &key_).ok();
  if (decoded_) PackValues(key_.values(), &packed_);
  return packed_;
}

const char* ChangeScan::cid() const {
  const int column = record().column;
  return column < 0 ? kSentinelCid.data() : table_->columns()[column].name.c_str();
}

sqlite3_value* ChangeScan::value() const {
  const int column = record().column;
  return column < 0 ? nullptr : reader_->value(column);
}

}  // namespace tributary
