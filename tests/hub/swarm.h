// Many clients of a hub in one process and one thread, for benchmarks and the soak test.
#ifndef TRIBUTARY_TESTS_HUB_SWARM_H_
#define TRIBUTARY_TESTS_HUB_SWARM_H_

#include <libwebsockets.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "sync/session/session.h"
#include "sync/transport/websocket.h"

namespace tributary::testing {

// Knows what it was sent and keeps nothing of it: costs little, so that the hub is what is
// measured.
class DiscardReplica : public Replica {
 public:
  DiscardReplica(uint64_t number, Schema schema);

  absl::Status GetSite(SiteId* site) override;
  absl::Status GetSchema(Schema* out) override;
  absl::Status GetHave(const Tables& tables, Have* have) override;
  absl::Status OpenChangesets(const Have&, const Tables&, size_t) override {
    return absl::OkStatus();
  }
  absl::Status NextChangeset(std::string* frame) override;
  void CloseChangesets() override {}
  absl::Status Apply(std::string_view changeset, uint64_t* rows_changed) override;

  const VersionVector& known() const { return have_.known; }
  uint64_t rows() const { return rows_; }
  std::function<void(const ChangesetHeader&)> on_changeset;

 private:
  SiteId site_;
  Schema schema_;
  Have have_;
  uint64_t rows_ = 0;
};

class Swarm {
 public:
  class Peer {
   public:
    Session* session() const { return session_.get(); }
    bool connected() const { return wsi_ != nullptr && established_; }
    bool failed() const { return failed_; }
    bool over() const { return failed_ || (wsi_ == nullptr && established_); }
    // Ends the connection as a crash would.
    void Kill() { killed_ = true; }
    // While set, nothing is read.
    void Stall(bool stalled);

   private:
    friend class Swarm;
    std::unique_ptr<Session> session_;
    struct lws* wsi_ = nullptr;
    bool established_ = false;
    bool failed_ = false;
    bool killed_ = false;
    bool dirty_ = true;
    std::string first_;  // a text that goes before the session
  };

  explicit Swarm(int most);
  ~Swarm();
  Swarm(const Swarm&) = delete;
  Swarm& operator=(const Swarm&) = delete;

  // The replica must outlive the peer. `schema`: offered to the room.
  Peer* Connect(const WebSocketAddress& address, Replica* replica, const SessionOptions& options,
                std::string schema = "");
  void Remove(Peer* peer);
  // Something was written to the peer's replica.
  void Wrote(Peer* peer);
  // Moves what can be moved, for at most so long.
  void Turn(int ms);
  // Turns until `done`, false after so many seconds.
  bool Until(double seconds, const std::function<bool()>& done);
  size_t size() const { return peers_.size(); }

 private:
  static int Callback(struct lws* wsi, enum lws_callback_reasons reason, void* user, void* in,
                      size_t length);
  int Handle(Peer* peer, struct lws* wsi, enum lws_callback_reasons reason, const char* in,
             size_t length);
  int Write(Peer* peer);
  void Work(Peer* peer);

  struct lws_context* context_ = nullptr;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<Peer*> dirty_;
};

}  // namespace tributary::testing

#endif  // TRIBUTARY_TESTS_HUB_SWARM_H_
