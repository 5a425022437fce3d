// One session's connection, between the event loop, which moves its bytes, and its room's thread,
// which runs the session.
#ifndef TRIBUTARY_SYNC_HUB_CLIENT_H_
#define TRIBUTARY_SYNC_HUB_CLIENT_H_

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "sync/hub/grant.h"

namespace tributary::hub {

class Client {
 public:
  Client(uint64_t id, Grant grant, std::string from)
      : id_(id), grant_(std::move(grant)), from_(std::move(from)) {}
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  uint64_t id() const { return id_; }
  const Grant& grant() const { return grant_; }
  const std::string& from() const { return from_; }  // for logs

  // --- The event loop
  // False: so much waits that no more should be read before NeedsInput().
  bool Receive(std::string_view bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    in_.append(bytes);
    return in_.size() < kMaxWaiting;
  }
  bool NeedsInput() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return in_.size() < kMaxWaiting;
  }
  // The tables that the client would like the room to have, if it has none.
  void OfferSchema(std::string sql) {
    const std::lock_guard<std::mutex> lock(mutex_);
    schema_ = std::move(sql);
  }
  // Ends the session, from here: too late, or no longer allowed.
  void Refuse(absl::Status why) {
    const std::lock_guard<std::mutex> lock(mutex_);
    refusal_ = std::move(why);
  }
  void SetGone() {
    const std::lock_guard<std::mutex> lock(mutex_);
    gone_ = true;
  }
  // Moves up to `most` bytes to *out. *left: there is more.
  void TakeOutput(size_t most, std::string* out, bool* left) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const size_t bytes = std::min(most, out_.size() - out_at_);
    out->assign(out_, out_at_, bytes);
    out_at_ += bytes;
    *left = out_at_ < out_.size();
    if (*left) return;
    out_at_ = 0;
    out_.clear();
    out_.shrink_to_fit();
  }
  // Whether the room waits for what it gave to be taken.
  bool TakeWantsDrain() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return out_at_ == out_.size() && std::exchange(wants_drain_, false);
  }
  // Whether all is said, and the connection may be closed.
  bool ended() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return ended_ && out_at_ == out_.size();
  }

  // --- The room
  struct Events {
    std::string bytes;
    std::string schema;
    bool gone = false;
    absl::Status refusal;
  };
  Events TakeEvents() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return {std::exchange(in_, {}), std::exchange(schema_, {}), gone_, refusal_};
  }
  // False, with nothing taken, while the peer has not taken what was given before: the event loop
  // touches the room when it has.
  bool Give(std::string_view bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    wants_drain_ = out_at_ != out_.size();
    if (!wants_drain_) out_.append(bytes);
    return !wants_drain_;
  }
  bool is_over() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return ended_;
  }
  void End() {
    const std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
  }

 private:
  static constexpr size_t kMaxWaiting = 256 << 10;

  const uint64_t id_;
  const Grant grant_;
  const std::string from_;
  std::mutex mutex_;
  std::string in_;
  std::string out_;
  size_t out_at_ = 0;
  std::string schema_;
  bool wants_drain_ = false;
  bool gone_ = false;
  absl::Status refusal_;
  bool ended_ = false;
};

}  // namespace tributary::hub

#endif  // TRIBUTARY_SYNC_HUB_CLIENT_H_
