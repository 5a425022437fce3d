// The outcome of a step of the command-line tool: fine, or one sentence for the user and the exit
// code that goes with it.
#ifndef TRIBUTARY_SYNC_CLI_STATUS_H_
#define TRIBUTARY_SYNC_CLI_STATUS_H_

#include <string>
#include <utility>

namespace tributary::cli {

// Exit codes of the program, a documented interface (sync/cli/README.md).
enum class ExitCode : int {
  kOk = 0,
  kDifferent = 1,   // copies differ, problems were found, or a table or database was refused
  kUsage = 2,       // the command line makes no sense
  kCannotOpen = 3,  // no such file, no permission, or not a database
  kBusy = 4,        // another program holds the lock
  kFailed = 5,      // SQL, disk or other failure while working
};

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(ExitCode code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == ExitCode::kOk; }
  ExitCode code() const { return code_; }
  const std::string& message() const { return message_; }

  // Keeps the first failure.
  void Update(Status other) {
    if (ok()) *this = std::move(other);
  }

 private:
  ExitCode code_ = ExitCode::kOk;
  std::string message_;
};

}  // namespace tributary::cli

#define TRIBUTARY_RETURN_IF_ERROR(expr)                             \
  do {                                                              \
    if (::tributary::cli::Status failed_ = (expr); !failed_.ok()) { \
      return failed_;                                               \
    }                                                               \
  } while (0)

#endif  // TRIBUTARY_SYNC_CLI_STATUS_H_
