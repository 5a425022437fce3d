// What the targets share that speak to a session as its peer.
#ifndef TRIBUTARY_TESTS_FUZZ_SESSION_INPUT_H_
#define TRIBUTARY_TESTS_FUZZ_SESSION_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "sync/session/session.h"

namespace tributary::fuzz {

// The replica that a session is to serve.
struct Subject {
  Replica* replica = nullptr;
  std::function<std::string()> state;  // all that must not change where something is refused
  std::function<void(char)> write;     // one of several things that somebody else writes
};

// Speaks the input's frames to a session, one after another, and checks what it answers. Commands:
// `L` at the front: a live session. `w` and a letter: a write. `f`: Finish(). `r`: Rest(). `o`: the
// output is read no more, or again. `b`: what follows comes byte by byte. `x`: the next changeset
// meets a lock. `e`: the bytes end.
struct SessionEnd {
  bool finished = false;
  uint64_t applied = 0;  // changesets
  absl::Status status;
};
SessionEnd Speak(std::string_view input, const Subject& subject);

// What `peer` says to the subject in an undisturbed session: an input for Speak(). Other letters of
// `commands` than L come after as many rounds as they have letters before them.
std::string RecordPeer(Replica* peer, const Subject& subject, const SessionOptions& peers_options,
                       std::string_view commands);

// A body for libFuzzer's custom mutators.
size_t MutateSession(uint8_t* data, size_t size, size_t max_size, unsigned seed);

}  // namespace tributary::fuzz

#endif  // TRIBUTARY_TESTS_FUZZ_SESSION_INPUT_H_
