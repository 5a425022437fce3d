// What keeps a room: a log of changesets. The seam between the hub and its storage; the embedded
// default is one SQLite file per room (sqlite_room_log.h), which is itself a replica.
//
// Another one, such as a stream of a distributed log, has to keep three promises: what Append()
// reported well is on stable storage; Read() gives all that GetHave() claims and the reader lacks;
// and GetHave() claims no more than that.
//
// Failures are Unavailable where another program holds a lock, else any other code; the message is
// one sentence for people. No object here is thread-safe; different rooms may be used by different
// threads at once.
#ifndef TRIBUTARY_SYNC_HUB_ROOM_LOG_H_
#define TRIBUTARY_SYNC_HUB_ROOM_LOG_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "sync/session/replica.h"

namespace tributary::hub {

class RoomLog {
 public:
  // Changesets as of one moment, in order.
  class Reader {
   public:
    virtual ~Reader() = default;
    // An empty frame: there are no more.
    virtual absl::Status Next(std::string* frame) = 0;
  };

  // A copy of all of the room as of the moment that it was begun, made bit by bit while the log is
  // used by others, or after it.
  class Copy {
   public:
    virtual ~Copy() = default;
    // Writes the next part, in a few milliseconds; *done: that was the last. By any thread, one at
    // a time.
    virtual absl::Status Step(bool* done) = 0;
  };

  virtual ~RoomLog() = default;

  virtual absl::Status GetSite(SiteId* site) = 0;
  virtual absl::Status GetSchema(Schema* schema) = 0;
  virtual absl::Status GetHave(const Replica::Tables& tables, Have* have) = 0;
  // For read-your-writes: names all that the room has.
  virtual absl::Status GetToken(std::string* token) = 0;

  // Adds changesets, each as a whole or not at all; *results gets one status for each. All that
  // went well is durable when this returns. REQUIRES: no Reader of this log is alive.
  virtual void Append(const std::vector<std::string_view>& changesets,
                      std::vector<absl::Status>* results) = 0;
  virtual absl::Status Read(const Have& have, const Replica::Tables& tables, size_t piece_bytes,
                            std::unique_ptr<Reader>* reader) = 0;

  // Whether somebody else has written since the last call, as an operator with a tool may.
  virtual absl::Status HasChanged(bool* changed) = 0;
  // The tables of the room, as CREATE statements of tables and indexes: makes or alters them, all
  // or nothing. InvalidArgument where `sql` is to blame. REQUIRES: no Reader is alive.
  virtual absl::Status SetSchema(const std::string& sql) = 0;
  // To a new file, which is a database that can be read by itself when the copy is done and gone.
  virtual absl::Status BeginCopy(const std::string& path, std::unique_ptr<Copy>* copy) = 0;
  // Nothing has happened in a while: gives memory back.
  virtual void Trim() = 0;
};

class RoomStore {
 public:
  virtual ~RoomStore() = default;
  // Makes the room if there is none. REQUIRES: IsRoomName(name). Thread-safe. ResourceExhausted
  // where there would be too many rooms; NotFound where there is none and it is not to be made.
  virtual absl::Status Open(const std::string& name, bool make, std::unique_ptr<RoomLog>* log) = 0;
  // Where snapshots of this room may be kept; the folder exists. The hub deletes them.
  virtual std::string SnapshotPath(const std::string& name) const = 0;
};

// Names are what a URL, a file name and a label of a metric can carry as they are, on file systems
// without case, too: 1 to 100 of a-z, 0-9, '-', '_' and '.', the first a letter or digit.
inline constexpr size_t kMaxRoomName = 100;
bool IsRoomName(std::string_view name);
// What people are told where it is none.
inline constexpr std::string_view kRoomNameRule =
    "a room's name is 1 to 100 of a-z, 0-9, '-', '_' and '.', and begins with a letter or digit";

}  // namespace tributary::hub

#endif  // TRIBUTARY_SYNC_HUB_ROOM_LOG_H_
