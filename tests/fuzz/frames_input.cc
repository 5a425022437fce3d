#include "tests/fuzz/frames_input.h"

#include <algorithm>
#include <utility>

#include "tests/fuzz/message_input.h"
#include "tests/fuzz/target.h"

namespace tributary::fuzz {
namespace {

// Kinds that are known, and some that are not.
FrameKind AnyKind(Maker* maker) {
  constexpr uint8_t kKinds[] = {1, 2, 3, 4, 16, 17, 18, 19, 20, 21, 22, 0, 5, 23, 255};
  return static_cast<FrameKind>(kKinds[maker->Below(std::size(kKinds))]);
}

// A message in the frame, with a checksum that fits. Flags are lost: a body becomes what it is.
void MutateFrame(Maker* maker, std::string* frame) {
  if (frame->size() < kFrameFixedSize) return;
  FrameKind kind = Frame::KindOf(*frame);
  const size_t header_size = HeaderOf(*frame).size();
  std::string header = frame->substr(kFrameFixedSize, header_size);
  std::string body = frame->substr(kFrameFixedSize + header_size);
  Frame opened;
  std::string error;
  std::string buffer;
  std::string_view view;
  if (opened.OpenAny(*frame, &error) && opened.Body(&buffer, &view, &error)) body = view;
  if (maker->OneIn(16)) {
    kind = AnyKind(maker);
  } else {
    MutateMessage(maker, 3, body.empty() || maker->OneIn(3) ? &header : &body);
  }
  *frame = EncodeFrame(kind, header, body, maker->OneIn(8));
}

void MutateRaw(std::string* frame) {
  const size_t size = frame->size();
  frame->resize(size + 16);
  frame->resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(frame->data()), size, frame->size()));
}

}  // namespace

std::string Command(std::string_view text) { return EncodeFrame(kCommand, text, {}, false); }

std::vector<std::string_view> SplitFrames(std::string_view input) {
  std::vector<std::string_view> frames;
  size_t size = 0;
  std::string error;
  while (Frame::Size(input, &size, &error) && size > 0 && size <= input.size()) {
    frames.push_back(input.substr(0, size));
    input.remove_prefix(size);
  }
  if (!input.empty()) frames.push_back(input);
  return frames;
}

std::string_view HeaderOf(std::string_view frame) {
  uint32_t size = 0;
  for (size_t i = 0; i < 4; i++) size |= uint32_t{static_cast<uint8_t>(frame[8 + i])} << 8 * i;
  return frame.substr(kFrameFixedSize, size);
}

size_t FrameMutator::Mutate(uint8_t* data, size_t size, size_t max_size, unsigned seed) const {
  Maker maker(seed);
  std::vector<std::string> frames;
  for (const std::string_view f : SplitFrames({reinterpret_cast<const char*>(data), size})) {
    frames.emplace_back(f);
  }
  if (frames.empty()) frames.push_back(Command(command(&maker)));
  const auto at = frames.begin() + static_cast<std::ptrdiff_t>(maker.Below(frames.size()));
  switch (maker.Below(16)) {
    case 0:
      frames.erase(at);
      break;
    case 1: {
      std::string copy = *at;
      frames.insert(frames.begin() + static_cast<std::ptrdiff_t>(maker.Below(frames.size() + 1)),
                    std::move(copy));
      break;
    }
    case 2:
      std::swap(*at, frames[maker.Below(frames.size())]);
      break;
    case 3:
      frames.insert(at, Command(command(&maker)));
      break;
    case 4:
      MutateRaw(&*at);
      break;
    default:
      MutateFrame(&maker, &*at);
  }
  if (finish) finish(&maker, &frames);
  std::string result;
  for (const std::string& f : frames) result.append(f);
  if (result.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::copy(result.begin(), result.end(), data);
  return result.size();
}

}  // namespace tributary::fuzz
