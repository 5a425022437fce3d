#include "tests/fuzz/session_input.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "sync/changeset/header.h"
#include "tests/fuzz/frames_input.h"
#include "tests/fuzz/target.h"

namespace tributary::fuzz {
namespace {

// Small, so that the window is soon full; what is sent in one go stays below the session's limit.
constexpr SessionOptions kOptions{
    .live = false, .piece_bytes = 60, .window_bytes = 1000, .max_frame_bytes = 1 << 16};
constexpr size_t kMostSteps = 100000;
constexpr size_t kMostOutput = (1 << 20) + (1 << 18);

// Looks at each call that the session makes.
class WatchedReplica : public Replica {
 public:
  explicit WatchedReplica(const Subject& subject) : subject_(subject) {}

  absl::Status GetSite(SiteId* site) override { return subject_.replica->GetSite(site); }
  absl::Status GetSchema(Schema* schema) override { return subject_.replica->GetSchema(schema); }
  absl::Status GetHave(const Tables& tables, Have* have) override {
    CheckInUse();
    return subject_.replica->GetHave(tables, have);
  }
  absl::Status OpenChangesets(const Have& have, const Tables& tables, size_t piece_bytes) override {
    CheckInUse();
    Check(!open_, "one stream at a time");
    absl::Status opened = subject_.replica->OpenChangesets(have, tables, piece_bytes);
    open_ = opened.ok();
    return opened;
  }
  absl::Status NextChangeset(std::string* frame) override {
    CheckInUse();
    Check(open_, "what is read was opened");
    return subject_.replica->NextChangeset(frame);
  }
  void CloseChangesets() override {
    open_ = false;
    subject_.replica->CloseChangesets();
  }
  absl::Status Apply(std::string_view frame, uint64_t* rows_changed) override {
    CheckInUse();
    Check(!open_, "nothing is applied while a stream is open");
    Check(frame.size() <= kOptions.max_frame_bytes, "what is longer is refused");
    if (std::exchange(locked, false)) return absl::UnavailableError("the database is locked");
    const std::string before = subject_.state();
    absl::Status status = subject_.replica->Apply(frame, rows_changed);
    if (status.ok()) {
      applied++;
      applied_bytes += frame.size();
    } else {
      Check(!status.message().empty(), "an error has a message");
      Check(subject_.state() == before, "what is refused changes nothing");
    }
    return status;
  }

  bool locked = false;  // by somebody else, for one changeset
  bool in_use = true;   // by a session that is not over
  uint64_t applied = 0;
  uint64_t applied_bytes = 0;

 private:
  void CheckInUse() const { Check(in_use, "a session that is over leaves its replica alone"); }

  const Subject& subject_;
  bool open_ = false;
};

// Reads what a session writes: well-formed frames in an order that the protocol allows.
class Reader {
 public:
  Reader(const WatchedReplica* replica, bool live) : replica_(replica), live_(live) {}

  void Read(std::string_view output) {
    for (const std::string_view data : SplitFrames(output)) {
      Frame frame;
      std::string error;
      Check(frame.OpenAny(data, &error), "what a session writes are frames");
      ReadFrame(frame, data.size());
    }
  }
  void Heard(FrameKind kind, std::string_view header) {
    WantMessage want;
    AckMessage ack;
    if (kind == FrameKind::kWant && !wanted_ && want.Decode(header)) {
      wanted_ = true;
      window_ = want.window;
      max_frame_ = want.max_frame;
    } else if (kind == FrameKind::kAck && ack.Decode(header)) {
      heard_ack_ = std::max(heard_ack_, ack.committed);
    }
  }
  FrameKind last() const { return last_; }

 private:
  void ReadFrame(const Frame& frame, size_t size) {
    const FrameKind kind = frame.kind();
    Check((kind == FrameKind::kHello) == (last_ == kCommand), "a hello, once, comes first");
    Check(last_ != FrameKind::kError, "nothing follows an error");
    Check(last_ != FrameKind::kBye || kind == FrameKind::kError, "nothing follows a goodbye");
    AckMessage ack;
    ErrorMessage failure;
    if (kind == FrameKind::kAck) {
      Check(ack.Decode(frame.header()) && ack.committed > sent_ack_ &&
                ack.committed <= replica_->applied_bytes,
            "what is acknowledged was committed");
      sent_ack_ = ack.committed;
    } else if (kind == FrameKind::kChangeset) {
      Check(wanted_ && size <= max_frame_, "only what is wanted is sent");
      const uint64_t outstanding = sent_ - std::min(sent_, heard_ack_);
      Check(outstanding == 0 || outstanding + size <= window_, "the window is kept");
      sent_ += size;
    } else if (kind == FrameKind::kBye) {
      Check(live_ || sent_ <= heard_ack_, "a goodbye comes when all is acknowledged");
    } else if (kind == FrameKind::kError) {
      Check(failure.Decode(frame.header()) && !failure.text.empty(), "an error says why");
    }
    last_ = kind;
  }

  const WatchedReplica* replica_;
  const bool live_;
  FrameKind last_ = kCommand;  // none
  bool wanted_ = false;
  uint64_t window_ = 0;
  uint64_t max_frame_ = 0;
  uint64_t heard_ack_ = 0;
  uint64_t sent_ack_ = 0;
  uint64_t sent_ = 0;
};

class Speaker {
 public:
  Speaker(const Subject& subject, bool live)
      : subject_(subject),
        replica_(subject),
        reader_(&replica_, live),
        session_(&replica_, With(live)) {}

