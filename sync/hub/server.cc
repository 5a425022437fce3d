#include "sync/hub/server.h"

#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "sync/hub/log.h"
#include "sync/hub/server_internal.h"
#include "sync/hub/status.h"

namespace tributary::hub {
namespace {

constexpr size_t kReadBytes = 8 << 10;  // of each connection, always
constexpr uint16_t kMaxRequest = 16 << 10;
// Beyond the limit a connection may still be told so; beyond this it is only closed.
constexpr int64_t kSpareConnections = 64;
// Beside connections, for the files of open rooms, three each.
constexpr rlim_t kDescriptorsOfRooms = 32 << 10;
constexpr lws_usec_t kTickUs = LWS_US_PER_SEC;

struct lws_context* signalled = nullptr;

void OnSignal(int signal) {
  (signal == SIGHUP ? Server::reload : Server::stop) = 1;
  if (signalled != nullptr) lws_cancel_service(signalled);
}

void OnLibraryLog(int level, const char* line) {
  const std::string_view text(line);
  Log("library")
      .Add("level", level == LLL_ERR ? "error" : "warning")
      .Add("text", text.substr(0, text.find_last_not_of(" \n") + 1));
}

// As many as the system lets us have. The library finds a connection by its number fast only where
// it is not told of a limit of its own.
void RaiseDescriptorLimit(int64_t connections) {
  struct rlimit limit {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = static_cast<rlim_t>(connections + kSpareConnections) + kDescriptorsOfRooms;
  limit.rlim_cur = std::min(wanted, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

volatile std::sig_atomic_t Server::stop = 0;
volatile std::sig_atomic_t Server::reload = 0;

Server::~Server() {
  signalled = nullptr;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
  }
  if (context_ != nullptr) lws_context_destroy(context_);
}

int Server::Callback(struct lws* wsi, enum lws_callback_reasons reason, void* /*user*/, void* in,
                     size_t length) {
  auto* server = static_cast<Server*>(lws_context_user(lws_get_context(wsi)));
  if (server == nullptr || server->context_ == nullptr) return 0;
  return server->Handle(wsi, reason, {static_cast<const char*>(in), in == nullptr ? 0 : length});
}

int Server::Handle(struct lws* wsi, enum lws_callback_reasons reason, std::string_view in) {
  switch (reason) {
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
      return hub_.metrics()->connections >= options_.max_connections + kSpareConnections ? 1 : 0;
    case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED:
      return Accept(wsi);
    case LWS_CALLBACK_WSI_DESTROY:
      Drop(wsi);
      return 0;
    case LWS_CALLBACK_HTTP:
      return OnRequest(wsi, in);
    case LWS_CALLBACK_HTTP_BODY:
      return OnBody(wsi, in);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
      return OnBodyComplete(wsi);
    case LWS_CALLBACK_HTTP_WRITEABLE:
      return WriteResponse(wsi);
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
      return OnUpgrade(wsi);
    case LWS_CALLBACK_ESTABLISHED:
      return OnSession(wsi);
    case LWS_CALLBACK_RECEIVE:
      return OnMessage(wsi, in);
    case LWS_CALLBACK_SERVER_WRITEABLE:
      return WriteSession(wsi);
    case LWS_CALLBACK_CLOSED:
      OnSessionEnd(wsi);
      return 0;
    case LWS_CALLBACK_TIMER:
      if (Connection* c = Of(wsi); c != nullptr && c->client != nullptr && !c->spoke) {
        c->client->Refuse(absl::FailedPreconditionError(
            absl::StrCat("no hello within ", options_.first_byte_seconds,
                         " seconds, the limit of --first-byte-seconds")));
        c->room->Touch(c->client);
      }
      return 0;
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
      Deliver();
      return 0;
    default:
      return 0;
  }
}

absl::Status Server::Listen() {
  static const struct lws_protocols kProtocols[] = {
      {.name = "tributary", .callback = Callback, .rx_buffer_size = kReadBytes}, {}};
  heartbeat_.secs_since_valid_ping = static_cast<uint16_t>(options_.ping_seconds);
  heartbeat_.secs_since_valid_hangup = static_cast<uint16_t>(2 * options_.ping_seconds + 1);
  struct lws_context_creation_info info {};
  info.port = options_.port;
  info.iface = options_.host.c_str();
  const bool any4 = options_.host == "0.0.0.0";
  if (any4 || options_.host == "::") info.iface = nullptr;
  info.protocols = kProtocols;
  info.user = this;
  info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND |
                 (any4 ? LWS_SERVER_OPTION_DISABLE_IPV6 : 0);
  info.retry_and_idle_policy = &heartbeat_;
  info.pt_serv_buf_size = kWriteBytes;
  info.max_http_header_data = kMaxRequest;
  info.timeout_secs = static_cast<unsigned>(options_.first_byte_seconds);
  info.timeout_secs_ah_idle = info.timeout_secs;
  info.keepalive_timeout = static_cast<int>(options_.ping_seconds);
  info.alpn = "http/1.1";
  if (!options_.tls_cert.empty()) {
    info.ssl_cert_filepath = options_.tls_cert.c_str();
    info.ssl_private_key_filepath = options_.tls_key.c_str();
    info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
  }
  context_ = lws_create_context(&info);
  if (context_ == nullptr) return absl::InternalError("libwebsockets cannot be started");
  struct lws_vhost* vhost = lws_create_vhost(context_, &info);
  const int port = vhost == nullptr ? -1 : lws_get_vhost_listen_port(vhost);
  if (port <= 0) {
    return absl::UnavailableError(absl::StrCat(
        "cannot listen on ", options_.host, " port ", options_.port,
        ": give --listen an address of this machine and a free port (0: any)",
        options_.tls_cert.empty() ? "" : "; and see that --tls-cert and --tls-key fit"));
  }
  const bool is_v6 = absl::StrContains(options_.host, ':');
  Log("listening")
      .Add("url", absl::StrCat(options_.tls_cert.empty() ? "ws" : "wss", "://", is_v6 ? "[" : "",
                               options_.host, is_v6 ? "]:" : ":", port))
      .Add("dir", options_.dir);
  return absl::OkStatus();
}

absl::Status Server::Run() {
  RaiseDescriptorLimit(options_.max_connections);
  lws_set_log_level(LLL_ERR | LLL_WARN, OnLibraryLog);
  HUB_RETURN_IF_ERROR(hub_.Start());
  HUB_RETURN_IF_ERROR(Listen());
  signalled = context_;
  struct sigaction action {};
  action.sa_handler = OnSignal;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGHUP, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  Loop();
  return absl::OkStatus();
}

// Until told to stop; then until all sessions have said goodbye, or time is up.
void Server::Loop() {
  uint64_t next_tick = Room::NowMs() + 1000;
  uint64_t deadline = 0;
  lws_sorted_usec_list_t timer{};
  while (deadline == 0 || (hub_.metrics()->sessions > 0 && Room::NowMs() < deadline)) {
    lws_sul_schedule(
        context_, 0, &timer, [](lws_sorted_usec_list_t*) {}, kTickUs / 4);
    lws_service(context_, 0);
    Deliver();
    const uint64_t now = Room::NowMs();
    if (now >= next_tick) {
      next_tick = now + 1000;
      Tick();
    }
    if (reload != 0) {
      reload = 0;
      hub_.Reload();
      EndSessions(
          [this](const Connection& c) { return hub_.Recheck(c.request, c.client->grant()); });
    }
    if (stop != 0 && deadline == 0) {
      Log("stopping").Add("sessions", hub_.metrics()->sessions.load());
      deadline = now + static_cast<uint64_t>(options_.grace_seconds * 1000);
      hub_.Finish();
    }
  }
  lws_sul_schedule(context_, 0, &timer, nullptr, LWS_SET_TIMER_USEC_CANCEL);
  Log("stopped");
}

void Server::Wake(const std::vector<std::shared_ptr<Client>>& clients) {
  const std::lock_guard<std::mutex> lock(mutex_);
  woken_.insert(woken_.end(), clients.begin(), clients.end());
  if (!ending_) lws_cancel_service(context_);
}

void Server::Answered(std::shared_ptr<Exchange> exchange) {
  const std::lock_guard<std::mutex> lock(mutex_);
  answered_.push_back(std::move(exchange));
  if (!ending_) lws_cancel_service(context_);
}

void Server::Deliver() {
  std::vector<std::shared_ptr<Client>> woken;
  std::vector<std::shared_ptr<Exchange>> answered;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    woken.swap(woken_);
    answered.swap(answered_);
  }
  for (const std::shared_ptr<Client>& client : woken) {
    const auto found = sessions_.find(client.get());
    if (found == sessions_.end()) continue;
    Connection* c = Of(found->second);
    if (c->paused && client->NeedsInput()) {
      c->paused = false;
      lws_rx_flow_control(found->second, 1 | LWS_RXFLOW_REASON_FLAG_PROCESS_NOW);
    }
    lws_callback_on_writable(found->second);
  }
  for (const std::shared_ptr<Exchange>& exchange : answered) {
    if (exchange->wsi == nullptr) continue;
    Of(exchange->wsi)->ready = true;
    lws_callback_on_writable(exchange->wsi);
  }
}

int Server::Accept(struct lws* wsi) {
  if (Of(wsi) != nullptr) return 0;
  auto* c = new Connection;
  c->from = PeerOf(wsi);
  c->since_ms = Room::NowMs();
  lws_set_opaque_user_data(wsi, c);
  hub_.metrics()->connections++;
  by_address_[c->from]++;
  return 0;
}

void Server::Drop(struct lws* wsi) {
  Connection* c = Of(wsi);
  if (c == nullptr) return;
  if (c->exchange != nullptr) c->exchange->wsi = nullptr;
  OnSessionEnd(wsi);
  const double seconds = static_cast<double>(Room::NowMs() - c->since_ms) / 1000;
  if (!c->asked && seconds >= options_.first_byte_seconds) {
    Log("closed")
        .Add("from", c->from)
        .Add("error", absl::StrCat("no request within ", options_.first_byte_seconds,
                                   " seconds, the limit of --first-byte-seconds"));
    hub_.metrics()->refused++;
  }
  if (--by_address_[c->from] == 0) by_address_.erase(c->from);
  hub_.metrics()->connections--;
  lws_set_opaque_user_data(wsi, nullptr);
  delete c;
}

void Server::Tick() {
  const int64_t now = absl::ToUnixSeconds(absl::Now());
  EndSessions([now](const Connection& c) {
    const int64_t expires = c.client->grant().expires;
    return expires == 0 || now < expires
               ? absl::OkStatus()
               : absl::PermissionDeniedError("the token has expired; connect with a new one");
  });
  hub_.Tick();
}

void Server::EndSessions(const std::function<absl::Status(const Connection&)>& check) {
  for (const auto& [client, wsi] : sessions_) {
    Connection* c = Of(wsi);
    absl::Status status = check(*c);
    if (status.ok()) continue;
    client->Refuse(std::move(status));
    c->room->Touch(c->client);
  }
}

absl::Status Serve(const HubOptions& options) {
  Server server(options);
  return server.Run();
}

}  // namespace tributary::hub
