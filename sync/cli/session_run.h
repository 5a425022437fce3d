// A session of one database, as the commands sync and session run it.
#ifndef TRIBUTARY_SYNC_CLI_SESSION_RUN_H_
#define TRIBUTARY_SYNC_CLI_SESSION_RUN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "sync/cli/commands.h"
#include "sync/cli/db.h"
#include "sync/cli/output.h"
#include "sync/cli/parked.h"
#include "sync/session/session.h"
#include "sync/transport/websocket.h"

namespace tributary::cli {

struct SessionRun {
  int in = -1;
  int out = -1;
  // Instead of these: a hub. Not the greeting and what is called each turn.
  const WebSocketOptions* hub = nullptr;
  bool live = false;
  bool dry_run = false;
  // A live session ends when this token is seen, or not seen for so long; "" for none.
  std::string until;
  double until_seconds = 0;
  double greeting_seconds = 0;
  Progress* progress = nullptr;
};

struct SessionResult {
  SessionStats stats;
  bool dry = false;  // `dry_run` and `stats` say what would have been
  DryRun dry_run;
  std::string peer_site;               // 16 bytes; empty where it never greeted
  std::vector<std::string> kept_here;  // what the tables here have no place for, in general
  std::vector<std::string> kept_there;
  std::vector<Parked> parked;  // what is kept here
  bool equal = false;
  double seconds = 0;

  bool moved() const { return stats.sent.cells + stats.received.cells > 0; }
};

// Runs one to its end. In a live one, writes of other programs are sent on, and the first SIGINT or
// SIGTERM is a goodbye. *result is filled where it fails, too.
Status RunSession(const Database& db, const Context& context, const SessionRun& run,
                  SessionResult* result);

// The outcome for people, of a sync of `path` with `peer`; and for programs, as fields of an object
// that is open.
void PrintSession(const Context& context, const std::string& path, const std::string& peer,
                  const SessionResult& result);
void WriteSession(FILE* out, const std::string& path, const std::string& peer,
                  const SessionResult& result);

// Different() where the tables differ, so that the two cannot be equal.
Status Verdict(const SessionResult& result);

Status ToStatus(const absl::Status& status, const std::string& path);

// Of --for: how long a token is waited for.
inline constexpr double kDefaultWaitSeconds = 10;
// An error for the command line where the text is no token.
Status CheckToken(const std::string& text);
// A clock that only goes forward.
uint64_t NowMonotonicMs();

// Whether the program was told to end, by a signal in a live session.
bool Interrupted();

// sync A --exec COMMAND, sync A tcp://HOST:PORT and sync A ws://HOST:PORT/v1/rooms/NAME.
bool IsHubSync(const Arguments& args);
bool IsSessionSync(const Arguments& args);
Status RunSessionSync(const Context& context);

}  // namespace tributary::cli

#endif  // TRIBUTARY_SYNC_CLI_SESSION_RUN_H_
