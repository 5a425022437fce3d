#include "sync/hub/room.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "sync/hub/status.h"

namespace tributary::hub {
namespace {

// So much is appended in one go at most, give or take a changeset.
constexpr size_t kMaxAppendBytes = 8 << 20;
// So many changesets are made for a client before others have their turn.
constexpr int kStepsPerRound = 8;
// Each looks whenever something has come; who asked may be long gone.
constexpr size_t kMaxWaiters = 1000;

SessionError CodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return SessionError::kProtocol;
    case absl::StatusCode::kUnavailable:
      return SessionError::kLocked;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kResourceExhausted:
      return SessionError::kRefused;
    default:
      return SessionError::kFailed;
  }
}

}  // namespace

uint64_t Room::NowMs() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

void Room::Enqueue(const std::function<void(Inbox*)>& add) {
  const std::lock_guard<std::mutex> lock(mutex_);
  idle_since_ms_ = 0;
  add(&inbox_);
  Schedule();
}

void Room::Schedule() {
  if (std::exchange(scheduled_, true)) return;
  context_.pool->Run([self = shared_from_this()] { self->Run(); });
}

void Room::Touch(std::shared_ptr<Client> client, bool spoke) {
  Enqueue([&client, spoke](Inbox* inbox) {
    inbox->make = inbox->make || (spoke && client->grant().may_write());
    inbox->touched.push_back(std::move(client));
  });
}

void Room::Post(bool make, Job job) {
  Enqueue([&](Inbox* inbox) {
    inbox->make = inbox->make || make;
    inbox->late.emplace_back([this, job = std::move(job)] { job(log_.get(), opened_); });
  });
}

void Room::Append(std::string changeset, SharedLog::Done done) {
  Enqueue([&](Inbox* inbox) {
    inbox->make = true;
    inbox->jobs.emplace_back(
        [this, changeset = std::move(changeset), done = std::move(done)]() mutable {
          if (log_ == nullptr) {
            done(opened_);
          } else {
            log_->Queue(std::move(changeset), std::move(done));
          }
        });
  });
}

void Room::Wait(std::string token, uint64_t deadline_ms, WaitDone done) {
  Enqueue([&](Inbox* inbox) {
    inbox->late.emplace_back([this, token = std::move(token), deadline_ms, done = std::move(done)] {
      if (log_ == nullptr) return done(nullptr, opened_);
      if (waiters_.size() >= kMaxWaiters) {
        return done(nullptr, absl::UnavailableError(absl::StrCat("room ", name_, " has ",
                                                                 kMaxWaiters, " waits already")));
      }
      Waiter waiter;
      waiter.replica = std::make_unique<SharedReplica>(log_.get(), nullptr, std::nullopt);
      waiter.wait = std::make_unique<TokenWait>(waiter.replica.get(), token, deadline_ms);
      waiter.done = done;
      waiters_.push_back(std::move(waiter));
      CheckWaiters();
    });
  });
}

void Room::Tick() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (idle_since_ms_ != 0) return;
  inbox_.tick = true;
  Schedule();
}

void Room::Finish() {
  Enqueue([](Inbox* inbox) { inbox->finish = true; });
}

void Room::Run() {
  Inbox inbox;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    inbox = std::exchange(inbox_, {});
  }
  Round(&inbox);
  const std::lock_guard<std::mutex> lock(mutex_);
  scheduled_ = false;
  const bool more = !inbox_.touched.empty() || !inbox_.jobs.empty() || !inbox_.late.empty() ||
                    inbox_.tick || inbox_.finish;
  if (more) {
    Schedule();
  } else if (members_.empty() && waiters_.empty()) {
    idle_since_ms_ = NowMs();
  }
}

absl::Status Room::EnsureOpen(bool make) {
  if (log_ != nullptr) return absl::OkStatus();
  std::unique_ptr<RoomLog> log;
  HUB_RETURN_IF_ERROR(context_.store->Open(name_, make, &log));
  auto shared =
      std::make_unique<SharedLog>(std::move(log), context_.piece_bytes, [this] { Rest(); });
  HUB_RETURN_IF_ERROR(shared->Start());
  log_ = std::move(shared);
  return absl::OkStatus();
}

void Room::Round(Inbox* inbox) {
  opened_ = EnsureOpen(inbox->make);
  // What an operator has written; a failure shows again where a session reads.
  if (log_ != nullptr) log_->Poll().IgnoreError();
  for (const std::shared_ptr<Client>& client : inbox->touched) {
    if (client->is_over()) continue;
    Member* member = Find(client);
    if (!std::exchange(member->heard, true)) busy_.push_back(member);
    Hear(member);
  }
  for (const std::function<void()>& job : inbox->jobs) job();
  if (log_ != nullptr) log_->Flush();
  for (const std::function<void()>& job : inbox->late) job();
  if (inbox->finish) {
    for (const auto& [client, member] : members_) {
      if (member->session != nullptr) {
        member->session->Finish();
      } else {
        Fail(member.get(), absl::UnavailableError("the hub is shutting down; try again soon"));
      }
      if (!std::exchange(member->heard, true)) busy_.push_back(member.get());
    }
  }
  if (log_ != nullptr && log_->TakeChanged()) TellChanged();
  for (Member* member : busy_) Speak(member);
  if (log_ != nullptr) {
    log_->Flush();  // what came with the last bytes of a session that was over its share
    CountReads();
  }
  for (Member* member : busy_) {
    member->heard = false;
    if (Deliver(member)) members_.erase(member->client.get());
  }
  busy_.clear();
  if (inbox->tick) CheckWaiters();
  const bool quiet = inbox->touched.empty() && inbox->jobs.empty() && inbox->late.empty();
  if (quiet && !trimmed_ && log_ != nullptr) log_->Trim();
  trimmed_ = quiet;
  if (!wake_.empty()) context_.wake(std::exchange(wake_, {}));
}

