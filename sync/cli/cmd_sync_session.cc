// tributary sync with a replica that is not a file here: through a command, over TCP, or a hub.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <random>
#include <thread>

#include "absl/strings/ascii.h"
#include "sync/cli/dry_run.h"
#include "sync/cli/replica.h"
#include "sync/cli/session_run.h"
#include "sync/transport/process.h"
#include "sync/transport/tcp.h"

namespace tributary::cli {
namespace {

constexpr double kConnectSeconds = 10;
constexpr double kGreetingSeconds = 30;

Status WithCode(const Status& status, const std::string& what) {
  return {status.code(), status.message() + "; " + what};
}

// What the child's end adds to how the session went.
Status AfterChild(const Status& ran, int code, const SessionResult& result) {
  const std::string ended = "the command ended with exit code " + std::to_string(code);
  const bool spoke = !result.peer_site.empty() || ran.message().starts_with("the other side: ");
  if (!ran.ok() && !spoke) return WithCode(ran, ended + "; it must run: tributary session DB");
  if (code == 0) return ran;
  if (!ran.ok()) return WithCode(ran, ended);
  // The other side, too, says so where the tables differ.
  if (code == static_cast<int>(ExitCode::kDifferent) && !Verdict(result).ok()) return ran;
  return {ExitCode::kFailed, "all was exchanged, but " + ended};
}

Status OverChild(const Database& db, const Context& context, SessionRun run,
                 const std::string& command, SessionResult* result) {
  ChildProcess child;
  TRIBUTARY_RETURN_IF_ERROR(ToStatus(child.Start(command), db.path()));
  run.in = child.in();
  run.out = child.out();
  const Status ran = RunSession(db, context, run, result);
  return AfterChild(ran, child.Finish(), *result);
}

Status OverTcp(const Database& db, const Context& context, SessionRun run,
               const std::string& address, SessionResult* result) {
  TcpAddress parsed;
  if (!ParseTcpAddress(address, &parsed)) {
    return {ExitCode::kUsage, "'" + address + "' is no address such as tcp://127.0.0.1:4567"};
  }
  Descriptor connection;
  const Status connected = ToStatus(ConnectTcp(parsed, kConnectSeconds, &connection), db.path());
  if (!connected.ok()) {
    return WithCode(connected, "is tributary session DB --listen [HOST:]PORT running there?");
  }
  run.in = run.out = connection.get();
  run.greeting_seconds = kGreetingSeconds;
  return RunSession(db, context, run, result);
}

// What a room that has no tables yet is to get: those that are replicated here.
Status LoadTables(const Database& db, std::string* schema) {
  std::vector<std::string> tables;
  TRIBUTARY_RETURN_IF_ERROR(ReplicatedTables(db, &tables));
  Statement s = db.Prepare("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?");
  for (const std::string& table : tables) {
    s.Reset();
    s.BindText(1, table);
    if (s.Step()) schema->append(s.Text(0)).append(";\n");
  }
  return s.status();
}

Status ReadToken(const Arguments& args, std::string* token) {
  if (!args.Has("--token-file")) return {};
  const std::string path = args.Get("--token-file");
  std::ifstream in(path, std::ios::binary);
  if (!in) return {ExitCode::kCannotOpen, path + ": cannot read this token file"};
  std::string text(std::istreambuf_iterator<char>(in), {});
  *token = absl::StripAsciiWhitespace(text);
  const bool plain = std::all_of(token->begin(), token->end(), absl::ascii_isgraph);
  if (!token->empty() && plain) return {};
  return {ExitCode::kUsage, path + ": holds no token: one line without spaces"};
}

// What another try may mend: nobody answers, the hub is busy or going, the connection broke.
bool IsPassing(const Status& status) {
  return status.code() == ExitCode::kBusy || status.code() == ExitCode::kCannotOpen ||
         status.code() == ExitCode::kFailed;
}

// Waits a little longer each time, and not all clients of a hub that comes back equally long.
class Backoff {
 public:
  // False where the program was told to end.
  bool Wait() {
    using std::chrono::milliseconds;
    std::uniform_real_distribution<double> share(0.5, 1);
    const auto until = std::chrono::steady_clock::now() +
                       milliseconds(static_cast<int64_t>(share(random_) * delay_ms_));
    delay_ms_ = std::min(2 * delay_ms_, kMostMs);
    while (!Interrupted() && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(milliseconds(50));
    }
    return !Interrupted();
  }
  void Reset() { delay_ms_ = kLeastMs; }

