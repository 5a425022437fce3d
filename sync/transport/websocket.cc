#include "sync/transport/websocket.h"

#include <libwebsockets.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace tributary {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMessageBytes = 32 << 10;
constexpr lws_usec_t kTurnUs = 100 * LWS_US_PER_MS;
// How long the hub gets to take our last words.
constexpr std::chrono::seconds kLastWords(5);
// Of silence, before a ping, and before the connection is given up.
constexpr uint16_t kPingSeconds = 30;
constexpr uint16_t kHangUpSeconds = 75;

class WebSocket {
 public:
  WebSocket(Session* session, const WebSocketOptions& options)
      : session_(session), options_(options), schema_(options.schema) {}
  ~WebSocket() {
    if (context_ != nullptr) lws_context_destroy(context_);
  }
  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;

  absl::Status Run() {
    lws_set_log_level(0, nullptr);
    if (!Start()) return absl::InternalError("libwebsockets cannot be started");
    const bool connecting = Connect();
    if (!connecting && failure_.ok()) {
      failure_ = absl::NotFoundError(absl::StrCat("cannot connect to ", Where()));
    }
    while (failure_.ok() && !Over()) {
      const bool worked = established_ && session_->Work();
      if (wsi_ == nullptr && session_->closed()) break;
      if (!session_->output().empty() && wsi_ != nullptr && established_) {
        lws_callback_on_writable(wsi_);
      }
      if (wsi_ != nullptr && paused_ && session_->wants_input()) Pause(false);
      Service(!worked);
      if (!worked && established_) session_->Rest();
      if (!session_->greeted() && !session_->closed()) CheckTime();
      if (options_.on_turn) options_.on_turn();
    }
    return failure_.ok() ? session_->status() : failure_;
  }

 private:
  static int Callback(struct lws* wsi, enum lws_callback_reasons reason, void* /*user*/, void* in,
                      size_t length) {
    auto* self = static_cast<WebSocket*>(lws_context_user(lws_get_context(wsi)));
    if (self == nullptr || self->context_ == nullptr) return 0;
    return self->Handle(wsi, reason, static_cast<char*>(in), length);
  }

  int Handle(struct lws* wsi, enum lws_callback_reasons reason, char* in, size_t length) {
    switch (reason) {
      case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
        return AppendToken(wsi, reinterpret_cast<unsigned char**>(in), length);
      case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        wsi_ = nullptr;
        failure_ = Refusal(wsi, in == nullptr ? "" : std::string_view(in, length));
        return 0;
      case LWS_CALLBACK_CLIENT_ESTABLISHED:
        established_ = true;
        start_ = Clock::now();
        lws_callback_on_writable(wsi);
        return 0;
      case LWS_CALLBACK_CLIENT_RECEIVE:
        session_->Receive({in, length});
        if (!session_->wants_input()) Pause(true);
        return 0;
      case LWS_CALLBACK_CLIENT_WRITEABLE:
        return Write(wsi);
      case LWS_CALLBACK_CLIENT_CLOSED:
        wsi_ = nullptr;
        session_->ReceiveEnd();
        return 0;
      default:
        return 0;
    }
  }

  bool Start() {
    static const struct lws_protocols kProtocols[] = {
        {.name = "tributary", .callback = Callback, .rx_buffer_size = kMessageBytes}, {}};
    heartbeat_.secs_since_valid_ping = kPingSeconds;
    heartbeat_.secs_since_valid_hangup = kHangUpSeconds;
    struct lws_context_creation_info info {};
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.protocols = kProtocols;
    info.user = this;
    info.retry_and_idle_policy = &heartbeat_;
    info.pt_serv_buf_size = kMessageBytes;
    info.fd_limit_per_thread = 32;
    info.timeout_secs = static_cast<unsigned>(std::max(options_.connect_seconds, 1.0));
    info.connect_timeout_secs = info.timeout_secs;
    if (options_.address.tls) {
      info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
      if (!options_.ca_file.empty()) info.client_ssl_ca_filepath = options_.ca_file.c_str();
    }
    context_ = lws_create_context(&info);
    return context_ != nullptr;
  }

  bool Connect() {
    start_ = Clock::now();
    struct lws_client_connect_info info {};
    info.context = context_;
    info.address = options_.address.host.c_str();
    info.port = options_.address.port;
    info.path = options_.address.path.c_str();
    info.host = options_.address.host.c_str();
    info.origin = options_.address.host.c_str();
    info.protocol = "tributary";
    info.local_protocol_name = "tributary";
    info.alpn = "http/1.1";
    info.ssl_connection = options_.address.tls ? LCCSCF_USE_SSL : 0;
    info.retry_and_idle_policy = &heartbeat_;
    info.pwsi = &wsi_;
    return lws_client_connect_via_info(&info) != nullptr;
  }

