// What the files of class Server share: server.cc has the event loop and the connections,
// server_requests.cc what is done for each.
#ifndef TRIBUTARY_SYNC_HUB_SERVER_INTERNAL_H_
#define TRIBUTARY_SYNC_HUB_SERVER_INTERNAL_H_

#include <libwebsockets.h>

#include <csignal>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sync/hub/connection.h"
#include "sync/hub/hub.h"

namespace tributary::hub {

class Server {
 public:
  explicit Server(const HubOptions& options)
      : options_(options), hub_(options, [this](const auto& clients) { Wake(clients); }) {}
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  absl::Status Run();

  // Set by a signal.
  static volatile std::sig_atomic_t stop;
  static volatile std::sig_atomic_t reload;

 private:
  static int Callback(struct lws* wsi, enum lws_callback_reasons reason, void* user, void* in,
                      size_t length);
  int Handle(struct lws* wsi, enum lws_callback_reasons reason, std::string_view in);

  absl::Status Listen();
  void Loop();

  // Thread-safe.
  void Wake(const std::vector<std::shared_ptr<Client>>& clients);
  void Answered(std::shared_ptr<Exchange> exchange);
  void Deliver();

  static Connection* Of(struct lws* wsi) {
    return static_cast<Connection*>(lws_get_opaque_user_data(wsi));
  }
  int Accept(struct lws* wsi);
  void Drop(struct lws* wsi);
  // 0: go on; else the answer to give.
  bool Admit(struct lws* wsi, Connection* c, std::string_view path, HttpResponse* refusal);

  int OnRequest(struct lws* wsi, std::string_view path);
  int OnBody(struct lws* wsi, std::string_view bytes);
  int OnBodyComplete(struct lws* wsi);
  void Ask(struct lws* wsi, Connection* c);
  int Respond(struct lws* wsi, HttpResponse response);
  int WriteResponse(struct lws* wsi);

  int OnUpgrade(struct lws* wsi);
  int OnSession(struct lws* wsi);
  int OnMessage(struct lws* wsi, std::string_view bytes);
  int WriteSession(struct lws* wsi);
  void OnSessionEnd(struct lws* wsi);
  void Tick();
  // Those that the check says no to.
  void EndSessions(const std::function<absl::Status(const Connection&)>& check);

  const HubOptions& options_;
  struct lws_context* context_ = nullptr;
  lws_retry_bo_t heartbeat_{};
  std::map<std::string, int64_t> by_address_;
  std::unordered_map<Client*, struct lws*> sessions_;

  std::mutex mutex_;
  std::vector<std::shared_ptr<Client>> woken_;
  std::vector<std::shared_ptr<Exchange>> answered_;
  bool ending_ = false;

  Hub hub_;  // the first to end: its threads call Wake and Answered
};

}  // namespace tributary::hub

#endif  // TRIBUTARY_SYNC_HUB_SERVER_INTERNAL_H_
