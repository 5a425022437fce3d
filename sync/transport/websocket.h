// Carries a session's bytes to a hub, by WebSocket: binary messages, cut anywhere.
#ifndef TRIBUTARY_SYNC_TRANSPORT_WEBSOCKET_H_
#define TRIBUTARY_SYNC_TRANSPORT_WEBSOCKET_H_

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "sync/session/session.h"

namespace tributary {

// "ws://host[:port]/path" or "wss://...".
struct WebSocketAddress {
  bool tls = false;
  std::string host;
  int port = 80;
  std::string path;
};
bool IsWebSocketUrl(std::string_view text);
// False where it is none.
bool ParseWebSocketUrl(std::string_view text, WebSocketAddress* address);

struct WebSocketOptions {
  WebSocketAddress address;
  std::string token;    // "" for none
  std::string ca_file;  // who vouches for the hub; "": those that the system trusts
  std::string schema;   // what a room without tables is to get, as CREATE statements; "": nothing
  double connect_seconds = 10;
  // The hub must have greeted after so long.
  double greeting_seconds = 30;
  // Called after each step and, while nothing goes on, about ten times a second.
  std::function<void()> on_turn;
};

// Runs the session to its end and returns its status. Blocks. NotFound where nobody answers there,
// Unavailable where the hub cannot serve now; both are worth another try. PermissionDenied where it
// refuses.
absl::Status RunOverWebSocket(Session* session, const WebSocketOptions& options);

}  // namespace tributary

#endif  // TRIBUTARY_SYNC_TRANSPORT_WEBSOCKET_H_
