// Merging the rows of one changeset's body.
#ifndef TRIBUTARY_EXT_APPLY_BODY_H_
#define TRIBUTARY_EXT_APPLY_BODY_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ext/connection.h"
#include "ext/log_writer.h"
#include "sync/changeset/reader.h"

namespace tributary {

class BodyMerger {
 public:
  explicit BodyMerger(Connection* connection) : c_(connection) {}

  enum class Rows { kCheckNow, kCheckAsTheyMerge };
  // Reads it and looks up what it names. With kCheckNow whatever is wrong with it is found before
  // anything is written; the other is for bodies that have passed that, under a schema that may
  // have changed since. `body` must outlive the merger.
  Status Open(std::string_view body, Rows rows);
  // Merges it. Rows whose columns all come with their first clocks, and that are new here, are
  // written directly; others by way of the merge buffer, which the caller flushes.
  Status Merge();
  int64_t rows_changed() const { return rows_changed_; }

 private:
  // A table of the changeset, here.
  struct Target {
    Table* table = nullptr;
    std::vector<int> columns;  // theirs to ours, -1 where we have none
    bool straight = false;     // all of both, in one order
    std::string misfit;        // why nothing of it can be merged here
    bool keys_fit = true;      // those of all rows
  };
  // An author's transaction, here.
  struct Author {
    SiteOrdinal site = kOwnSite;
    LogHeader log;
  };
  Status FindTarget(const TableNames& names, Target* target);
  Status FindAuthors();
  const TableNames& NamesOf(size_t group) const {
    return reader_.tables()[reader_.table_of(group)];
  }
  Status CheckRows(size_t group);
  // Why the row's key does not fit the table; empty if it does.
  Status CheckKey(size_t group, std::string_view key, std::string* misfit);
  Status MergeRow(size_t group, const RowView& row);
  // Keeps the row's records that cannot be merged here: that one, or all.
  Status Park(size_t group, const RowView& row, std::optional<size_t> record, std::string_view why);
  Status InsertNew(const RowView& row, Table* table, bool* inserted);
  Status Log(const RowView& row, const Table& table);
  Status CloseLog();

  Connection* c_;
  Rows rows_ = Rows::kCheckNow;
  ChangesetReader reader_;
  std::vector<Target> targets_;  // by group
  std::vector<Author> authors_;  // by transaction
  KeyDecoder decoder_;
  std::string key_;
  std::optional<LogWriter> writer_;
  uint32_t written_ = 0;  // the transaction of writer_
  int64_t logged_ = 0;
  int64_t rows_changed_ = 0;
};

}  // namespace tributary

#endif  // TRIBUTARY_EXT_APPLY_BODY_H_
