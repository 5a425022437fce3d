// The frame of the machine, and what comes in. What goes out is in session_send.cc.
#include "sync/session/session.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "sync/session/schema_diff.h"
#include "sync/session/session_internal.h"

namespace tributary {
namespace {

// Messages other than changesets, schema and want are this long at most; they may get new fields.
constexpr size_t kMaxSmallMessage = kFrameFixedSize + 4096;
constexpr size_t kMaxMessage = kFrameFixedSize + kMaxFrameHeader;
// So much of what a stranger says is shown.
constexpr size_t kMaxQuote = 200;
// A buffer that has grown beyond is given back: thousands of sessions of a hub are mostly idle.
constexpr size_t kKeepCapacity = 16 << 10;

// Forgets the first bytes, which were used.
void Forget(std::string* buffer, size_t* at, size_t bytes) {
  *at += bytes;
  if (*at == buffer->size()) {
    buffer->clear();
    *at = 0;
    if (buffer->capacity() > kKeepCapacity) buffer->shrink_to_fit();
  } else if (*at > buffer->size() / 2) {
    buffer->erase(0, *at);
    *at = 0;
  }
}

absl::Status Protocol(std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("protocol error: ", what));
}

absl::Status Malformed(std::string_view message) {
  return Protocol(absl::StrCat("malformed ", message));
}

absl::Status Broken(bool greeted) {
  return absl::AbortedError(
      greeted
          ? "the connection ended in the middle; what has arrived is kept: sync again for the rest"
          : "the other side ended the connection before it said anything");
}

SessionError CodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return SessionError::kProtocol;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kPermissionDenied:
      return SessionError::kRefused;
    case absl::StatusCode::kUnavailable:
      return SessionError::kLocked;
    default:
      return SessionError::kFailed;
  }
}

}  // namespace

Session::Session(Replica* replica, const SessionOptions& options)
    : replica_(replica), options_(options) {
  absl::Status started = Start();
  if (!started.ok()) Fail(std::move(started));
}

Session::~Session() { replica_->CloseChangesets(); }

absl::Status Session::Start() {
  Have have;
  TRIBUTARY_SESSION_RETURN_IF_ERROR(replica_->GetSite(&own_site_));
  TRIBUTARY_SESSION_RETURN_IF_ERROR(replica_->GetSchema(&schema_));
  TRIBUTARY_SESSION_RETURN_IF_ERROR(replica_->GetHave({}, &have));
  schema_hash_ = HashSchema(schema_);
  known_ = have.known;
  knowledge_ = HashKnowledge(std::move(have));
  HelloMessage hello;
  hello.site = own_site_;
  hello.schema = schema_hash_;
  hello.knowledge = knowledge_;
  hello.live = options_.live;
  Send(hello.Encode());
  return absl::OkStatus();
}

void Session::Fail(absl::Status status) {
  status_ = std::move(status);
  replica_->CloseChangesets();
  stream_open_ = false;
  if (peer_failed_ || absl::IsAborted(status_)) return;
  Send(ErrorMessage{CodeOf(status_), std::string(status_.message())}.Encode());
}

void Session::Receive(std::string_view bytes) {
  if (closed()) return;
  stats_.received.bytes += bytes.size();
  input_.append(bytes);
}

bool Session::wants_input() const {
  if (closed() || ended_) return false;
  size_t size;
  std::string error;
  const std::string_view in = unread();
  if (in.size() < kFrameFixedSize) return true;
  return Frame::Size(in, &size, &error) && in.size() < size;
}

void Session::ConsumeOutput(size_t bytes) { Forget(&output_, &output_at_, bytes); }

void Session::Rest() {
  if (!stream_open_) return;
  replica_->CloseChangesets();
  stream_open_ = false;
}

bool Session::Work() {
  if (closed()) return false;
  bool worked = false;
  absl::Status status = Step(&worked);
  if (!status.ok()) Fail(std::move(status));
  return worked && !closed();
}

