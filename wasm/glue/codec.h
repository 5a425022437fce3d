// Values as bytes between the page and the module; src/codec.ts is the other side. A value is a tag
// and what follows it, little-endian:
//
//   0 NULL                       4 REAL, 8 bytes
//   1 INTEGER, 4 bytes           5 TEXT, u32 length and bytes
//   2 INTEGER, 8 bytes as a      6 BLOB, u32 length and bytes
//     double, within 2^53        7 the name of the parameter whose value follows, as TEXT
//   3 INTEGER, 8 bytes
#ifndef TRIBUTARY_WASM_GLUE_CODEC_H_
#define TRIBUTARY_WASM_GLUE_CODEC_H_

#include <string>
#include <string_view>

#include "sqlite3.h"

namespace tributary {

// Adds column `column` of the statement's row to *out.
void EncodeColumn(sqlite3_stmt* s, int column, std::string* out);
void EncodeText(std::string_view text, std::string* out);

// Binds the values that *in begins with up to a mark of ParamsEnd, and moves *in behind it.
// False: *error says why; what was bound stays.
bool BindValues(sqlite3_stmt* s, std::string_view* in, std::string* error);

// Follows the values of one execution.
inline constexpr char kParamsEnd = 8;

}  // namespace tributary

#endif  // TRIBUTARY_WASM_GLUE_CODEC_H_
