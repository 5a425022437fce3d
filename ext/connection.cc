#include "ext/connection.h"

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "ext/flush.h"
#include "ext/merge.h"
#include "ext/renew.h"
#include "ext/storage.h"
#include "ext/triggers.h"

namespace tributary {

Status Connection::Ready() {
  if (stores_ != nullptr && storage_ready_) return {};
  if (!storage_ready_) {
    TRIBUTARY_RETURN_IF_ERROR(EnsureStorage(db_));
    storage_ready_ = true;
  }
  // Connects crsql_lifetime, which is how we hear of sqlite3_close.
  TRIBUTARY_RETURN_IF_ERROR(Execute(db_, "SELECT 1 FROM crsql_lifetime"));
  stores_ = std::make_shared<Stores>(db_);
  schema_changes_ = -1;
  return {};
}

Status Connection::Join() {
  if (joined_) return {};
  TRIBUTARY_RETURN_IF_ERROR(Ready());
  TRIBUTARY_RETURN_IF_ERROR(
      stores_->join.PrepareOnce(db_, "INSERT INTO crsql_transaction(n) VALUES (NULL)"));
  TRIBUTARY_RETURN_IF_ERROR(stores_->join.Run());
  joined_ = true;
  in_one_statement_ = sqlite3_get_autocommit(db_) != 0;
  stores_->log.Hold();
  if (committed_data_version_ != DataVersion()) ForgetFile();
  return NoticeSchemaChange();
}

Status Connection::Refresh() {
  TRIBUTARY_RETURN_IF_ERROR(Ready());
  // Read from the file: that notices a schema that this connection itself has changed, too.
  TRIBUTARY_RETURN_IF_ERROR(stores_->log.RereadHead());
  if (!merging) TRIBUTARY_RETURN_IF_ERROR(NoticeSchemaChange());
  if (!joined_) ForgetFile();
  return {};
}

Status Connection::NoticeSchemaChange() {
  // The statements that have just run, or will when the file is read anew, tell. One that is new
  // knows nothing of the time before it.
  const int changes = stores_->log.schema_changes() + stores_->join.preparations();
  if (changes == schema_changes_) return {};
  if (!stores_->merge.empty()) {
    TRIBUTARY_RETURN_IF_ERROR(TryFlush(kAnyLevel, [&] { return FlushMerge(this, false); }));
  }
  schema_changes_ = changes;
  // SQLite prepares all statements anew when the TEMP schema has changed, too.
  return ForgetSchema();
}

Status Connection::NoticeAlter(bool* changed) {
  *changed = false;
  if (in_one_statement_) return {};
  Statement& s = stores_->schema_version;
  TRIBUTARY_RETURN_IF_ERROR(s.PrepareOnce(db_, "PRAGMA main.schema_version"));
  const ScopedReset reset(&s);
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
  *changed = row && s.Int(0) != schema_version_;
  if (!*changed) return {};
  schema_version_ = s.Int(0);
  return ForgetSchema();
}

std::optional<uint32_t> Connection::DataVersion() const {
  unsigned version;
  if (sqlite3_file_control(db_, "main", SQLITE_FCNTL_DATA_VERSION, &version) != SQLITE_OK) {
    return std::nullopt;
  }
  return version;
}

void Connection::ForgetFile() {
  committed_data_version_.reset();
  stores_->catalog.ForgetExceptions();
  stores_->sites.Forget();
  stores_->lookup.Forget();
  stores_->log.Forget();
  stores_->parking.Forget();
}

Status Connection::ForgetSchema() {
  std::vector<MergeRow>& held = stores_->merge.rows();
  std::vector<int64_t> ids;
  ids.reserve(held.size());
  for (const MergeRow& row : held) ids.push_back(row.table->id());
  utf8_ = -1;
  may_unpark = true;
  stores_->catalog.Invalidate();
  bool whole = held.empty();
  const absl::Cleanup done = [&] {
    if (whole) return;
    stores_->merge.Clear();  // rows of tables that are no more
    Break(kAnyLevel);
  };
  for (size_t i = 0; i < held.size(); i++) {
    TRIBUTARY_RETURN_IF_ERROR(stores_->catalog.Get(ids[i], &held[i].table));
    if (held[i].table == nullptr) {
      return Status::Error("a table was dropped while merged rows of it waited for others");
    }
  }
  whole = true;
  return {};
}

Status Connection::LastVersion(DbVersion* version) {
  TRIBUTARY_RETURN_IF_ERROR(Ready());
  LogHead head;
  TRIBUTARY_RETURN_IF_ERROR(stores_->log.ReadHead(&head));
  // What this transaction was allotted is not committed yet.
  *version = capture.state.version > DbVersion(0) ? capture.state.version + -1 : head.last_version;
  return {};
}

Status Connection::NextVersion(DbVersion* version) {
  TRIBUTARY_RETURN_IF_ERROR(LastVersion(version));
  *version = *version + 1;
  return {};
}

Status Connection::ReadMergeEqualValues() {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(db_, "SELECT value FROM crsql_master WHERE key = 'config.merge-equal-values'"));
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
  merge_equal_values_ = row && s.Int(0) == 1 ? 1 : 0;
  return {};
}

