// What the hub's server does for a connection: answers to requests, and sessions.
#include <array>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sync/hub/log.h"
#include "sync/hub/room_schema.h"
#include "sync/hub/server_internal.h"

namespace tributary::hub {

bool Server::Admit(struct lws* wsi, Connection* c, std::string_view path, HttpResponse* refusal) {
  c->asked = true;
  ReadRequest(wsi, &c->request);
  const absl::Status parsed = ParsePath(path, &c->request.route);
  if (!parsed.ok()) {
    *refusal = ErrorResponse(parsed);
    return false;
  }
  std::string limit;
  if (hub_.metrics()->connections > options_.max_connections) {
    limit = absl::StrCat(options_.max_connections, " connections, the limit of --max-connections");
  } else if (by_address_[c->from] > options_.max_connections_each) {
    limit = absl::StrCat(options_.max_connections_each,
                         " connections of one address, the limit of --max-connections-each");
  } else if (stop != 0) {
    limit = "the hub is shutting down";
  }
  if (!limit.empty()) {
    *refusal = ErrorResponse(503, limit);
    hub_.metrics()->refused++;
    Log("refused").Add("from", c->from).Add("error", limit);
    return false;
  }
  return hub_.Authorize(c->request, c->from, &c->grant, refusal).ok();
}

int Server::OnRequest(struct lws* wsi, std::string_view path) {
  Accept(wsi);
  Connection* c = Of(wsi);
  c->exchange = nullptr;
  c->ready = c->headers_sent = c->refused_body = c->body_complete = false;
  c->body_sent = 0;
  HttpResponse refusal;
  const bool admitted = Admit(wsi, c, path, &refusal);
  std::array<char, 24> text{};
  const int digits =
      lws_hdr_copy(wsi, text.data(), static_cast<int>(text.size()), WSI_TOKEN_HTTP_CONTENT_LENGTH);
  uint64_t size = 0;
  if (admitted && c->request.method == Method::kPost) {
    if (digits <= 0 || !ParseNumber(text.data(), UINT64_MAX, &size)) {
      refusal = ErrorResponse(411, "POST needs the header Content-Length");
    } else if (size > static_cast<uint64_t>(options_.max_frame)) {
      refusal = ErrorResponse(413, absl::StrCat("the body has ", size, " bytes, more than ",
                                                options_.max_frame, ", the limit of --max-frame"));
    } else if (size > 0) {
      return 0;  // the body comes
    }
  }
  if (!refusal.body.empty()) {
    c->refused_body = c->request.method == Method::kPost;
    return Respond(wsi, std::move(refusal));
  }
  Ask(wsi, c);
  return 0;
}

int Server::OnBody(struct lws* wsi, std::string_view bytes) {
  Connection* c = Of(wsi);
  if (c->refused_body) return 0;
  c->request.body.append(bytes);
  return c->request.body.size() > static_cast<size_t>(options_.max_frame) ? -1 : 0;
}

int Server::OnBodyComplete(struct lws* wsi) {
  Connection* c = Of(wsi);
  c->body_complete = true;
  if (!c->refused_body) {
    Ask(wsi, c);
    return 0;
  }
  return c->exchange == nullptr ? -1 : 0;  // all is said, or is about to be
}

void Server::Ask(struct lws* wsi, Connection* c) {
  lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0);  // a wait may take minutes
  c->exchange = std::make_shared<Exchange>();
  c->exchange->wsi = wsi;
  hub_.Answer(c->request, c->grant, [this, exchange = c->exchange](HttpResponse response) {
    exchange->response = std::move(response);
    Answered(exchange);
  });
  c->request.body = {};
}

int Server::Respond(struct lws* wsi, HttpResponse response) {
  Connection* c = Of(wsi);
  c->exchange = std::make_shared<Exchange>();
  c->exchange->wsi = wsi;
  c->exchange->response = std::move(response);
  c->ready = true;
  lws_callback_on_writable(wsi);
  return 0;
}

