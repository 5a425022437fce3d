// The clocks of one table of cr-sqlite as ours: exceptions go to crsql_rows, and what the log has
// to say to crsql_import_log, a table in the order of the rows that import_log.h sorts.
#ifndef TRIBUTARY_EXT_IMPORT_CLOCKS_H_
#define TRIBUTARY_EXT_IMPORT_CLOCKS_H_

#include <optional>
#include <string>
#include <vector>

#include "crdt/log_chunk.h"
#include "ext/row_store.h"

namespace tributary {

class ClockImporter {
 public:
  struct Counts {
    int64_t clock_rows = 0;
    int64_t tombstones = 0;
    int64_t recorded = 0;   // rows that had no clocks, or a tombstone
    int64_t deleted = 0;    // rows that had vanished, written here
    int64_t forgotten = 0;  // the same, written by others; and keys that no row can have
  };

  // `own`: the last version that this site issued.
  ClockImporter(sqlite3* db, bool upstream, DbVersion own)
      : db_(db), upstream_(upstream), store_(db), now_(own + 1, Seq(0)) {}

  // `name`: cr-sqlite's of the table. Fails where its clocks are damaged.
  Status Import(Table* table, const std::string& name);

  const Counts& counts() const { return counts_; }
  RowStore* store() { return &store_; }
  // The version of what was recorded or deleted now, if anything was.
  std::optional<DbVersion> repairs() const {
    return now_.next() > Seq(0) ? std::optional(now_.version()) : std::nullopt;
  }

 private:
  struct Record {
    CellClock clock;  // of a sentinel: `version` is the causal length
    uint64_t ts = 0;
  };
  void Name(const std::string& name);
  std::string Fill(std::string_view sql) const;
  Status Prepare(std::string_view sql, Statement* s) { return s->Prepare(db_, Fill(sql)); }
  Status CheckLayout();
  Status ImportRows(std::string_view sql);
  Status ReadRecords(sqlite3_value* key);
  Status ReadRecord();
  Status ImportRow(bool in_base);
  RowClock Clock(CausalLength cl);
  void Rename(CausalLength cl, ColVersion version, int64_t rank, Stamp* stamp) const;
  Status StoreRow(RowClock* clock);
  Status AddItem(const Stamp& stamp, LogKind kind, ColumnId column = 0);
  Status Damaged(std::string_view what) const;

  sqlite3* db_;
  const bool upstream_;
  RowStore store_;
  StampSource now_;  // stamps of what is recorded now
  Counts counts_;
  Statement item_;
  Statement records_;
  // Of the table.
  Table* table_ = nullptr;
  std::string clocks_;    // cr-sqlite's
  std::string parts_[8];  // of SQL, see Name
  int64_t found_in_base_ = 0;
  // Of the row.
  std::string key_;
  std::optional<Record> sentinel_;
  SiteOrdinal sentinel_site_ = 0;
  std::vector<Record> cells_;
};

}  // namespace tributary

#endif  // TRIBUTARY_EXT_IMPORT_CLOCKS_H_