Status Connection::ReadEncoding() {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(db_, "PRAGMA encoding"));
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
  utf8_ = row && s.Text(0) == "UTF-8" ? 1 : 0;
  return {};
}

template <typename F>
Status Connection::TryFlush(int level, F flush) {
  if (broken_level_ != kWhole) {
    return {SQLITE_ABORT,
            "an error has left this transaction incomplete: it can only be rolled back"};
  }
  // A statement that a flush runs has come here (BaseWriter::Detach). The flush is not to be done
  // again in its own midst: what it has captured since comes at its end.
  if (flushing_) return {};
  const ScopedHostCounters counters(this);
  flushing_ = true;
  flushes_++;
  bool whole = false;
  const absl::Cleanup done = [&] {
    flushing_ = false;
    if (!whole && joined_) Break(level);  // else SQLite has rolled back everything
  };
  Status flushed = flush();
  // What a constraint refuses is refused before anything but base tables is written.
  whole = flushed.ok() || (flushed.code() & 0xff) == SQLITE_CONSTRAINT;
  return flushed;
}

Status Connection::Flush(bool final) {
  if (merging) return {};
  const bool nothing = stores_ == nullptr || (stores_->merge.empty() && capture.list.empty());
  uncaptured_write_ = false;
  if (nothing && broken_level_ == kWhole) return {};
  return TryFlush(kAnyLevel, [&]() -> Status {
    TRIBUTARY_RETURN_IF_ERROR(FlushMerge(this, final));
    return FlushCapture(this);
  });
}

void Connection::OnFailedCapture() {
  // The function was called by hand: no row was written.
  if (sqlite3_txn_state(db_, "main") != SQLITE_TXN_WRITE) return;
  // Called by destructors, so it must not allocate.
  const auto done = [this](const char* sql) {
    return sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) == SQLITE_OK;
  };
  // Only a savepoint that is open by now undoes the statement. Those from before we joined are not
  // known: then nothing but a rollback of all.
  const int level = joined_ ? capture.next_level() : 0;
  // OnSync must come, and refuse, whatever it was that kept us from joining.
  if (joined_ || done("INSERT INTO crsql_transaction(n) VALUES (NULL)")) {
    Break(level);
  } else {
    done("ROLLBACK");
  }
}

Status Connection::OnSync() {
  syncing_ = true;
  const absl::Cleanup done = [this] { syncing_ = false; };
  TRIBUTARY_RETURN_IF_ERROR(Flush(true));
  if (stores_ == nullptr) return {};
  for (const int64_t id : stores_->catalog.TakeReplaced()) {
    Table* table = nullptr;
    Status made = stores_->catalog.Get(id, &table);
    if (made.ok() && table != nullptr && !table->traits().has_replace_trigger) {
      made = CreateReplaceTrigger(db_, *table);
    }
    // Without the trigger the log is asked: slower, as right. So a failure is no reason to fail,
    // but for those that made SQLite roll back the whole transaction.
    if (!made.ok() && sqlite3_txn_state(db_, "main") != SQLITE_TXN_WRITE) return made;
  }
  return RenewTriggers(this);
}

