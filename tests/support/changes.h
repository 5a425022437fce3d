// Changes (rows of crsql_changes) for tests: as values, to be carried from one database to
// another in any order, and as text, to be read and compared by people:
//
//   foo 010901 b 9 2 2 me 1 0
//   (table, pk in hex, cid, value, col_version, db_version, site, cl, seq)
//
// Sites: "me" is the database's own, S1 is x'0101..01' (16 bytes), S2 x'0202..02' and so on;
// others are written in hex.
#ifndef TRIBUTARY_TESTS_SUPPORT_CHANGES_H_
#define TRIBUTARY_TESTS_SUPPORT_CHANGES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/db.h"

namespace tributary::testing {

// One row of crsql_changes, ts included.
struct Change {
  std::string table;
  std::string pk;
  std::string cid;
  Cell value;
  int64_t col_version = 0;
  int64_t db_version = 0;
  std::string site;
  int64_t cl = 0;
  int64_t seq = 0;
  Cell ts;

  bool is_sentinel() const { return cid == "-1"; }
  bool operator==(const Change&) const = default;
};

// The order of values in ties: NULL < BLOB < TEXT < REAL < INTEGER, then within the type.
int CompareCells(const Cell& a, const Cell& b);

// All changes that `condition` holds for, in the default order.
std::vector<Change> ReadChanges(Db& db, const std::string& condition = "1");

// Inserts one row into crsql_changes.
Outcome ApplyChange(Db& db, const Change& change);
// Inserts all, in this order, without a transaction of its own. Returns the first error.
std::string ApplyEach(Db& db, const std::vector<Change>& changes);
// Inserts all, in this order, in one transaction; rolls back where one fails. Returns the error.
std::string ApplyChanges(Db& db, const std::vector<Change>& changes);

// The changes of `db` (those that `condition` holds for), one a line in the format above.
std::string ChangesText(Db& db, const std::string& condition = "1");
// Merges changes written in that format, blank and indented lines allowed, in one statement each
// and without a transaction of its own. Returns the first error. Values are SQL literals without
// white space.
std::string MergeText(Db& db, std::string_view lines);

// The blob literal of a test site: Site(1) is x'0101..01'.
std::string Site(int n);

// Everything each holds goes to each other, until nothing moves.
void SyncAll(const std::vector<Db*>& dbs);

// All rows of a table in the order of its key, exactly.
std::string TableText(Db& db, const std::string& table);

}  // namespace tributary::testing

#endif  // TRIBUTARY_TESTS_SUPPORT_CHANGES_H_
