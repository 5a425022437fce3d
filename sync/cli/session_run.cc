#include "sync/cli/session_run.h"

#include <chrono>
#include <csignal>

#include "sync/cli/json.h"
#include "sync/cli/replica.h"
#include "sync/session/sqlite_replica.h"
#include "sync/session/token_wait.h"
#include "sync/transport/stream.h"

namespace tributary::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;

// The second signal ends the program at once.
void OnSignal(int) { interrupted = 1; }

void CatchSignals() {
  struct sigaction action {};
  action.sa_handler = OnSignal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

std::string BytesOfSite(const SiteId& site) {
  return {reinterpret_cast<const char*>(site.bytes.data()), site.bytes.size()};
}

int64_t Signed(uint64_t n) { return static_cast<int64_t>(n); }

void ShowProgress(const SessionStats& stats, Progress* progress) {
  progress->Set(
      Signed(stats.sent.rows + stats.received.rows),
      Bytes(Signed(stats.sent.bytes)) + " out, " + Bytes(Signed(stats.received.bytes)) + " in");
}

// Looks for the token of a live session where something has come, and when time is up.
class Until {
 public:
  Until(Replica* replica, const SessionRun& run)
      : wanted_(!run.until.empty()),
        wait_(replica, run.until,
              NowMonotonicMs() + static_cast<uint64_t>(run.until_seconds * 1000)) {}

  // Whether the session may end.
  bool Reached(const SessionStats& stats, bool local_changes) {
    if (!wanted_) return false;
    const uint64_t now = NowMonotonicMs();
    const bool news = local_changes || stats.received.changesets != looked_at_;
    if (news || now >= wait_.deadline_ms()) {
      looked_at_ = stats.received.changesets;
      wait_.Check(now);
    }
    return wait_.state() != TokenWait::State::kWaiting;
  }
  // When it has ended.
  Status Outcome(const std::string& path) {
    if (!wanted_ || wait_.Check(UINT64_MAX) == TokenWait::State::kSeen) return {};
    return ToStatus(wait_.status(), path);
  }

 private:
  bool wanted_;
  TokenWait wait_;
  uint64_t looked_at_ = UINT64_MAX;
};

void PrintDirection(const Style& style, const std::string& from, const std::string& to,
                    const SessionStats::Direction& d, const std::string& more) {
  const std::string names = style.Bold(from) + " → " + style.Bold(to);
  if (d.cells == 0) {
    std::printf("%s  %s\n", names.c_str(), style.Dim("nothing new").c_str());
    return;
  }
  std::printf("%s  %s, %s, %s, %s%s\n", names.c_str(), Count(Signed(d.rows), "row").c_str(),
              Count(Signed(d.cells), "cell").c_str(), Bytes(Signed(d.bytes)).c_str(),
              Count(Signed(d.transactions), "transaction").c_str(), more.c_str());
}

void WriteDirection(JsonWriter* json, std::string_view name, const SessionStats::Direction& d) {
  json->Key(name).BeginObject();
  json->Key("changesets").Int(Signed(d.changesets));
  json->Key("transactions").Int(Signed(d.transactions));
  json->Key("rows").Int(Signed(d.rows));
  json->Key("cells").Int(Signed(d.cells));
  json->Key("bytes").Int(Signed(d.bytes));
  json->EndObject();
}

// What a session would do. Of what would come only so much is known.
void PrintDryRun(const Style& style, const std::string& path, const std::string& peer,
                 const SessionResult& r) {
  std::printf("%s\n",
              style.Yellow("dry run, nothing was sent or written; a sync would do:").c_str());
  if (r.equal) return;
  SessionStats::Direction sent = r.stats.sent;
  sent.bytes = r.dry_run.changeset_bytes;
  PrintDirection(style, path, peer, sent, "");
  const int64_t most = Signed(r.dry_run.most_to_receive);
  std::string come = "nothing new";
  if (most > 0) {
    come = "at most " + Count(most, "transaction") + " (how many rows and bytes only " + peer +
           " can tell)";
  }
  if (r.dry_run.receives_more) come += ", but not all of what it has can be told beforehand";
  std::printf("%s  %s\n", (style.Bold(peer) + " → " + style.Bold(path)).c_str(), come.c_str());
}

void WriteDryRun(JsonWriter* json, const SessionResult& r) {
  SessionStats::Direction sent = r.stats.sent;
  sent.bytes = r.dry_run.changeset_bytes;
  WriteDirection(json, "to_send", sent);
  json->Key("to_receive").BeginObject();
  json->Key("transactions_at_most").Int(Signed(r.dry_run.most_to_receive));
  json->Key("is_bound").Bool(!r.dry_run.receives_more);
  json->EndObject();
}

}  // namespace

bool Interrupted() { return interrupted != 0; }

uint64_t NowMonotonicMs() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

Status CheckToken(const std::string& text) {
  if (Token token; token.Decode(text)) return {};
  return {ExitCode::kUsage, "'" + OneLine(text, 60) +
                                "' is no token: give what tributary status shows, or "
                                "crsql_token() returns, where the change was made"};
}

