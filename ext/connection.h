// All that Tributary holds for one SQLite connection, and how it takes part in its transactions.
//
// Life: made and owned by what the entry point registers, freed by sqlite3_close, which lets go of
// the statements (OnClose) before it looks for open ones: no crsql_finalize() is needed.
#ifndef TRIBUTARY_EXT_CONNECTION_H_
#define TRIBUTARY_EXT_CONNECTION_H_

#include <climits>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "ext/capture.h"
#include "ext/catalog.h"
#include "ext/fold_rows.h"
#include "ext/log_lookup.h"
#include "ext/log_store.h"
#include "ext/merge_buffer.h"
#include "ext/parking.h"
#include "ext/replace_watch.h"
#include "ext/row_store.h"
#include "ext/sites.h"

namespace tributary {

// What needs prepared statements; dropped as a whole to let go of them.
struct Stores {
  explicit Stores(sqlite3* db)
      : catalog(db),
        sites(db),
        rows(db),
        log(db),
        lookup(db, &log),
        parking(db),
        replace_watch(db, {rows.put(), log.write_head(), log.write_chunk()}) {}
  Catalog catalog;
  Sites sites;
  RowStore rows;
  LogStore log;
  LogLookup lookup;
  Parking parking;
  ReplaceWatch replace_watch;
  StatementPool log_ranges;
  MergeBuffer merge;
  std::unique_ptr<FoldMemory> fold_memory;  // while no fold uses it
  Statement join;
  Statement schema_version;
  std::pair<std::string, Statement> held_write;  // the last one of BaseWriter, and its text
  Statement restore_changes;
};

class Connection {
 public:
  explicit Connection(sqlite3* db) : db_(db) {}

  sqlite3* db() const { return db_; }
  // Fails where the file has no storage and cannot get any now.
  Status Ready();
  // REQUIRES: Ready() was ok.
  Stores& stores() { return *stores_; }
  // The same, for what may outlive OnClose.
  std::shared_ptr<Stores> shared_stores() { return stores_; }
  bool has_stores() const { return stores_ != nullptr; }

  Capture capture;

  // Settings and per-transaction values that SQL can set.
  int64_t sync_bit = 0;
  uint64_t ts = 0;
  // Whether the schema may have changed since Unpark (ext/parking.h).
  bool may_unpark = true;
  // How many savepoints crsql_begin_alter has open.
  int alterations = 0;
  // A merge is writing a base table: triggers may run, but nothing of ours may change under it.
  bool merging = false;
  // Statements of ours run that begin no savepoint worth the name: nothing is flushed for them, as
  // that might use a statement of ours in the midst of its own work.
  bool quiet = false;
  // A statement of the host's that writes is running us, the end of which undoes what failed:
  // SQLite begins no savepoint in it.
  bool in_statement = false;
  Status MergeEqualValues(bool* on) {
    if (merge_equal_values_ < 0) TRIBUTARY_RETURN_IF_ERROR(ReadMergeEqualValues());
    *on = merge_equal_values_ == 1;
    return {};
  }
  // A view of text, converted if it is none, without the copy that sqlite3_value_text makes of text
  // that was bound without its final zero.
  Status TextView(sqlite3_value* v, std::string_view* text) {
    if (utf8_ < 0) TRIBUTARY_RETURN_IF_ERROR(ReadEncoding());
    // The blob of a text is its bytes in the file's encoding.
    const bool plain = utf8_ == 1 && sqlite3_value_type(v) == SQLITE_TEXT;
    *text = plain ? BlobOf(v) : TextOf(v);
    return {};
  }
  void ForgetSettings() { merge_equal_values_ = -1; }

  // The same site id, for as long as the connection lives.
  const SiteId& Keep(const SiteId& id) { return *site_ids_.insert(id).first; }

  // Takes part in the running transaction, so that the callbacks below come. Cheap if it does.
  Status Join();
  bool joined() const { return joined_; }
  // After the schema has changed: what is known of tables is read again when it is needed.
  Status ForgetSchema();
  // Looks at the schema again if it changed, and at the file where no transaction is joined.
  Status Refresh();

  // Version of the last committed local transaction, and the one this transaction has or would get.
  Status LastVersion(DbVersion* version);
  Status NextVersion(DbVersion* version);

  // Writes what is captured and merged to the file. No-op where there is nothing. `final`: at the
  // end of the transaction, when merged rows must satisfy all constraints.
  Status Flush(bool final = false);

