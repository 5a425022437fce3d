#include "sync/transport/stream.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "absl/strings/str_format.h"

namespace tributary {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kReadSize = 1 << 16;
constexpr int kTurnMs = 100;
// How long a peer gets to take our last words, or to tell why it no longer listens.
constexpr std::chrono::seconds kLastWords(5);
constexpr std::chrono::seconds kDrain(2);

// Other programs may share the descriptor (a shell's terminal): as it was at the end.
class NonBlocking {
 public:
  explicit NonBlocking(int fd) : fd_(fd), flags_(fcntl(fd, F_GETFL)) {
    if (flags_ >= 0) fcntl(fd_, F_SETFL, flags_ | O_NONBLOCK);
  }
  ~NonBlocking() {
    if (flags_ >= 0) fcntl(fd_, F_SETFL, flags_);
  }
  NonBlocking(const NonBlocking&) = delete;
  NonBlocking& operator=(const NonBlocking&) = delete;

 private:
  int fd_;
  int flags_;
};

class Stream {
 public:
  Stream(Session* session, const StreamOptions& options) : session_(session), options_(options) {}

  absl::Status Run() {
    const NonBlocking in(options_.in);
    const NonBlocking out(options_.out);
    while (!Over()) {
      const bool worked = session_->Work();
      if (Over()) break;
      if (!Greets()) return TooSilent();
      const bool idle = Wait(worked ? 0 : kTurnMs);
      // Others may write to the database while the peer is slow.
      if (idle && !worked) session_->Rest();
      if (options_.on_turn) options_.on_turn();
    }
    if (!session_->finished() && !deaf_) Drain();
    return session_->status();
  }

 private:
  // A socket that is closed with bytes unread takes back what was written last: why it failed.
  void Drain() {
    if (shutdown(options_.out, SHUT_WR) != 0) return;
    const Clock::time_point end = Clock::now() + kDrain;
    pollfd p{.fd = options_.in, .events = POLLIN};
    while (Clock::now() < end && poll(&p, 1, kTurnMs) >= 0) {
      const ssize_t n = p.revents == 0 ? 1 : read(options_.in, buffer_.data(), buffer_.size());
      if (n <= 0) return;
    }
  }

  bool Over() {
    const bool nothing_to_say = deaf_ || session_->output().empty();
    if (session_->closed() && nothing_to_say) return true;
    if (!session_->closed() && !deaf_) return false;
    // One side no longer listens.
    if (deadline_ == Clock::time_point()) deadline_ = Clock::now() + kLastWords;
    if (Clock::now() < deadline_) return false;
    if (session_->closed()) return true;
    session_->ReceiveEnd();
    return false;
  }

  bool Greets() const {
    if (session_->greeted() || session_->closed() || options_.greeting_seconds == 0) return true;
    return Clock::now() - start_ < std::chrono::duration<double>(options_.greeting_seconds);
  }

  absl::Status TooSilent() const {
    return absl::AbortedError(absl::StrFormat("the other side has not answered within %g seconds",
                                              options_.greeting_seconds));
  }

  // Moves what can be moved. True if nothing could be for that time.
  bool Wait(int timeout_ms) {
    std::array<pollfd, 2> fds{{{.fd = -1, .events = POLLIN}, {.fd = -1, .events = POLLOUT}}};
    if (session_->wants_input()) fds[0].fd = options_.in;
    if (!session_->output().empty() && !deaf_) fds[1].fd = options_.out;
    const int ready = poll(fds.data(), fds.size(), timeout_ms);
    if (ready <= 0) return ready == 0;
    if (fds[1].revents != 0) Write();
    if (fds[0].revents != 0) Read();
    return false;
  }

  void Read() {
    const ssize_t n = read(options_.in, buffer_.data(), buffer_.size());
    if (n > 0) {
      session_->Receive({buffer_.data(), static_cast<size_t>(n)});
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
      session_->ReceiveEnd();
    }
  }

  void Write() {
    const std::string_view bytes = session_->output();
    const ssize_t n = write(options_.out, bytes.data(), bytes.size());
    if (n >= 0) {
      session_->ConsumeOutput(static_cast<size_t>(n));
    } else if (errno != EAGAIN && errno != EINTR) {
      deaf_ = true;
    }
  }

  Session* session_;
  const StreamOptions& options_;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point deadline_;
  bool deaf_ = false;  // the peer no longer reads; what it said last may still be on its way
  std::array<char, kReadSize> buffer_;
};

}  // namespace

void Descriptor::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

absl::Status RunOverStream(Session* session, const StreamOptions& options) {
  return Stream(session, options).Run();
}

}  // namespace tributary
