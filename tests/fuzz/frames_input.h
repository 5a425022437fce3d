// Inputs that are sequences of frames: what a peer sends, what lies in a folder. Frames of kind
// kCommand are for the target itself: what happens between the others.
#ifndef TRIBUTARY_TESTS_FUZZ_FRAMES_INPUT_H_
#define TRIBUTARY_TESTS_FUZZ_FRAMES_INPUT_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sync/changeset/frame.h"
#include "tests/changeset/sample.h"

namespace tributary::fuzz {

constexpr auto kCommand = static_cast<FrameKind>(0xC0);
std::string Command(std::string_view text);

// Whole frames, by their sizes only; what follows the last is the last element.
std::vector<std::string_view> SplitFrames(std::string_view input);
// REQUIRES: the frame has its full size.
std::string_view HeaderOf(std::string_view frame);

// Changes a message in one of the frames, or the order of frames, and leaves them well-formed,
// mostly. `command` makes a command's text; `finish` may mend what is to fit together. A body for
// libFuzzer's custom mutators.
struct FrameMutator {
  std::function<std::string(Maker*)> command;
  std::function<void(Maker*, std::vector<std::string>*)> finish;

  size_t Mutate(uint8_t* data, size_t size, size_t max_size, unsigned seed) const;
};

}  // namespace tributary::fuzz

#endif  // TRIBUTARY_TESTS_FUZZ_FRAMES_INPUT_H_
