#include "sync/hub/auth.h"

#include <jansson.h>
#include <openssl/sha.h>

#include <fstream>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "sync/hub/jwt.h"
#include "sync/hub/room_log.h"
#include "sync/hub/status.h"

namespace tributary::hub {
namespace {

constexpr size_t kMaxFileBytes = 16 << 20;

struct Release {
  void operator()(json_t* json) const { json_decref(json); }
};
using Json = std::unique_ptr<json_t, Release>;

absl::Status ReadFile(const std::string& path, std::string* bytes) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return absl::NotFoundError(absl::StrCat("cannot read ", path));
  bytes->assign(std::istreambuf_iterator<char>(in), {});
  if (bytes->size() > kMaxFileBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": larger than ", kMaxFileBytes, " bytes"));
  }
  return absl::OkStatus();
}

std::string Sha256(std::string_view text) {
  std::string hash(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(hash.data()));
  return hash;
}

absl::Status BadClaim(std::string_view name, std::string_view rule) {
  return absl::InvalidArgumentError(absl::StrCat("claim ", name, " ", rule));
}

absl::Status AddRoom(const json_t* value, Grant* grant) {
  const std::string_view room =
      json_is_string(value) ? std::string_view(json_string_value(value)) : std::string_view();
  if (room != "*" && !IsRoomName(room)) {
    return BadClaim("room", "is a room's name, a list of them, or \"*\"");
  }
  grant->rooms.emplace_back(room);
  return absl::OkStatus();
}

absl::Status ReadRooms(const json_t* value, Grant* grant) {
  if (!json_is_array(value)) return AddRoom(value, grant);
  for (size_t i = 0; i < json_array_size(value); i++) {
    HUB_RETURN_IF_ERROR(AddRoom(json_array_get(value, i), grant));
  }
  return absl::OkStatus();
}

absl::Status ReadTime(const json_t* value, std::string_view name, int64_t* seconds) {
  if (value == nullptr) return absl::OkStatus();
  const double time = json_number_value(value);
  if (!json_is_number(value) || !(time > 0 && time < 1e12)) {
    return BadClaim(name, "is a number of seconds since 1970");
  }
  *seconds = static_cast<int64_t>(time);
  return absl::OkStatus();
}

absl::Status ReadAccess(const json_t* value, Grant* grant) {
  if (value == nullptr) return absl::OkStatus();
  const char* text = json_string_value(value);
  const std::string_view access = text == nullptr ? "" : text;
  if (access == "read") {
    grant->access = Access::kRead;
  } else if (access == "write") {
    grant->access = Access::kWrite;
  } else if (access == "admin") {
    grant->access = Access::kAdmin;
  } else {
    return BadClaim("access", "is \"read\", \"write\" or \"admin\"");
  }
  return absl::OkStatus();
}

absl::Status ReadSite(const json_t* value, Grant* grant) {
  if (value == nullptr) return absl::OkStatus();
  const char* text = json_string_value(value);
  const std::string_view hex = text == nullptr ? "" : text;
  SiteId site;
  if (hex.size() != 2 * site.bytes.size() ||
      hex.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) {
    return BadClaim("site", "is 32 hex digits");
  }
  const std::string bytes = absl::HexStringToBytes(hex);
  std::copy(bytes.begin(), bytes.end(), site.bytes.begin());
  grant->site = site;
  return absl::OkStatus();
}

absl::Status CheckTimes(const Grant& grant, int64_t not_before, int64_t now) {
  if (grant.expires != 0 && now >= grant.expires) {
    return absl::UnauthenticatedError("the token has expired");
  }
  if (now < not_before) return absl::UnauthenticatedError("the token is not valid yet");
  return absl::OkStatus();
}

}  // namespace

Auth::Auth() = default;
Auth::~Auth() = default;

