#include "ext/replace_watch.h"

#include <algorithm>

namespace tributary {

bool ReplaceWatch::MayReplace(sqlite3_stmt* stmt) const {
  const char* sql = sqlite3_sql(stmt);
  // Statements of the legacy sqlite3_prepare() keep no text.
  if (sql == nullptr) return true;
  return sqlite3_strlike("%replace%", sql, 0) == 0 &&
         std::none_of(own_.begin(), own_.end(),
                      [stmt](const Statement* own) { return own->get() == stmt; });
}

void ReplaceWatch::PlaceMarker() {
  if (!marker_.Prepare(db_, "SELECT 1").ok() || sqlite3_next_stmt(db_, nullptr) != marker_.get()) {
    ordered_ = false;
  }
}

bool ReplaceWatch::ScanNew() {
  bool any_new = false;
  for (sqlite3_stmt* s = sqlite3_next_stmt(db_, nullptr); s != nullptr && s != marker_.get();
       s = sqlite3_next_stmt(db_, s)) {
    any_new = true;
    if (MayReplace(s)) seen_ = true;
  }
  return any_new;
}

bool ReplaceWatch::Possible() {
  if (ordered_ && !seen_) {
    if (sqlite3_next_stmt(db_, nullptr) == marker_.get()) return false;
    if (ScanNew()) PlaceMarker();
    if (!seen_) return false;
  }
  // Some statement has the word: does one that runs? If none has it any more, back to the quick
  // way.
  bool any = false;
  for (sqlite3_stmt* s = sqlite3_next_stmt(db_, nullptr); s != nullptr;
       s = sqlite3_next_stmt(db_, s)) {
    if (!MayReplace(s)) continue;
    if (sqlite3_stmt_busy(s) != 0) return true;
    any = true;
  }
  if (!any) seen_ = false;
  return false;
}

}  // namespace tributary
