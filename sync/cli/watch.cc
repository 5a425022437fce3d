#include "sync/cli/watch.h"

#include <dirent.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <string_view>

namespace tributary::cli {
namespace {

volatile std::sig_atomic_t stopped = 0;
void Stop(int) { stopped = 1; }

// Changes come in bursts: a commit touches several files, a file-sync tool brings many.
constexpr int kQuietMs = 100;
constexpr int kLongestBurstMs = 2000;
constexpr uint32_t kFolderEvents =
    IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE | IN_ONLYDIR;

}  // namespace

Watcher::Watcher(const std::string& database, std::string folder) : folder_(std::move(folder)) {
  struct sigaction action {};
  action.sa_handler = Stop;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  const size_t slash = database.rfind('/');
  database_name_ = slash == std::string::npos ? database : database.substr(slash + 1);
  const std::string directory = slash == std::string::npos ? "." : database.substr(0, slash + 1);
  fd_ = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd_ < 0) return;
  // The journal and the WAL lie beside the file.
  database_watch_ =
      inotify_add_watch(fd_, directory.c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE);
  Arm();
}

Watcher::~Watcher() {
  if (fd_ >= 0) close(fd_);
}

void Watcher::Arm() {
  if (fd_ < 0 || folder_.empty()) return;
  inotify_add_watch(fd_, folder_.c_str(), kFolderEvents | IN_MASK_ADD);
  DIR* directory = opendir(folder_.c_str());
  if (directory == nullptr) return;
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] == '.') continue;
    inotify_add_watch(fd_, (folder_ + "/" + entry->d_name).c_str(), kFolderEvents | IN_MASK_ADD);
  }
  closedir(directory);
}

// Reads what has happened; true if anything of it matters.
bool Watcher::Drain() {
  alignas(inotify_event) char buffer[8192];
  bool matters = false;
  for (;;) {
    const ssize_t n = read(fd_, buffer, sizeof buffer);
    if (n <= 0) return matters;
    for (ssize_t at = 0; at < n;) {
      inotify_event event;
      std::memcpy(&event, buffer + at, sizeof event);
      const std::string_view name = event.len == 0 ? "" : buffer + at + sizeof event;
      // The database's folder may be the shared one, too.
      const bool of_database = event.wd == database_watch_ && name.starts_with(database_name_);
      const bool of_folder = event.wd != database_watch_ && !name.starts_with('.');
      matters |= of_database || of_folder || (event.mask & IN_Q_OVERFLOW) != 0;
      at += static_cast<ssize_t>(sizeof event + event.len);
    }
  }
}

void Watcher::Pause(double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
  while (stopped == 0 && Clock::now() < end) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    poll(nullptr, 0, static_cast<int>(std::clamp<int64_t>(left.count() + 1, 0, 1000)));
  }
}

bool Watcher::Wait(double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto now = [] { return Clock::now(); };
  const auto until = now() + std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
  auto end = until;
  auto latest = until;
  bool changed = false;
  while (stopped == 0 && now() < end) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - now()).count();
    pollfd poll_fd{fd_, POLLIN, 0};
    // A signal that comes just before is seen after a second at most.
    if (poll(&poll_fd, fd_ < 0 ? 0 : 1, static_cast<int>(std::min<int64_t>(left + 1, 1000))) <= 0 ||
        !Drain()) {
      continue;
    }
    if (!changed) latest = now() + std::chrono::milliseconds(kLongestBurstMs);
    changed = true;
    end = std::min(latest, now() + std::chrono::milliseconds(kQuietMs));
  }
  return stopped == 0;
}

}  // namespace tributary::cli
