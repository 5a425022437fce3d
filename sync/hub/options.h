// How a hub is run: each field is a flag of `tributary serve`, which has the same name and default.
#ifndef TRIBUTARY_SYNC_HUB_OPTIONS_H_
#define TRIBUTARY_SYNC_HUB_OPTIONS_H_

#include <cstdint>
#include <string>

namespace tributary::hub {

struct HubOptions {
  std::string dir;
  std::string host = "127.0.0.1";
  int port = 8787;
  std::string tls_cert;
  std::string tls_key;
  std::string tokens;
  std::string jwt_key;
  bool plain_text = false;  // beyond loopback, as behind a proxy

  int64_t threads = 2;
  int64_t max_frame = 16 << 20;         // bytes of a changeset
  int64_t max_rooms = 10000;            // on the disk
  int64_t max_connections = 5000;       // at once
  int64_t max_connections_each = 2000;  // of one address
  int64_t rate = 100;                   // requests a second of one subject or address; 0: any
  double first_byte_seconds = 10;       // until a request, and a session's hello, is there
  double ping_seconds = 30;
  double idle_seconds = 60;      // until an unused room is closed
  double grace_seconds = 10;     // for goodbyes
  double snapshot_seconds = 10;  // a younger one is given to others, too
};

// "host:port", "[::1]:port" or "port"; port 0: any free one. False if it is none of these.
bool ParseListen(const std::string& text, HubOptions* options);
// Whether only this machine can reach it.
bool IsLoopback(const std::string& host);

}  // namespace tributary::hub

#endif  // TRIBUTARY_SYNC_HUB_OPTIONS_H_
