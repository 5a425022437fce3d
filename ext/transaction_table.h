// The internal virtual table crsql_transaction: by writing to it, a connection's Tributary takes
// part in the running transaction, and SQLite calls xSync, xCommit, xRollback and the savepoint
// methods. (FTS5 learns of transactions in the same way; no commit or rollback hook is taken.)
//
// A second table, crsql_lifetime, is only ever connected. No statement that is kept names it, so
// that sqlite3_close disconnects it first of all, before it looks for open statements; ours are
// given up there.
//
// The first has one hidden use more: "DELETE ... WHERE n = N" deletes N imaginary rows, which sets
// changes() back to N after statements of ours.
#ifndef TRIBUTARY_EXT_TRANSACTION_TABLE_H_
#define TRIBUTARY_EXT_TRANSACTION_TABLE_H_

#include "ext/connection.h"

namespace tributary {

Status RegisterTransactionTable(Connection* connection);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_TRANSACTION_TABLE_H_