// Small messages first: they may open the window. Then the window is filled, before a changeset of
// the peer's ends the stream that fills it.
absl::Status Session::Step(bool* worked) {
  std::string_view data;
  TRIBUTARY_SESSION_RETURN_IF_ERROR(FindFrame(&data));
  *worked = true;
  const bool changeset = !data.empty() && Frame::KindOf(data) == FrameKind::kChangeset;
  SendAck();
  if (data.empty() || changeset) {
    if (MayProduce()) return Produce();
  }
  if (!data.empty()) {
    Frame frame;
    std::string error;
    if (!frame.OpenAny(data, &error)) return Protocol(error);
    const size_t size = data.size();
    TRIBUTARY_SESSION_RETURN_IF_ERROR(Handle(frame, data));
    Forget(&input_, &input_at_, size);
    return absl::OkStatus();
  }
  if (StartOver()) return absl::OkStatus();
  const bool ending = greeted_ && (finish_ || !live());
  if (ending && !bye_sent_ && AllExchanged()) return SendBye();
  if (ended_) return Broken(greeted_);
  *worked = false;
  return absl::OkStatus();
}

// *data: the frame at the front, or nothing if it is not all there.
absl::Status Session::FindFrame(std::string_view* data) {
  *data = {};
  const std::string_view in = unread();
  size_t size;
  std::string error;
  if (!Frame::Size(in, &size, &error)) {
    if (greeted_ || in.starts_with("TRIB")) return Protocol(error);
    // Probably a shell's complaint: the whole line is worth showing.
    const auto end = std::find_if(in.begin(), in.end(),
                                  [](char c) { return static_cast<unsigned char>(c) < ' '; });
    const auto length = static_cast<size_t>(end - in.begin());
    if (end == in.end() && length < kMaxQuote && !ended_) return absl::OkStatus();
    peer_failed_ = true;
    return absl::InvalidArgumentError(
        absl::StrCat("the other side is no tributary session; it says: ",
                     in.substr(0, std::min(length, kMaxQuote))));
  }
  if (size == 0) return absl::OkStatus();
  TRIBUTARY_SESSION_RETURN_IF_ERROR(CheckExpected(Frame::KindOf(in), size));
  if (in.size() >= size) *data = in.substr(0, size);
  return absl::OkStatus();
}

// Before all of the frame is here, so that nobody can make us wait for, and keep, what we would not
// take.
absl::Status Session::CheckExpected(FrameKind kind, size_t size) const {
  bool expected = greeted_;
  size_t limit = kMaxSmallMessage;
  switch (kind) {
    case FrameKind::kHello:
      expected = !greeted_;
      break;
    case FrameKind::kSessionSchema:
      expected = expected && schemas_differ_ && !schema_received_;
      limit = kMaxMessage;
      break;
    case FrameKind::kWant:
      expected = expected && !want_received_ && schema_received_ == schemas_differ_;
      limit = kMaxMessage;
      break;
    case FrameKind::kChangeset: {
      if (options_.read_only && want_sent_) {
        return absl::FailedPreconditionError("changesets are not taken from a reader");
      }
      expected = expected && want_sent_ && !options_.dry_run;
      limit = options_.max_frame_bytes;
      const uint64_t outstanding = received_bytes_ - acked_bytes_;
      if (expected && outstanding > 0 && outstanding + size > options_.window_bytes) {
        return Protocol("more changesets than the window allows");
      }
      break;
    }
    case FrameKind::kAck:
      expected = expected && want_received_;
      break;
    case FrameKind::kDone:
      expected = expected && want_sent_ && !done_received_;
      break;
    case FrameKind::kBye:
      break;
    case FrameKind::kError:
      expected = true;
      break;
    default:
      expected = false;
  }
  const int number = static_cast<int>(kind);
  if (!expected) return Protocol(absl::StrCat("a frame of kind ", number, " is not expected now"));
  if (size > limit) {
    return Protocol(absl::StrCat("a frame of kind ", number, " has ", size, " bytes, more than ",
                                 limit, " are not taken"));
  }
  return absl::OkStatus();
}

absl::Status Session::Handle(const Frame& frame, std::string_view data) {
  if (frame.kind() == FrameKind::kChangeset) return OnChangeset(frame.header(), data);
  if (frame.body_size() > 0) return Malformed("message: it has a body");
  switch (frame.kind()) {
    case FrameKind::kHello:
      return OnHello(frame.header());
    case FrameKind::kSessionSchema:
      return OnSchema(frame.header());
    case FrameKind::kWant:
      return OnWant(frame.header());
    case FrameKind::kAck:
      return OnAck(frame.header());
    case FrameKind::kDone:
      done_received_ = true;
      return absl::OkStatus();
    case FrameKind::kBye:
      return OnBye(frame.header());
    default:
      return OnError(frame.header());
  }
}