  void Say(std::string_view data, bool whole) {
    if (whole && Frame::KindOf(data) == kCommand) return Do(HeaderOf(data));
    if (session_.closed() || ended_) return;
    if (whole) {
      reader_.Heard(Frame::KindOf(data), HeaderOf(data));
      peer_failed_ = peer_failed_ || Frame::KindOf(data) == FrameKind::kError;
    }
    const size_t step = bytewise_ ? 1 : data.size();
    for (size_t at = 0; at < data.size(); at += step) {
      if (session_.closed()) break;
      session_.Receive(data.substr(at, step));
      Work();
    }
  }

  SessionEnd End() {
    reading_ = true;
    Work();
    session_.ReceiveEnd();
    Work();
    Check(session_.closed(), "where the bytes end the session is over");
    const absl::Status& status = session_.status();
    Check(session_.finished() == status.ok(), "it is finished or has failed");
    Check(status.ok() || !status.message().empty(), "a failure has a message");
    // Who fails tells the peer, if that one is there and has not failed itself.
    const bool tells = !status.ok() && session_.greeted() && !absl::IsAborted(status);
    Check(!tells || peer_failed_ || reader_.last() == FrameKind::kError, "the peer is told");
    const std::string after = subject_.state();
    session_.Receive("TRIB");
    session_.LocalChanges();
    session_.Finish();
    Check(!session_.Work() && session_.output().empty() && !session_.wants_input(),
          "what is over stays so");
    Check(subject_.state() == after, "and changes nothing");
    return {session_.finished(), replica_.applied, status};
  }

 private:
  static SessionOptions With(bool live) {
    SessionOptions options = kOptions;
    options.live = live;
    return options;
  }

  void Do(std::string_view command) {
    if (command.empty() || session_.closed()) return;
    switch (command[0]) {
      case 'w':
        // Nobody writes while the replica is read.
        session_.Rest();
        subject_.write(command.size() > 1 ? command[1] : 'a');
        session_.LocalChanges();
        break;
      case 'f':
        session_.Finish();
        break;
      case 'r':
        session_.Rest();
        break;
      case 'o':
        reading_ = !reading_;
        break;
      case 'b':
        bytewise_ = !bytewise_;
        break;
      case 'x':
        replica_.locked = true;
        break;
      case 'e':
        session_.ReceiveEnd();
        ended_ = true;
        break;
      default:
        return;
    }
    Work();
  }

  // Until nothing is left to be done or read.
  void Work() {
    size_t steps = 0;
    for (;;) {
      while (session_.Work()) Check(++steps < kMostSteps, "work comes to an end");
      replica_.in_use = !session_.closed();
      Check(session_.output().size() < kMostOutput, "output is bounded");
      if (!reading_ || session_.output().empty()) return;
      reader_.Read(session_.output());
      session_.ConsumeOutput(session_.output().size());
    }
  }

  const Subject& subject_;
  WatchedReplica replica_;
  Reader reader_;
  Session session_;
  bool reading_ = true;
  bool bytewise_ = false;
  bool ended_ = false;
  bool peer_failed_ = false;
};

std::string AnyCommand(Maker* maker) {
  constexpr std::string_view kCommands = "Lwwwfrobxe";
  std::string command(1, kCommands[maker->Below(kCommands.size())]);
  if (command == "w") command.push_back(static_cast<char>('a' + maker->Below(8)));
  return command;
}

}  // namespace

SessionEnd Speak(std::string_view input, const Subject& subject) {
  const std::vector<std::string_view> frames = SplitFrames(input);
  const auto is_whole = [](std::string_view data) {
    size_t size = 0;
    std::string error;
    return Frame::Size(data, &size, &error) && size == data.size() && size > 0;
  };
  const bool live = !frames.empty() && is_whole(frames[0]) &&
                    Frame::KindOf(frames[0]) == kCommand && HeaderOf(frames[0]) == "L";
  Speaker speaker(subject, live);
  for (const std::string_view f : frames) speaker.Say(f, is_whole(f));
  return speaker.End();
}

std::string RecordPeer(Replica* peer, const Subject& subject, const SessionOptions& peers_options,
                       std::string_view commands) {
  SessionOptions options = kOptions;
  options.live = peers_options.live;
  Session own(subject.replica, options);
  Session other(peer, peers_options);
  std::string said = options.live ? Command("L") : "";
  for (size_t round = 0; !own.closed() || !other.closed(); round++) {
    Check(round < 1000, "a recorded session ends");
    const char command = round < commands.size() ? commands[round] : options.live ? 'f' : ' ';
    if (command == 'f') own.Finish();
    if (command == 'w') {
      own.Rest();
      subject.write('a');
      own.LocalChanges();
    }
    if (command != ' ') said.append(Command(command == 'w' ? "wa" : std::string(1, command)));
    while (own.Work()) {
    }
    other.Receive(own.output());
    own.ConsumeOutput(own.output().size());
    while (other.Work()) {
    }
    const std::string answer(other.output());
    said.append(answer);
    other.ConsumeOutput(answer.size());
    for (const std::string_view f : SplitFrames(answer)) {
      own.Receive(f);
      while (own.Work()) {
      }
    }
  }
  Check(own.status().ok() && other.status().ok(), "a recorded session ends well");
  return said;
}

size_t MutateSession(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  const FrameMutator mutator{.command = AnyCommand, .finish = nullptr};
  return mutator.Mutate(data, size, max_size, seed);
}

}  // namespace tributary::fuzz
