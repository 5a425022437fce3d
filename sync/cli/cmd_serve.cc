// tributary serve: the hub.
#include <algorithm>

#include "sync/cli/commands.h"
#include "sync/cli/session_run.h"
#include "sync/hub/options.h"
#include "sync/hub/server.h"

namespace tributary::cli {
namespace {

constexpr char kDetails[] =
    "Keeps rooms, each a SQLite file in --dir and a replica of its own, for clients that are not\n"
    "awake at the same time: they sync by WebSocket, live or once, or by plain HTTP. A room is "
    "made\n"
    "when somebody who may write first asks for it, and gets the tables of that client.\n\n"
    "Without tokens or a key anybody may do anything, so --listen is for this machine only. "
    "Beyond\n"
    "it, give --tokens or --jwt-key, and --tls-cert with --tls-key, or --plain-text behind a "
    "proxy\n"
    "that encrypts. Logs are JSON, on stderr. SIGTERM ends it, after a goodbye to all.\n\n"
    "Examples:\n"
    "  tributary serve --dir rooms --listen 8787\n"
    "  tributary sync notes.db ws://127.0.0.1:8787/v1/rooms/notes --live\n"
    "  tributary serve --dir rooms --listen 0.0.0.0:443 --tokens tokens \\\n"
    "    --tls-cert cert.pem --tls-key key.pem\n";

Status CheckOptions(const Arguments& args, const hub::HubOptions& o) {
  if (o.dir.empty()) {
    return {ExitCode::kUsage, "option --dir is needed: the folder that keeps the rooms"};
  }
  TRIBUTARY_RETURN_IF_ERROR(args.Needs("--tls-key", {"--tls-cert"}));
  TRIBUTARY_RETURN_IF_ERROR(args.Needs("--tls-cert", {"--tls-key"}));
  if (hub::IsLoopback(o.host)) return {};
  if (o.tokens.empty() && o.jwt_key.empty()) {
    return {ExitCode::kUsage, "--listen " + o.host +
                                  " is reached from elsewhere, where anybody could read and write "
                                  "every room: give --tokens or --jwt-key"};
  }
  if (o.tls_cert.empty() && !o.plain_text) {
    return {ExitCode::kUsage,
            "--listen " + o.host +
                " without encryption would send tokens and data as plain text: give --tls-cert and "
                "--tls-key, or --plain-text where a proxy encrypts"};
  }
  return {};
}

Status ReadOptions(const Arguments& args, hub::HubOptions* o) {
  o->dir = args.Get("--dir");
  o->tls_cert = args.Get("--tls-cert");
  o->tls_key = args.Get("--tls-key");
  o->tokens = args.Get("--tokens");
  o->jwt_key = args.Get("--jwt-key");
  o->plain_text = args.Has("--plain-text");
  if (args.Has("--listen") && !hub::ParseListen(args.Get("--listen"), o)) {
    return {ExitCode::kUsage,
            "option --listen needs [HOST:]PORT, not '" + args.Get("--listen") + "'"};
  }
  TRIBUTARY_RETURN_IF_ERROR(args.GetInt("--threads", 1, &o->threads));
  TRIBUTARY_RETURN_IF_ERROR(args.GetInt("--max-frame", 1 << 10, &o->max_frame));
  TRIBUTARY_RETURN_IF_ERROR(args.GetInt("--max-rooms", 1, &o->max_rooms));
  TRIBUTARY_RETURN_IF_ERROR(args.GetInt("--max-connections", 1, &o->max_connections));
  TRIBUTARY_RETURN_IF_ERROR(args.GetInt("--max-connections-each", 1, &o->max_connections_each));
  TRIBUTARY_RETURN_IF_ERROR(args.GetInt("--rate", 0, &o->rate));
  TRIBUTARY_RETURN_IF_ERROR(args.GetSeconds("--first-byte-seconds", &o->first_byte_seconds));
  TRIBUTARY_RETURN_IF_ERROR(args.GetSeconds("--ping-seconds", &o->ping_seconds));
  TRIBUTARY_RETURN_IF_ERROR(args.GetSeconds("--idle-seconds", &o->idle_seconds));
  TRIBUTARY_RETURN_IF_ERROR(args.GetSeconds("--grace-seconds", &o->grace_seconds));
  TRIBUTARY_RETURN_IF_ERROR(args.GetSeconds("--snapshot-seconds", &o->snapshot_seconds));
  constexpr int64_t kMaxThreads = 64;
  o->threads = std::min(o->threads, kMaxThreads);
  o->max_frame = std::min<int64_t>(o->max_frame, kMaxFrameBody);
  constexpr double kMaxPing = 30000;  // the library counts in 16 bits
  o->first_byte_seconds = std::max(o->first_byte_seconds, 1.0);
  o->ping_seconds = std::clamp(o->ping_seconds, 1.0, kMaxPing);
  return CheckOptions(args, *o);
}

Status RunServe(const Context& context) {
  hub::HubOptions options;
  TRIBUTARY_RETURN_IF_ERROR(ReadOptions(context.args, &options));
  const absl::Status served = hub::Serve(options);
  return {ToStatus(served, "").code(), std::string(served.message())};
}

}  // namespace

Command ServeCommand() {
  return {"serve",
          "--dir DATA [--listen [HOST:]PORT] [OPTIONS]",
          "be the hub that is always on: rooms, live sync",
          kDetails,
          {{"--dir", "", "DATA", "the folder that keeps the rooms"},
           {"--listen", "", "[HOST:]PORT", "where (default 127.0.0.1:8787; port 0: any free one)"},
           {"--tls-cert", "", "FILE", "the certificate and its chain, PEM"},
           {"--tls-key", "", "FILE", "its private key, PEM"},
           {"--tokens", "", "FILE", "who may: a JSON object a line, see sync/hub/README.md"},
           {"--jwt-key", "", "FILE", "key of JSON Web Tokens: a secret, or a public key in PEM"},
           {"--plain-text", "", "", "without TLS beyond this machine, as behind a proxy"},
           {"--threads", "", "N", "for work on rooms (default 2)"},
           {"--max-frame", "", "BYTES", "of a changeset (default 16777216)"},
           {"--max-rooms", "", "N", "that may be made (default 10000)"},
           {"--max-connections", "", "N", "at once (default 5000)"},
           {"--max-connections-each", "", "N", "at once of one address (default 2000)"},
           {"--rate", "", "N", "requests a second of a client (default 100; 0: any)"},
           {"--first-byte-seconds", "", "S", "to send a request, and a hello (default 10)"},
           {"--ping-seconds", "", "S", "of silence before a ping (default 30)"},
           {"--idle-seconds", "", "S", "until an unused room is closed (default 60)"},
           {"--grace-seconds", "", "S", "for goodbyes at the end (default 10)"},
           {"--snapshot-seconds", "", "S", "a snapshot serves others, too (default 10)"}},
          0,
          0,
          RunServe};
}

}  // namespace tributary::cli
