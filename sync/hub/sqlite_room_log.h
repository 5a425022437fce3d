// Rooms as SQLite files in one folder: NAME.db, each a full replica with the extension's tables, so
// that any SQLite tool can query it and `tributary` works on it while the hub runs.
#ifndef TRIBUTARY_SYNC_HUB_SQLITE_ROOM_LOG_H_
#define TRIBUTARY_SYNC_HUB_SQLITE_ROOM_LOG_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "sync/hub/room_log.h"

namespace tributary::hub {

class SqliteRoomStore : public RoomStore {
 public:
  // At most so many rooms are made; those that are there stay.
  explicit SqliteRoomStore(std::string folder, int64_t max_rooms)
      : folder_(std::move(folder)), max_rooms_(max_rooms) {}

  // Makes the folder if there is none, deletes snapshots of an earlier run. Fails where rooms could
  // not be written there, or another hub serves it. Call once, before the rest.
  absl::Status Prepare();
  ~SqliteRoomStore() override;

  absl::Status Open(const std::string& name, bool make, std::unique_ptr<RoomLog>* log) override;
  std::string SnapshotPath(const std::string& name) const override;
  int64_t rooms() const { return rooms_; }

 private:
  std::string folder_;
  int64_t max_rooms_;
  int lock_ = -1;
  std::mutex making_;
  std::atomic<int64_t> rooms_ = 0;
};

}  // namespace tributary::hub

#endif  // TRIBUTARY_SYNC_HUB_SQLITE_ROOM_LOG_H_
