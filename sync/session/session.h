// A session between two replicas, as a state machine: bytes in, bytes out, and calls to a Replica.
// It does no I/O, reads no clock, starts no thread and keeps nothing about the peer: all that a
// session needs to go on where another broke off lies in what the replicas know. README.md has the
// protocol.
//
//   Session session(&replica, {});
//   while (!session.closed()) {
//     while (session.Work()) {
//     }
//     session.ConsumeOutput(Write(session.output()));
//     if (session.wants_input()) session.Receive(Read());
//   }
//
// Both sides run the same code: neither is a client. Not thread-safe.
#ifndef TRIBUTARY_SYNC_SESSION_SESSION_H_
#define TRIBUTARY_SYNC_SESSION_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "sync/changeset/frame.h"
#include "sync/session/messages.h"
#include "sync/session/replica.h"

namespace tributary {

struct SessionOptions {
  // Stay after both have caught up, if the peer does, too: until Finish() or the peer's goodbye.
  bool live = false;
  // Changesets to the peer are about this long, uncompressed.
  size_t piece_bytes = 1 << 20;
  // The peer may have this much on its way that is not committed here; or one changeset, if longer.
  size_t window_bytes = 4 << 20;
  // Longer changesets are refused.
  size_t max_frame_bytes = kMaxFrameBody;
  // Nothing is sent, asked for or written: only found out what a session would do. The peer need
  // not know; to it this is one that exchanges nothing. Not together with `live`.
  bool dry_run = false;
  // Nothing is asked for, and a changeset that comes all the same is refused.
  bool read_only = false;
  // With so much waiting to be written nothing is added: memory stays bounded though the peer may
  // not read.
  size_t output_bytes = 1 << 20;
};

struct SessionStats {
  struct Direction {
    uint64_t changesets = 0;
    uint64_t transactions = 0;
    uint64_t rows = 0;
    uint64_t cells = 0;
    uint64_t bytes = 0;      // of all messages
    uint64_t committed = 0;  // bytes of changesets, of those acknowledged
  };
  Direction sent;
  Direction received;
  uint64_t rows_changed = 0;  // here, by what was received
  uint64_t most_outstanding = 0;
};

// Beside stats().sent, which a dry run counts as if it had been sent.
struct DryRun {
  uint64_t changeset_bytes = 0;  // that would be sent
  // Transactions that the peer knows and this replica does not. Of those whose changes were beaten
  // since nothing would come; how many rows the others have is known to the peer alone.
  uint64_t most_to_receive = 0;
  bool receives_more = false;  // single changes besides: it is no bound
};

class Session {
 public:
  // The replica must outlive the session, which alone may use it.
  Session(Replica* replica, const SessionOptions& options);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  // --- Events
  // Bytes from the peer, in fragments of any length.
  void Receive(std::string_view bytes);
  // There will be no more bytes from the peer.
  void ReceiveEnd() { ended_ = true; }
  // Whether Receive() would be of use now. Who heeds it never has much more than a frame in memory.
  bool wants_input() const;
  // Something was written to the replica, by whomever. In a live session it is sent on.
  void LocalChanges() { local_changes_ = true; }
  // Ends a live session as soon as the peer has all that this replica had by now.
  void Finish() { finish_ = true; }
  // Nothing is to be expected for a while: ends the replica's read transaction.
  void Rest();
  // While held, no changeset is made, so that those of several peers can be applied in one go.
  void HoldSending(bool held) { held_ = held; }

  // --- Actions
  // Does one step: makes one changeset, or reads one message. False if there is nothing to do
  // until the next event.
  bool Work();
  // Bytes for the peer. Also after the end: the last words.
  std::string_view output() const {
    return {output_.data() + output_at_, output_.size() - output_at_};
  }
  void ConsumeOutput(size_t bytes);

