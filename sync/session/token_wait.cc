#include "sync/session/token_wait.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace tributary {
namespace {

// So many sites are named in a message.
constexpr size_t kMaxShown = 3;

std::string Describe(const std::vector<Token::Gap>& missing) {
  std::string text = "not seen yet: ";
  for (size_t i = 0; i < std::min(missing.size(), kMaxShown); i++) {
    const Token::Gap& gap = missing[i];
    absl::StrAppend(&text, i > 0 ? "; " : "", "of site ",
                    absl::BytesToHexString(gap.site.substr(0, 4)), " the token names transaction ",
                    gap.named.value, ", and ",
                    gap.known.value == 0 ? "none is here"
                                         : absl::StrCat("here is all up to ", gap.known.value));
  }
  if (missing.size() > kMaxShown) {
    absl::StrAppend(&text, "; and of ", missing.size() - kMaxShown, " more");
  }
  return text;
}

}  // namespace

TokenWait::TokenWait(Replica* replica, std::string_view token, uint64_t deadline_ms)
    : replica_(replica), deadline_ms_(deadline_ms) {
  if (token_.Decode(token)) return;
  End(State::kFailed,
      absl::InvalidArgumentError("malformed token: pass what crsql_token() returned"));
}

TokenWait::State TokenWait::Check(uint64_t now_ms) {
  if (state_ != State::kWaiting) return state_;
  Have have;
  absl::Status read = replica_->GetHave({}, &have);
  if (!read.ok()) return End(State::kFailed, std::move(read));
  missing_ = token_.LackedBy(have.known);
  if (missing_.empty()) return End(State::kSeen, absl::OkStatus());
  if (now_ms < deadline_ms_) return state_;
  return End(State::kTimedOut, absl::DeadlineExceededError(Describe(missing_)));
}

TokenWait::State TokenWait::End(State state, absl::Status status) {
  state_ = state;
  status_ = std::move(status);
  return state_;
}

}  // namespace tributary