void Room::Rest() {
  for (const auto& [client, member] : members_) {
    if (member->session != nullptr) member->session->Rest();
  }
}

Room::Member* Room::Find(const std::shared_ptr<Client>& client) {
  std::unique_ptr<Member>& member = members_[client.get()];
  if (member == nullptr) {
    member = std::make_unique<Member>();
    member->client = client;
  }
  return member.get();
}

void Room::Hear(Member* member) {
  Client::Events events = member->client->TakeEvents();
  member->gone = events.gone;  // after what it said last
  if (!events.refusal.ok()) return Fail(member, events.refusal);
  if (log_ == nullptr) return Fail(member, opened_);
  if (!events.schema.empty() && member->session == nullptr) {
    const absl::Status adopted = AdoptSchema(*member->client, events.schema);
    if (!adopted.ok()) return Fail(member, adopted);
  }
  if (events.bytes.empty() || member->over) return;
  if (!events.gone) wake_.push_back(member->client);  // it may go on reading
  if (member->session == nullptr) Begin(member);
  Session* session = member->session.get();
  session->HoldSending(true);
  session->Receive(events.bytes);
  while (session->Work()) {
    if (log_->queued_bytes() >= kMaxAppendBytes) log_->Flush();
  }
}

void Room::Begin(Member* member) {
  const Grant& grant = member->client->grant();
  SharedReplica::Check check = [most = context_.max_frame_bytes](std::string_view changeset) {
    return CheckSize(changeset, most);
  };
  member->replica = std::make_unique<SharedReplica>(log_.get(), std::move(check), grant.site);
  SessionOptions options;
  options.live = true;
  options.piece_bytes = context_.piece_bytes;
  options.window_bytes = context_.window_bytes;
  options.max_frame_bytes = context_.max_frame_bytes;
  options.read_only = !grant.may_write();
  options.output_bytes = context_.output_bytes;
  member->session = std::make_unique<Session>(member->replica.get(), options);
}

// Only a room without tables takes them from a client; what they become later is an operator's
// decision.
absl::Status Room::AdoptSchema(const Client& client, const std::string& sql) {
  Schema schema;
  HUB_RETURN_IF_ERROR(log_->GetSchema(&schema));
  if (!schema.empty() || !client.grant().may_write()) return absl::OkStatus();
  return log_->SetSchema(sql);
}

void Room::TellChanged() {
  for (const auto& [client, member] : members_) {
    if (member->session == nullptr) continue;
    member->session->LocalChanges();
    if (!std::exchange(member->heard, true)) busy_.push_back(member.get());
  }
  CheckWaiters();
}

void Room::Speak(Member* member) {
  if (member->session == nullptr || member->over || member->gone) return;
  Session* session = member->session.get();
  session->HoldSending(false);
  int steps = 0;
  while (steps < kStepsPerRound && session->Work()) steps++;
  member->again = steps == kStepsPerRound || session->output().size() >= context_.output_bytes;
}

void Room::Fail(Member* member, const absl::Status& status) {
  if (std::exchange(member->over, true)) return;
  const ErrorMessage error{CodeOf(status), std::string(status.message())};
  member->last_words = error.Encode();
  member->status = status;
}

bool Room::Deliver(Member* member) {
  Client* client = member->client.get();
  Session* session = member->session.get();
  if (session != nullptr) Count(member);
  if (!member->over && member->replica != nullptr && !member->replica->failure().ok()) {
    Fail(member, member->replica->failure());
  }
  if (member->gone) {
    absl::Status status = absl::AbortedError("the connection ended");
    if (session != nullptr && session->closed()) status = session->status();
    client->End();  // it may be touched once more for what is known already
    context_.on_end(*client, name_, session, status);
    return true;
  }
  std::string_view output = member->over ? member->last_words : std::string_view();
  if (!member->over && session != nullptr) output = session->output();
  if (!output.empty()) {
    if (!client->Give(output)) return false;  // it will be touched again
    context_.metrics->sent_bytes += output.size();
    if (member->over) {
      member->last_words.clear();
    } else {
      session->ConsumeOutput(output.size());
    }
    wake_.push_back(member->client);
  }
  if (member->over || (session != nullptr && session->closed())) {
    client->End();
    wake_.push_back(member->client);
    context_.on_end(*client, name_, session, member->over ? member->status : session->status());
    return true;
  }
  if (std::exchange(member->again, false)) Touch(member->client);
  return false;
}

void Room::Count(Member* member) {
  const SessionStats::Direction& received = member->session->stats().received;
  context_.metrics->received_bytes += received.bytes - member->counted.bytes;
  context_.metrics->transactions += received.transactions - member->counted.transactions;
  context_.metrics->changesets += received.changesets - member->counted.changesets;
  member->counted = received;
}

void Room::CountReads() {
  context_.metrics->shared_reads += log_->shared_reads() - counted_.shared_reads;
  context_.metrics->own_reads += log_->own_reads() - counted_.own_reads;
  context_.metrics->commits += log_->appends() - counted_.appends;
  counted_ = {log_->shared_reads(), log_->own_reads(), log_->appends()};
}

void Room::CheckWaiters() {
  std::erase_if(waiters_, [](Waiter& waiter) {
    if (waiter.wait->Check(NowMs()) == TokenWait::State::kWaiting) return false;
    waiter.done(waiter.wait.get(), waiter.wait->status());
    return true;
  });
}

}  // namespace tributary::hub
