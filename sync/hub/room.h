// A room: its log, open while it is used, and the sessions of those connected. Whatever happens to
// it is queued by the event loop and done by one thread of the pool at a time, in rounds:
//
//   1. What clients sent since the last round goes into their sessions; changesets are queued.
//   2. All that is queued is appended in one commit.
//   3. If that was news, each session is told, and makes changesets for its client.
//   4. Only now what the sessions said, acknowledgements among it, is handed to the event loop.
#ifndef TRIBUTARY_SYNC_HUB_ROOM_H_
#define TRIBUTARY_SYNC_HUB_ROOM_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "sync/hub/client.h"
#include "sync/hub/metrics.h"
#include "sync/hub/pool.h"
#include "sync/hub/room_log.h"
#include "sync/hub/shared_log.h"
#include "sync/session/session.h"
#include "sync/session/token_wait.h"

namespace tributary::hub {

// What all rooms share.
struct RoomContext {
  RoomStore* store = nullptr;
  Pool* pool = nullptr;
  Metrics* metrics = nullptr;
  size_t max_frame_bytes = 16 << 20;
  size_t window_bytes = 1 << 20;
  size_t piece_bytes = 256 << 10;
  size_t output_bytes = 128 << 10;
  // Something is to be written to these, or they are to be read again, or closed. Called by the
  // room's thread, once a round.
  std::function<void(const std::vector<std::shared_ptr<Client>>&)> wake;
  // The session of this client is over; `session` is null where it never began.
  std::function<void(const Client&, const std::string& room, const Session* session,
                     const absl::Status&)>
      on_end;
};

class Room : public std::enable_shared_from_this<Room> {
 public:
  // The context must outlive the room.
  Room(std::string name, const RoomContext* context) : name_(std::move(name)), context_(*context) {}

  const std::string& name() const { return name_; }

  // --- Thread-safe, for the event loop
  // Something has happened to the client; the first time it has said something (`spoke`) this
  // begins its session, and makes the room if it may write.
  void Touch(std::shared_ptr<Client> client, bool spoke = false);
  // Runs `job` with the log in the room's thread, after the next commit; with null and the reason
  // where it cannot be opened. `make`: a room that is not there is made.
  using Job = std::function<void(SharedLog*, const absl::Status&)>;
  void Post(bool make, Job job);
  // Appends a changeset; `done` is called after the commit, in the room's thread.
  void Append(std::string changeset, SharedLog::Done done);
  // Calls `done` once the room has all that the token names, or at the deadline, in milliseconds of
  // NowMs(); with null and the reason where the room cannot be opened or too many wait.
  using WaitDone = std::function<void(const TokenWait*, const absl::Status&)>;
  void Wait(std::string token, uint64_t deadline_ms, WaitDone done);
  // From time to time: looks for what an operator wrote, and for waits that are over.
  void Tick();
  // Says goodbye to everybody.
  void Finish();
  // Since when nobody has used it; 0 while somebody does.
  uint64_t idle_since_ms() const { return idle_since_ms_; }

  static uint64_t NowMs();

 private:
  struct Member {
    std::shared_ptr<Client> client;
    std::unique_ptr<SharedReplica> replica;
    std::unique_ptr<Session> session;  // none before the client has said something
    bool heard = false;                // in this round
    bool gone = false;                 // the connection is closed
    bool again = false;                // there is more to say
    bool over = false;                 // failed, by what the session does not know of
    std::string last_words;
    absl::Status status;
    SessionStats::Direction counted;
  };
  struct Waiter {
    std::unique_ptr<SharedReplica> replica;
    std::unique_ptr<TokenWait> wait;
    WaitDone done;
  };
  struct Inbox {
    std::vector<std::shared_ptr<Client>> touched;
    std::vector<std::function<void()>> jobs;  // before the commit
    std::vector<std::function<void()>> late;  // after it
    bool make = false;
    bool tick = false;
    bool finish = false;
  };

  void Schedule();  // REQUIRES: mutex_ is held
  void Enqueue(const std::function<void(Inbox*)>& add);
  void Run();
  void Round(Inbox* inbox);
  absl::Status EnsureOpen(bool make);
  void Rest();

  Member* Find(const std::shared_ptr<Client>& client);
  void Hear(Member* member);
  void Begin(Member* member);
  absl::Status AdoptSchema(const Client& client, const std::string& sql);
  void Speak(Member* member);
  void TellChanged();
  // Hands over what the session has said. True if the member is to be forgotten.
  bool Deliver(Member* member);
  void Fail(Member* member, const absl::Status& status);
  void CheckWaiters();
  void Count(Member* member);
  void CountReads();

  const std::string name_;
  const RoomContext& context_;

  std::mutex mutex_;
  Inbox inbox_;
  bool scheduled_ = false;
  std::atomic<uint64_t> idle_since_ms_ = 0;

  // Only in the room's thread.
  std::unique_ptr<SharedLog> log_;
  absl::Status opened_;
  struct {
    uint64_t shared_reads = 0;
    uint64_t own_reads = 0;
    uint64_t appends = 0;
  } counted_;
  std::map<Client*, std::unique_ptr<Member>> members_;
  std::vector<Member*> busy_;  // of this round
  std::vector<std::shared_ptr<Client>> wake_;
  std::vector<Waiter> waiters_;
  bool trimmed_ = false;  // nothing has happened since
};

}  // namespace tributary::hub

#endif  // TRIBUTARY_SYNC_HUB_ROOM_H_
