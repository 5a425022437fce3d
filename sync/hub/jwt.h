// JSON Web Tokens, by libcjose: whether one was signed with our key.
#ifndef TRIBUTARY_SYNC_HUB_JWT_H_
#define TRIBUTARY_SYNC_HUB_JWT_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

struct _cjose_jwk_int;  // NOLINT(bugprone-reserved-identifier): the library's name

namespace tributary::hub {

class JwtKey {
 public:
  JwtKey() = default;
  ~JwtKey();
  JwtKey(const JwtKey&) = delete;
  JwtKey& operator=(const JwtKey&) = delete;

  // A public key in PEM (RSA of 2048 bits or more, or EC P-256), or else a secret of at least 32
  // bytes; a line end after it is no part of it. InvalidArgument otherwise.
  absl::Status Load(std::string_view bytes);
  // *claims: the payload, which is JSON only if the signer made it so. Unauthenticated where the
  // token is none, or not signed with this key by the one algorithm that goes with it.
  absl::Status Verify(std::string_view token, std::string* claims) const;

 private:
  absl::Status LoadPem(std::string_view pem);

  _cjose_jwk_int* key_ = nullptr;
  std::string algorithm_;
};

}  // namespace tributary::hub

#endif  // TRIBUTARY_SYNC_HUB_JWT_H_
