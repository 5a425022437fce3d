// A hostile peer of a session, whose replica is the simplest there is: what can be wrong is the
// state machine.
#include "tests/fuzz/session_input.h"
#include "tests/fuzz/target.h"
#include "tests/session/fake_replica.h"

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  return tributary::fuzz::MutateSession(data, size, max_size, seed);
}

namespace tributary::fuzz {
namespace {

using testing::FakeReplica;

FakeReplica Make(uint8_t number) {
  FakeReplica r(number);
  r.tables = {{"note", {"id"}, {"text"}}, {"tag", {"id"}, {"color"}}};
  for (int i = 0; i < 4; i++) r.Write("text " + std::to_string(i * number));
  return r;
}

Subject SubjectOf(FakeReplica* r) {
  return {
      .replica = r,
      .state =
          [r] {
            Have have;
            Check(r->GetHave({}, &have).ok(), "what is known can be read");
            return std::to_string(r->log().size()) + have.Encode();
          },
      .write = [r](char c) { r->Write(std::string(1 + 20 * (static_cast<uint8_t>(c) % 8), c)); }};
}

}  // namespace

void Run(std::string_view input) {
  FakeReplica r = Make(2);
  const size_t before = r.log().size();
  const SessionEnd end = Speak(input, SubjectOf(&r));
  Check(r.applied == end.applied, "what was applied was counted");
  Check(r.log().size() >= before, "nothing vanishes");
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  constexpr size_t kWindows[] = {1, 200, 1000, 1 << 20};
  for (const Schema& tables : std::initializer_list<Schema>{
           {{"note", {"id"}, {"text"}}, {"tag", {"id"}, {"color"}}},
           {{"note", {"id"}, {"text"}}},
           {{"note", {"id"}, {"more", "text"}}, {"tag", {"id"}, {"color"}}},
           {{"note", {"key"}, {"text"}}, {"tag", {"id"}, {}}}}) {
    for (const bool live : {false, true}) {
      for (const size_t window : kWindows) {
        FakeReplica peer = Make(1);
        peer.tables = tables;
        FakeReplica own = Make(2);
        const SessionOptions options{.live = live, .piece_bytes = 60, .window_bytes = window};
        seeds.push_back(
            RecordPeer(&peer, SubjectOf(&own), options, live ? "  w rw b w f" : " w r"));
        FakeReplica again = Make(2);
        const SessionEnd end = Speak(seeds.back(), SubjectOf(&again));
        Check(end.finished, "what was recorded can be said: " + end.status.ToString());
      }
    }
  }
  FakeReplica one = Make(1);
  FakeReplica two = Make(2);
  seeds.push_back(RecordPeer(&one, SubjectOf(&two), {}, ""));
  seeds.push_back(RecordPeer(&two, SubjectOf(&one), {}, ""));
  seeds.push_back(ErrorMessage{SessionError::kLocked, "busy"}.Encode());
  seeds.push_back(seeds[0].substr(0, 200) + seeds.back());
  return seeds;
}

}  // namespace tributary::fuzz