  // --- State
  // The session is over, well or not.
  bool closed() const { return finished_ || !status_.ok(); }
  bool finished() const { return finished_; }
  // InvalidArgument: the peer does not keep to the protocol. FailedPrecondition: these two cannot
  // be synced. Unavailable: a lock. Aborted: the connection ended. Else: the replica failed.
  const absl::Status& status() const { return status_; }
  bool greeted() const { return greeted_; }  // the peer's hello is here
  // Both have what the other had when it last looked.
  bool caught_up() const;
  // After the end: both know the same.
  bool equal() const { return equal_; }
  const SiteId& peer_site() const { return peer_site_; }
  // What one side has no place for, as the tables differ, and keeps until it has; one sentence
  // each.
  const std::vector<std::string>& kept_here() const { return kept_here_; }
  const std::vector<std::string>& kept_there() const { return kept_there_; }
  const SessionStats& stats() const { return stats_; }
  const DryRun& dry_run() const { return dry_run_; }

 private:
  absl::Status Start();
  absl::Status Step(bool* worked);

  // Incoming.
  std::string_view unread() const { return {input_.data() + input_at_, input_.size() - input_at_}; }
  absl::Status FindFrame(std::string_view* data);
  absl::Status CheckExpected(FrameKind kind, size_t size) const;
  absl::Status Handle(const Frame& frame, std::string_view data);
  absl::Status OnHello(std::string_view header);
  absl::Status OnSchema(std::string_view header);
  absl::Status OnWant(std::string_view header);
  absl::Status OnChangeset(std::string_view header, std::string_view data);
  absl::Status OnAck(std::string_view header);
  absl::Status OnBye(std::string_view header);
  absl::Status OnError(std::string_view header);

  // Outgoing.
  void Send(std::string_view frame);
  absl::Status SendWant();
  absl::Status Foresee();
  bool FitsWindow(size_t bytes) const;
  bool MayProduce() const;
  absl::Status Produce();
  absl::Status OpenStream();
  absl::Status NextPiece();
  absl::Status EndStream();
  bool StartOver();
  void SendPending();
  void SendAck();
  absl::Status SendBye();
  bool AllExchanged() const;
  void Fail(absl::Status status);

  bool live() const { return options_.live && peer_live_; }
  static void Count(const ChangesetHeader& header, SessionStats::Direction* direction);

  Replica* replica_;
  const SessionOptions options_;
  absl::Status status_;
  SessionStats stats_;
  DryRun dry_run_;

  SiteId own_site_;
  Schema schema_;
  uint64_t schema_hash_ = 0;
  VersionVector known_;     // as the hello said
  uint64_t knowledge_ = 0;  // its hash

  std::string input_;
  size_t input_at_ = 0;  // what lies before has been read
  std::string output_;
  size_t output_at_ = 0;
  bool ended_ = false;

  // What of the peer's has come, and of ours has gone.
  SiteId peer_site_;
  bool greeted_ = false;
  bool peer_failed_ = false;  // and need not be told
  bool peer_live_ = false;
  bool schemas_differ_ = false;
  bool schema_received_ = false;
  Schema peer_schema_;  // where it differs
  bool want_sent_ = false;
  bool want_received_ = false;
  bool done_sent_ = false;
  bool done_received_ = false;
  bool bye_sent_ = false;
  bool bye_received_ = false;
  uint64_t last_knowledge_ = 0;  // as our bye said
  bool finished_ = false;
  bool equal_ = false;
  bool finish_ = false;
  bool local_changes_ = false;
  bool held_ = false;

  // Receiving.
  uint64_t received_bytes_ = 0;  // of changesets, all committed
  uint64_t acked_bytes_ = 0;     // of these, told
  std::vector<std::string> kept_here_;
  std::vector<std::string> kept_there_;

  // Sending: what the peer knows, and in `unfinished` what was sent since.
  WantMessage peer_;
  bool streaming_ = false;    // there may be more for the peer
  bool stream_open_ = false;  // at the replica
  Have stream_have_;          // what was known here when the stream was opened
  std::string pending_;       // the next changeset
  ChangesetHeader pending_header_;
  uint64_t loose_set_ = 0;    // which records the pieces that cover nothing have
  size_t loose_sent_ = 0;     // such pieces, in this stream
  size_t loose_to_skip_ = 0;  // of them, since it was opened anew
  uint64_t sent_bytes_ = 0;   // of changesets
};

}  // namespace tributary

#endif  // TRIBUTARY_SYNC_SESSION_SESSION_H_
