// HTTP requests as the hub reads them, and its answers: no I/O, no library. Takes hostile text.
#ifndef TRIBUTARY_SYNC_HUB_HTTP_H_
#define TRIBUTARY_SYNC_HUB_HTTP_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "sync/transport/stream.h"

namespace tributary::hub {

enum class Method { kGet, kHead, kPost, kOther };

// What a path names.
struct Route {
  enum class Resource {
    kSession,     // /v1/rooms/NAME, to be upgraded to a WebSocket
    kChangesets,  // /v1/rooms/NAME/changesets
    kToken,
    kWait,
    kSnapshot,
    kSchema,
    kHealth,   // /healthz
    kMetrics,  // /metrics
  };
  Resource resource = Resource::kHealth;
  std::string room;
  bool of_room() const { return resource != Resource::kHealth && resource != Resource::kMetrics; }
};
// `path` as it stands in the request line, without the query: names need no escapes. NotFound, or
// InvalidArgument for a name that is none.
absl::Status ParsePath(std::string_view path, Route* route);

struct HttpRequest {
  Method method = Method::kGet;
  Route route;
  std::vector<std::string> arguments;  // of the query: name=value, as they are
  std::string authorization;
  std::string host;
  std::string origin;  // of the web page that asks; "" for programs
  std::string range;
  std::string if_range;
  std::string if_none_match;
  std::string body;

  // The value of a query's argument, its escapes decoded; "" where it is not there.
  std::string Argument(std::string_view name) const;
};

// The token of an Authorization header: "Bearer TOKEN", else "".
std::string_view BearerToken(std::string_view authorization);
// The same of a Sec-WebSocket-Protocol header, "tributary, bearer.TOKEN": a browser's WebSocket has
// no other.
std::string_view ProtocolToken(std::string_view protocols);

// Whether neither Host nor Origin names another machine: else a web page may have made the user's
// browser ask what the page itself could not.
bool IsLocalRequest(const HttpRequest& request);

// Bytes as hex digits, or as base64 in either alphabet, with padding or without.
bool DecodeBytes(std::string_view text, std::string* bytes);

// A whole number up to `max`, and nothing else.
bool ParseNumber(std::string_view text, uint64_t max, uint64_t* value);

// Which bytes of `size` a Range header asks for.
enum class RangeKind { kWhole, kPart, kUnsatisfiable };
// One range only; anything else that is well-formed or not asks for all, as RFC 9110 allows.
RangeKind ParseRange(std::string_view header, uint64_t size, uint64_t* first, uint64_t* length);

struct HttpResponse {
  int status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::vector<std::pair<std::string, std::string>> headers;  // lower case
  std::string body;
  // Instead of the body: a part of a file.
  std::shared_ptr<const Descriptor> file;
  uint64_t file_offset = 0;
  uint64_t file_length = 0;

  uint64_t length() const { return file != nullptr ? file_length : body.size(); }
  void Add(std::string name, std::string value) {
    headers.emplace_back(std::move(name), std::move(value));
  }
};

// The answer to what failed: a status that goes with it, and its message as a line of text.
HttpResponse ErrorResponse(const absl::Status& status);
HttpResponse ErrorResponse(int code, std::string_view message);

}  // namespace tributary::hub

#endif  // TRIBUTARY_SYNC_HUB_HTTP_H_
