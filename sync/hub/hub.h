// The hub without its sockets: rooms, who may use them, and the answers to HTTP requests. Its
// methods are for the event loop's thread; what takes time is done by the pool.
#ifndef TRIBUTARY_SYNC_HUB_HUB_H_
#define TRIBUTARY_SYNC_HUB_HUB_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "sync/hub/auth.h"
#include "sync/hub/http.h"
#include "sync/hub/metrics.h"
#include "sync/hub/options.h"
#include "sync/hub/rate.h"
#include "sync/hub/room.h"
#include "sync/hub/snapshots.h"
#include "sync/hub/sqlite_room_log.h"

namespace tributary::hub {

class Hub {
 public:
  // `wake` is called by any thread: these clients have something for their connections.
  using Wake = std::function<void(const std::vector<std::shared_ptr<Client>>&)>;
  Hub(const HubOptions& options, Wake wake);
  ~Hub();

  // Reads tokens and keys, makes the folder. Errors name the flag or file. Call once.
  absl::Status Start();
  // Reads tokens and keys again; after an error, which is logged, the old ones stay.
  void Reload();
  // After that: whether a session that this request began, with these rights, may go on.
  absl::Status Recheck(const HttpRequest& request, const Grant& begun) const;

  // Who asks, and whether that is allowed; the answer to be given where it is not.
  absl::Status Authorize(const HttpRequest& request, const std::string& from, Grant* grant,
                         HttpResponse* refusal);
  // Calls `done` once, now or later, by any thread.
  using Done = std::function<void(HttpResponse)>;
  void Answer(const HttpRequest& request, const Grant& grant, Done done);

  std::shared_ptr<Client> NewClient(const Grant& grant, const std::string& from);
  std::shared_ptr<Room> GetRoom(const std::string& name);
  // Once a second.
  void Tick();
  // Says goodbye to all sessions.
  void Finish();

  const HubOptions& options() const { return options_; }
  Metrics* metrics() { return &metrics_; }
  std::string MetricsText() const;

 private:
  absl::Status LoadAuth();
  void Changesets(const HttpRequest& request, Room* room, Done done);
  void PostChangeset(const HttpRequest& request, const Grant& grant, Room* room, const Done& done);
  void Token(Room* room, Done done);
  void Wait(const HttpRequest& request, Room* room, Done done);
  void GetSnapshot(const HttpRequest& request, Room* room, Done done);
  void PostSchema(const HttpRequest& request, const Grant& grant, Room* room, Done done);

  HubOptions options_;
  Metrics metrics_;
  std::unique_ptr<Auth> auth_;
  RateLimit rate_;
  Snapshots snapshots_;
  SqliteRoomStore store_;
  RoomContext context_;
  uint64_t next_client_ = 1;
  std::map<std::string, std::shared_ptr<Room>> rooms_;
  std::unique_ptr<Pool> pool_;  // the first to end: its tasks use the rest
};

}  // namespace tributary::hub

#endif  // TRIBUTARY_SYNC_HUB_HUB_H_
