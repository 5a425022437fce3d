#include "sync/hub/shared_log.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "sync/changeset/frame.h"
#include "sync/hub/grant.h"
#include "sync/hub/status.h"

namespace tributary::hub {
namespace {

// What is encoded once is kept until the next change; more than that is read by each session.
constexpr size_t kMaxSharedBytes = 2 << 20;
// Who wrote more than this share of a change is sent the rest alone.
constexpr uint64_t kOwnShare = 4;

// A piece without a span moves no knowledge, and may still be news for others.
bool CoversNothing(std::string_view changeset) {
  Frame frame;
  ChangesetHeader header;
  std::string error;
  return frame.Open(changeset, &error) && header.Decode(frame.header(), &error) &&
         header.covers.empty();
}

uint64_t Above(DbVersion high, DbVersion low) {
  return high > low ? static_cast<uint64_t>(high.value - low.value) : 0;
}

}  // namespace

absl::Status SharedLog::Start() {
  bool changed;
  HUB_RETURN_IF_ERROR(log_->GetSite(&site_));
  HUB_RETURN_IF_ERROR(log_->HasChanged(&changed));
  return log_->GetToken(&token_);
}

void SharedLog::Queue(std::string changeset, Done done) {
  queued_bytes_ += changeset.size();
  queue_.push_back({std::move(changeset), std::move(done)});
}

void SharedLog::Flush() {
  if (queue_.empty()) return;
  const std::vector<Queued> queue = std::exchange(queue_, {});
  queued_bytes_ = 0;
  rest_();
  std::vector<std::string_view> changesets;
  changesets.reserve(queue.size());
  for (const Queued& q : queue) changesets.push_back(q.changeset);
  std::vector<absl::Status> results;
  log_->Append(changesets, &results);
  appends_++;
  // While a transfer of many pieces is under way nothing is known that was not before, and to look
  // for what is loose would cost more with each piece.
  std::string token;
  absl::Status read = log_->GetToken(&token);
  const bool moved =
      token != token_ || std::any_of(queue.begin(), queue.end(),
                                     [](const Queued& q) { return CoversNothing(q.changeset); });
  if (read.ok() && moved) read = Changed();
  if (!moved) have_.reset();
  if (!read.ok()) {  // shows again where a session reads
    have_.reset();
    changed_ = true;
  }
  for (size_t i = 0; i < queue.size(); i++) queue[i].done(results[i]);
}

absl::Status SharedLog::Changed() {
  previous_ = std::move(have_);
  have_.reset();
  frames_.reset();
  too_many_ = false;
  changed_ = true;
  version_++;
  return log_->GetToken(&token_);
}

absl::Status SharedLog::Poll() {
  bool changed;
  HUB_RETURN_IF_ERROR(log_->HasChanged(&changed));
  if (!changed) return absl::OkStatus();
  schema_.reset();
  return Changed();
}

absl::Status SharedLog::GetSchema(Schema* schema) {
  if (!schema_.has_value()) {
    Schema read;
    HUB_RETURN_IF_ERROR(log_->GetSchema(&read));
    schema_ = std::move(read);
  }
  *schema = *schema_;
  return absl::OkStatus();
}

absl::Status SharedLog::LoadHave() {
  if (have_.has_value()) return absl::OkStatus();
  Have read;
  HUB_RETURN_IF_ERROR(log_->GetHave({}, &read));
  have_ = std::move(read);
  return absl::OkStatus();
}

absl::Status SharedLog::GetHave(const Replica::Tables& tables, Have* have) {
  Flush();
  if (!tables.empty()) return log_->GetHave(tables, have);
  HUB_RETURN_IF_ERROR(LoadHave());
  *have = *have_;
  return absl::OkStatus();
}

absl::Status SharedLog::SetSchema(const std::string& sql) {
  Flush();
  rest_();
  schema_.reset();
  HUB_RETURN_IF_ERROR(log_->SetSchema(sql));
  return Changed();
}

absl::Status SharedLog::BeginCopy(const std::string& path, std::unique_ptr<RoomLog::Copy>* copy) {
  Flush();
  return log_->BeginCopy(path, copy);
}

absl::Status SharedLog::Read(const Have& have, const Replica::Tables& tables, size_t piece_bytes,
                             std::unique_ptr<RoomLog::Reader>* reader) {
  Flush();
  own_reads_++;
  return log_->Read(have, tables, piece_bytes, reader);
}

// By the law of ext/knowledge.h: the reader has all that is here, or what beats it.
bool SharedLog::HasNothingFor(const Have& have) const {
  return !have.everything && have.loose == have_->loose && have.known.Covers(have_->known);
}

bool SharedLog::MayShare(const Have& have) const {
  if (too_many_ || !previous_.has_value() || have.everything || !have.unfinished.empty() ||
      have.loose != previous_->loose || !have.known.Covers(previous_->known)) {
    return false;
  }
  uint64_t all = 0;
  uint64_t own = 0;
  for (const VersionVector::Entry& e : have_->known.entries()) {
    const DbVersion before = previous_->known.Of(e.site);
    all += Above(e.version, before);
    own += Above(std::min(e.version, have.known.Of(e.site)), before);
  }
  return own * kOwnShare <= all;
}

absl::Status SharedLog::SharedFrames(Frames* frames) {
  if (frames_ == nullptr) {
    auto made = std::make_shared<std::vector<std::string>>();
    std::unique_ptr<RoomLog::Reader> reader;
    HUB_RETURN_IF_ERROR(log_->Read(*previous_, {}, piece_bytes_, &reader));
    size_t bytes = 0;
    for (;;) {
      std::string frame;
      HUB_RETURN_IF_ERROR(reader->Next(&frame));
      if (frame.empty()) break;
      bytes += frame.size();
      if (bytes > kMaxSharedBytes) {
        too_many_ = true;
        return absl::OkStatus();
      }
      made->push_back(std::move(frame));
    }
    frames_ = std::move(made);
  }
  *frames = frames_;
  return absl::OkStatus();
}

SharedReplica::~SharedReplica() = default;

absl::Status SharedReplica::GetSite(SiteId* site) {
  *site = log_->site();
  return absl::OkStatus();
}

absl::Status SharedReplica::GetSchema(Schema* schema) { return log_->GetSchema(schema); }

absl::Status SharedReplica::GetHave(const Tables& tables, Have* have) {
  HUB_RETURN_IF_ERROR(log_->GetHave(tables, have));
  return failure();
}

absl::Status SharedReplica::OpenChangesets(const Have& have, const Tables& tables,
                                           size_t piece_bytes) {
  CloseChangesets();
  HUB_RETURN_IF_ERROR(log_->LoadHave());
  if (tables.empty()) {
    if (log_->HasNothingFor(have)) return absl::OkStatus();
    if (piece_bytes >= log_->piece_bytes_ && log_->MayShare(have)) {
      HUB_RETURN_IF_ERROR(log_->SharedFrames(&shared_));
      if (shared_ != nullptr) {
        log_->shared_reads_++;
        return absl::OkStatus();
      }
    }
  }
  return log_->Read(have, tables, piece_bytes, &reader_);
}

absl::Status SharedReplica::NextChangeset(std::string* frame) {
  if (reader_ != nullptr) return reader_->Next(frame);
  frame->clear();
  if (shared_ != nullptr && next_ < shared_->size()) *frame = (*shared_)[next_++];
  return absl::OkStatus();
}

void SharedReplica::CloseChangesets() {
  reader_.reset();
  shared_.reset();
  next_ = 0;
}

absl::Status SharedReplica::Apply(std::string_view frame, uint64_t* rows_changed) {
  *rows_changed = 0;  // not known yet; nobody here asks
  HUB_RETURN_IF_ERROR(failure());
  if (check_) HUB_RETURN_IF_ERROR(check_(frame));
  if (bound_.has_value()) {
    HUB_RETURN_IF_ERROR(log_->LoadHave());
    HUB_RETURN_IF_ERROR(CheckBound(*bound_, frame, *log_->have_));
  }
  log_->Queue(std::string(frame), [failure = failure_](const absl::Status& done) {
    if (failure->ok()) *failure = done;
  });
  return absl::OkStatus();
}

}  // namespace tributary::hub