  int AppendToken(struct lws* wsi, unsigned char** at, size_t room) {
    if (options_.token.empty()) return 0;
    const std::string value = "Bearer " + options_.token;
    return lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_AUTHORIZATION,
                                        reinterpret_cast<const unsigned char*>(value.data()),
                                        static_cast<int>(value.size()), at, *at + room);
  }

  std::string Where() const {
    return absl::StrCat(options_.address.host, " port ", options_.address.port);
  }

  // Why there is no WebSocket. The hub's own words are in a header of its answer.
  absl::Status Refusal(struct lws* wsi, std::string_view text) const {
    const unsigned status = lws_http_client_http_response(wsi);
    std::string words(1024, '\0');
    constexpr std::string_view kHeader = "tributary-error:";
    const int length = lws_hdr_custom_copy(wsi, words.data(), static_cast<int>(words.size()),
                                           kHeader.data(), static_cast<int>(kHeader.size()));
    words.resize(length > 0 ? static_cast<size_t>(length) : 0);
    if (words.empty()) words = absl::StrCat("it answers with status ", status);
    const std::string said = absl::StrCat("the hub at ", Where(), " refuses: ", words);
    if (status == 503 || status == 429) return absl::UnavailableError(said);
    if (status >= 400) return absl::PermissionDeniedError(said);
    if (status != 0) {
      return absl::PermissionDeniedError(
          absl::StrCat("there is no hub at ", Where(), ": it answers with status ", status));
    }
    return absl::NotFoundError(absl::StrCat("cannot connect to ", Where(), ": ", text));
  }

  void CheckTime() {
    const double limit = established_ ? options_.greeting_seconds : options_.connect_seconds;
    if (Clock::now() - start_ < std::chrono::duration<double>(limit)) return;
    failure_ = absl::NotFoundError(
        absl::StrCat("the hub at ", Where(), " has not answered within ", limit, " seconds"));
  }

  int Write(struct lws* wsi) {
    const bool text = !schema_.empty();
    std::string_view bytes = session_->output();
    if (text) bytes = schema_;
    if (bytes.empty()) return closing_ ? Close(wsi) : 0;
    // A text goes in one message; the rest in parts, as the socket takes them.
    const size_t size = text ? bytes.size() : std::min(bytes.size(), kMessageBytes);
    buffer_.resize(LWS_PRE + size);
    std::memcpy(buffer_.data() + LWS_PRE, bytes.data(), size);
    if (lws_write(wsi, buffer_.data() + LWS_PRE, size, text ? LWS_WRITE_TEXT : LWS_WRITE_BINARY) <
        0) {
      return -1;
    }
    if (text) {
      schema_.clear();
      buffer_ = {};
    } else {
      session_->ConsumeOutput(size);
    }
    lws_callback_on_writable(wsi);
    return 0;
  }

  static int Close(struct lws* wsi) {
    lws_close_reason(wsi, LWS_CLOSE_STATUS_NORMAL, nullptr, 0);
    return -1;
  }

  void Pause(bool paused) {
    paused_ = paused;
    lws_rx_flow_control(wsi_, (paused ? 0 : 1) | LWS_RXFLOW_REASON_FLAG_PROCESS_NOW);
  }

  // When the session is over its last words are sent, and then the connection is closed.
  bool Over() {
    if (wsi_ == nullptr) {
      if (!established_) return false;
      if (!session_->closed()) session_->ReceiveEnd();
      return session_->closed();
    }
    if (!session_->closed()) return false;
    if (!closing_) {
      closing_ = true;
      deadline_ = Clock::now() + kLastWords;
      lws_callback_on_writable(wsi_);
    }
    return Clock::now() >= deadline_;
  }

  void Service(bool wait) {
    if (!wait) {
      lws_service(context_, -1);
      return;
    }
    lws_sul_schedule(
        context_, 0, &timer_, [](lws_sorted_usec_list_t*) {}, kTurnUs);
    lws_service(context_, 0);
    lws_sul_schedule(context_, 0, &timer_, nullptr, LWS_SET_TIMER_USEC_CANCEL);
  }

  Session* session_;
  const WebSocketOptions& options_;
  std::string schema_;  // still to be sent
  struct lws_context* context_ = nullptr;
  struct lws* wsi_ = nullptr;
  lws_retry_bo_t heartbeat_{};
  lws_sorted_usec_list_t timer_{};
  bool established_ = false;
  bool paused_ = false;
  bool closing_ = false;
  absl::Status failure_;
  Clock::time_point start_;
  Clock::time_point deadline_;
  std::vector<unsigned char> buffer_;
};

}  // namespace

bool IsWebSocketUrl(std::string_view text) {
  return text.starts_with("ws://") || text.starts_with("wss://");
}

bool ParseWebSocketUrl(std::string_view text, WebSocketAddress* address) {
  *address = {};
  address->tls = text.starts_with("wss://");
  if (!IsWebSocketUrl(text)) return false;
  text.remove_prefix(text.find("//") + 2);
  const size_t slash = std::min(text.find('/'), text.size());
  std::string_view host = text.substr(0, slash);
  address->path = text.substr(slash);
  address->port = address->tls ? 443 : 80;
  const size_t colon = host.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos;
  if (has_port) {
    const std::string_view port = host.substr(colon + 1);
    const auto [end, error] =
        std::from_chars(port.data(), port.data() + port.size(), address->port);
    if (error != std::errc() || end != port.data() + port.size()) return false;
    host = host.substr(0, colon);
  }
  if (absl::ConsumePrefix(&host, "[") && !absl::ConsumeSuffix(&host, "]")) return false;
  address->host = host;
  const auto plain = [](char c) { return c > ' ' && c < 0x7f; };
  return !host.empty() && address->port > 0 && address->port < 65536 && !address->path.empty() &&
         std::all_of(host.begin(), host.end(), plain) &&
         std::all_of(address->path.begin(), address->path.end(), plain);
}

absl::Status RunOverWebSocket(Session* session, const WebSocketOptions& options) {
  return WebSocket(session, options).Run();
}

}  // namespace tributary
