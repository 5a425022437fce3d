// tributary wait: until a replica has seen what a token names.
#include <chrono>
#include <cstdio>

#include "sync/cli/commands.h"
#include "sync/cli/json.h"
#include "sync/cli/replica.h"
#include "sync/cli/session_run.h"
#include "sync/session/sqlite_replica.h"
#include "sync/session/token_wait.h"

namespace tributary::cli {
namespace {

constexpr std::string_view kDetails =
    "Waits until the database knows all that a token names: what was known, its own writes\n"
    "included, to the replica where tributary status showed the token, or crsql_token() returned\n"
    "it. Who wrote there then reads it here. It only reads: something else has to bring the\n"
    "changes, such as tributary sync --live or --folder --watch. Exit code 1 where they are not\n"
    "there in time; --for 0 only looks.\n\n"
    "Examples:\n"
    "  token=$(tributary status --json phone.db | jq -r .token)\n"
    "  tributary wait laptop.db \"$token\" --for 30 && echo 'what phone.db had is here'\n"
    "  tributary wait laptop.db \"$token\" --for 0 || echo 'not yet'\n";

// How often a database is asked whether somebody wrote to it: 5 microseconds of work.
constexpr int kLookMs = 20;

TokenWait::State Wait(SqliteReplica* replica, TokenWait* wait) {
  TokenWait::State state = wait->Check(NowMonotonicMs());
  while (state == TokenWait::State::kWaiting) {
    sqlite3_sleep(kLookMs);
    const uint64_t now = NowMonotonicMs();
    bool changed = true;  // a failure shows again in Check()
    if (replica->HasChanged(&changed).ok() && !changed && now < wait->deadline_ms()) continue;
    state = wait->Check(now);
  }
  return state;
}

void WriteJson(const std::string& path, const TokenWait& wait, double seconds) {
  JsonWriter json(stdout);
  json.BeginObject();
  json.Key("database").String(path);
  json.Key("seen").Bool(wait.state() == TokenWait::State::kSeen);
  json.Key("missing").BeginArray();
  for (const Token::Gap& gap : wait.missing()) {
    json.BeginObject();
    json.Key("site").String(Hex(gap.site));
    json.Key("has").Int(gap.known.value);
    json.Key("named").Int(gap.named.value);
    json.EndObject();
  }
  json.EndArray();
  json.Key("seconds").Real(seconds);
  json.EndObject();
}

Status RunWait(const Context& context) {
  const std::string& path = context.arg(0);
  double patience = kDefaultWaitSeconds;
  TRIBUTARY_RETURN_IF_ERROR(context.args.GetSeconds("--for", &patience));
  TRIBUTARY_RETURN_IF_ERROR(CheckToken(context.arg(1)));
  Database db;
  TRIBUTARY_RETURN_IF_ERROR(OpenReplica(context, path, OpenMode::kRead, &db));
  SqliteReplica replica(db.get(), context.busy_timeout_seconds);
  bool ignored;
  TRIBUTARY_RETURN_IF_ERROR(ToStatus(replica.HasChanged(&ignored), path));
  const uint64_t started = NowMonotonicMs();
  TokenWait wait(&replica, context.arg(1), started + static_cast<uint64_t>(patience * 1000));
  Wait(&replica, &wait);
  const double seconds = static_cast<double>(NowMonotonicMs() - started) / 1000;
  const bool over = wait.state() == TokenWait::State::kTimedOut;
  if (!wait.status().ok() && !over) return ToStatus(wait.status(), path);
  if (context.json) WriteJson(path, wait, seconds);
  if (over && context.json) return Different();
  if (over) {
    const Status status = ToStatus(wait.status(), path);
    return {status.code(), status.message() + " (waited " + Seconds(patience) +
                               "); sync it with a replica that has it, or wait longer: --for"};
  }
  if (context.human()) {
    std::printf("%s %s has seen it, after %s\n", context.style.Green("✓").c_str(),
                context.style.Bold(path).c_str(), Seconds(seconds).c_str());
  }
  return {};
}

}  // namespace

Command WaitCommand() {
  return {"wait",
          "DB TOKEN",
          "until a replica has seen what a token names",
          kDetails,
          {{"--for", "", "SECONDS", "how long (default 10); 0: only look"}},
          2,
          2,
          RunWait};
}

}  // namespace tributary::cli
