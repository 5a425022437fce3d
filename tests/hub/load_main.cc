// What a hub can bear: ./run bench hub. It is started beside this, by tests/bench/hub.sh, and named
// by its URL and process id.
//
//   hub_load URL PID writers CLIENTS TRANSACTIONS ROOMS [receive]
//   hub_load URL PID stream CLIENTS BATCH SECONDS
//   hub_load URL PID idle CLIENTS ROOMS
//   hub_load URL PID fanout READERS WRITES MS
//   hub_load URL PID fill ROWS          one client, one room "big"
//   hub_load URL PID soak SECONDS CLIENTS SEED
//
// Each prints one line.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/hub/load.h"

namespace tributary::testing {
namespace {

const Schema kSchema = {{"note", {"id"}, {"body", "title"}}};

void Writers(const std::string& url, const std::string& pid, int clients, int transactions,
             int rooms, bool receive) {
  std::vector<std::unique_ptr<Writer>> writers;
  writers.reserve(static_cast<size_t>(clients));
  for (int i = 0; i < clients; i++) {
    writers.push_back(std::make_unique<Writer>());
    for (int n = 0; n < transactions; n++) {
      writers.back()->Write(static_cast<int64_t>(i) * transactions + n + 1);
    }
  }
  Swarm swarm(clients);
  const double cpu = CpuOf(pid);
  const auto start = Clock::now();
  std::vector<Swarm::Peer*> peers;
  peers.reserve(static_cast<size_t>(clients));
  const std::string run = std::to_string(start.time_since_epoch().count());
  for (int i = 0; i < clients; i++) {
    const SessionOptions options{.live = true, .read_only = !receive};
    peers.push_back(swarm.Connect(Room(url, "w" + run + "." + std::to_string(i % rooms)),
                                  writers[static_cast<size_t>(i)]->replica(), options, kTable));
  }
  if (!swarm.Until(300, [&] { return std::all_of(peers.begin(), peers.end(), Acked); })) {
    Die("not all was acknowledged in 300 seconds");
  }
  const double seconds = Since(start);
  std::printf(
      "%d writers, %d room%s%s: %d one-row transactions in %.2f s, %.0f a second; "
      "hub CPU %.2f s\n",
      clients, rooms, rooms == 1 ? "" : "s", receive ? ", each receiving the others" : "",
      clients * transactions, seconds, clients * transactions / seconds, CpuOf(pid) - cpu);
}

// Each writes a batch of transactions, waits until the hub has them, and writes the next.
void Stream(const std::string& url, const std::string& pid, int clients, int batch, int seconds) {
  std::vector<std::unique_ptr<Writer>> writers;
  writers.reserve(static_cast<size_t>(clients));
  for (int i = 0; i < clients; i++) writers.push_back(std::make_unique<Writer>());
  Swarm swarm(clients);
  std::vector<Swarm::Peer*> peers;
  peers.reserve(static_cast<size_t>(clients));
  const WebSocketAddress room =
      Room(url, "s" + std::to_string(Clock::now().time_since_epoch().count()));
  for (const auto& writer : writers) {
    const SessionOptions options{.live = true, .read_only = true};
    peers.push_back(swarm.Connect(room, writer->replica(), options, kTable));
  }
  if (!swarm.Until(60, [&] { return std::all_of(peers.begin(), peers.end(), Acked); })) {
    Die("not all were connected in 60 seconds");
  }
  const double cpu = CpuOf(pid);
  const double own_cpu = CpuOf("self");
  const auto start = Clock::now();
  int64_t written = 0;
  while (Since(start) < seconds) {
    for (size_t i = 0; i < peers.size(); i++) {
      if (!Acked(peers[i])) continue;
      for (int n = 0; n < batch; n++) writers[i]->Write(++written);
      swarm.Wrote(peers[i]);
    }
    swarm.Turn(1);
  }
  if (!swarm.Until(60, [&] { return std::all_of(peers.begin(), peers.end(), Acked); })) {
    Die("not all was acknowledged");
  }
  const double took = Since(start);
  std::printf(
      "%d writers of one room, %d one-row transactions at a time: %.0f a second; CPU a "
      "second: hub %.2f s, clients %.2f s\n",
      clients, batch, static_cast<double>(written) / took, (CpuOf(pid) - cpu) / took,
      (CpuOf("self") - own_cpu) / took);
}

void Idle(const std::string& url, const std::string& pid, int clients, int rooms) {
  const int64_t before = MemoryOf(pid);
  std::vector<std::unique_ptr<DiscardReplica>> replicas;
  std::vector<Swarm::Peer*> peers;
  peers.reserve(static_cast<size_t>(clients));
  Swarm swarm(clients);
  const auto start = Clock::now();
  for (int i = 0; i < clients; i++) {
    replicas.push_back(std::make_unique<DiscardReplica>(i + 1, kSchema));
    peers.push_back(swarm.Connect(Room(url, "idle" + std::to_string(i % rooms)),
                                  replicas.back().get(), {.live = true}, kTable));
    if (i % 50 == 49) swarm.Turn(1);
  }
  if (!swarm.Until(60, [&] { return std::all_of(peers.begin(), peers.end(), Acked); })) {
    Die("not all were connected in 60 seconds");
  }
  const double seconds = Since(start);
  swarm.Until(3, [] { return false; });
  std::printf("%d clients of %d room%s connected in %.1f s: hub %.1f MB (%.1f MB before)\n",
              clients, rooms, rooms == 1 ? "" : "s", seconds,
              static_cast<double>(MemoryOf(pid)) / 1024, static_cast<double>(before) / 1024);
}

void Fanout(const std::string& url, const std::string& pid, int readers, int writes, int every_ms) {
  Writer writer;
  std::vector<std::unique_ptr<DiscardReplica>> replicas;
  Swarm swarm(readers + 1);
  const WebSocketAddress room =
      Room(url, "f" + std::to_string(Clock::now().time_since_epoch().count()));
  Swarm::Peer* source =
      swarm.Connect(room, writer.replica(), {.live = true, .read_only = true}, kTable);
  SiteId site;
  if (!writer.replica()->GetSite(&site).ok()) Die("no site");
  std::map<int64_t, Clock::time_point> written;  // by version
  std::vector<double> ms;
  std::vector<Swarm::Peer*> peers{source};
  for (int i = 0; i < readers; i++) {
    replicas.push_back(std::make_unique<DiscardReplica>(i + 1, kSchema));
    replicas.back()->on_changeset = [&](const ChangesetHeader& header) {
      const auto now = Clock::now();
      for (const SiteSpan& span : header.covers) {
        if (span.site != site) continue;
        for (auto it = written.lower_bound(span.begin.version.value);
             it != written.end() && it->first < span.end.version.value; ++it) {
          ms.push_back(std::chrono::duration<double, std::milli>(now - it->second).count());
        }
      }
    };
    peers.push_back(swarm.Connect(room, replicas.back().get(), {.live = true}));
    if (i % 50 == 49) swarm.Turn(1);
  }
  if (!swarm.Until(60, [&] { return std::all_of(peers.begin(), peers.end(), Acked); })) {
    Die("not all were connected in 60 seconds");
  }
  const double cpu = CpuOf(pid);
  for (int i = 1; i <= writes; i++) {
    written[i] = Clock::now();
    writer.Write(i);
    swarm.Wrote(source);
    swarm.Until(every_ms / 1000.0, [] { return false; });
  }
  const size_t all = static_cast<size_t>(readers) * static_cast<size_t>(writes);
  if (!swarm.Until(60, [&] { return ms.size() >= all; })) Die("not all have heard of all");
  std::sort(ms.begin(), ms.end());
  std::printf(
      "1 writer to %d readers, a commit each %d ms: p50 %.2f ms, p99 %.2f ms, most %.1f "
      "ms; hub CPU %.0f us a commit\n",
      readers, every_ms, ms[ms.size() / 2], ms[ms.size() * 99 / 100], ms.back(),
      (CpuOf(pid) - cpu) * 1e6 / writes);
}

void Fill(const std::string& url, int rows) {
  Writer writer;
  writer.Do("BEGIN");
  for (int i = 1; i <= rows; i++) {
    writer.Write(i);
    if (i % 1000 == 0) writer.Do("COMMIT; BEGIN");
  }
  writer.Do("COMMIT");
  Swarm swarm(1);
  const auto start = Clock::now();
  const Swarm::Peer* peer =
      swarm.Connect(Room(url, "big"), writer.replica(), {.live = true}, kTable);
  if (!swarm.Until(600, [&] { return Acked(peer); })) Die("not done in 600 seconds");
  std::printf("%d rows into a room: %.1f s\n", rows, Since(start));
}

int Main(const std::vector<std::string>& args) {
  const auto number = [&](size_t i) { return i < args.size() ? std::atoi(args[i].c_str()) : 0; };
  if (args.size() < 4) Die("see the first lines of tests/hub/load_main.cc");
  const std::string& what = args[2];
  if (what == "writers") {
    Writers(args[0], args[1], number(3), number(4), number(5), args.size() > 6);
  } else if (what == "stream") {
    Stream(args[0], args[1], number(3), number(4), number(5));
  } else if (what == "idle") {
    Idle(args[0], args[1], number(3), std::max(number(4), 1));
  } else if (what == "fanout") {
    Fanout(args[0], args[1], number(3), number(4), number(5));
  } else if (what == "fill") {
    Fill(args[0], number(3));
  } else if (what == "soak") {
    Soak(args[0], args[1], number(3), number(4), static_cast<uint64_t>(number(5)));
  } else {
    Die("no load of the name " + what);
  }
  return 0;
}

}  // namespace
}  // namespace tributary::testing

int main(int argc, char** argv) { return tributary::testing::Main({argv + 1, argv + argc}); }
