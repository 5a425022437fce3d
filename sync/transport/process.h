// A child process whose standard input and output carry a session.
#ifndef TRIBUTARY_SYNC_TRANSPORT_PROCESS_H_
#define TRIBUTARY_SYNC_TRANSPORT_PROCESS_H_

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "sync/transport/stream.h"

namespace tributary {

class ChildProcess {
 public:
  ChildProcess() = default;
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess() { Finish(); }

  // Runs the command with the shell. Its standard error is ours.
  absl::Status Start(const std::string& command);
  int in() const { return in_.get(); }    // what it writes
  int out() const { return out_.get(); }  // what it reads

  // Closes both, and waits until it ends; asks it to after some seconds. Its exit code, 128 + n
  // where signal n ended it.
  int Finish();

 private:
  Descriptor in_;
  Descriptor out_;
  pid_t pid_ = -1;
  int code_ = 0;
};

}  // namespace tributary

#endif  // TRIBUTARY_SYNC_TRANSPORT_PROCESS_H_
