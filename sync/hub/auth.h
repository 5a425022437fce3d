// Who may do what: a static file of tokens, JSON Web Tokens, or both; neither: everybody
// everything.
//
// Both say it by the same claims:
//   room    a name, a list of names, or "*"       access  "read" (default), "write" or "admin"
//   exp     seconds since 1970                    nbf     not before
//   site    32 hex digits: may send only this site's own transactions
//   sub     who it is, for logs
// The file has one JSON object a line, with the token itself as "token"; # begins a comment.
// A JWT's algorithm is the key's: HS256 for a secret, RS256 or ES256 for a public key in PEM.
#ifndef TRIBUTARY_SYNC_HUB_AUTH_H_
#define TRIBUTARY_SYNC_HUB_AUTH_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "sync/hub/grant.h"

namespace tributary::hub {

inline constexpr size_t kMinTokenBytes = 16;
inline constexpr size_t kMaxTokenBytes = 8 << 10;

class JwtKey;

class Auth {
 public:
  Auth();
  ~Auth();
  Auth(const Auth&) = delete;
  Auth& operator=(const Auth&) = delete;

  // Errors name the file, and the line.
  absl::Status LoadTokens(const std::string& path);
  absl::Status LoadKey(const std::string& path);
  bool asks() const { return key_ != nullptr || loaded_tokens_; }

  // Unauthenticated, saying why, where the token is none or not valid at that time.
  absl::Status Check(std::string_view token, int64_t now_seconds, Grant* grant) const;

 private:
  absl::Status CheckJwt(std::string_view token, int64_t now_seconds, Grant* grant) const;

  bool loaded_tokens_ = false;
  struct Static {
    Grant grant;
    int64_t not_before = 0;
  };
  std::map<std::string, Static>
      tokens_;  // by SHA-256, so that looking up tells nothing by its time
  std::unique_ptr<JwtKey> key_;
};

// A JSON object of claims. InvalidArgument, naming the claim.
absl::Status ParseClaims(std::string_view json, Grant* grant, int64_t* not_before,
                         std::string* token);

}  // namespace tributary::hub

#endif  // TRIBUTARY_SYNC_HUB_AUTH_H_
