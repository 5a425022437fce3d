// Copies of rooms for newcomers: files without a name, gone when nobody reads them any more. A
// download that broke off goes on in the copy that it began with, which its ETag names.
#ifndef TRIBUTARY_SYNC_HUB_SNAPSHOTS_H_
#define TRIBUTARY_SYNC_HUB_SNAPSHOTS_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "sync/hub/pool.h"
#include "sync/hub/shared_log.h"
#include "sync/transport/stream.h"

namespace tributary::hub {

struct Snapshot {
  std::shared_ptr<const Descriptor> file;
  uint64_t size = 0;
  std::string etag;
  std::string token;  // crsql_token() of its moment
};

class Snapshots {
 public:
  // Called once, at once or by another thread later.
  using Done = std::function<void(const absl::Status&, const Snapshot&)>;

  // Thread-safe, though not for one room at once. `etag`: one that is wanted, if it is still there.
  // A copy is given out again while the room is as it was, or it is younger than that; it is made
  // in the pool, a part at a time, so that neither the room nor others wait for it. `path` is a
  // prefix for files' names.
  void Get(const std::string& room, const std::string& path, SharedLog* log,
           const std::string& etag, double fresh_seconds, Pool* pool, const Done& done);
  // Lets go of what nobody has asked for in a while.
  void Expire(uint64_t now_ms);
  // Copies that are being made fail.
  void Stop() { stopped_ = true; }

 private:
  struct Copy {
    Snapshot snapshot;
    uint64_t version = 0;
    uint64_t begun_ms = 0;
    uint64_t used_ms = 0;
    // While it is made:
    std::unique_ptr<RoomLog::Copy> making;
    std::string path;
    std::vector<Done> waiting;
  };
  // By room, newest first.
  using Copies = std::list<std::shared_ptr<Copy>>;

  // The newest that fits, or null.
  static std::shared_ptr<Copy> Find(const Copies& copies,
                                    absl::FunctionRef<bool(const Copy&)> fits);
  void Make(const std::string& room, const std::shared_ptr<Copy>& copy, Pool* pool);
  absl::Status Open(Copy* copy);
  void End(const std::string& room, const std::shared_ptr<Copy>& copy, const absl::Status& status);

  std::atomic<bool> stopped_ = false;
  std::mutex mutex_;
  std::map<std::string, Copies> copies_;
  std::atomic<uint64_t> made_ = 0;
};

}  // namespace tributary::hub

#endif  // TRIBUTARY_SYNC_HUB_SNAPSHOTS_H_
