// How wide text stands on a terminal.
#ifndef TRIBUTARY_SYNC_CLI_TEXT_WIDTH_H_
#define TRIBUTARY_SYNC_CLI_TEXT_WIDTH_H_

#include <cstdint>
#include <string_view>

namespace tributary::cli {

// Cells of a terminal that a character takes: 0, 1 or 2.
int CharacterWidth(uint32_t code_point);
int DisplayWidth(std::string_view text);

}  // namespace tributary::cli

#endif  // TRIBUTARY_SYNC_CLI_TEXT_WIDTH_H_
