#include "sync/transport/tcp.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"

namespace tributary {
namespace {

constexpr char kThisMachine[] = "127.0.0.1";
constexpr int kBacklog = 16;
constexpr int kAcceptMs = 500;

struct FreeAddresses {
  void operator()(addrinfo* a) const { freeaddrinfo(a); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

std::string NameOf(const TcpAddress& a) {
  const bool v6 = a.host.find(':') != std::string::npos;
  return v6 ? absl::StrCat("[", a.host, "]:", a.port) : absl::StrCat(a.host, ":", a.port);
}

absl::Status SystemError(const TcpAddress& a, std::string_view what) {
  return absl::NotFoundError(absl::StrCat(NameOf(a), ": ", what, ": ", std::strerror(errno)));
}

absl::Status Resolve(const TcpAddress& address, int flags, Addresses* found) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* list = nullptr;
  const int rc = getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &list);
  found->reset(list);
  if (rc == 0) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat(NameOf(address), ": ", gai_strerror(rc)));
}

std::string NameOf(const sockaddr_storage& address, socklen_t size) {
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  const int rc = getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host, sizeof host,
                             port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
  return rc == 0 ? NameOf(TcpAddress{host, port}) : "?";
}

void Set(int fd, int level, int option, int value) {
  setsockopt(fd, level, option, &value, sizeof value);
}

// Small messages go at once; a peer that vanished without a word is noticed in about a minute.
void Tune(int fd) {
  Set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  Set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  Set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 30);
  Set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
  Set(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
  Set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 60000);
}

// Leaves errno as the attempt's error.
bool ConnectOne(const addrinfo& a, int timeout_ms, Descriptor* connection) {
  Descriptor fd(socket(a.ai_family, a.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a.ai_protocol));
  if (fd.get() < 0) return false;
  if (connect(fd.get(), a.ai_addr, a.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return false;
    pollfd p{.fd = fd.get(), .events = POLLOUT};
    if (poll(&p, 1, timeout_ms) <= 0) {
      errno = ETIMEDOUT;
      return false;
    }
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    errno = error;
    if (error != 0) return false;
  }
  *connection = std::move(fd);
  return true;
}

}  // namespace

bool ParseTcpAddress(std::string_view text, TcpAddress* address) {
  if (text.starts_with(kTcpScheme)) text.remove_prefix(kTcpScheme.size());
  const size_t colon = text.rfind(':');
  std::string_view host = colon == std::string_view::npos ? "" : text.substr(0, colon);
  const std::string_view port = colon == std::string_view::npos ? text : text.substr(colon + 1);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!bracketed && host.find(':') != std::string_view::npos) return false;
  const bool number = !port.empty() && port.size() <= 5 &&
                      port.find_first_not_of("0123456789") == std::string_view::npos;
  if (!number || std::stoi(std::string(port)) > 65535) return false;
  address->host = host.empty() ? kThisMachine : host;
  address->port = port;
  return true;
}

absl::Status ConnectTcp(const TcpAddress& address, double timeout_seconds, Descriptor* connection) {
  Addresses found;
  if (absl::Status s = Resolve(address, 0, &found); !s.ok()) return s;
  const int timeout_ms = static_cast<int>(std::max(timeout_seconds, 0.001) * 1000);
  for (const addrinfo* a = found.get(); a != nullptr; a = a->ai_next) {
    if (!ConnectOne(*a, timeout_ms, connection)) continue;
    Tune(connection->get());
    return absl::OkStatus();
  }
  return SystemError(address, "cannot connect");
}

absl::Status ListenTcp(const TcpAddress& address, Descriptor* listener, std::string* shown) {
  Addresses found;
  if (absl::Status s = Resolve(address, AI_PASSIVE, &found); !s.ok()) return s;
  const addrinfo& a = *found;
  Descriptor fd(socket(a.ai_family, a.ai_socktype | SOCK_CLOEXEC, a.ai_protocol));
  if (fd.get() < 0) return SystemError(address, "cannot listen");
  Set(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (bind(fd.get(), a.ai_addr, a.ai_addrlen) != 0 || listen(fd.get(), kBacklog) != 0) {
    return SystemError(address, "cannot listen");
  }
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  getsockname(fd.get(), reinterpret_cast<sockaddr*>(&own), &size);
  *shown = NameOf(own, size);
  *listener = std::move(fd);
  return absl::OkStatus();
}

absl::Status AcceptTcp(const Descriptor& listener, Descriptor* connection, std::string* from) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  // Not in accept4 itself: a signal just before it would not end the wait.
  pollfd waiting{.fd = listener.get(), .events = POLLIN};
  if (poll(&waiting, 1, kAcceptMs) <= 0) return absl::CancelledError();
  const int fd = accept4(listener.get(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC);
  if (fd < 0) {
    if (errno == EINTR || errno == ECONNABORTED) return absl::CancelledError();
    return absl::UnknownError(absl::StrCat("cannot accept a connection: ", std::strerror(errno)));
  }
  *connection = Descriptor(fd);
  Tune(fd);
  *from = NameOf(peer, size);
  return absl::OkStatus();
}

}  // namespace tributary
