#include "tests/faults/script.h"

#include "tests/support/changes.h"
#include "tests/support/db.h"

namespace tributary::faults {
namespace {

using testing::Change;
using testing::Db;

constexpr char kTables[] =
    "CREATE TABLE note(id INTEGER PRIMARY KEY NOT NULL, body);"
    "CREATE TABLE item(code TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL DEFAULT '', "
    "  qty INTEGER NOT NULL DEFAULT 0, price REAL,"
    "  note INTEGER REFERENCES note(id) ON DELETE CASCADE);"
    "INSERT INTO note VALUES(1, 'one'), (2, 'two');"
    "INSERT INTO item VALUES('a', 'first', 1, 1.5, 1), ('b', 'second', 2, 2.5, NULL);";

// What the other replica did; some of it meets rows of the script, some is of rows that it does not
// know, and a child comes before its parent.
constexpr char kOther[] =
    "DELETE FROM item; DELETE FROM note;"
    "SELECT crsql_as_crr('note'), crsql_as_crr('item');"
    "INSERT INTO note VALUES(3, 'theirs'), (50, 'parent'), (51, 'x');"
    "INSERT INTO item(code, title, note) VALUES('o1', 'their first', 50), ('c', 'their c', 3);"
    "UPDATE item SET qty = 7 WHERE code = 'c';"
    "UPDATE note SET body = 'theirs again' WHERE id = 3;"
    "DELETE FROM note WHERE id = 51;"
    "UPDATE item SET code = 'o2' WHERE code = 'o1';"
    "BEGIN; REPLACE INTO item(code, title) VALUES('r', 'r1'), ('r', 'r2');"
    "INSERT INTO note VALUES(52, NULL), (53, x'00'), (54, 5.5); COMMIT;";

// Above any site id that a run may draw, so that ties end alike in all.
const std::string kSite(16, '\xff');

}  // namespace

void MakeFile(const std::string& path, const Script& script) {
  const std::string others = path + ".other";
  Db(others).Do(std::string(kTables) + kOther);
  Db(others, {.extension = false})
      .Do("UPDATE crsql_site_id SET site_id = ?1 WHERE ordinal = 0", {testing::Cell::Blob(kSite)});
  Db other(others);
  Db file(path, {.extension = false});
  if (script.utf16) file.Do("PRAGMA encoding = 'UTF-16le'");
  if (script.wal) file.Do("PRAGMA journal_mode = WAL");
  file.Do(std::string(kTables) +
          "CREATE TABLE incoming(n INTEGER PRIMARY KEY, tbl, pk, cid, val, col_version, db_version,"
          " site_id, cl, seq)");
  int64_t n = 0;
  for (const Change& c : testing::ReadChanges(other)) {
    using testing::Cell;
    file.Do("INSERT INTO incoming VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            {Cell::Integer(n++), Cell::Text(c.table), Cell::Blob(c.pk), Cell::Text(c.cid), c.value,
             Cell::Integer(c.col_version), Cell::Integer(c.db_version), Cell::Blob(kSite),
             Cell::Integer(c.cl), Cell::Integer(c.seq)});
  }
  FillPieces(&file, &other);
}

