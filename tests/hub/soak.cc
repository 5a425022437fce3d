// Clients that come, go, die and fall asleep, for a long time: at the end all are equal, and the
// hub needs no more memory than soon after the start.
#include <algorithm>
#include <cstdio>
#include <random>
#include <vector>

#include "tests/hub/load.h"

namespace tributary::testing {
namespace {

constexpr int kStepMs = 20;
constexpr int64_t kKeys = 2000;  // so that the database does not grow for ever
constexpr double kSettleShare = 0.2;
constexpr double kMostGrowth = 1.25;
constexpr int64_t kSlackKb = 16 << 10;

class Soaker {
 public:
  Soaker(const std::string& url, int clients, uint64_t seed)
      : room_(Room(url, "soak")), random_(seed), swarm_(clients) {
    for (int i = 0; i < clients; i++) clients_.push_back({std::make_unique<Writer>(), nullptr});
  }
  ~Soaker() {
    for (One& one : clients_) Leave(&one);
  }
  Soaker(const Soaker&) = delete;
  Soaker& operator=(const Soaker&) = delete;

  // One thing happens to one client.
  void Step() {
    One& one = clients_[random_() % clients_.size()];
    Reap();
    if (one.peer == nullptr) {
      one.peer = swarm_.Connect(room_, one.writer->replica(), {.live = random_() % 4 != 0}, kTable);
      joined_++;
      return;
    }
    switch (random_() % 12) {
      case 0:
        one.peer->session()->Finish();
        swarm_.Wrote(one.peer);
        left_++;
        break;
      case 1:
        Leave(&one);
        killed_++;
        break;
      case 2:
        one.peer->Stall(true);
        stalled_++;
        break;
      case 3:
        one.peer->Stall(false);
        break;
      default:
        Write(&one);
    }
  }

  // Everybody there, awake and up to date.
  bool Settle() {
    for (One& one : clients_) {
      Leave(&one);
      one.peer = swarm_.Connect(room_, one.writer->replica(), {.live = true}, kTable);
    }
    std::string digest;
    return swarm_.Until(120, [&] {
      Reap();
      for (One& one : clients_) {
        if (one.peer == nullptr) {
          one.peer = swarm_.Connect(room_, one.writer->replica(), {.live = true}, kTable);
          return false;
        }
        if (!one.peer->session()->caught_up()) return false;
      }
      digest = clients_[0].writer->Get("SELECT crsql_digest()");
      return std::all_of(clients_.begin(), clients_.end(), [&](const One& one) {
        return one.writer->Get("SELECT crsql_digest()") == digest;
      });
    });
  }
  void Turn() { swarm_.Turn(kStepMs); }
  std::string Counts() const {
    return std::to_string(joined_) + " joins, " + std::to_string(left_) + " goodbyes, " +
           std::to_string(killed_) + " killed, " + std::to_string(stalled_) + " times asleep, " +
           std::to_string(written_) + " writes";
  }

 private:
  struct One {
    std::unique_ptr<Writer> writer;
    Swarm::Peer* peer;
  };

  void Write(One* one) {
    const std::string key = std::to_string(random_() % kKeys);
    const std::string value = std::to_string(random_());
    switch (random_() % 3) {
      case 0:
        one->writer->Do("DELETE FROM note WHERE id = " + key);
        break;
      case 1:
        one->writer->Do("UPDATE note SET title = " + value + " WHERE id = " + key);
        break;
      default:
        one->writer->Do("INSERT INTO note VALUES (" + key + ", 'new', " + value +
                        ") ON CONFLICT DO UPDATE SET body = excluded.body");
    }
    written_++;
    if (one->peer != nullptr && !one->peer->over()) swarm_.Wrote(one->peer);
  }
  void Leave(One* one) {
    if (one->peer != nullptr) swarm_.Remove(one->peer);
    one->peer = nullptr;
  }
  // Whoever was let go, or was refused.
  void Reap() {
    for (One& one : clients_) {
      if (one.peer != nullptr && one.peer->over()) Leave(&one);
    }
  }

  const WebSocketAddress room_;
  std::mt19937_64 random_;
  std::vector<One> clients_;
  Swarm swarm_;
  int64_t joined_ = 0;
  int64_t left_ = 0;
  int64_t killed_ = 0;
  int64_t stalled_ = 0;
  int64_t written_ = 0;
};

}  // namespace

void Soak(const std::string& url, const std::string& pid, int seconds, int clients, uint64_t seed) {
  Soaker soaker(url, clients, seed);
  const auto start = Clock::now();
  int64_t settled = 0;
  int64_t shown = 0;
  while (Since(start) < seconds) {
    soaker.Step();
    soaker.Turn();
    const auto now = static_cast<int64_t>(Since(start));
    if (settled == 0 && Since(start) > kSettleShare * seconds) settled = MemoryOf(pid);
    if (now / 30 == shown / 30) continue;
    shown = now;
    std::printf("%4ld s: hub %.1f MB, %s\n", static_cast<long>(now),
                static_cast<double>(MemoryOf(pid)) / 1024, soaker.Counts().c_str());
    std::fflush(stdout);
  }
  if (!soaker.Settle()) Die("not all are equal, two minutes after the end");
  const int64_t memory = MemoryOf(pid);
  std::printf("%d s, %d clients, %s; all equal; hub %.1f MB, %.1f MB after a fifth of the time\n",
              seconds, clients, soaker.Counts().c_str(), static_cast<double>(memory) / 1024,
              static_cast<double>(settled) / 1024);
  if (static_cast<double>(memory) >
      kMostGrowth * static_cast<double>(settled) + static_cast<double>(kSlackKb)) {
    Die("the hub's memory has grown");
  }
}

}  // namespace tributary::testing
