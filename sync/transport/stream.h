// Carries a session's bytes over file descriptors: pipes, sockets, standard input and output.
#ifndef TRIBUTARY_SYNC_TRANSPORT_STREAM_H_
#define TRIBUTARY_SYNC_TRANSPORT_STREAM_H_

#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "sync/session/session.h"

namespace tributary {

// A file descriptor that is closed at the end of its scope.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { Close(); }

  int get() const { return fd_; }
  void Close();

 private:
  int fd_ = -1;
};

struct StreamOptions {
  int in = -1;
  int out = -1;  // may be the same as `in`
  // The peer must have greeted after so long; 0: no limit.
  double greeting_seconds = 0;
  // Called after each step and, while nothing goes on, about ten times a second.
  std::function<void()> on_turn;
};

// Runs the session to its end and returns its status. Blocks; the descriptors stay open.
// REQUIRES: SIGPIPE is ignored.
absl::Status RunOverStream(Session* session, const StreamOptions& options);

}  // namespace tributary

#endif  // TRIBUTARY_SYNC_TRANSPORT_STREAM_H_
