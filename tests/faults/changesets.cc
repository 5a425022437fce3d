// Changesets: read, applied in pieces, each a transaction of its own or within the host's.
#include "tests/support/changesets.h"

#include "tests/faults/script.h"
#include "tests/support/db.h"

namespace tributary::faults {
namespace {

std::string Apply(const std::string& n) {
  return "SELECT crsql_apply(data) FROM pieces WHERE n = " + n;
}

}  // namespace

Script ChangesetScript() {
  const std::string last = "(SELECT max(n) FROM pieces)";
  return {
      .name = "changesets",
      .few = true,
      .steps = {
          {"as_crr",
           {"SELECT crsql_as_crr('note')", "SELECT crsql_as_crr('item')",
            "UPDATE note SET body = 'mine' WHERE id = 1", "DELETE FROM note WHERE id = 2"}},
          {"first", {Apply("0")}},
          // Parts of one transaction: the later ones wait in the file.
          {"held", {Apply(last), Apply(last + " - 1"), Apply(last)}},
          {"host",
           {"BEGIN", "INSERT INTO note VALUES(90, 'host')",
            "SELECT count(crsql_apply(data)) FROM pieces WHERE n BETWEEN 1 AND 3", "SAVEPOINT a",
            "SELECT count(crsql_apply(data)) FROM pieces WHERE n BETWEEN 4 AND 6", "ROLLBACK TO a",
            "SELECT count(crsql_apply(data)) FROM pieces WHERE n BETWEEN 5 AND 7", "COMMIT"}},
          {"vector",
           {"SELECT length(crsql_version_vector())", "SELECT length(crsql_token())",
            "SELECT length(crsql_version_vector('[\"note\"]'))",
            "SELECT crsql_has(crsql_token())"}},
          {"read",
           {"SELECT transactions, rows, cells FROM crsql_changesets(NULL, 1)",
            "SELECT count(*) FROM crsql_changesets(crsql_version_vector())",
            "SELECT transactions, rows FROM crsql_changesets(NULL, 100, '[\"note\"]')"}},
          {"rolled back", {"BEGIN", "SELECT count(crsql_apply(data)) FROM pieces", "ROLLBACK"}},
          {"reopen", {".open", Apply("4")}},
          {"rest", {"BEGIN", "SELECT count(crsql_apply(data)) FROM pieces WHERE n % 2", "COMMIT"}},
          {"complete",
           {"BEGIN IMMEDIATE", "SELECT count(crsql_apply(data)) FROM pieces", "COMMIT"}},
          {"again", {Apply("2"), "UPDATE note SET body = 'last' WHERE id = 3"}},
      }};
}

void FillPieces(testing::Db* file, testing::Db* other) {
  file->Do("CREATE TABLE pieces(n INTEGER PRIMARY KEY, data)");
  int64_t n = 0;
  for (const std::string& piece : testing::Pieces(*other, {.max_bytes = 1})) {
    file->Do("INSERT INTO pieces VALUES(?, ?)",
             {testing::Cell::Integer(n++), testing::Cell::Blob(piece)});
  }
}

}  // namespace tributary::faults
