// TCP connections for sessions. They are neither encrypted nor is anybody asked for a password:
// meant for one machine, or a network whose every member may read and write the database.
#ifndef TRIBUTARY_SYNC_TRANSPORT_TCP_H_
#define TRIBUTARY_SYNC_TRANSPORT_TCP_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "sync/transport/stream.h"

namespace tributary {

struct TcpAddress {
  std::string host;  // a name or a number; without the brackets of IPv6
  std::string port;
};

inline constexpr std::string_view kTcpScheme = "tcp://";

// "host:port", "[::1]:port", "port" or ":port", after "tcp://" or alone; the host is then this
// machine. False if it is none of these.
bool ParseTcpAddress(std::string_view text, TcpAddress* address);

// Failures are NotFound.
absl::Status ConnectTcp(const TcpAddress& address, double timeout_seconds, Descriptor* connection);
// *shown: where it listens, with the port that was chosen if 0 was asked for.
absl::Status ListenTcp(const TcpAddress& address, Descriptor* listener, std::string* shown);
// Waits for the next one, half a second at most: Cancelled if none came. *from: who it is.
absl::Status AcceptTcp(const Descriptor& listener, Descriptor* connection, std::string* from);

}  // namespace tributary

#endif  // TRIBUTARY_SYNC_TRANSPORT_TCP_H_
