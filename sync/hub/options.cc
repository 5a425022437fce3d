#include "sync/hub/options.h"

#include <arpa/inet.h>

#include "absl/strings/match.h"
#include "sync/hub/http.h"

namespace tributary::hub {

bool IsLoopback(const std::string& host) {
  struct in_addr v4 {};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  return host == "::1" || host == "localhost";
}

bool ParseListen(const std::string& text, HubOptions* options) {
  std::string_view host;
  std::string_view port = text;
  const size_t colon = text.rfind(':');
  if (colon != std::string::npos) {
    port.remove_prefix(colon + 1);
    host = text;
    host.remove_suffix(text.size() - colon);
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
      host = host.substr(1, host.size() - 2);
    } else if (absl::StrContains(host, ':')) {
      return false;
    }
  }
  uint64_t number = 0;
  if (!ParseNumber(port, 65535, &number)) return false;
  if (!host.empty()) options->host = host;
  options->port = static_cast<int>(number);
  return true;
}

}  // namespace tributary::hub
