// Read-your-writes and monotonic reads on any replica: waits until this one knows all that a token
// names, which crsql_token() gave where the writes were made or seen. Like Session a state machine
// without I/O or clock: the host tells the time, in milliseconds of any clock that only goes
// forward.
//
//   TokenWait wait(&replica, token, Now() + 5000);
//   while (wait.Check(Now()) == TokenWait::State::kWaiting) {
//     // Until something was written here (a session's Work() does), at most to wait.deadline_ms().
//   }
//
// Beside a session the same Replica serves both.
#ifndef TRIBUTARY_SYNC_SESSION_TOKEN_WAIT_H_
#define TRIBUTARY_SYNC_SESSION_TOKEN_WAIT_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "sync/changeset/token.h"
#include "sync/session/replica.h"

namespace tributary {

class TokenWait {
 public:
  enum class State { kWaiting, kSeen, kTimedOut, kFailed };

  // The replica must outlive it.
  TokenWait(Replica* replica, std::string_view token, uint64_t deadline_ms);

  // Looks, unless it is over: at once, when something may have been written, at the deadline. What
  // is there at the deadline counts as seen in time.
  State Check(uint64_t now_ms);

  State state() const { return state_; }
  uint64_t deadline_ms() const { return deadline_ms_; }
  // What was lacking when it looked last.
  const std::vector<Token::Gap>& missing() const { return missing_; }
  // kTimedOut: DeadlineExceeded, and what is missing. kFailed: InvalidArgument, the token is none;
  // else what the replica said.
  const absl::Status& status() const { return status_; }

 private:
  State End(State state, absl::Status status);

  Replica* replica_;
  Token token_;
  uint64_t deadline_ms_;
  State state_ = State::kWaiting;
  absl::Status status_;
  std::vector<Token::Gap> missing_;
};

}  // namespace tributary

#endif  // TRIBUTARY_SYNC_SESSION_TOKEN_WAIT_H_
