#include "sync/cli/new_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

namespace tributary::cli {
namespace {

bool Exists(const std::string& path) {
  struct stat there {};
  return stat(path.c_str(), &there) == 0;
}

}  // namespace

bool CouldBeMade(const std::string& path) {
  const size_t last = path.find_last_not_of('/');
  const size_t slash = last == std::string::npos ? last : path.rfind('/', last);
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  return access(parent.c_str(), W_OK | X_OK) == 0;
}

NewFile::~NewFile() {
  if (temporary_.empty()) return;
  for (const char* suffix : {"", "-journal", "-wal", "-shm"}) {
    unlink((temporary_ + suffix).c_str());
  }
}

Status NewFile::Begin(const std::string& target, std::string_view command) {
  if (Exists(target)) {
    return {ExitCode::kDifferent,
            target + ": exists already; " + std::string(command) + " makes a new file"};
  }
  if (!CouldBeMade(target)) {
    return {ExitCode::kCannotOpen,
            target + ": cannot make the file: its folder is missing, or may not be written to"};
  }
  target_ = target;
  temporary_ = target + "." + std::to_string(getpid()) + ".tmp";
  return {};
}

Status NewFile::Finish() {
  const int fd = open(temporary_.c_str(), O_RDWR | O_CLOEXEC);
  const bool synced = fd >= 0 && fsync(fd) == 0;
  if (fd >= 0) close(fd);
  // link() fails where there is a file of that name by now; not every file system has it.
  if (!synced || Exists(target_) || rename(temporary_.c_str(), target_.c_str()) != 0) {
    return {ExitCode::kFailed, target_ + ": cannot put the file in its place"};
  }
  return {};
}

}  // namespace tributary::cli
