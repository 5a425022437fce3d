// One connection as the event loop sees it: HTTP requests one after the other, or a session.
#ifndef TRIBUTARY_SYNC_HUB_CONNECTION_H_
#define TRIBUTARY_SYNC_HUB_CONNECTION_H_

#include <libwebsockets.h>

#include <memory>
#include <string>

#include "sync/hub/client.h"
#include "sync/hub/http.h"
#include "sync/hub/room.h"

namespace tributary::hub {

// So much is written in one go.
inline constexpr size_t kWriteBytes = 32 << 10;

// An answer that is on its way from a room's thread.
struct Exchange {
  struct lws* wsi = nullptr;  // null: nobody waits any more; only in the event loop
  HttpResponse response;
};

struct Connection {
  std::string from;
  uint64_t since_ms = 0;
  bool counted = false;  // among those of its address
  bool asked = false;    // for anything

  // HTTP.
  HttpRequest request;
  Grant grant;
  bool refused_body = false;  // it is read, so that the answer is not lost, and forgotten
  bool body_complete = false;
  std::shared_ptr<Exchange> exchange;
  bool ready = false;  // the response may be written
  bool headers_sent = false;
  uint64_t body_sent = 0;

  // WebSocket.
  std::shared_ptr<Room> room;
  std::shared_ptr<Client> client;
  bool paused = false;  // not read from
  bool spoke = false;
  std::string text;  // of a text message that is not all here
};

// What the library has parsed of a request. False where the method is none we know of.
void ReadRequest(struct lws* wsi, HttpRequest* request);
std::string PeerOf(struct lws* wsi);

// Writes the next part of the answer. -1: close the connection.
int WriteHeaders(struct lws* wsi, const HttpResponse& response, bool head_only);
// At most one buffer of the body. *done: that was the end.
int WriteBody(struct lws* wsi, const HttpResponse& response, uint64_t* sent, bool* done);

}  // namespace tributary::hub

#endif  // TRIBUTARY_SYNC_HUB_CONNECTION_H_
