#include "tests/hub/swarm.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace tributary::testing {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMessageBytes = 32 << 10;

}  // namespace

DiscardReplica::DiscardReplica(uint64_t number, Schema schema) : schema_(std::move(schema)) {
  site_.bytes.fill(0xd1);
  std::memcpy(site_.bytes.data(), &number, sizeof number);
}

absl::Status DiscardReplica::GetSite(SiteId* site) {
  *site = site_;
  return absl::OkStatus();
}

absl::Status DiscardReplica::GetSchema(Schema* out) {
  *out = schema_;
  return absl::OkStatus();
}

absl::Status DiscardReplica::GetHave(const Tables& /*tables*/, Have* have) {
  *have = have_;
  return absl::OkStatus();
}

absl::Status DiscardReplica::NextChangeset(std::string* frame) {
  frame->clear();
  return absl::OkStatus();
}

absl::Status DiscardReplica::Apply(std::string_view changeset, uint64_t* rows_changed) {
  Frame frame;
  ChangesetHeader header;
  std::string error;
  if (!frame.Open(changeset, &error) || !header.Decode(frame.header(), &error)) {
    return absl::InvalidArgumentError(error);
  }
  *rows_changed = header.rows;
  rows_ += header.rows;
  if (header.last) have_.known.MergeMax(header.until);
  if (on_changeset) on_changeset(header);
  return absl::OkStatus();
}

Swarm::Swarm(int most) {
  static const struct lws_protocols kProtocols[] = {
      {.name = "tributary", .callback = Callback, .rx_buffer_size = kMessageBytes}, {}};
  lws_set_log_level(0, nullptr);
  struct lws_context_creation_info info {};
  info.port = CONTEXT_PORT_NO_LISTEN;
  info.protocols = kProtocols;
  info.user = this;
  info.pt_serv_buf_size = kMessageBytes;
  info.fd_limit_per_thread = static_cast<unsigned>(most + 64);
  info.timeout_secs = 30;
  context_ = lws_create_context(&info);
  if (context_ == nullptr) std::abort();
}

Swarm::~Swarm() { lws_context_destroy(context_); }

Swarm::Peer* Swarm::Connect(const WebSocketAddress& address, Replica* replica,
                            const SessionOptions& options, std::string schema) {
  auto made = std::make_unique<Peer>();
  Peer* peer = made.get();
  peer->session_ = std::make_unique<Session>(replica, options);
  peer->first_ = std::move(schema);
  peers_.push_back(std::move(made));
  struct lws_client_connect_info info {};
  info.context = context_;
  info.address = address.host.c_str();
  info.port = address.port;
  info.path = address.path.c_str();
  info.host = address.host.c_str();
  info.origin = address.host.c_str();
  info.protocol = "tributary";
  info.local_protocol_name = "tributary";
  info.opaque_user_data = peer;
  info.pwsi = &peer->wsi_;
  if (lws_client_connect_via_info(&info) == nullptr) peer->failed_ = true;
  return peer;
}

void Swarm::Remove(Peer* peer) {
  if (peer->wsi_ != nullptr) {
    lws_set_opaque_user_data(peer->wsi_, nullptr);
    lws_set_timeout(peer->wsi_, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
  }
  std::erase(dirty_, peer);
  std::erase_if(peers_, [peer](const auto& p) { return p.get() == peer; });
}

void Swarm::Wrote(Peer* peer) {
  peer->session_->LocalChanges();
  Work(peer);
}

void Swarm::Peer::Stall(bool stalled) {
  if (wsi_ != nullptr) {
    lws_rx_flow_control(wsi_, (stalled ? 0 : 1) | LWS_RXFLOW_REASON_FLAG_PROCESS_NOW);
  }
}

void Swarm::Work(Peer* peer) {
  if (!peer->established_ || peer->wsi_ == nullptr) return;
  while (peer->session_->Work()) {
  }
  peer->session_->Rest();
  if (!peer->session_->output().empty() || peer->session_->closed()) {
    lws_callback_on_writable(peer->wsi_);
  }
}

int Swarm::Callback(struct lws* wsi, enum lws_callback_reasons reason, void* /*user*/, void* in,
                    size_t length) {
  auto* self = static_cast<Swarm*>(lws_context_user(lws_get_context(wsi)));
  auto* peer = static_cast<Peer*>(lws_get_opaque_user_data(wsi));
  if (self == nullptr || self->context_ == nullptr || peer == nullptr) return 0;
  return self->Handle(peer, wsi, reason, static_cast<const char*>(in), length);
}

int Swarm::Handle(Peer* peer, struct lws* wsi, enum lws_callback_reasons reason, const char* in,
                  size_t length) {
  switch (reason) {
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
      peer->wsi_ = nullptr;
      peer->failed_ = true;
      break;
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
      peer->wsi_ = wsi;
      peer->established_ = true;
      lws_callback_on_writable(wsi);
      break;
    case LWS_CALLBACK_CLIENT_RECEIVE:
      if (peer->killed_) return -1;
      peer->session_->Receive({in, length});
      if (!std::exchange(peer->dirty_, true)) dirty_.push_back(peer);
      break;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
      return Write(peer);
    case LWS_CALLBACK_CLIENT_CLOSED:
      peer->wsi_ = nullptr;
      break;
    default:
      break;
  }
  return 0;
}

int Swarm::Write(Peer* peer) {
  static unsigned char buffer[LWS_PRE + kMessageBytes];
  peer->dirty_ = false;
  const bool text = !peer->first_.empty();
  std::string_view bytes = peer->session_->output();
  if (text) bytes = peer->first_;
  if (peer->killed_ || (bytes.empty() && peer->session_->closed())) return -1;
  if (bytes.empty()) return 0;
  const size_t size = std::min(bytes.size(), kMessageBytes);
  std::memcpy(buffer + LWS_PRE, bytes.data(), size);
  if (lws_write(peer->wsi_, buffer + LWS_PRE, size, text ? LWS_WRITE_TEXT : LWS_WRITE_BINARY) < 0) {
    return -1;
  }
  if (text) {
    peer->first_.clear();
  } else {
    peer->session_->ConsumeOutput(size);
  }
  Work(peer);
  lws_callback_on_writable(peer->wsi_);
  return 0;
}

void Swarm::Turn(int ms) {
  lws_sorted_usec_list_t timer{};
  lws_sul_schedule(
      context_, 0, &timer, [](lws_sorted_usec_list_t*) {}, ms * LWS_US_PER_MS);
  lws_service(context_, 0);
  lws_sul_schedule(context_, 0, &timer, nullptr, LWS_SET_TIMER_USEC_CANCEL);
  const std::vector<Peer*> dirty = std::exchange(dirty_, {});
  for (Peer* peer : dirty) peer->dirty_ = false;
  for (Peer* peer : dirty) Work(peer);
}

bool Swarm::Until(double seconds, const std::function<bool()>& done) {
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  while (!done()) {
    if (Clock::now() > end) return false;
    Turn(10);
  }
  return true;
}

}  // namespace tributary::testing
