#include "ext/connection.h"

#include "absl/strings/str_cat.h"
#include "ext/flush.h"
#include "ext/merge.h"
#include "ext/storage.h"
#include "ext/upgrade.h"

namespace tributary {

Status Connection::Ready() {
  if (stores_ != nullptr && storage_ready_) return {};
  if (!storage_ready_) {
    TRIBUTARY_RETURN_IF_ERROR(EnsureStorage(db_, &storage_ready_));
    if (!storage_ready_) {
      return {SQLITE_READONLY,
              "Tributary's tables do not exist in this database and cannot be made now, because it "
              "is read-only or locked"};
    }
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
  // The statements that have just run, or will when the file is read anew, tell.
  const int changes = stores_->log.schema_changes() + stores_->join.reprepared();
  if (changes == schema_changes_) return {};
  TRIBUTARY_RETURN_IF_ERROR(FlushMerge(this, false));
  schema_changes_ = changes;
  // SQLite prepares all statements anew when the TEMP schema has changed, too.
  Statement temp_triggers;
  TRIBUTARY_RETURN_IF_ERROR(temp_triggers.Prepare(
      db_, "SELECT EXISTS(SELECT 1 FROM sqlite_temp_schema WHERE type = 'trigger')"));
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(temp_triggers.Step(&row));
  temp_triggers_ = temp_triggers.Int(0) != 0;
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
}

Status Connection::ForgetSchema() {
  std::vector<MergeRow>& held = stores_->merge.rows();
  std::vector<int64_t> ids;
  ids.reserve(held.size());
  for (const MergeRow& row : held) ids.push_back(row.table->id());
  utf8_ = -1;
  stores_->catalog.Invalidate();
  for (size_t i = 0; i < held.size(); i++) {
    TRIBUTARY_RETURN_IF_ERROR(stores_->catalog.Get(ids[i], &held[i].table));
    if (held[i].table == nullptr) {
      stores_->merge.Clear();
      return Status::Error("a table was dropped while merged rows of it waited for others");
    }
  }
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

Status Connection::MergeEqualValues(bool* on) {
  if (merge_equal_values_ < 0) {
    Statement s;
    TRIBUTARY_RETURN_IF_ERROR(
        s.Prepare(db_, "SELECT value FROM crsql_master WHERE key = 'config.merge-equal-values'"));
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    merge_equal_values_ = row && s.Int(0) == 1 ? 1 : 0;
  }
  *on = merge_equal_values_ == 1;
  return {};
}

Status Connection::TextView(sqlite3_value* v, std::string_view* text) {
  if (utf8_ < 0) {
    Statement s;
    TRIBUTARY_RETURN_IF_ERROR(s.Prepare(db_, "PRAGMA encoding"));
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    utf8_ = row && s.Text(0) == "UTF-8" ? 1 : 0;
  }
  // The blob of a text is its bytes in the file's encoding.
  const bool plain = utf8_ == 1 && sqlite3_value_type(v) == SQLITE_TEXT;
  *text = plain ? BlobOf(v) : TextOf(v);
  return {};
}

Status Connection::Flush(bool final) {
  if (stores_ == nullptr || merging) return {};
  if (stores_->merge.empty() && capture.list.empty()) return {};
  const ScopedHostCounters counters(this);
  TRIBUTARY_RETURN_IF_ERROR(FlushMerge(this, final));
  return FlushCapture(this);
}

Status Connection::OnSync() {
  syncing_ = true;
  Status flushed = Flush(true);
  if (flushed.ok() && stores_ != nullptr) {
    for (const int64_t id : stores_->catalog.TakeReplaced()) {
      Table* table;
      // Without the trigger the log is asked: slower, as right. So a failure is no reason to fail.
      if (stores_->catalog.Get(id, &table).ok() && table != nullptr &&
          !table->has_replace_trigger()) {
        (void)CreateReplaceTrigger(this, *table);
      }
    }
  }
  syncing_ = false;
  return flushed;
}

void Connection::OnEnd(bool committed) {
  held_at_.clear();
  joined_ = false;
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
  if (!merging && stores_ != nullptr && !stores_->merge.empty()) {
    const ScopedHostCounters counters(this);
    TRIBUTARY_RETURN_IF_ERROR(FlushMerge(this, false));
    if (!stores_->merge.empty()) held_at_.emplace_back(level, stores_->merge);
  }
  capture.Savepoint(level);
  return {};
}

void Connection::OnRelease(int level) {
  capture.Release(level);
  if (merging) return;
  while (!held_at_.empty() && held_at_.back().first >= level) held_at_.pop_back();
}

void Connection::OnRollbackTo(int level) {
  capture.RollbackTo(level);
  // A statement that a merge ran has failed: the merge itself has not changed anything yet.
  if (merging || stores_ == nullptr) return;
  stores_->merge.Clear();
  while (!held_at_.empty() && held_at_.back().first > level) held_at_.pop_back();
  if (!held_at_.empty() && held_at_.back().first == level) {
    stores_->merge = held_at_.back().second;
  }
  ForgetFile();
  (void)ForgetSchema();
}

ScopedHostCounters::ScopedHostCounters(Connection* c)
    : c_(c), changes_(sqlite3_changes64(c->db())), rowid_(sqlite3_last_insert_rowid(c->db())) {}

ScopedHostCounters::~ScopedHostCounters() {
  sqlite3* db = c_->db();
  sqlite3_set_last_insert_rowid(db, rowid_);
  if (c_->syncing() || sqlite3_changes64(db) == changes_ || !c_->has_stores()) return;
  // There is no call to set changes(); a statement of ours that "changes" as many rows does.
  Statement& s = c_->stores().restore_changes;
  if (!s.PrepareOnce(db, "DELETE FROM crsql_transaction WHERE n = ?1").ok()) return;
  s.Bind(1, changes_);
  (void)s.Run();
  sqlite3_set_last_insert_rowid(db, rowid_);
}

}  // namespace tributary
