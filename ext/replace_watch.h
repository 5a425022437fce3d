// Tells whether the statement that is running could replace rows (INSERT OR REPLACE and the like).
//
// SQLite does not report the row that a REPLACE removes (T1). A BEFORE INSERT trigger would see it,
// but costs every insert 15-40 %. So tables start without one, and each captured insert asks here,
// which is one call: SQLite lists a connection's statements newest first, so statements prepared
// since the last look stand before a marker statement of ours; only they need to be read.
#ifndef TRIBUTARY_EXT_REPLACE_WATCH_H_
#define TRIBUTARY_EXT_REPLACE_WATCH_H_

#include <array>

#include "ext/sql.h"

namespace tributary {

class ReplaceWatch {
 public:
  // Tributary's own statements, which replace rows of its own tables.
  using Own = std::array<const Statement*, 3>;

  ReplaceWatch(sqlite3* db, const Own& own) : db_(db), own_(own) {}

  // False only if no statement that is running, but our own, has the word "replace" in its text.
  bool Possible();

 private:
  bool MayReplace(sqlite3_stmt* stmt) const;
  bool ScanNew();
  void PlaceMarker();

  sqlite3* db_;
  Own own_;
  Statement marker_;
  bool seen_ = false;    // a statement behind the marker has the word
  bool ordered_ = true;  // the list is newest first, as it is in every SQLite so far
};

}  // namespace tributary

#endif  // TRIBUTARY_EXT_REPLACE_WATCH_H_
