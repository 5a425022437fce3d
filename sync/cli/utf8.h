// Reading text of unknown quality as UTF-8, and how wide it stands on a terminal.
#ifndef TRIBUTARY_SYNC_CLI_UTF8_H_
#define TRIBUTARY_SYNC_CLI_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tributary::cli {

// Length in bytes of the well-formed character at the front of `text`, with its code point; 0 if
// there is none. REQUIRES: text not empty.
size_t NextCharacter(std::string_view text, uint32_t* code_point);

// Cells of a terminal that a character takes: 0, 1 or 2.
int CharacterWidth(uint32_t code_point);
int DisplayWidth(std::string_view text);

}  // namespace tributary::cli

#endif  // TRIBUTARY_SYNC_CLI_UTF8_H_