Status ToStatus(const absl::Status& status, const std::string& path) {
  const std::string message(status.message());
  const bool of_database =
      !message.starts_with("the other side") && !message.starts_with("the hub") &&
      (absl::IsUnavailable(status) || absl::IsUnknown(status) || absl::IsInternal(status));
  const std::string text = of_database ? path + ": " + message : message;
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return {};
    case absl::StatusCode::kDeadlineExceeded:
      return {ExitCode::kDifferent, path + ": " + message};
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kPermissionDenied:
      return {ExitCode::kDifferent, text};
    case absl::StatusCode::kUnavailable:
      return {ExitCode::kBusy, text};
    case absl::StatusCode::kNotFound:
      return {ExitCode::kCannotOpen, text};
    default:
      return {ExitCode::kFailed, text};
  }
}

Status RunSession(const Database& db, const Context& context, const SessionRun& run,
                  SessionResult* result) {
  const auto started = std::chrono::steady_clock::now();
  std::signal(SIGPIPE, SIG_IGN);
  if (!run.dry_run) TRIBUTARY_RETURN_IF_ERROR(CatchUp(db));
  SqliteReplica replica(db.get(), context.busy_timeout_seconds);
  Session session(&replica, {.live = run.live, .dry_run = run.dry_run});
  Until until(&replica, run);
  bool changed = false;
  absl::Status watched = replica.HasChanged(&changed);
  if (run.live) CatchSignals();
  const std::function<void()> on_turn = [&] {
    if (run.progress != nullptr) ShowProgress(session.stats(), run.progress);
    if (!run.live) return;
    // A failure shows again where the session reads.
    if (replica.HasChanged(&changed).ok() && changed) session.LocalChanges();
    if (interrupted != 0 || until.Reached(session.stats(), changed)) session.Finish();
  };
  absl::Status ran = watched;
  if (ran.ok() && run.hub != nullptr) {
    WebSocketOptions hub = *run.hub;
    hub.greeting_seconds = run.greeting_seconds;
    hub.on_turn = on_turn;
    ran = RunOverWebSocket(&session, hub);
  } else if (ran.ok()) {
    ran = RunOverStream(&session, {.in = run.in,
                                   .out = run.out,
                                   .greeting_seconds = run.greeting_seconds,
                                   .on_turn = on_turn});
  }
  result->stats = session.stats();
  result->dry = run.dry_run;
  result->dry_run = session.dry_run();
  if (session.greeted()) result->peer_site = BytesOfSite(session.peer_site());
  result->kept_here = session.kept_here();
  result->kept_there = session.kept_there();
  result->equal = session.equal();
  result->seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  TRIBUTARY_RETURN_IF_ERROR(ToStatus(ran, db.path()));
  TRIBUTARY_RETURN_IF_ERROR(LoadParked(db, db.path(), &result->parked));
  return until.Outcome(db.path());
}

void PrintSession(const Context& context, const std::string& path, const std::string& peer,
                  const SessionResult& r) {
  const Style& style = context.style;
  if (r.dry) {
    PrintDryRun(style, path, peer, r);
  } else if (r.moved()) {
    PrintDirection(style, path, peer, r.stats.sent, "");
    PrintDirection(style, peer, path, r.stats.received,
                   "; " + Count(Signed(r.stats.rows_changed), "row") + " changed here");
  }
  for (const auto* texts : {&r.kept_here, &r.kept_there}) {
    for (const std::string& text : *texts) {
      std::printf("%s %s\n", style.Yellow("note:").c_str(), OneLine(text, 300).c_str());
    }
  }
  PrintParked(style, path, r.parked);
  if (r.dry && !r.equal) return;
  const char* outcome = "both have what the other had";
  if (r.equal) outcome = r.moved() ? "both are equal" : "both were equal already";
  std::printf("%s %s, %s, %s\n", style.Green("✓").c_str(), outcome,
              Bytes(Signed(r.stats.sent.bytes + r.stats.received.bytes)).c_str(),
              Seconds(r.seconds).c_str());
}

void WriteSession(FILE* out, const std::string& path, const std::string& peer,
                  const SessionResult& r) {
  JsonWriter json(out);
  json.BeginObject();
  json.Key("a").String(path);
  if (!peer.empty()) json.Key("b").String(peer);
  json.Key("peer_site").String(Hex(r.peer_site));
  json.Key("dry_run").Bool(r.dry);
  json.Key("equal").Bool(r.equal);
  if (r.dry) {
    WriteDryRun(&json, r);
  } else {
    WriteDirection(&json, "sent", r.stats.sent);
    WriteDirection(&json, "received", r.stats.received);
    json.Key("rows_changed").Int(Signed(r.stats.rows_changed));
  }
  json.Key("tables_differ").BeginArray();
  for (const auto* texts : {&r.kept_here, &r.kept_there}) {
    for (const std::string& text : *texts) json.String(text);
  }
  json.EndArray();
  json.Key("parked").BeginArray();
  WriteParked(&json, path, r.parked);
  json.EndArray();
  json.Key("seconds").Real(r.seconds);
  json.EndObject();
}

Status Verdict(const SessionResult& result) {
  return result.kept_here.empty() && result.kept_there.empty() ? Status() : Different();
}

}  // namespace tributary::cli
