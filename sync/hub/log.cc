#include "sync/hub/log.h"

#include <unistd.h>

#include <atomic>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "crdt/utf8.h"

namespace tributary::hub {
namespace {

std::atomic<bool> silent = false;

}  // namespace

std::string JsonText(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    uint32_t c = 0;
    const size_t length = NextCharacter(text, &c);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
    } else if (c < 0x20 || c == 0x7f) {
      absl::StrAppendFormat(&out, "\\u%04x", c);
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out + '"';
}

Log::Log(std::string_view event) {
  line_ = absl::StrCat("{\"time\":\"",
                       absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone()),
                       "\"");
  Add("event", event);
}

Log::~Log() {
  line_ += "}\n";
  // One write, so that lines of several threads do not mix; nobody is there to be told of a
  // failure.
  if (!silent && write(STDERR_FILENO, line_.data(), line_.size()) < 0) return;
}

Log& Log::Add(std::string_view name, std::string_view value) {
  absl::StrAppend(&line_, ",\"", name, "\":", JsonText(value));
  return *this;
}

Log& Log::Add(std::string_view name, int64_t value) {
  absl::StrAppend(&line_, ",\"", name, "\":", value);
  return *this;
}

void Log::Silence() { silent = true; }

}  // namespace tributary::hub
