// Brings the catalog and the triggers up to date with what ALTER TABLE has done since they were
// made: columns that were added, renamed or dropped, and renamed tables. The rows are not looked
// at: a column that is new has its default everywhere, which needs no clock as every replica that
// adds it has that value (T3); the first write to a cell of it is captured like any other.
//
// crsql_as_crr and crsql_commit_alter do all of it at once. After an ALTER TABLE of its own the
// next write notices: the triggers are of before then and report the columns of before; the fold
// brings the catalog up to date and looks at the other columns itself (OpKind::kTouch), and the
// triggers are made anew when the transaction commits.
#ifndef TRIBUTARY_EXT_RENEW_H_
#define TRIBUTARY_EXT_RENEW_H_

#include <string>
#include <vector>

#include "ext/connection.h"

namespace tributary {

// Everything about one table. On return the connection's tables are to be asked for again.
// REQUIRES: a write transaction. What was captured waits, or goes first: it names columns by ids.
Status Renew(Connection* c, const Table& table);
// A replicated table that once had this name may still have triggers of that name. The connection's
// tables are as before.
Status FreeName(Connection* c, const std::string& name);

// In the midst of a transaction: new columns of the tables that were found outdated.
struct NewColumns {
  int64_t table;
  ColumnId first;
};
Status RenewCatalog(Connection* c, std::vector<NewColumns>* added = nullptr);
// The same of all tables, before a merge.
Status NoticeColumns(Connection* c);
// At its end: the rest, such as their triggers.
Status RenewTriggers(Connection* c);

// The catalog's names. A table or column of this name, other than that one, may have been
// replicated before it was dropped: then what this replica knows is not known any more.
Status SetName(Connection* c, const Table& table);
Status RemoveDropped(Connection* c, const std::string& name, int64_t but = -1);
// Notes that what this replica knows is not of these tables, none of which it has, either.
// REQUIRES: a write transaction.
Status AddDropped(Connection* connection, const std::vector<std::string>& names);
Status AddTable(sqlite3* db, const std::string& name, int64_t* id);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_RENEW_H_
