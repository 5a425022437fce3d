// The text of CREATE statements as sqlite_schema keeps it, as far as it can be compared and cut
// without a grammar: tokens, and the parts of a table's definition that commas separate.
#ifndef TRIBUTARY_EXT_SCHEMA_TEXT_H_
#define TRIBUTARY_EXT_SCHEMA_TEXT_H_

#include <string>
#include <string_view>
#include <vector>

namespace tributary {

// The same for texts that differ in white space, comments, the quotes of names, or the case of
// names and keywords only.
std::string CanonicalSql(std::string_view sql);

struct TableText {
  // Columns first, in their order, then constraints. Views into the text.
  std::vector<std::string_view> parts;
  // Behind the closing parenthesis: STRICT, WITHOUT ROWID.
  std::string_view options;
};

// REQUIRES: `sql` is of a table, not of a virtual one, and outlives the result.
TableText SplitTable(std::string_view sql);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_SCHEMA_TEXT_H_
