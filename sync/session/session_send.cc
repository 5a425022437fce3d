// What a session sends, and when it ends.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "sync/session/session.h"
#include "sync/session/session_internal.h"

namespace tributary {
namespace {

// At least so many pieces fit into the window, so that the next is on its way while one is merged.
constexpr uint64_t kPiecesInWindow = 4;

}  // namespace

void Session::Send(std::string_view frame) {
  output_.append(frame);
  stats_.sent.bytes += frame.size();
}

// Everything, whatever the schemas are.
absl::Status Session::SendWant() {
  WantMessage want;
  TRIBUTARY_SESSION_RETURN_IF_ERROR(replica_->GetHave({}, &want.have));
  want.nothing = options_.dry_run || options_.read_only;
  want.window = options_.window_bytes;
  want.max_frame = options_.max_frame_bytes;
  Send(want.Encode());
  want_sent_ = true;
  return absl::OkStatus();
}

// What is to come, as far as the vectors tell.
absl::Status Session::Foresee() {
  Have have;  // nobody asks what who wants nothing has
  if (!peer_.nothing) TRIBUTARY_SESSION_RETURN_IF_ERROR(replica_->GetHave(peer_.tables, &have));
  for (const VersionVector::Entry& e : peer_.have.known.entries()) {
    const DbVersion known = have.known.Of(e.site);
    if (known >= e.version) continue;
    dry_run_.most_to_receive += static_cast<uint64_t>(e.version.value - known.value);
  }
  dry_run_.receives_more = !peer_.have.loose.empty() && peer_.have.loose != have.loose;
  return absl::OkStatus();
}

void Session::Count(const ChangesetHeader& header, SessionStats::Direction* direction) {
  direction->changesets++;
  direction->transactions += header.begun();
  direction->rows += header.rows;
  direction->cells += header.cells;
}

// One changeset may exceed the window, alone.
bool Session::FitsWindow(size_t bytes) const {
  const uint64_t outstanding = sent_bytes_ - stats_.sent.committed;
  return outstanding == 0 || (bytes <= peer_.window && outstanding <= peer_.window - bytes);
}

bool Session::MayProduce() const {
  return streaming_ && !held_ && !bye_sent_ && output().size() < options_.output_bytes &&
         (pending_.empty() || FitsWindow(pending_.size()));
}

absl::Status Session::Produce() {
  if (pending_.empty()) {
    TRIBUTARY_SESSION_RETURN_IF_ERROR(NextPiece());
    if (pending_.empty()) return EndStream();
  }
  if (FitsWindow(pending_.size())) SendPending();
  return absl::OkStatus();
}

absl::Status Session::OpenStream() {
  TRIBUTARY_SESSION_RETURN_IF_ERROR(replica_->GetHave(peer_.tables, &stream_have_));
  const uint64_t share = std::max<uint64_t>(peer_.window / kPiecesInWindow, 1);
  const size_t piece = static_cast<size_t>(std::min<uint64_t>(options_.piece_bytes, share));
  TRIBUTARY_SESSION_RETURN_IF_ERROR(replica_->OpenChangesets(peer_.have, peer_.tables, piece));
  stream_open_ = true;
  loose_to_skip_ = loose_sent_;
  return absl::OkStatus();
}

// Leaves the next changeset in pending_; nothing if there is none. A stream that was closed, for a
// changeset of the peer's or to let others write, goes on behind what was sent. What covers nothing
// cannot be named that way: of such pieces as many are passed over as were sent. If that misses one
// of them, as something was written meanwhile, the next session will send it.
absl::Status Session::NextPiece() {
  if (!stream_open_) TRIBUTARY_SESSION_RETURN_IF_ERROR(OpenStream());
  for (;;) {
    TRIBUTARY_SESSION_RETURN_IF_ERROR(replica_->NextChangeset(&pending_));
    if (pending_.empty()) return absl::OkStatus();
    Frame frame;
    std::string error;
    if (!frame.Open(pending_, &error) || !pending_header_.Decode(frame.header(), &error)) {
      return absl::InternalError(absl::StrCat("the replica made a malformed changeset: ", error));
    }
    if (pending_header_.loose != loose_set_) {  // another set of them
      loose_set_ = pending_header_.loose;
      loose_sent_ = loose_to_skip_ = 0;
    }
    if (!pending_header_.covers.empty() || loose_to_skip_ == 0) break;
    loose_to_skip_--;
  }
  if (pending_.size() > peer_.max_frame) {
    return absl::FailedPreconditionError(
        absl::StrCat("a changeset has ", pending_.size(), " bytes, but the other side takes only ",
                     peer_.max_frame, " (a hub: see its --max-frame)"));
  }
  if (pending_header_.covers.empty()) {
    loose_sent_++;
    return absl::OkStatus();
  }
  std::vector<Have::Unfinished>& sent = peer_.have.unfinished;
  auto mine = std::find_if(sent.begin(), sent.end(), [this](const Have::Unfinished& u) {
    return u.sender == own_site_ && u.loose == pending_header_.loose &&
           u.epoch == pending_header_.epoch;
  });
  if (mine == sent.end()) {
    mine = sent.insert(mine, {own_site_, {}, pending_header_.loose, pending_header_.epoch});
  }
  if (!mine->received.AddAll(pending_header_.covers)) {
    return absl::ResourceExhaustedError("the transfer is in too many parts");
  }
  return absl::OkStatus();
}

void Session::SendPending() {
  Count(pending_header_, &stats_.sent);
  if (options_.dry_run) {
    dry_run_.changeset_bytes += pending_.size();
    pending_.clear();
    return;
  }
  sent_bytes_ += pending_.size();
  Send(pending_);
  pending_.clear();
  stats_.most_outstanding = std::max(stats_.most_outstanding, sent_bytes_ - stats_.sent.committed);
}

// The peer will know all that was known here when the stream was opened for the last time.
absl::Status Session::EndStream() {
  Rest();
  streaming_ = false;
  loose_sent_ = 0;
  if (!peer_.have.known.MergeMax(stream_have_.known)) {
    return absl::ResourceExhaustedError("the replicas know too many sites");
  }
  peer_.have.unfinished.clear();
  peer_.have.loose = stream_have_.loose;
  if (!done_sent_) Send(EncodeDone());
  done_sent_ = true;
  return absl::OkStatus();
}

// Whether there is to be another stream, for what was written since.
bool Session::StartOver() {
  if (!local_changes_ || !greeted_) return false;
  if (!live()) {
    local_changes_ = false;
    return false;
  }
  if (!want_received_ || peer_.nothing || streaming_ || bye_sent_) return false;
  local_changes_ = false;
  streaming_ = true;
  return true;
}

// One acknowledgement may stand for many changesets.
void Session::SendAck() {
  if (received_bytes_ == acked_bytes_ || bye_sent_) return;
  if (output().size() >= options_.output_bytes) return;
  acked_bytes_ = received_bytes_;
  Send(AckMessage{acked_bytes_}.Encode());
}

bool Session::AllExchanged() const {
  return done_sent_ && done_received_ && !streaming_ && pending_.empty() &&
         sent_bytes_ == stats_.sent.committed && received_bytes_ == acked_bytes_;
}

bool Session::caught_up() const { return finished_ || AllExchanged(); }

absl::Status Session::SendBye() {
  Have have;
  Rest();
  TRIBUTARY_SESSION_RETURN_IF_ERROR(replica_->GetHave({}, &have));
  last_knowledge_ = HashKnowledge(std::move(have));
  Send(ByeMessage{last_knowledge_}.Encode());
  bye_sent_ = true;
  return absl::OkStatus();
}

}  // namespace tributary
