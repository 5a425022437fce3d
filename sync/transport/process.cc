#include "sync/transport/process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace tributary {
namespace {

constexpr int kStepMs = 20;
constexpr int kGraceMs = 5000;  // then SIGTERM, and after as long again SIGKILL

absl::Status SystemError(const char* what) {
  return absl::UnknownError(absl::StrCat(what, ": ", std::strerror(errno)));
}

absl::Status MakePipe(Descriptor* read_end, Descriptor* write_end) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return SystemError("cannot make a pipe");
  *read_end = Descriptor(fds[0]);
  *write_end = Descriptor(fds[1]);
  return absl::OkStatus();
}

}  // namespace

absl::Status ChildProcess::Start(const std::string& command) {
  Descriptor its_in;
  Descriptor its_out;
  if (absl::Status made = MakePipe(&its_in, &out_); !made.ok()) return made;
  if (absl::Status made = MakePipe(&in_, &its_out); !made.ok()) return made;
  pid_ = fork();
  if (pid_ < 0) return SystemError("cannot start a process");
  if (pid_ > 0) return absl::OkStatus();
  // dup2 leaves the copies open across exec.
  if (dup2(its_in.get(), STDIN_FILENO) < 0 || dup2(its_out.get(), STDOUT_FILENO) < 0) _exit(126);
  std::signal(SIGPIPE, SIG_DFL);
  execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
  _exit(127);
}

int ChildProcess::Finish() {
  in_.Close();
  out_.Close();
  for (int waited = 0; pid_ > 0; waited += kStepMs) {
    int status = 0;
    const pid_t ended = waitpid(pid_, &status, WNOHANG);
    if (ended == pid_ || (ended < 0 && errno != EINTR)) {
      code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
      pid_ = -1;
      break;
    }
    if (waited == kGraceMs) kill(pid_, SIGTERM);
    if (waited == 2 * kGraceMs) kill(pid_, SIGKILL);
    usleep(kStepMs * 1000);
  }
  return code_;
}

}  // namespace tributary