void Connection::OnEnd(bool committed) {
  broken_level_ = kWhole;
  uncaptured_write_ = false;
  held_at_.clear();
  joined_ = false;
  // What was seen of an ALTER TABLE is undone; the statements that tell may not have run since.
  if (!committed) schema_version_ = schema_changes_ = -1;
  alterations = 0;
  ts = 0;
  merge_equal_values_ = -1;
  capture.End();
  if (stores_ == nullptr) return;
  stores_->merge.Clear();
  stores_->log.Release();
  // SQLite commits to the file before it tells the virtual tables.
  committed_data_version_ = committed ? DataVersion() : std::nullopt;
  if (!committed_data_version_) ForgetFile();
  stores_->lookup.Forget();
  stores_->sites.Forget();
}

Status Connection::OnSavepoint(int level) {
  // First, as a failure below is followed by OnRollbackTo for this level. Which takes away what it
  // finds no mark for, should that itself fail.
  const int broken_level = broken_level_;
  Break(level);
  capture.Savepoint(level);
  broken_level_ = broken_level;
  if (merging || quiet || stores_ == nullptr) return {};
  if (stores_->merge.empty()) {
    if (!capture.full()) return {};
    TRIBUTARY_RETURN_IF_ERROR(TryFlush(level, [&] { return FlushCapture(this); }));
    // The savepoint begins after this: what was flushed belongs to the one below.
    capture.Release(level);
    capture.Savepoint(level);
    return {};
  }
  Status flushed = TryFlush(level, [&]() -> Status {
    TRIBUTARY_RETURN_IF_ERROR(FlushMerge(this, false));
    if (!stores_->merge.empty()) held_at_.emplace_back(level, stores_->merge);
    return {};
  });
  // The merge's own statements have levels, too, from this one on, and their ends took the mark.
  capture.Release(level);
  capture.Savepoint(level);
  return flushed;
}

void Connection::OnRelease(int level) {
  capture.Release(level);
  if (merging || quiet) return;
  while (!held_at_.empty() && held_at_.back().first >= level) held_at_.pop_back();
}

void Connection::OnRollbackTo(int level) {
  capture.RollbackTo(level);
  schema_version_ = -1;  // what NoticeAlter led to may be undone
  // A statement that a merge ran has failed: the merge itself has not changed anything yet.
  if (merging || quiet) return;
  if (level < broken_level_ && !flushing_) broken_level_ = kWhole;
  if (stores_ == nullptr) return;
  stores_->merge.Clear();
  ForgetFile();
  while (!held_at_.empty() && held_at_.back().first > level) held_at_.pop_back();
  try {
    if (!held_at_.empty() && held_at_.back().first == level) {
      stores_->merge = held_at_.back().second;
    }
    if (!ForgetSchema().ok()) Break(level);
  } catch (const std::bad_alloc&) {
    stores_->merge.Clear();
    Break(level);
  }
}

ScopedHostCounters::ScopedHostCounters(Connection* c)
    : c_(c), changes_(sqlite3_changes64(c->db())), rowid_(sqlite3_last_insert_rowid(c->db())) {}

ScopedHostCounters::~ScopedHostCounters() {
  sqlite3* db = c_->db();
  sqlite3_set_last_insert_rowid(db, rowid_);
  if (c_->syncing() || sqlite3_changes64(db) == changes_ || !c_->has_stores()) return;
  // There is no call to set changes(); a statement of ours that "changes" as many rows does.
  try {
    Statement& s = c_->stores().restore_changes;
    if (!s.PrepareOnce(db, "DELETE FROM crsql_transaction WHERE n = ?1").ok()) return;
    s.Bind(1, changes_);
    const ScopedQuiet quiet(c_);
    (void)s.Run();
  } catch (const std::bad_alloc&) {  // better a wrong count than the end of the process
  }
  sqlite3_set_last_insert_rowid(db, rowid_);
}

}  // namespace tributary
