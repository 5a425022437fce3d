#include "sync/hub/connection.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace tributary::hub {
namespace {

constexpr size_t kMaxHeaders = 8 << 10;
constexpr size_t kMaxArgument = 16 << 10;

// The library's writes need room before the bytes. Only the event loop uses it.
std::array<unsigned char, LWS_PRE + kWriteBytes> buffer;

std::string HeaderOf(struct lws* wsi, enum lws_token_indexes header) {
  const int length = lws_hdr_total_length(wsi, header);
  if (length <= 0) return "";
  std::string value(static_cast<size_t>(length) + 1, '\0');
  const int copied = lws_hdr_copy(wsi, value.data(), static_cast<int>(value.size()), header);
  value.resize(copied < 0 ? 0 : static_cast<size_t>(copied));
  return value;
}

// The library has no number for it.
std::string NamedHeaderOf(struct lws* wsi, std::string_view name) {
  const int length = lws_hdr_custom_length(wsi, name.data(), static_cast<int>(name.size()));
  if (length <= 0) return "";
  std::string value(static_cast<size_t>(length) + 1, '\0');
  const int copied = lws_hdr_custom_copy(wsi, value.data(), static_cast<int>(value.size()),
                                         name.data(), static_cast<int>(name.size()));
  value.resize(copied < 0 ? 0 : static_cast<size_t>(copied));
  return value;
}

}  // namespace

void ReadRequest(struct lws* wsi, HttpRequest* request) {
  char* path = nullptr;
  int length = 0;
  request->method = Method::kOther;
  switch (lws_http_get_uri_and_method(wsi, &path, &length)) {
    case LWSHUMETH_GET:
      request->method = Method::kGet;
      break;
    case LWSHUMETH_HEAD:
      request->method = Method::kHead;
      break;
    case LWSHUMETH_POST:
      request->method = Method::kPost;
      break;
    default:
      break;
  }
  request->arguments.clear();
  std::string argument(kMaxArgument, '\0');
  for (int i = 0;; i++) {
    const int copied = lws_hdr_copy_fragment(wsi, argument.data(), static_cast<int>(kMaxArgument),
                                             WSI_TOKEN_HTTP_URI_ARGS, i);
    if (copied < 0) break;
    request->arguments.emplace_back(argument, 0, static_cast<size_t>(copied));
  }
  request->authorization = HeaderOf(wsi, WSI_TOKEN_HTTP_AUTHORIZATION);
  if (request->authorization.empty()) {
    const std::string protocols = HeaderOf(wsi, WSI_TOKEN_PROTOCOL);
    const std::string_view token = ProtocolToken(protocols);
    if (!token.empty()) request->authorization = absl::StrCat("Bearer ", token);
  }
  request->host = HeaderOf(wsi, WSI_TOKEN_HOST);
  request->origin = HeaderOf(wsi, WSI_TOKEN_ORIGIN);
  request->range = HeaderOf(wsi, WSI_TOKEN_HTTP_RANGE);
  request->if_range = HeaderOf(wsi, WSI_TOKEN_HTTP_IF_RANGE);
  if (request->if_range.empty()) request->if_range = NamedHeaderOf(wsi, "if-range:");
  request->body.clear();
}

std::string PeerOf(struct lws* wsi) {
  std::array<char, 64> name{};
  lws_get_peer_simple(wsi, name.data(), name.size());
  std::string_view peer(name.data());
  absl::ConsumePrefix(&peer, "::ffff:");  // IPv4 on a socket of both
  return std::string(peer);
}

int WriteHeaders(struct lws* wsi, const HttpResponse& response, bool head_only) {
  unsigned char* start = buffer.data() + LWS_PRE;
  unsigned char* at = start;
  unsigned char* end = start + kMaxHeaders;
  const auto status = static_cast<unsigned>(response.status) | LWSAHH_FLAG_NO_SERVER_NAME;
  if (lws_add_http_common_headers(wsi, status, response.type.c_str(), response.length(), &at,
                                  end) != 0) {
    return -1;
  }
  for (const auto& [name, value] : response.headers) {
    const std::string field = name + ":";
    if (lws_add_http_header_by_name(wsi, reinterpret_cast<const unsigned char*>(field.c_str()),
                                    reinterpret_cast<const unsigned char*>(value.data()),
                                    static_cast<int>(value.size()), &at, end) != 0) {
      return -1;
    }
  }
  if (lws_finalize_http_header(wsi, &at, end) != 0) return -1;
  const bool last = head_only || response.length() == 0;
  const size_t size = static_cast<size_t>(at - start);
  const int written = lws_write(wsi, start, size,
                                static_cast<enum lws_write_protocol>(
                                    static_cast<unsigned>(LWS_WRITE_HTTP_HEADERS) |
                                    (last ? static_cast<unsigned>(LWS_WRITE_H2_STREAM_END) : 0U)));
  return written < 0 ? -1 : 0;
}

int WriteBody(struct lws* wsi, const HttpResponse& response, uint64_t* sent, bool* done) {
  unsigned char* start = buffer.data() + LWS_PRE;
  const uint64_t left = response.length() - *sent;
  size_t size = static_cast<size_t>(std::min<uint64_t>(left, kWriteBytes));
  if (response.file != nullptr) {
    const auto at = static_cast<off_t>(response.file_offset + *sent);
    const ssize_t got = pread(response.file->get(), start, size, at);
    if (got <= 0) return -1;
    size = static_cast<size_t>(got);
  } else {
    std::memcpy(start, response.body.data() + *sent, size);
  }
  *sent += size;
  *done = *sent == response.length();
  return lws_write(wsi, start, size, *done ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < 0 ? -1 : 0;
}

}  // namespace tributary::hub
