// One JSON object a line on stderr, for whoever collects logs. Thread-safe.
//
//   Log("session_end").Add("room", name).Add("bytes", 12);   // written at the end of the statement
//   {"time":"2026-11-23T21:00:00.123Z","event":"session_end","room":"notes","bytes":12}
#ifndef TRIBUTARY_SYNC_HUB_LOG_H_
#define TRIBUTARY_SYNC_HUB_LOG_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace tributary::hub {

// Text as JSON, in quotes; bytes that are not ASCII are kept where they are UTF-8, else replaced.
std::string JsonText(std::string_view text);

class Log {
 public:
  explicit Log(std::string_view event);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  Log& Add(std::string_view name, std::string_view value);
  Log& Add(std::string_view name, int64_t value);
  Log& Add(std::string_view name, uint64_t value) { return Add(name, static_cast<int64_t>(value)); }

  // Nothing is written any more; for tests.
  static void Silence();

 private:
  std::string line_;
};

}  // namespace tributary::hub

#endif  // TRIBUTARY_SYNC_HUB_LOG_H_