  // How often anything was written to the log.
  int64_t flushes() const { return flushes_; }
  void NoteLogWrite() { flushes_++; }
  // A row was written, with the sync bit on, that merges may know otherwise.
  void NoteUncapturedWrite() { uncaptured_write_ = true; }
  bool HasUnflushedWrites() const { return uncaptured_write_ || !capture.list.empty(); }
  // A row was written that could not be captured. Unless the statement is undone, as it is where it
  // has a journal, the transaction must not be committed.
  void OnFailedCapture();

  // Something was half done, outside any savepoint of its own: only a rollback to a savepoint that
  // is open now can undo it, or of the whole transaction. SQLite may have done that by itself.
  void OnHalfDone() {
    if (joined_) Break(capture.next_level());
  }

  // The callbacks of the transaction module.
  Status OnSync();
  void OnEnd(bool committed);
  Status OnSavepoint(int level);
  void OnRelease(int level);
  void OnRollbackTo(int level);
  void OnClose() { stores_.reset(); }

 private:
  sqlite3* db_;
  std::shared_ptr<Stores> stores_;
  bool storage_ready_ = false;
  // What was held (base_writer.h) when a savepoint began, by its level.
  std::vector<std::pair<int, MergeBuffer>> held_at_;
  bool joined_ = false;
  bool in_one_statement_ = false;
  int64_t schema_version_ = -1;  // when NoticeAlter last looked
  bool uncaptured_write_ = false;
  bool syncing_ = false;
  // The file may have part of what a flush that failed had to write. A rollback to a savepoint
  // below this level undoes that; until then nothing is flushed, and so nothing committed.
  static constexpr int kWhole = -1;
  static constexpr int kAnyLevel = INT_MAX;
  int broken_level_ = kWhole;
  bool flushing_ = false;
  int64_t flushes_ = 0;
  void Break(int level) {
    if (broken_level_ == kWhole || level < broken_level_) broken_level_ = level;
  }
  // Runs `flush`, which is undone by a rollback to a savepoint below `level`.
  template <typename F>
  Status TryFlush(int level, F flush);
  int schema_changes_ = -1;
  // The file's data version after this connection's last commit. While it is the same nobody has
  // written since, and what is known of the file holds.
  std::optional<uint32_t> committed_data_version_;
  int8_t merge_equal_values_ = -1;
  std::set<SiteId> site_ids_;
  int8_t utf8_ = -1;  // whether that is the file's encoding; asked once per schema

  Status ReadMergeEqualValues();
  Status ReadEncoding();
  Status NoticeSchemaChange();
  std::optional<uint32_t> DataVersion() const;
  // What is known of the file's contents, other than the schema, is read again when it is needed.
  void ForgetFile();

 public:
  // Whether the transaction consists of one statement, so that it cannot alter a table.
  bool in_one_statement() const { return in_one_statement_; }
  // Notices that this transaction itself has changed the schema.
  Status NoticeAlter(bool* changed);
  // Whether the transaction is being committed.
  bool syncing() const { return syncing_; }
};

// Sets `quiet`. REQUIRES: what fails inside is either without effect or a failure of the whole,
// which is rolled back.
class ScopedQuiet {
 public:
  explicit ScopedQuiet(Connection* c) : c_(c), before_(c->quiet) { c->quiet = true; }
  ~ScopedQuiet() { c_->quiet = before_; }
  ScopedQuiet(const ScopedQuiet&) = delete;
  ScopedQuiet& operator=(const ScopedQuiet&) = delete;

 private:
  Connection* c_;
  bool before_;
};

// Keeps last_insert_rowid() and changes() as the host's statements left them. Except for changes()
// after an explicit COMMIT: SQLite lets no virtual table be written then, and nothing else can set
// it, so that it counts what our last statement wrote (with FTS5 it is the same). A statement that
// is a transaction of its own sets changes() after us.
class ScopedHostCounters {
 public:
  explicit ScopedHostCounters(Connection* c);
  ~ScopedHostCounters();
  ScopedHostCounters(const ScopedHostCounters&) = delete;
  ScopedHostCounters& operator=(const ScopedHostCounters&) = delete;

 private:
  Connection* c_;
  int64_t changes_;
  int64_t rowid_;
};

}  // namespace tributary

#endif  // TRIBUTARY_EXT_CONNECTION_H_
