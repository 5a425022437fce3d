// Changesets for tests: read from one database, carried to another in pieces, damaged on the way.
#ifndef TRIBUTARY_TESTS_SUPPORT_CHANGESETS_H_
#define TRIBUTARY_TESTS_SUPPORT_CHANGESETS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/db.h"

namespace tributary::testing {

// What crsql_changesets takes.
struct Ask {
  Cell have;  // NULL: nothing
  int64_t max_bytes = 1 << 20;
  Cell tables;  // NULL: all
};

// What `db` knows, of all tables or of a JSON list of them.
Cell Have(Db& db, const Cell& tables = Cell::Null());

// All pieces of what `from` answers.
std::vector<std::string> Pieces(Db& from, const Ask& ask);
// What `to` lacks of `from`.
inline std::vector<std::string> PiecesFor(Db& to, Db& from, int64_t max_bytes = 1 << 20,
                                          const Cell& tables = Cell::Null()) {
  return Pieces(from, {Have(to, tables), max_bytes, tables});
}

// One call of crsql_apply.
Outcome Apply(Db& db, std::string_view piece);
// The rows that it changed; throws where it fails.
int64_t MustApply(Db& db, std::string_view piece);
void MustApplyAll(Db& db, const std::vector<std::string>& pieces);

// Gives `to` what it lacks of `from`.
void Send(Db& from, Db& to, int64_t max_bytes = 1 << 20);
// Everybody to everybody, until nothing moves.
void SendAll(const std::vector<Db*>& dbs, int64_t max_bytes = 1 << 20);

// crsql_version_vector_json() of a database, its site ids replaced by letters: A for the first of
// `dbs`, B for the second and so on.
std::string Known(Db& db, const std::vector<Db*>& dbs);

// All rows of all crsql_ tables and of `tables`, to see that nothing has changed.
std::string Everything(Db& db, const std::vector<std::string>& tables);

// The frame with its checksum made to fit again.
std::string Resealed(std::string frame);
// The frame with the first occurrence of a text (of the same length as the other) replaced, and the
// checksum made to fit. Throws where the text is not there; small frames are not compressed.
std::string Forged(std::string frame, std::string_view from, std::string_view to);

}  // namespace tributary::testing

#endif  // TRIBUTARY_TESTS_SUPPORT_CHANGESETS_H_