int Server::WriteResponse(struct lws* wsi) {
  Connection* c = Of(wsi);
  if (c == nullptr || !c->ready) return 0;
  const HttpResponse& response = c->exchange->response;
  const bool head = c->request.method == Method::kHead;
  bool done = head || response.length() == 0;
  if (!c->headers_sent) {
    c->headers_sent = true;
    if (WriteHeaders(wsi, response, head) != 0) return -1;
    if (!done) lws_callback_on_writable(wsi);
  } else if (!done) {
    if (WriteBody(wsi, response, &c->body_sent, &done) != 0) return -1;
    if (!done) lws_callback_on_writable(wsi);
  }
  if (!done) return 0;
  c->ready = false;
  c->exchange->wsi = nullptr;
  c->exchange = nullptr;
  // The rest of a body that nobody wants: closed in a moment, when the answer was read.
  if (c->refused_body && !c->body_complete) {
    lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, 2);
    return 0;
  }
  return lws_http_transaction_completed(wsi) != 0 ? -1 : 0;
}

// Who may not is told by HTTP, before there is a WebSocket.
int Server::OnUpgrade(struct lws* wsi) {
  Accept(wsi);
  Connection* c = Of(wsi);
  char* path = nullptr;
  int length = 0;
  HttpResponse refusal;
  if (lws_http_get_uri_and_method(wsi, &path, &length) != LWSHUMETH_GET) return -1;
  bool admitted = Admit(wsi, c, {path, static_cast<size_t>(length)}, &refusal);
  if (admitted && c->request.route.resource != Route::Resource::kSession) {
    refusal = ErrorResponse(400, "a WebSocket is for /v1/rooms/NAME");
    admitted = false;
  }
  if (admitted) return 0;
  c->body_sent = 0;
  bool done = false;
  if (WriteHeaders(wsi, refusal, false) != 0) return -1;
  if (WriteBody(wsi, refusal, &c->body_sent, &done) != 0) return -1;
  return -1;
}

int Server::OnSession(struct lws* wsi) {
  Connection* c = Of(wsi);
  if (c == nullptr) return -1;
  c->room = hub_.GetRoom(c->request.route.room);
  c->client = hub_.NewClient(c->grant, c->from);
  sessions_[c->client.get()] = wsi;
  hub_.metrics()->sessions++;
  lws_set_timer_usecs(wsi, static_cast<lws_usec_t>(options_.first_byte_seconds *
                                                   static_cast<double>(LWS_US_PER_SEC)));
  Log line("session_begin");
  line.Add("room", c->room->name()).Add("client", c->client->id()).Add("from", c->from);
  if (!c->grant.subject.empty()) line.Add("subject", c->grant.subject);
  return 0;
}

// Binary messages are the bytes of a session, however they are cut; a text message before them is
// the tables that a room without tables is to get.
int Server::OnMessage(struct lws* wsi, std::string_view bytes) {
  Connection* c = Of(wsi);
  if (c == nullptr || c->client == nullptr) return -1;
  if (lws_frame_is_binary(wsi) == 0) {
    if (c->spoke || c->text.size() + bytes.size() > kMaxSchemaBytes) return -1;
    c->text.append(bytes);
    if (lws_is_final_fragment(wsi) == 0) return 0;
    c->client->OfferSchema(std::exchange(c->text, {}));
    return 0;  // it is looked at with the first bytes
  }
  if (bytes.empty()) return 0;
  c->spoke = true;
  if (!c->client->Receive(bytes)) {
    c->paused = true;
    lws_rx_flow_control(wsi, 0);
  }
  c->room->Touch(c->client, /*spoke=*/true);
  return 0;
}

int Server::WriteSession(struct lws* wsi) {
  static std::array<unsigned char, LWS_PRE + kWriteBytes> buffer;
  Connection* c = Of(wsi);
  if (c == nullptr || c->client == nullptr) return -1;
  std::string bytes;
  bool left = false;
  c->client->TakeOutput(kWriteBytes, &bytes, &left);
  if (!bytes.empty()) {
    unsigned char* start = buffer.data() + LWS_PRE;
    std::memcpy(start, bytes.data(), bytes.size());
    if (lws_write(wsi, start, bytes.size(), LWS_WRITE_BINARY) < 0) return -1;
  }
  if (left) {
    lws_callback_on_writable(wsi);
  } else if (c->client->ended()) {
    lws_close_reason(wsi, LWS_CLOSE_STATUS_NORMAL, nullptr, 0);
    return -1;
  } else if (c->client->TakeWantsDrain()) {
    c->room->Touch(c->client);
  }
  return 0;
}

void Server::OnSessionEnd(struct lws* wsi) {
  Connection* c = Of(wsi);
  if (c == nullptr || c->client == nullptr) return;
  sessions_.erase(c->client.get());
  hub_.metrics()->sessions--;
  c->client->SetGone();
  c->room->Touch(std::move(c->client));
  c->client = nullptr;
}

}  // namespace tributary::hub
