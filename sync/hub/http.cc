#include "sync/hub/http.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "sync/hub/options.h"
#include "sync/hub/room_log.h"

namespace tributary::hub {
namespace {

constexpr size_t kMaxErrorHeader = 1000;
constexpr std::string_view kRooms = "/v1/rooms/";

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// What is no escape stands for itself.
std::string Unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); i++) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 &&
                        HexDigit(text[i + 2]) >= 0;
    if (escape) {
      out += static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

absl::Status NoSuchPath() {
  return absl::NotFoundError(
      "there is nothing here: see /v1/rooms/NAME/changesets, token, wait, snapshot and schema, "
      "/healthz and /metrics");
}

}  // namespace

absl::Status ParsePath(std::string_view path, Route* route) {
  using Resource = Route::Resource;
  *route = {};
  if (path == "/healthz") return absl::OkStatus();
  if (path == "/metrics") {
    route->resource = Resource::kMetrics;
    return absl::OkStatus();
  }
  if (!absl::ConsumePrefix(&path, kRooms)) return NoSuchPath();
  const size_t slash = std::min(path.find('/'), path.size());
  const std::string_view name = path.substr(0, slash);
  const std::string_view rest = path.substr(slash);
  static constexpr std::pair<std::string_view, Resource> kResources[] = {
      {"", Resource::kSession},           {"/changesets", Resource::kChangesets},
      {"/token", Resource::kToken},       {"/wait", Resource::kWait},
      {"/snapshot", Resource::kSnapshot}, {"/schema", Resource::kSchema}};
  const auto* found = std::find_if(std::begin(kResources), std::end(kResources),
                                   [rest](const auto& r) { return r.first == rest; });
  if (found == std::end(kResources)) return NoSuchPath();
  if (!IsRoomName(name)) return absl::InvalidArgumentError(kRoomNameRule);
  route->resource = found->second;
  route->room = name;
  return absl::OkStatus();
}

std::string HttpRequest::Argument(std::string_view name) const {
  for (std::string_view argument : arguments) {
    if (absl::ConsumePrefix(&argument, name) && absl::ConsumePrefix(&argument, "=")) {
      return Unescape(argument);
    }
  }
  return "";
}

std::string_view BearerToken(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (!absl::StartsWithIgnoreCase(authorization, kScheme)) return "";
  return absl::StripAsciiWhitespace(authorization.substr(kScheme.size()));
}

std::string_view ProtocolToken(std::string_view protocols) {
  for (std::string_view protocol : absl::StrSplit(protocols, ',')) {
    protocol = absl::StripAsciiWhitespace(protocol);
    if (absl::ConsumePrefix(&protocol, "bearer.")) return protocol;
  }
  return "";
}

bool IsLocalRequest(const HttpRequest& request) {
  const auto is_local = [](std::string_view authority) {
    if (absl::ConsumePrefix(&authority, "[")) {
      return IsLoopback(std::string(authority.substr(0, authority.find(']'))));
    }
    return IsLoopback(std::string(authority.substr(0, authority.find(':'))));
  };
  if (!is_local(request.host)) return false;
  std::string_view origin = request.origin;
  if (origin.empty()) return true;
  const size_t scheme = origin.find("://");
  if (scheme != std::string_view::npos) origin.remove_prefix(scheme + 3);
  return is_local(origin);
}

bool DecodeBytes(std::string_view text, std::string* bytes) {
  bytes->clear();
  const bool is_hex = text.size() % 2 == 0 && std::all_of(text.begin(), text.end(),
                                                          [](char c) { return HexDigit(c) >= 0; });
  if (is_hex) {
    for (size_t i = 0; i < text.size(); i += 2) {
      bytes->push_back(static_cast<char>(HexDigit(text[i]) * 16 + HexDigit(text[i + 1])));
    }
    return true;
  }
  return absl::WebSafeBase64Unescape(text, bytes) || absl::Base64Unescape(text, bytes);
}

bool ParseNumber(std::string_view text, uint64_t max, uint64_t* value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size() && *value <= max;
}

RangeKind ParseRange(std::string_view header, uint64_t size, uint64_t* first, uint64_t* length) {
  *first = 0;
  *length = size;
  header = absl::StripAsciiWhitespace(header);
  if (!absl::ConsumePrefix(&header, "bytes=")) return RangeKind::kWhole;
  const size_t dash = header.find('-');
  if (dash == std::string_view::npos) return RangeKind::kWhole;
  const std::string_view from = header.substr(0, dash);
  const std::string_view to = header.substr(dash + 1);
  uint64_t begin = 0;
  uint64_t end = 0;  // included
  if (from.empty()) {
    uint64_t last = 0;
    if (!ParseNumber(to, UINT64_MAX, &last)) return RangeKind::kWhole;
    if (last == 0 || size == 0) return RangeKind::kUnsatisfiable;
    begin = size - std::min(last, size);
    end = size - 1;
  } else {
    if (!ParseNumber(from, UINT64_MAX, &begin)) return RangeKind::kWhole;
    if (!to.empty() && (!ParseNumber(to, UINT64_MAX, &end) || end < begin)) {
      return RangeKind::kWhole;
    }
    if (begin >= size) return RangeKind::kUnsatisfiable;
    end = to.empty() ? size - 1 : std::min(end, size - 1);
  }
  *first = begin;
  *length = end - begin + 1;
  return RangeKind::kPart;
}

HttpResponse ErrorResponse(const absl::Status& status) {
  const auto code_of = [&status] {
    switch (status.code()) {
      case absl::StatusCode::kInvalidArgument:
      case absl::StatusCode::kUnknown:  // what the extension says to a changeset
        return 400;
      case absl::StatusCode::kUnauthenticated:
        return 401;
      case absl::StatusCode::kPermissionDenied:
        return 403;
      case absl::StatusCode::kNotFound:
        return 404;
      case absl::StatusCode::kFailedPrecondition:
        return 409;
      case absl::StatusCode::kUnavailable:
        return 503;
      case absl::StatusCode::kResourceExhausted:
        return 507;
      default:
        return 500;
    }
  };
  return ErrorResponse(code_of(), status.message());
}

HttpResponse ErrorResponse(int code, std::string_view message) {
  HttpResponse response;
  response.status = code;
  response.body = absl::StrCat(message, "\n");
  response.Add("cache-control", "no-store");
  // For clients that do not see the body of a refused upgrade.
  std::string line(message);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return !absl::ascii_isprint(c); }, '?');
  response.Add("tributary-error", line.substr(0, kMaxErrorHeader));
  if (code == 401) response.Add("www-authenticate", "Bearer");
  if (code == 429 || code == 503) response.Add("retry-after", "1");
  return response;
}

}  // namespace tributary::hub
