// Turns the captured local writes of a transaction into clocks (exceptions) and log entries.
#ifndef TRIBUTARY_EXT_FLUSH_H_
#define TRIBUTARY_EXT_FLUSH_H_

#include "ext/connection.h"

namespace tributary {

// Writes connection->capture.list to the file and empties it. On failure the caller's transaction
// or savepoint is rolled back by SQLite; the list is then restored by Capture::RollbackTo.
Status FlushCapture(Connection* connection);

// Allots the transaction its version if it has none yet; reads the log's head, to be written back.
Status AllotVersion(Connection* connection, LogHead* head);
int64_t NowMs();

}  // namespace tributary

#endif  // TRIBUTARY_EXT_FLUSH_H_
