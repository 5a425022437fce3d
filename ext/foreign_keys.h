// The foreign keys of the main database, for merges: what refers to a row that is to be deleted,
// and which reference an error is about.
#ifndef TRIBUTARY_EXT_FOREIGN_KEYS_H_
#define TRIBUTARY_EXT_FOREIGN_KEYS_H_

#include <string>
#include <string_view>
#include <vector>

#include "ext/sql.h"

namespace tributary {

struct ForeignKey {
  std::string child;
  std::string parent;
  std::vector<std::string> from;  // columns of the child
  std::vector<std::string> to;    // columns of the parent, in the same order
  std::string on_delete;          // "CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION"
};

// Whether this connection enforces foreign keys.
bool ForeignKeysEnforced(sqlite3* db);

// The foreign keys that refer to a table, or that a table has.
Status ForeignKeysTo(sqlite3* db, std::string_view parent, std::vector<ForeignKey>* keys);
Status ForeignKeysOf(sqlite3* db, std::string_view child, std::vector<ForeignKey>* keys);

// "child(a, b) -> parent(x, y)"
std::string Describe(const ForeignKey& key);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_FOREIGN_KEYS_H_
