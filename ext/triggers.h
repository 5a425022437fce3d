// The triggers that Tributary puts on a replicated table T: they report what is written to it.
//
//   T__crsql_itrig, _utrig, _dtrig   after INSERT, UPDATE, DELETE
//   T__crsql_rtrig                   before INSERT of a key that is there; once REPLACE was used
//   T__crsql_a0trig, _a1trig, ...    in place of _utrig between crsql_begin_alter and
//   T__crsql_aktrig                  crsql_commit_alter: one per column, and one for the row
//
// SQLite drops no column that a trigger's body names. So while a table is being altered, the
// trigger of a column names it only as what it is about (AFTER UPDATE OF "c"): SQLite lets that be
// dropped, renames it with the column, and so remembers for us what has become of it.
#ifndef TRIBUTARY_EXT_TRIGGERS_H_
#define TRIBUTARY_EXT_TRIGGERS_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ext/table.h"

namespace tributary {

// Makes those of inserts, updates and deletes that are missing.
Status CreateTriggers(sqlite3* db, const Table& table);
// Makes the BEFORE INSERT trigger that reports rows about to be replaced (T1).
Status CreateReplaceTrigger(sqlite3* db, const Table& table);
// Makes those of an alteration.
Status CreateAlterTriggers(sqlite3* db, const Table& table);
// The present name of each column, by its trigger of an alteration, in the order that the schema
// had when it began. A column that was dropped keeps its last.
Status ReadAlterTriggers(sqlite3* db, std::string_view table,
                         std::vector<std::pair<ColumnId, std::string>>* names);
// The present names of the key's columns and of those that the update trigger reports; these in the
// order of their numbers.
Status ReadUpdateTrigger(sqlite3* db, std::string_view table, std::vector<std::string>* names);
// Drops our triggers on a table, whatever its name was when they were made. `suffix` is a LIKE
// pattern for what comes behind "__crsql_".
Status DropTriggers(sqlite3* db, std::string_view table, std::string_view suffix);
inline constexpr std::string_view kAllTriggers = "%trig";
inline constexpr std::string_view kAlterTriggers = "a%trig";

}  // namespace tributary

#endif  // TRIBUTARY_EXT_TRIGGERS_H_