absl::Status ParseClaims(std::string_view json, Grant* grant, int64_t* not_before,
                         std::string* token) {
  json_error_t error;
  const Json claims(json_loadb(json.data(), json.size(), JSON_REJECT_DUPLICATES, &error));
  if (claims == nullptr || !json_is_object(claims.get())) {
    return absl::InvalidArgumentError("not a JSON object");
  }
  const json_t* rooms = json_object_get(claims.get(), "room");
  if (rooms == nullptr) return BadClaim("room", "is missing");
  HUB_RETURN_IF_ERROR(ReadRooms(rooms, grant));
  HUB_RETURN_IF_ERROR(ReadAccess(json_object_get(claims.get(), "access"), grant));
  HUB_RETURN_IF_ERROR(ReadTime(json_object_get(claims.get(), "exp"), "exp", &grant->expires));
  HUB_RETURN_IF_ERROR(ReadTime(json_object_get(claims.get(), "nbf"), "nbf", not_before));
  HUB_RETURN_IF_ERROR(ReadSite(json_object_get(claims.get(), "site"), grant));
  if (const char* sub = json_string_value(json_object_get(claims.get(), "sub")); sub != nullptr) {
    grant->subject = sub;
  }
  if (token == nullptr) return absl::OkStatus();
  const char* secret = json_string_value(json_object_get(claims.get(), "token"));
  *token = secret == nullptr ? "" : secret;
  if (token->size() < kMinTokenBytes || token->size() > kMaxTokenBytes) {
    return BadClaim("token",
                    absl::StrCat("has ", kMinTokenBytes, " to ", kMaxTokenBytes, " characters"));
  }
  return absl::OkStatus();
}

absl::Status Auth::LoadTokens(const std::string& path) {
  std::string text;
  HUB_RETURN_IF_ERROR(ReadFile(path, &text));
  int number = 0;
  for (std::string_view line : absl::StrSplit(text, '\n')) {
    number++;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line[0] == '#') continue;
    Static made;
    std::string token;
    const absl::Status parsed = ParseClaims(line, &made.grant, &made.not_before, &token);
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, " line ", number, ": ", parsed.message()));
    }
    if (!tokens_.emplace(Sha256(token), std::move(made)).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, " line ", number, ": this token has a line already"));
    }
  }
  loaded_tokens_ = true;
  return absl::OkStatus();
}

absl::Status Auth::LoadKey(const std::string& path) {
  std::string bytes;
  HUB_RETURN_IF_ERROR(ReadFile(path, &bytes));
  auto key = std::make_unique<JwtKey>();
  const absl::Status loaded = key->Load(bytes);
  if (!loaded.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", loaded.message()));
  }
  key_ = std::move(key);
  return absl::OkStatus();
}

absl::Status Auth::CheckJwt(std::string_view token, int64_t now, Grant* grant) const {
  std::string claims;
  HUB_RETURN_IF_ERROR(key_->Verify(token, &claims));
  int64_t not_before = 0;
  const absl::Status parsed = ParseClaims(claims, grant, &not_before, nullptr);
  if (!parsed.ok()) {
    return absl::UnauthenticatedError(absl::StrCat("the token's ", parsed.message()));
  }
  return CheckTimes(*grant, not_before, now);
}

absl::Status Auth::Check(std::string_view token, int64_t now, Grant* grant) const {
  *grant = {};
  if (!asks()) {
    grant->rooms = {"*"};
    grant->access = Access::kAdmin;
    return absl::OkStatus();
  }
  if (token.empty()) {
    return absl::UnauthenticatedError(
        "a token is needed: send the header Authorization: Bearer TOKEN (tributary: --token-file)");
  }
  if (token.size() <= kMaxTokenBytes) {
    const auto found = tokens_.find(Sha256(token));
    if (found != tokens_.end()) {
      *grant = found->second.grant;
      return CheckTimes(*grant, found->second.not_before, now);
    }
    if (key_ != nullptr) return CheckJwt(token, now, grant);
  }
  return absl::UnauthenticatedError("the token is not known here");
}

}  // namespace tributary::hub
