// tributary sync with a replica that is not a file here: through a command, or over TCP.
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

}  // namespace

bool IsSessionSync(const Arguments& args) {
  if (args.Has("--exec") || args.Has("--live")) return true;
  return args.positional.size() > 1 && args.positional[1].starts_with(kTcpScheme);
}

Status RunSessionSync(const Context& context) {
  const Arguments& args = context.args;
  const bool exec = args.Has("--exec");
  if (exec == (args.positional.size() > 1)) {
    return {ExitCode::kUsage, exec ? "give --exec or a second copy, not both"
                                   : "--live needs --exec COMMAND or tcp://HOST:PORT"};
  }
  const std::string peer = exec ? args.Get("--exec") : context.arg(1);
  if (!exec && !peer.starts_with(kTcpScheme)) {
    return {ExitCode::kUsage, "--live needs --exec COMMAND or tcp://HOST:PORT, not a file"};
  }
  SessionRun run{.live = args.Has("--live"),
                 .dry_run = IsDryRun(context),
                 .until = args.Get("--until"),
                 .until_seconds = kDefaultWaitSeconds};
  TRIBUTARY_RETURN_IF_ERROR(args.NotBoth("--dry-run", "--live"));
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
    ran = exec ? OverChild(db, context, run, peer, &result)
               : OverTcp(db, context, run, peer, &result);
  }
  TRIBUTARY_RETURN_IF_ERROR(ran);
  if (context.json) WriteSession(stdout, context.arg(0), peer, result);
  const std::string shown = exec ? "site " + ShortSite(result.peer_site) : peer;
  if (context.human()) PrintSession(context, context.arg(0), shown, result);
  return Verdict(result);
}

}  // namespace tributary::cli