absl::Status Session::OnHello(std::string_view header) {
  HelloMessage hello;
  if (!hello.Decode(header)) return Malformed("hello");
  greeted_ = true;
  peer_site_ = hello.site;
  peer_live_ = hello.live;
  if (peer_site_ == own_site_) {
    return absl::FailedPreconditionError(
        "both sides are the same replica: one file was copied from the other; SELECT "
        "crsql_new_site_id(N) in the copy, where N is what crsql_db_version() was when it was "
        "made, "
        "gives it an id of its own");
  }
  schemas_differ_ = hello.schema != schema_hash_;
  if (schemas_differ_) {
    Send(SchemaMessage{schema_}.Encode());
    return absl::OkStatus();
  }
  if (!live() && knowledge_ != 0 && knowledge_ == hello.knowledge) {
    finished_ = true;
    equal_ = true;
    return absl::OkStatus();
  }
  return SendWant();
}

absl::Status Session::OnSchema(std::string_view header) {
  SchemaMessage message;
  if (!message.Decode(header)) return Malformed("schema");
  schema_received_ = true;
  peer_schema_ = std::move(message.schema);
  kept_here_ = KeptForLater(peer_schema_, schema_, "here");
  kept_there_ = KeptForLater(schema_, peer_schema_, "there");
  return SendWant();
}

absl::Status Session::OnWant(std::string_view header) {
  if (!peer_.Decode(header)) return Malformed("want");
  want_received_ = true;
  if (schemas_differ_ && AreStrangers(schema_, peer_schema_, known_, peer_.have.known)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the two have no table in common and nothing of each other: is it the right database? ",
        kept_here_.front()));
  }
  if (options_.dry_run) TRIBUTARY_SESSION_RETURN_IF_ERROR(Foresee());
  if (peer_.nothing) {
    Send(EncodeDone());
    done_sent_ = true;
    return absl::OkStatus();
  }
  streaming_ = true;
  std::erase_if(peer_.have.unfinished,
                [this](const Have::Unfinished& u) { return u.sender != own_site_; });
  return absl::OkStatus();
}

absl::Status Session::OnChangeset(std::string_view header_bytes, std::string_view data) {
  // After our goodbye nothing is taken, and nothing is acknowledged.
  if (bye_sent_) return absl::OkStatus();
  ChangesetHeader header;
  std::string error;
  if (!header.Decode(header_bytes, &error)) return Protocol(error);
  if (header.sender != peer_site_ || !header.tables.empty()) {
    return Protocol("the changeset is not of the transfer that was asked for");
  }
  Rest();
  uint64_t changed = 0;
  TRIBUTARY_SESSION_RETURN_IF_ERROR(replica_->Apply(data, &changed));
  stats_.rows_changed += changed;
  Count(header, &stats_.received);
  received_bytes_ += data.size();
  stats_.received.committed = received_bytes_;
  // What the peer has need not be sent back to it.
  if (want_received_) peer_.have.known.MergeMax(header.until);
  return absl::OkStatus();
}

absl::Status Session::OnAck(std::string_view header) {
  AckMessage ack;
  if (!ack.Decode(header)) return Malformed("acknowledgement");
  if (ack.committed <= stats_.sent.committed || ack.committed > sent_bytes_) {
    return Protocol("what was acknowledged was not sent");
  }
  stats_.sent.committed = ack.committed;
  return absl::OkStatus();
}

absl::Status Session::OnBye(std::string_view header) {
  ByeMessage bye;
  if (!bye.Decode(header)) return Malformed("goodbye");
  bye_received_ = true;
  // In a live session something may be on its way while the other side leaves.
  const bool unacknowledged = !live() && sent_bytes_ != stats_.sent.committed;
  if (!done_sent_ || !done_received_ || unacknowledged) {
    return absl::AbortedError("the other side left before all was exchanged; sync again");
  }
  if (!bye_sent_) TRIBUTARY_SESSION_RETURN_IF_ERROR(SendBye());
  finished_ = true;
  equal_ = last_knowledge_ != 0 && last_knowledge_ == bye.knowledge && !schemas_differ_;
  return absl::OkStatus();
}

absl::Status Session::OnError(std::string_view header) {
  ErrorMessage message;
  if (!message.Decode(header)) return Malformed("error");
  peer_failed_ = true;
  const std::string text = absl::StrCat("the other side: ", message.text);
  switch (message.code) {
    case SessionError::kProtocol:
      return absl::InvalidArgumentError(text);
    case SessionError::kRefused:
      return absl::FailedPreconditionError(text);
    case SessionError::kLocked:
      return absl::UnavailableError(text);
    default:
      return absl::UnknownError(text);
  }
}

}  // namespace tributary
