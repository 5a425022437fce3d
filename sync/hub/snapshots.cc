#include "sync/hub/snapshots.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "sync/hub/room.h"
#include "sync/hub/status.h"

namespace tributary::hub {
namespace {

// For so long a download that broke off can be resumed.
constexpr uint64_t kKeepMs = 600'000;
constexpr size_t kMaxCopies = 4;  // of one room

}  // namespace

void Snapshots::Get(const std::string& room, const std::string& path, SharedLog* log,
                    const std::string& etag, double fresh_seconds, Pool* pool, const Done& done) {
  std::shared_ptr<Copy> copy;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const Copies& copies = copies_[room];
    copy = Find(copies, [&](const Copy& c) { return c.snapshot.etag == etag; });
    if (copy == nullptr) {
      copy = Find(copies, [&, now = Room::NowMs()](const Copy& c) {
        const double age = static_cast<double>(now - c.begun_ms) / 1000;
        return c.version == log->version() || age < fresh_seconds;
      });
    }
    if (copy != nullptr) {
      copy->used_ms = Room::NowMs();
      if (copy->making != nullptr) return copy->waiting.push_back(done);
    }
  }
  if (copy != nullptr) return done(absl::OkStatus(), copy->snapshot);
  copy = std::make_shared<Copy>();
  const uint64_t number = made_++;
  copy->path = absl::StrCat(path, "+", number);
  copy->begun_ms = copy->used_ms = Room::NowMs();
  const absl::Status begun = log->BeginCopy(copy->path, &copy->making);
  if (!begun.ok()) return done(begun, {});
  copy->version = log->version();
  copy->snapshot.token = log->token();
  copy->snapshot.etag =
      absl::StrCat("\"", absl::Hex(absl::ToUnixMicros(absl::Now())), "-", absl::Hex(number), "\"");
  copy->waiting.push_back(done);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    copies_[room].push_front(copy);
  }
  Make(room, copy, pool);
}

std::shared_ptr<Snapshots::Copy> Snapshots::Find(const Copies& copies,
                                                 absl::FunctionRef<bool(const Copy&)> fits) {
  const auto found = std::find_if(copies.begin(), copies.end(),
                                  [fits](const std::shared_ptr<Copy>& c) { return fits(*c); });
  return found == copies.end() ? nullptr : *found;
}

// A part, and the next after what else the pool has to do.
void Snapshots::Make(const std::string& room, const std::shared_ptr<Copy>& copy, Pool* pool) {
  pool->Run([this, room, copy, pool] {
    bool done = false;
    absl::Status status =
        stopped_ ? absl::UnavailableError("the hub is shutting down") : copy->making->Step(&done);
    if (status.ok() && !done) return Make(room, copy, pool);
    if (status.ok()) status = Open(copy.get());
    End(room, copy, status);
  });
}

absl::Status Snapshots::Open(Copy* copy) {
  struct stat status {};
  copy->snapshot.file =
      std::make_shared<Descriptor>(open(copy->path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fstat(copy->snapshot.file->get(), &status) != 0) {
    return absl::InternalError(absl::StrCat("cannot read the snapshot ", copy->path));
  }
  copy->snapshot.size = static_cast<uint64_t>(status.st_size);
  return absl::OkStatus();
}

void Snapshots::End(const std::string& room, const std::shared_ptr<Copy>& copy,
                    const absl::Status& status) {
  std::vector<Done> waiting;
  std::unique_ptr<RoomLog::Copy> made;  // closes its files outside of the lock
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    waiting.swap(copy->waiting);
    made.swap(copy->making);
    Copies& copies = copies_[room];
    if (!status.ok()) copies.remove(copy);
    while (copies.size() > kMaxCopies && copies.back()->making == nullptr) copies.pop_back();
  }
  unlink(copy->path.c_str());
  for (const Done& done : waiting) done(status, copy->snapshot);
}

void Snapshots::Expire(uint64_t now_ms) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (auto it = copies_.begin(); it != copies_.end();) {
    std::erase_if(it->second, [now_ms](const std::shared_ptr<Copy>& copy) {
      return copy->making == nullptr && copy->used_ms + kKeepMs < now_ms;
    });
    it = it->second.empty() ? copies_.erase(it) : std::next(it);
  }
}

}  // namespace tributary::hub
