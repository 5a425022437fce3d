// The hub on a socket: HTTP and WebSocket on one port, by libwebsockets.
#ifndef TRIBUTARY_SYNC_HUB_SERVER_H_
#define TRIBUTARY_SYNC_HUB_SERVER_H_

#include "absl/status/status.h"
#include "sync/hub/options.h"

namespace tributary::hub {

// Serves until SIGTERM or SIGINT, then says goodbye to all and returns. Logs are on stderr; the
// first line says where it listens. Errors, before that: NotFound (a folder, a file, an address),
// Unavailable (a folder or port in use), InvalidArgument (flags, files).
absl::Status Serve(const HubOptions& options);

}  // namespace tributary::hub

#endif  // TRIBUTARY_SYNC_HUB_SERVER_H_
