#include "sync/cli/utf8.h"

namespace tributary::cli {

size_t NextCharacter(std::string_view text, uint32_t* code_point) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) {
    *code_point = lead;
    return 1;
  }
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  uint32_t value = lead & (0x7fU >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    value = value << 6 | (byte(i) & 0x3fU);
  }
  // Over-long forms, surrogates and what lies beyond Unicode.
  static constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kSmallest[length] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) {
    return 0;
  }
  *code_point = value;
  return length;
}

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
