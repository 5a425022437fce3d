#include "sync/hub/hub.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "sync/hub/log.h"
#include "sync/hub/status.h"

namespace tributary::hub {
namespace {

constexpr char kChangesetType[] = "application/vnd.tributary.changeset";
constexpr uint64_t kMaxWaitSeconds = 300;
constexpr double kDefaultWaitSeconds = 30;

// Both the bytes that are asked for and the state they are asked of are named: a cache may keep it.
constexpr char kImmutable[] = "public, max-age=31536000, immutable";

HttpResponse Text(std::string body) {
  HttpResponse response;
  response.body = std::move(body);
  response.Add("cache-control", "no-store");
  return response;
}

SessionOptions Limits(const HubOptions& options) {
  SessionOptions limits;
  limits.max_frame_bytes = static_cast<size_t>(options.max_frame);
  return limits;
}

// Of a snapshot, what the headers Range and If-Range ask for.
HttpResponse PartOf(const Snapshot& snapshot, const std::string& range,
                    const std::string& if_range) {
  HttpResponse response;
  response.type = "application/vnd.sqlite3";
  response.file = snapshot.file;
  response.Add("etag", snapshot.etag);
  response.Add("accept-ranges", "bytes");
  response.Add("tributary-token", snapshot.token);
  response.Add("cache-control", "no-store");
  RangeKind kind = ParseRange(range, snapshot.size, &response.file_offset, &response.file_length);
  if (!if_range.empty() && if_range != snapshot.etag) {
    kind = RangeKind::kWhole;
    response.file_offset = 0;
    response.file_length = snapshot.size;
  }
  const std::string all = absl::StrCat("/", snapshot.size);
  if (kind == RangeKind::kUnsatisfiable) {
    response = ErrorResponse(416, "the snapshot is not that long");
    response.Add("content-range", "bytes *" + all);
  } else if (kind == RangeKind::kPart) {
    response.status = 206;
    const uint64_t last = response.file_offset + response.file_length - 1;
    response.Add("content-range", absl::StrCat("bytes ", response.file_offset, "-", last, all));
  }
  return response;
}

}  // namespace

Hub::Hub(const HubOptions& options, Wake wake)
    : options_(options), rate_(options.rate), store_(options.dir, options.max_rooms) {
  context_.store = &store_;
  context_.metrics = &metrics_;
  context_.max_frame_bytes = Limits(options).max_frame_bytes;
  context_.wake = std::move(wake);
  context_.on_end = [this](const Client& client, const std::string& room, const Session* session,
                           const absl::Status& status) {
    if (!status.ok()) metrics_.sessions_failed++;
    Log line("session_end");
    line.Add("room", room).Add("client", client.id()).Add("from", client.from());
    if (!client.grant().subject.empty()) line.Add("subject", client.grant().subject);
    if (session != nullptr) {
      line.Add("received_transactions", session->stats().received.transactions);
      line.Add("received_bytes", session->stats().received.bytes);
      line.Add("sent_bytes", session->stats().sent.bytes);
    }
    if (!status.ok()) line.Add("error", status.message());
  };
}

Hub::~Hub() {
  snapshots_.Stop();
  // Rooms end in the pool's threads, or here after these.
  pool_.reset();
}

absl::Status Hub::Start() {
  HUB_RETURN_IF_ERROR(LoadAuth());
  HUB_RETURN_IF_ERROR(store_.Prepare());
  pool_ = std::make_unique<Pool>(static_cast<size_t>(options_.threads));
  context_.pool = pool_.get();
  return absl::OkStatus();
}

absl::Status Hub::LoadAuth() {
  auto auth = std::make_unique<Auth>();
  if (!options_.tokens.empty()) HUB_RETURN_IF_ERROR(auth->LoadTokens(options_.tokens));
  if (!options_.jwt_key.empty()) HUB_RETURN_IF_ERROR(auth->LoadKey(options_.jwt_key));
  auth_ = std::move(auth);
  return absl::OkStatus();
}

void Hub::Reload() {
  const absl::Status loaded = LoadAuth();
  Log line("reload");
  if (!loaded.ok()) line.Add("error", loaded.message());
}

absl::Status Hub::Recheck(const HttpRequest& request, const Grant& begun) const {
  if (!auth_->asks()) return absl::OkStatus();
  Grant now;
  const absl::Status valid =
      auth_->Check(BearerToken(request.authorization), absl::ToUnixSeconds(absl::Now()), &now);
  if (!valid.ok()) return absl::PermissionDeniedError("the token is no longer valid");
  return now == begun
             ? absl::OkStatus()
             : absl::PermissionDeniedError("the token's rights are others now; connect again");
}

absl::Status Hub::Authorize(const HttpRequest& request, const std::string& from, Grant* grant,
                            HttpResponse* refusal) {
  metrics_.requests++;
  absl::Status allowed;
  int code = 0;
  if (request.route.resource != Route::Resource::kHealth) {
    allowed =
        auth_->Check(BearerToken(request.authorization), absl::ToUnixSeconds(absl::Now()), grant);
  }
  const std::string who = grant->subject.empty() ? from : grant->subject;
  if (!rate_.Allow(who, Room::NowMs())) {
    allowed = absl::ResourceExhaustedError(
        absl::StrCat("more than ", options_.rate, " requests a second, the limit of --rate"));
    code = 429;
  } else if (!auth_->asks() && !IsLocalRequest(request)) {
    allowed = absl::PermissionDeniedError(
        "without --tokens or --jwt-key only this machine may ask, and no web page of another: the "
        "headers Host and Origin name one");
  } else if (allowed.ok() && request.route.of_room() && !grant->AllowsRoom(request.route.room)) {
    allowed =
        absl::PermissionDeniedError(absl::StrCat("the token is not for room ", request.route.room));
  } else if (allowed.ok() && request.route.resource == Route::Resource::kMetrics && auth_->asks() &&
             !grant->AllowsRoom("*")) {
    allowed = absl::PermissionDeniedError("metrics tell of all rooms: they need a token for \"*\"");
  }
  if (allowed.ok()) return allowed;
  metrics_.refused++;
  *refusal = code != 0 ? ErrorResponse(code, allowed.message()) : ErrorResponse(allowed);
  Log("refused").Add("from", from).Add("room", request.route.room).Add("error", allowed.message());
  return allowed;
}

void Hub::Answer(const HttpRequest& request, const Grant& grant, Done done) {
  using Resource = Route::Resource;
  const Resource resource = request.route.resource;
  const bool posts = request.method == Method::kPost;
  const bool may_post = resource == Resource::kChangesets || resource == Resource::kSchema;
  if (request.method == Method::kOther || (posts && !may_post) ||
      (!posts && resource == Resource::kSchema)) {
    return done(ErrorResponse(405, "GET is for all but schema, POST for changesets and schema"));
  }
  if (resource == Resource::kHealth) return done(Text("ok\n"));
  if (resource == Resource::kMetrics) return done(Text(MetricsText()));
  const std::shared_ptr<Room> room = GetRoom(request.route.room);
  switch (resource) {
    case Resource::kChangesets:
      if (posts) return PostChangeset(request, grant, room.get(), done);
      return Changesets(request, room.get(), std::move(done));
    case Resource::kToken:
      return Token(room.get(), std::move(done));
    case Resource::kWait:
      return Wait(request, room.get(), std::move(done));
    case Resource::kSnapshot:
      return GetSnapshot(request, room.get(), std::move(done));
    case Resource::kSchema:
      return PostSchema(request, grant, room.get(), std::move(done));
    default:
      return done(ErrorResponse(426, "a room is a WebSocket: use tributary sync DB ws://..."));
  }
}

// One changeset, the first that `have` lacks; its sender knows by its version vector what came.
void Hub::Changesets(const HttpRequest& request, Room* room, Done done) {
  Have have;
  std::string bytes;
  std::string error;
  const std::string text = request.Argument("have");
  if (!text.empty() && (!DecodeBytes(text, &bytes) || !have.Decode(bytes, &error))) {
    return done(ErrorResponse(
        400, "argument have is crsql_version_vector() of your replica, in hex or base64"));
  }
  const std::string at = request.Argument("at");
  const std::string path = absl::StrCat("/v1/rooms/", room->name(), "/changesets?have=", text);
  room->Post(false, [this, have = std::move(have), at, path, done = std::move(done)](
                        SharedLog* log, const absl::Status& opened) {
    if (log == nullptr) return done(ErrorResponse(opened));
    HttpResponse response;
    if (!at.empty() && at != log->token()) {
      response = ErrorResponse(307, "the room has moved on");
      response.Add("location", absl::StrCat(path, "&at=", log->token()));
      return done(std::move(response));
    }
    absl::Status read;
    {
      std::unique_ptr<RoomLog::Reader> reader;
      read = log->Read(have, {}, context_.piece_bytes, &reader);
      if (read.ok()) read = reader->Next(&response.body);
    }
    if (!read.ok()) return done(ErrorResponse(read));
    response.type = kChangesetType;
    if (response.body.empty()) response.status = 204;
    response.Add("tributary-token", log->token());
    response.Add("cache-control", at.empty() ? "no-store" : kImmutable);
    done(std::move(response));
  });
}

void Hub::PostChangeset(const HttpRequest& request, const Grant& grant, Room* room,
                        const Done& done) {
  if (!grant.may_write()) {
    return done(ErrorResponse(403, "the token allows reading only: its claim access"));
  }
  Frame frame;
  ChangesetHeader header;
  std::string error;
  if (!frame.Open(request.body, &error) || !header.Decode(frame.header(), &error)) {
    return done(ErrorResponse(400, absl::StrCat("the body is no changeset: ", error)));
  }
  const absl::Status sized = CheckSize(request.body, context_.max_frame_bytes);
  if (!sized.ok()) return done(ErrorResponse(413, sized.message()));
  const uint64_t transactions = header.begun();
  const size_t size = request.body.size();
  std::shared_ptr<Room> kept = room->shared_from_this();
  auto append = [this, kept, transactions, size, done, body = request.body] {
    kept->Append(body, [this, kept, transactions, size, done](const absl::Status& status) {
      if (!status.ok()) return done(ErrorResponse(status));
      metrics_.changesets++;
      metrics_.transactions += transactions;
      metrics_.received_bytes += size;
      // After the commit: the token names what was posted, if all of its transfer is here.
      kept->Post(false, [done](SharedLog* log, const absl::Status&) {
        HttpResponse response = Text("");
        response.body = absl::StrCat("{\"token\":", JsonText(log->token()), "}\n");
        response.type = "application/json";
        done(std::move(response));
      });
    });
  };
  if (!grant.site.has_value()) return append();
  room->Post(true, [site = *grant.site, append, done, body = request.body](
                       SharedLog* log, const absl::Status& opened) {
    if (log == nullptr) return done(ErrorResponse(opened));
    Have have;
    absl::Status status = log->GetHave({}, &have);
    if (status.ok()) status = CheckBound(site, body, have);
    if (!status.ok()) return done(ErrorResponse(status));
    append();
  });
}

void Hub::Token(Room* room, Done done) {
  room->Post(false, [done = std::move(done)](SharedLog* log, const absl::Status& opened) {
    if (log == nullptr) return done(ErrorResponse(opened));
    done(Text(log->token() + "\n"));
  });
}

void Hub::Wait(const HttpRequest& request, Room* room, Done done) {
  const std::string token = request.Argument("token");
  const std::string timeout = request.Argument("timeout");
  uint64_t seconds = static_cast<uint64_t>(kDefaultWaitSeconds);
  if (tributary::Token parsed; token.empty() || !parsed.Decode(token)) {
    return done(ErrorResponse(400, "argument token is what crsql_token() or /token gave"));
  }
  if (!timeout.empty() && !ParseNumber(timeout, kMaxWaitSeconds, &seconds)) {
    return done(ErrorResponse(
        400, absl::StrCat("argument timeout is a number of seconds up to ", kMaxWaitSeconds)));
  }
  room->Wait(token, Room::NowMs() + seconds * 1000,
             [done = std::move(done)](const TokenWait* wait, const absl::Status& status) {
               if (status.ok()) return done(Text("seen\n"));
               const bool late = wait != nullptr && wait->state() == TokenWait::State::kTimedOut;
               done(late ? ErrorResponse(504, status.message()) : ErrorResponse(status));
             });
}

void Hub::GetSnapshot(const HttpRequest& request, Room* room, Done done) {
  const std::string name = room->name();
  room->Post(false, [this, name, range = request.range, etag = request.if_range,
                     done = std::move(done)](SharedLog* log, const absl::Status& opened) {
    if (log == nullptr) return done(ErrorResponse(opened));
    snapshots_.Get(name, store_.SnapshotPath(name), log, etag, options_.snapshot_seconds,
                   context_.pool,
                   [range, etag, done](const absl::Status& made, const Snapshot& snapshot) {
                     done(made.ok() ? PartOf(snapshot, range, etag) : ErrorResponse(made));
                   });
  });
}

void Hub::PostSchema(const HttpRequest& request, const Grant& grant, Room* room, Done done) {
  if (grant.access != Access::kAdmin) {
    return done(ErrorResponse(403, "altering a room's tables needs the claim access: admin"));
  }
  room->Post(true, [sql = request.body, done = std::move(done)](SharedLog* log,
                                                                const absl::Status& opened) {
    if (log == nullptr) return done(ErrorResponse(opened));
    const absl::Status status = log->SetSchema(sql);
    done(status.ok() ? Text("done\n") : ErrorResponse(status));
  });
}

std::shared_ptr<Client> Hub::NewClient(const Grant& grant, const std::string& from) {
  metrics_.sessions_total++;
  return std::make_shared<Client>(next_client_++, grant, from);
}

std::shared_ptr<Room> Hub::GetRoom(const std::string& name) {
  std::shared_ptr<Room>& room = rooms_[name];
  if (room == nullptr) {
    room = std::make_shared<Room>(name, &context_);
    metrics_.rooms_open++;
  }
  return room;
}

void Hub::Tick() {
  const uint64_t now = Room::NowMs();
  for (auto it = rooms_.begin(); it != rooms_.end();) {
    const uint64_t since = it->second->idle_since_ms();
    const bool idle =
        since != 0 && static_cast<double>(now - since) >= options_.idle_seconds * 1000;
    if (idle) {
      // To close a file may take a while.
      metrics_.rooms_open--;
      pool_->Run([room = std::move(it->second)]() mutable { room.reset(); });
      it = rooms_.erase(it);
    } else {
      it->second->Tick();
      ++it;
    }
  }
  snapshots_.Expire(now);
  rate_.Expire(now);
}

void Hub::Finish() {
  for (const auto& [name, room] : rooms_) room->Finish();
}

std::string Hub::MetricsText() const {
  std::string text;
  const auto add = [&text](std::string_view name, std::string_view type, std::string_view help,
                           auto value) {
    absl::StrAppend(&text, "# HELP tributary_", name, " ", help, "\n# TYPE tributary_", name, " ",
                    type, "\ntributary_", name, " ", value, "\n");
  };
  const Metrics& m = metrics_;
  add("connections", "gauge", "Connections of any kind.", m.connections.load());
  add("sessions", "gauge", "WebSocket sessions.", m.sessions.load());
  add("rooms", "gauge", "Rooms on the disk.", store_.rooms());
  add("rooms_open", "gauge", "Rooms in use or not yet idle.", m.rooms_open.load());
  add("sessions_total", "counter", "Sessions begun.", m.sessions_total.load());
  add("sessions_failed_total", "counter", "Sessions that did not end well.",
      m.sessions_failed.load());
  add("requests_total", "counter", "HTTP requests, upgrades among them.", m.requests.load());
  add("refused_total", "counter", "Requests refused by a limit or for want of a right.",
      m.refused.load());
  add("received_bytes_total", "counter", "Bytes of sessions and posted changesets.",
      m.received_bytes.load());
  add("sent_bytes_total", "counter", "Bytes sent to sessions.", m.sent_bytes.load());
  add("transactions_total", "counter", "Transactions received.", m.transactions.load());
  add("changesets_total", "counter", "Changesets received.", m.changesets.load());
  add("commits_total", "counter", "Commits; changesets per commit is how well they group.",
      m.commits.load());
  add("shared_reads_total", "counter", "Times a session was sent what was encoded for another.",
      m.shared_reads.load());
  add("own_reads_total", "counter", "Times changesets were made for one session or request.",
      m.own_reads.load());
  return text;
}

}  // namespace tributary::hub
