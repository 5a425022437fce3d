// Waiting for changes of a database and a folder: inotify where it works, and a look from time to
// time where it does not (network file systems, mounted buckets).
#ifndef TRIBUTARY_SYNC_CLI_WATCH_H_
#define TRIBUTARY_SYNC_CLI_WATCH_H_

#include <string>

namespace tributary::cli {

class Watcher {
 public:
  // `folder` may be empty. From the first Watcher on, SIGINT and SIGTERM only end waits.
  Watcher(const std::string& database, std::string folder);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // Begins to watch subfolders that are new. Call before looking, so that nothing is missed.
  void Arm();
  // Until something changed and then was quiet for a moment, or that much time is over. False
  // where the program was told to stop.
  bool Wait(double seconds);
  // For that long, whatever happens; what changes is seen by the next Wait(). Ends early only where
  // the program was told to stop.
  void Pause(double seconds);

 private:
  bool Drain();
  std::string database_name_;
  std::string folder_;
  int fd_ = -1;
  int database_watch_ = -1;
};

}  // namespace tributary::cli

#endif  // TRIBUTARY_SYNC_CLI_WATCH_H_
