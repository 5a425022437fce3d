#include "sync/cli/text_width.h"

#include "crdt/utf8.h"

namespace tributary::cli {

int CharacterWidth(uint32_t c) {
  const auto in = [c](uint32_t from, uint32_t to) { return c >= from && c <= to; };
  // Combining marks and joiners; then East Asian wide blocks and pictures.
  if (in(0x300, 0x36f) || in(0x200b, 0x200f) || in(0xfe00, 0xfe0f) || in(0xe0000, 0xe007f)) {
    return 0;
  }
  if (in(0x1100, 0x115f) || in(0x2e80, 0xa4cf) || in(0xac00, 0xd7a3) || in(0xf900, 0xfaff) ||
      in(0xfe30, 0xfe6f) || in(0xff00, 0xff60) || in(0x1f300, 0x1f64f) || in(0x1f900, 0x1f9ff) ||
      in(0x20000, 0x3fffd)) {
    return 2;
  }
  return 1;
}

int DisplayWidth(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    uint32_t c = 0;
    const size_t length = NextCharacter(text, &c);
    width += length == 0 ? 1 : CharacterWidth(c);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return width;
}

}  // namespace tributary::cli
