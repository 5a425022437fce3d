// One room's log as its many sessions use it: what they send is appended in one go, what they are
// sent is encoded once.
//
// Group commit: Replica::Apply() of a session only queues; Flush() appends all that is queued and
// tells each sender how it went. Nothing that a session said meanwhile (its acknowledgements) may
// leave before that.
//
// Encode once: sessions that knew all of the room before its last change are all sent the same
// changesets. One that wrote part of that change itself is, too, where its part is small: what a
// replica knows it skips, and asking for the rest alone would be a query for each.
//
// Not thread-safe: the room's thread uses it.
#ifndef TRIBUTARY_SYNC_HUB_SHARED_LOG_H_
#define TRIBUTARY_SYNC_HUB_SHARED_LOG_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sync/hub/room_log.h"

namespace tributary::hub {

class SharedLog {
 public:
  using Done = std::function<void(const absl::Status&)>;

  // `rest` is called before each write: it ends what sessions are reading (Session::Rest).
  SharedLog(std::unique_ptr<RoomLog> log, size_t piece_bytes, std::function<void()> rest)
      : log_(std::move(log)), piece_bytes_(piece_bytes), rest_(std::move(rest)) {}
  SharedLog(const SharedLog&) = delete;
  SharedLog& operator=(const SharedLog&) = delete;

  // Reads what is cached first. Call once, before the rest.
  absl::Status Start();

  // Takes a changeset for the next Flush(), which calls `done`.
  void Queue(std::string changeset, Done done);
  size_t queued_bytes() const { return queued_bytes_; }
  void Flush();
  // Whether there is something for others since the last call.
  bool TakeChanged() { return std::exchange(changed_, false); }
  // Counts changes.
  uint64_t version() const { return version_; }
  // Looks whether an operator has written.
  absl::Status Poll();

  const SiteId& site() const { return site_; }
  absl::Status GetSchema(Schema* schema);
  absl::Status GetHave(const Replica::Tables& tables, Have* have);
  const std::string& token() const { return token_; }
  absl::Status SetSchema(const std::string& sql);
  absl::Status BeginCopy(const std::string& path, std::unique_ptr<RoomLog::Copy>* copy);
  void Trim() { log_->Trim(); }
  // Past what is cached.
  absl::Status Read(const Have& have, const Replica::Tables& tables, size_t piece_bytes,
                    std::unique_ptr<RoomLog::Reader>* reader);

  uint64_t shared_reads() const { return shared_reads_; }
  uint64_t own_reads() const { return own_reads_; }
  uint64_t appends() const { return appends_; }

 private:
  friend class SharedReplica;
  using Frames = std::shared_ptr<const std::vector<std::string>>;
  struct Queued {
    std::string changeset;
    Done done;
  };

  absl::Status Changed();
  absl::Status LoadHave();
  bool HasNothingFor(const Have& have) const;
  bool MayShare(const Have& have) const;
  absl::Status SharedFrames(Frames* frames);

  std::unique_ptr<RoomLog> log_;
  const size_t piece_bytes_;
  std::function<void()> rest_;
  SiteId site_;
  std::string token_;
  std::optional<Schema> schema_;
  std::optional<Have> have_;      // as it is now; none: not known
  std::optional<Have> previous_;  // before the last change
  Frames frames_;                 // what came with that change; empty: not encoded yet
  bool too_many_ = false;         // these are too many to be kept
  bool changed_ = false;
  uint64_t version_ = 1;
  std::vector<Queued> queue_;
  size_t queued_bytes_ = 0;
  uint64_t shared_reads_ = 0;
  uint64_t own_reads_ = 0;
  uint64_t appends_ = 0;
};

// The room as one session sees it. Both must outlive the session.
class SharedReplica : public Replica {
 public:
  // Says no to a changeset; null: all are taken.
  using Check = std::function<absl::Status(std::string_view changeset)>;

  // `bound`: the one site whose transactions are taken.
  SharedReplica(SharedLog* log, Check check, std::optional<SiteId> bound)
      : log_(log), check_(std::move(check)), bound_(bound) {}
  ~SharedReplica() override;

  absl::Status GetSite(SiteId* site) override;
  absl::Status GetSchema(Schema* schema) override;
  absl::Status GetHave(const Tables& tables, Have* have) override;
  absl::Status OpenChangesets(const Have& have, const Tables& tables, size_t piece_bytes) override;
  absl::Status NextChangeset(std::string* frame) override;
  void CloseChangesets() override;
  absl::Status Apply(std::string_view frame, uint64_t* rows_changed) override;

  // How the first changeset went that did not go well. The session does not know: it is over.
  const absl::Status& failure() const { return *failure_; }

 private:
  SharedLog* log_;
  Check check_;
  std::optional<SiteId> bound_;
  // Shared with what is queued, which may outlive this.
  std::shared_ptr<absl::Status> failure_ = std::make_shared<absl::Status>();
  SharedLog::Frames shared_;
  size_t next_ = 0;
  std::unique_ptr<RoomLog::Reader> reader_;
};

}  // namespace tributary::hub

#endif  // TRIBUTARY_SYNC_HUB_SHARED_LOG_H_
