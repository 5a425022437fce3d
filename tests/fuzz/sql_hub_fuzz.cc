// What strangers send to a hub before they are known: a request's path, query, ranges and token;
// and what those say who may write: tables, changesets of a bound site. The first byte picks which.
// (The bytes of sessions: session_fuzz.cc, sql_session_fuzz.cc.)
#include "sync/hub/auth.h"
#include "sync/hub/http.h"
#include "sync/hub/jwt.h"
#include "sync/hub/log.h"
#include "sync/hub/options.h"
#include "sync/hub/room_log.h"
#include "sync/hub/room_schema.h"
#include "sync/transport/websocket.h"
#include "tests/changeset/sample.h"
#include "tests/fuzz/target.h"

namespace tributary::fuzz {
namespace {

using hub::Grant;
using hub::RangeKind;

void TryPath(std::string_view text) {
  hub::Route route;
  if (!hub::ParsePath(text, &route).ok() || !route.of_room()) return;
  Check(hub::IsRoomName(route.room), "a path names a room only by a name");
  Check(route.room.find('/') == std::string::npos && route.room[0] != '.' &&
            route.room.size() <= hub::kMaxRoomName,
        "a name stays in its folder");
}

void TryQuery(std::string_view text) {
  hub::HttpRequest request;
  request.arguments = {std::string(text), "have=" + std::string(text)};
  const std::string value = request.Argument("have");
  Check(value.size() <= text.size() + 5, "decoding adds nothing");
  std::string bytes;
  Have have;
  std::string error;
  if (hub::DecodeBytes(value, &bytes)) have.Decode(bytes, &error);
  uint64_t number = 0;
  if (hub::ParseNumber(text, 300, &number)) Check(number <= 300, "a limit is one");
  Check(text.find(hub::BearerToken(text)) != std::string_view::npos,
        "a token is a part of its line");
  const hub::HttpResponse response = hub::ErrorResponse(400, text);
  for (const auto& [name, line] : response.headers) {
    Check(line.find_first_of("\r\n") == std::string::npos, "a header is one line");
  }
  const std::string json = hub::JsonText(text);
  for (const char c : json) Check(static_cast<unsigned char>(c) >= 0x20, "JSON has no controls");
  WebSocketAddress address;
  if (ParseWebSocketUrl(text, &address)) {
    Check(!address.host.empty() && address.path.starts_with('/'),
          "an address has a host and a path");
  }
  hub::HubOptions options;
  hub::ParseListen(std::string(text), &options);
}

void TryRange(std::string_view text) {
  for (const uint64_t size : {uint64_t{0}, uint64_t{1}, uint64_t{1000}, UINT64_MAX}) {
    uint64_t first = 0;
    uint64_t length = 0;
    const RangeKind kind = hub::ParseRange(text, size, &first, &length);
    if (kind == RangeKind::kUnsatisfiable) continue;
    Check(first <= size && length <= size - first, "a range is inside");
    Check(kind == RangeKind::kWhole ? length == size : length > 0, "a part is one");
  }
}

void TryClaims(std::string_view text) {
  Grant grant;
  int64_t not_before = 0;
  std::string token;
  if (!hub::ParseClaims(text, &grant, &not_before, &token).ok()) return;
  for (const std::string& room : grant.rooms) {
    Check(room == "*" || hub::IsRoomName(room), "a grant is for names");
  }
  Check(token.size() >= hub::kMinTokenBytes, "a token is not short");
}

void TryToken(std::string_view text) {
  static hub::JwtKey* key = [] {
    auto* made = new hub::JwtKey;
    Check(made->Load("0123456789abcdef0123456789abcdef").ok(), "a secret is a key");
    return made;
  }();
  std::string claims;
  Check(!key->Verify(text, &claims).ok(), "nobody signs by chance");
  hub::JwtKey other;
  other.Load(text).IgnoreError();
}

void TrySchema(std::string_view text) {
  std::string schema;
  if (!hub::CheckSchema(std::string(text), &schema).ok()) return;
  Check(schema.find("crsql_as_crr") != std::string::npos, "a schema has a table");
}

void TryBound(std::string_view text) {
  SiteId site;
  site.bytes.fill(1);
  hub::CheckBound(site, text, {}).IgnoreError();
}

constexpr void (*kTries[])(std::string_view) = {TryPath,  TryQuery,  TryRange, TryClaims,
                                                TryToken, TrySchema, TryBound};

}  // namespace

void Run(std::string_view input) {
  if (input.empty()) return;
  const auto which = static_cast<unsigned char>(input[0]) % std::size(kTries);
  kTries[which](input.substr(1));
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  const auto add = [&seeds](int which, const std::string& text) {
    seeds.push_back(static_cast<char>(which) + text);
  };
  for (const char* path :
       {"/healthz", "/v1/rooms/a-b.c/changesets", "/v1/rooms/../x", "/v1/rooms/"}) {
    add(0, path);
  }
  for (const char* text : {"00ff", "Bearer abc", "a%2Fb", "-_-_", "wss://[::1]:80/x", "300"}) {
    add(1, text);
  }
  for (const char* range : {"bytes=0-9", "bytes=-5", "bytes=5-", "bytes=1-2,4-5"}) add(2, range);
  add(3, R"({"token": "0123456789abcdef", "room": ["a", "*"], "access": "write", "exp": 12,)"
         R"( "nbf": 1, "site": "000102030405060708090a0b0c0d0e0f", "sub": "x"})");
  add(4, "eyJhbGciOiJIUzI1NiJ9.eyJyb29tIjoiYSJ9.AAAA");
  add(4, "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n");
  add(5, "CREATE TABLE t(a PRIMARY KEY NOT NULL, b DEFAULT 1); CREATE INDEX i ON t(b)");
  for (uint64_t seed = 1; seed <= 10; seed++) {
    Maker maker(seed);
    add(6, maker.Changeset(1 + seed % 4).ToFrame(maker.Header()));
  }
  return seeds;
}

}  // namespace tributary::fuzz
