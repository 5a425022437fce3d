#include "sync/hub/room_log.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace tributary::hub {

bool IsRoomName(std::string_view name) {
  if (name.empty() || name.size() > kMaxRoomName) return false;
  const auto plain = [](char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c); };
  return plain(name[0]) && std::all_of(name.begin(), name.end(), [&](char c) {
           return plain(c) || c == '-' || c == '_' || c == '.';
         });
}

}  // namespace tributary::hub