Script ShortScript(const std::string& name) {
  const std::string merge =
      "INSERT INTO crsql_changes SELECT tbl, pk, cid, val, col_version, db_version, site_id, cl, "
      "seq FROM incoming WHERE ";
  return {
      .name = name,
      .steps = {
          {"open", {".open", "SELECT crsql_db_version()"}},
          {"as_crr", {"SELECT crsql_as_crr('note')", "SELECT crsql_as_crr('item')"}},
          {"insert",
           {"INSERT INTO note VALUES(3, 'three'), (4, 'four'), (5, 'five')",
            "INSERT INTO item(code, title, note) VALUES('c', 'third', 3) RETURNING code",
            "INSERT INTO item VALUES('d', 'fourth', 4, NULL, 4)"}},
          {"update",
           {"UPDATE note SET body = body || '!' WHERE id < 3",
            "UPDATE item SET qty = qty + 1, title = upper(title) RETURNING code, qty"}},
          {"transaction",
           {"BEGIN", "INSERT INTO note VALUES(6, 'six'), (7, NULL)",
            "UPDATE item SET price = 9.5 WHERE code = 'a'", "DELETE FROM note WHERE id = 2",
            "INSERT INTO note VALUES(2, 'two again')",
            "INSERT INTO item(code) VALUES('e') ON CONFLICT DO UPDATE SET qty = 0", "COMMIT"}},
          {"reopen", {".open", "UPDATE note SET body = 'reopened' WHERE id = 7"}},
          {"delete",
           {"DELETE FROM item WHERE code = 'b'", "DELETE FROM note WHERE id = 4 RETURNING id"}},
          {"move",
           {"UPDATE note SET id = 60 WHERE id = 6",
            "UPDATE item SET code = 'aa', qty = 3 WHERE code = 'a'"}},
          {"replace",
           {"INSERT OR REPLACE INTO item(code, title) VALUES('e', 'replaced'), ('f', 'new')",
            "INSERT OR REPLACE INTO note VALUES(5, 'replaced')"}},
          {"replace2",
           {"BEGIN", "REPLACE INTO item(code, title) VALUES('f', 'again')",
            "UPDATE OR REPLACE item SET code = 'f' WHERE code = 'e'", "COMMIT"}},
          {"savepoint",
           {"BEGIN", "INSERT INTO note VALUES(8, 'eight')", "SAVEPOINT a",
            "UPDATE note SET body = 'never'", "DELETE FROM item", "ROLLBACK TO a",
            "INSERT INTO note VALUES(9, 'nine')", "SAVEPOINT b", "DELETE FROM note WHERE id = 8",
            "RELEASE a", "COMMIT"}},
          {"rollback",
           {"BEGIN", "INSERT INTO note VALUES(10, 'never')", "DELETE FROM item", "ROLLBACK"}},
          {"fold",
           {"BEGIN", "INSERT INTO note VALUES(11, 'eleven')",
            "SELECT \"table\", pk, cid, val, seq FROM crsql_changes WHERE db_version > 8",
            "SAVEPOINT a", "UPDATE note SET body = 'never' WHERE id > 8",
            "SELECT count(*) FROM crsql_changes", "ROLLBACK TO a",
            "INSERT INTO item(code, note) VALUES('g', 11)", "COMMIT"}},
          {"merge",
           {"BEGIN", merge + "n < 5 ORDER BY n", merge + "n >= 5 ORDER BY n DESC", "COMMIT"}},
          {"merge2", {merge + "n % 3 = 0", merge + "1"}},
          {"mixed",
           {"BEGIN", "UPDATE note SET body = 'mine' WHERE id = 50", merge + "tbl = 'note'",
            "DELETE FROM note WHERE id = 50", "COMMIT"}},
          {"read",
           {"SELECT \"table\", pk, cid, val, col_version, db_version, cl, seq FROM crsql_changes",
            "SELECT cid, val FROM crsql_changes WHERE \"table\" = 'item' AND db_version = 2",
            "SELECT count(crsql_digest())", "SELECT count(crsql_digest('item'))",
            "SELECT * FROM crsql_check", "SELECT \"table\", rows FROM crsql_info",
            "SELECT cell FROM crsql_unpack_columns(x'0209010B0161')",
            "SELECT cid, value, col_version, seq, cl, clock FROM crsql_explain('item', 'f')"}},
          {"alter",
           {"BEGIN", "ALTER TABLE note ADD COLUMN extra DEFAULT 'x'",
            "UPDATE note SET extra = 'y' WHERE id = 3", "SELECT crsql_as_crr('note')",
            "UPDATE note SET extra = 'z' WHERE id = 5", "COMMIT"}},
          {"clset",
           {"CREATE VIRTUAL TABLE todo_schema USING clset(id INTEGER PRIMARY KEY NOT NULL, ord "
            "TEXT)",
            "SELECT crsql_fract_as_ordered('todo', 'ord')",
            "INSERT INTO todo VALUES(1, 1), (2, -1)",
            "INSERT INTO todo_fractindex(id, after_id) VALUES(3, 2)"}},
          {"automigrate",
           {"SELECT crsql_automigrate('CREATE TABLE todo(id INTEGER PRIMARY KEY NOT NULL, ord "
            "TEXT, "
            "x DEFAULT 1)')",
            "SELECT crsql_automigrate('CREATE TABLE todo(id INTEGER PRIMARY KEY NOT NULL, ord "
            "TEXT, "
            "x INT CHECK(x > 0)); SELECT crsql_fract_as_ordered(''todo'', ''ord'')')"}},
          {"drop clset", {"DROP TABLE todo_schema"}},
          {"as_table", {"SELECT crsql_as_table('item')", "INSERT INTO item(code) VALUES('plain')"}},
          {"again", {"SELECT crsql_as_crr('item')", "UPDATE item SET qty = 5 WHERE code = 'g'"}},
          {"close", {"UPDATE note SET body = 'last' WHERE id = 1", ".open"}},
          // Last: what is written under the new id is in an order that the id decides.
          {"identity", {"SELECT length(crsql_new_site_id())", "SELECT crsql_db_version()"}},
      }};
}

Script LargeScript() {
  const std::string rows =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) "
      "INSERT INTO item(code, qty) SELECT printf('%c%04d', 'K', i) || hex(zeroblob(2000)), i FROM "
      "n";
  return {
      .name = "large",
      .large = true,
      .steps = {
          {"as_crr", {"SELECT crsql_as_crr('note')", "SELECT crsql_as_crr('item')"}},
          {"rolled back to",
           {"BEGIN", "INSERT INTO note VALUES(20, 'twenty')", "SAVEPOINT a", rows,
            "INSERT INTO note VALUES(21, 'never')", "ROLLBACK TO a",
            "INSERT INTO note VALUES(22, 'x')", "COMMIT"}},
          {"insert", {rows}},
          {"update", {"BEGIN", "UPDATE item SET qty = qty + 1", "DELETE FROM item", "ROLLBACK"}},
          {"delete", {"DELETE FROM item WHERE qty > 10"}},
      }};
}

}  // namespace tributary::faults
