// Text of unknown quality, read as UTF-8.
#ifndef TRIBUTARY_CRDT_UTF8_H_
#define TRIBUTARY_CRDT_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tributary {

// Length in bytes of the well-formed character at the front of `text`, with its code point; 0 if
// there is none. REQUIRES: text not empty.
size_t NextCharacter(std::string_view text, uint32_t* code_point);

}  // namespace tributary

#endif  // TRIBUTARY_CRDT_UTF8_H_