 private:
  static constexpr double kLeastMs = 500;
  static constexpr double kMostMs = 30000;
  double delay_ms_ = kLeastMs;
  std::minstd_rand random_{std::random_device()()};
};

// With --watch, a connection that breaks is followed by another, which goes on where it ended.
Status OverHub(const Database& db, const Context& context, SessionRun run, const std::string& url,
               SessionResult* result) {
  WebSocketOptions hub;
  if (!ParseWebSocketUrl(url, &hub.address)) {
    return {ExitCode::kUsage,
            "'" + url + "' is no address such as wss://hub.example/v1/rooms/notes"};
  }
  const bool watch = context.args.Has("--watch");
  hub.connect_seconds = kConnectSeconds;
  hub.ca_file = context.args.Get("--ca");
  TRIBUTARY_RETURN_IF_ERROR(ReadToken(context.args, &hub.token));
  if (!run.dry_run) TRIBUTARY_RETURN_IF_ERROR(LoadTables(db, &hub.schema));
  run.hub = &hub;
  run.live = run.live || watch;
  run.greeting_seconds = kGreetingSeconds;
  Backoff backoff;
  for (;;) {
    Status ran = RunSession(db, context, run, result);
    const bool passing = (ran.ok() || IsPassing(ran)) && run.until.empty();
    if (!watch || Interrupted() || !passing) return ran;
    if (!context.quiet) {
      std::fprintf(stderr, "tributary: %s; connecting again\n",
                   ran.ok() ? "the hub said goodbye" : OneLine(ran.message(), 500).c_str());
    }
    if (!result->peer_site.empty()) backoff.Reset();
    if (!backoff.Wait()) return {};
    *result = {};
  }
}

}  // namespace

bool IsHubSync(const Arguments& args) {
  return args.positional.size() > 1 && IsWebSocketUrl(args.positional[1]);
}

bool IsSessionSync(const Arguments& args) {
  if (args.Has("--exec") || args.Has("--live") || IsHubSync(args)) return true;
  return args.positional.size() > 1 && args.positional[1].starts_with(kTcpScheme);
}

Status RunSessionSync(const Context& context) {
  const Arguments& args = context.args;
  const bool exec = args.Has("--exec");
  if (exec == (args.positional.size() > 1)) {
    return {ExitCode::kUsage, exec ? "give --exec or a second copy, not both"
                                   : "--live needs --exec COMMAND, tcp://HOST:PORT or a hub"};
  }
  const std::string peer = exec ? args.Get("--exec") : context.arg(1);
  if (!exec && !peer.starts_with(kTcpScheme) && !IsHubSync(args)) {
    return {ExitCode::kUsage, "--live needs --exec COMMAND or tcp://HOST:PORT, not a file"};
  }
  SessionRun run{.live = args.Has("--live"),
                 .dry_run = IsDryRun(context),
                 .until = args.Get("--until"),
                 .until_seconds = kDefaultWaitSeconds};
  TRIBUTARY_RETURN_IF_ERROR(args.NotBoth("--dry-run", "--live"));
  TRIBUTARY_RETURN_IF_ERROR(args.NotBoth("--dry-run", "--watch"));
  TRIBUTARY_RETURN_IF_ERROR(args.GetSeconds("--for", &run.until_seconds));
  if (args.Has("--until")) TRIBUTARY_RETURN_IF_ERROR(CheckToken(run.until));
  Database db;
  SessionResult result;
  TRIBUTARY_RETURN_IF_ERROR(
      OpenReplica(context, context.arg(0), run.dry_run ? OpenMode::kRead : OpenMode::kWrite, &db));
  Status ran;
  {
    Progress progress(context.human(), "syncing");
    progress.Part("syncing", Progress::Unit::kRows);
    progress.Watch(db);
    run.progress = &progress;
    const auto over = exec ? OverChild : IsHubSync(args) ? OverHub : OverTcp;
    ran = over(db, context, run, peer, &result);
  }
  TRIBUTARY_RETURN_IF_ERROR(ran);
  if (context.json) WriteSession(stdout, context.arg(0), peer, result);
  const std::string shown = exec ? "site " + ShortSite(result.peer_site) : peer;
  if (context.human()) PrintSession(context, context.arg(0), shown, result);
  return Verdict(result);
}

}  // namespace tributary::cli
