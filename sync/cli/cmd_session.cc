// tributary session: the other end of a sync through a command or over TCP.
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <vector>

#include "sync/cli/commands.h"
#include "sync/cli/json.h"
#include "sync/cli/replica.h"
#include "sync/cli/session_run.h"
#include "sync/session/messages.h"
#include "sync/transport/stream.h"
#include "sync/transport/tcp.h"

namespace tributary::cli {
namespace {

constexpr char kDetails[] =
    "Speaks the sync protocol on standard input and output, for a tributary sync at the other\n"
    "end; says nothing else but errors, on stderr. With --listen it waits for connections, and\n"
    "serves each with a process of its own until it is told to end by SIGINT or SIGTERM.\n\n"
    "A connection is neither encrypted nor is anybody asked for a password. Without a host,\n"
    "--listen takes connections of this machine only; over a network, use ssh.\n\n"
    "With --json the outcome of each session is a line on stderr.\n\n"
    "Examples:\n"
    "  tributary sync notes.db --exec \"ssh host tributary session notes.db\"\n"
    "  tributary session notes.db --listen 4567\n"
    "  tributary session notes.db --listen 192.168.1.5:4567\n"
    "  tributary sync copy.db tcp://192.168.1.5:4567\n";

constexpr double kGreetingSeconds = 30;
constexpr int64_t kDefaultClients = 32;

volatile std::sig_atomic_t stop = 0;
void OnStop(int) { stop = 1; }
void OnChild(int) {}

void Handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;  // without SA_RESTART: accept() must return
  sigaction(signal, &action, nullptr);
}

// The peer has no other way to hear why there is no session.
void TellPeer(int out, const Status& status) {
  const SessionError code = status.code() == ExitCode::kBusy        ? SessionError::kLocked
                            : status.code() == ExitCode::kDifferent ? SessionError::kRefused
                                                                    : SessionError::kFailed;
  const std::string frame = ErrorMessage{code, status.message()}.Encode();
  std::signal(SIGPIPE, SIG_IGN);
  if (write(out, frame.data(), frame.size()) < 0) return;  // nobody is there
}

Status Serve(const Context& context, int in, int out, double greeting_seconds,
             SessionResult* result) {
  Database db;
  Status opened = OpenReplica(context, context.arg(0), OpenMode::kWrite, &db);
  if (!opened.ok()) {
    TellPeer(out, opened);
    return opened;
  }
  const SessionRun run{.in = in, .out = out, .live = true, .greeting_seconds = greeting_seconds};
  return RunSession(db, context, run, result);
}

Status ServeStandardInput(const Context& context) {
  if (isatty(STDIN_FILENO) != 0 || isatty(STDOUT_FILENO) != 0) {
    return {ExitCode::kUsage,
            "this speaks a protocol on standard input and output: start it by tributary sync A "
            "--exec, or give --listen"};
  }
  SessionResult result;
  TRIBUTARY_RETURN_IF_ERROR(Serve(context, STDIN_FILENO, STDOUT_FILENO, 0, &result));
  if (context.json) WriteSession(stderr, context.arg(0), "", result);
  return Verdict(result);
}

// In a process of its own; its exit code says how it went.
[[noreturn]] void ServeConnection(const Context& context, const Descriptor& connection,
                                  const std::string& from) {
  Handle(SIGCHLD, SIG_DFL);
  SessionResult r;
  const int fd = connection.get();
  Status status = Serve(context, fd, fd, kGreetingSeconds, &r);
  if (!status.ok()) {
    std::fprintf(stderr, "tributary: %s: %s\n", from.c_str(),
                 OneLine(status.message(), 4000).c_str());
  } else if (context.json) {
    WriteSession(stderr, context.arg(0), from, r);
  } else if (!context.quiet) {
    std::fprintf(stderr, "%s: site %s, %s received, %s sent\n", from.c_str(),
                 ShortSite(r.peer_site).c_str(),
                 Count(static_cast<int64_t>(r.stats.received.rows), "row").c_str(),
                 Count(static_cast<int64_t>(r.stats.sent.rows), "row").c_str());
  }
  _exit(static_cast<int>(status.code()));
}

class Server {
 public:
  Server(const Context& context, int64_t clients) : context_(context), clients_(clients) {}

  Status Run(const std::string& where) {
    TcpAddress address;
    if (!ParseTcpAddress(where, &address)) {
      return {ExitCode::kUsage, "option --listen needs [HOST:]PORT, not '" + where + "'"};
    }
    {
      Database db;  // better now than at the first connection
      TRIBUTARY_RETURN_IF_ERROR(OpenReplica(context_, context_.arg(0), OpenMode::kWrite, &db));
    }
    std::string shown;
    const Status listening = ToStatus(ListenTcp(address, &listener_, &shown), "");
    if (!listening.ok()) {
      return {listening.code(),
              listening.message() + "; give an address of this machine and a free port (0: any)"};
    }
    Handle(SIGINT, OnStop);
    Handle(SIGTERM, OnStop);
    Handle(SIGCHLD, OnChild);
    if (!context_.quiet) std::fprintf(stderr, "listening on %s\n", shown.c_str());
    while (stop == 0) TRIBUTARY_RETURN_IF_ERROR(ServeNext());
    for (const pid_t child : children_) kill(child, SIGTERM);
    Reap(0);
    return {};
  }

 private:
  Status ServeNext() {
    Descriptor connection;
    std::string from;
    const absl::Status accepted = AcceptTcp(listener_, &connection, &from);
    Reap(WNOHANG);
    if (absl::IsCancelled(accepted)) return {};
    TRIBUTARY_RETURN_IF_ERROR(ToStatus(accepted, context_.arg(0)));
    if (static_cast<int64_t>(children_.size()) >= clients_) {
      TellPeer(connection.get(), {ExitCode::kBusy, "too many sessions at once; try again later"});
      return {};
    }
    const pid_t child = fork();
    if (child == 0) {
      listener_.Close();
      ServeConnection(context_, connection, from);
    }
    if (child > 0) {
      children_.push_back(child);
    } else {
      TellPeer(connection.get(), {ExitCode::kFailed, "cannot start a process"});
    }
    return {};
  }

  void Reap(int flags) {
    std::erase_if(children_, [flags](pid_t child) {
      int status;
      pid_t ended;
      do {
        ended = waitpid(child, &status, flags);
      } while (ended < 0 && errno == EINTR);
      return ended != 0;
    });
  }

  const Context& context_;
  int64_t clients_;
  Descriptor listener_;
  std::vector<pid_t> children_;
};

Status RunSessionCommand(const Context& context) {
  if (!context.args.Has("--listen")) return ServeStandardInput(context);
  int64_t clients = kDefaultClients;
  TRIBUTARY_RETURN_IF_ERROR(context.args.GetInt("--clients", 1, &clients));
  return Server(context, clients).Run(context.args.Get("--listen"));
}

}  // namespace

Command SessionCommand() {
  return {"session",
          "DB [--listen [HOST:]PORT]",
          "be the other end of a sync: on stdin/stdout or TCP",
          kDetails,
          {{"--listen", "", "[HOST:]PORT", "wait for connections (port 0: any free one)"},
           {"--clients", "", "N", "sessions at once (default 32)"}},
          1,
          1,
          RunSessionCommand};
}

}  // namespace tributary::cli
