// Frame: any bytes, as they are and with a checksum that fits.
#include "sync/changeset/frame.h"
#include "tests/changeset/sample.h"
#include "tests/fuzz/target.h"

namespace tributary::fuzz {
namespace {

void Try(std::string_view data) {
  Frame frame;
  std::string error;
  size_t size = 0;
  const bool sized = Frame::Size(data, &size, &error);
  if (!frame.Open(data, &error)) {
    Check(!error.empty(), "an error has a message");
    return;
  }
  Check(sized && size == data.size(), "a frame has the size that it says");
  std::string buffer;
  std::string_view body;
  if (!frame.Body(&buffer, &body, &error)) return;
  Check(body.size() == frame.body_size(), "a body has the size that the frame says");
  const std::string copy = EncodeFrame(frame.kind(), frame.header(), body, frame.compressed());
  Frame again;
  std::string other;
  std::string_view same;
  Check(again.Open(copy, &error) && again.Body(&other, &same, &error), "what was read is written");
  Check(again.header() == frame.header() && same == body, "and the same");
}

}  // namespace

void Run(std::string_view input) {
  Try(input);
  const std::string sealed = Reseal(std::string(input));
  Try(sealed);
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (const size_t n : {0, 10, 100, 1000}) {
    for (const bool compress : {false, true}) {
      std::string body;
      for (size_t i = 0; i < n; i++) body.push_back(static_cast<char>(i % 7 * i));
      seeds.push_back(EncodeFrame(FrameKind::kChangeset, "header", body, compress));
    }
  }
  return seeds;
}

}  // namespace tributary::fuzz
