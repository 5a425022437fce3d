#include "ext/import_log.h"

#include <algorithm>
#include <optional>
#include <string>

#include "ext/log_writer.h"

namespace tributary {
namespace {

class LogImporter {
 public:
  LogImporter(sqlite3* db, RowStore* clocks, const ImportedVersions& versions)
      : db_(db), versions_(versions), clocks_(clocks), log_(db) {}

  Status Run(const std::vector<std::unique_ptr<Table>>& tables);

 private:
  Status Take(Table* table);
  Status Restamp(Table* table, LogKind kind, ColumnId column, const Stamp& stamp);
  Status Begin(SiteOrdinal site, DbVersion version, uint64_t ts);
  Status WriteEntry();
  Status Close();

  sqlite3* db_;
  const ImportedVersions versions_;
  RowStore* clocks_;
  LogStore log_;
  Statement items_;
  std::optional<LogWriter> writer_;
  SiteOrdinal site_ = 0;
  DbVersion version_{-1};
  uint64_t ts_ = 0;
  Seq next_;         // the first that is free
  LogEntry entry_;   // not yet written where its table is not -1
  std::string key_;  // its key
};

Status LogImporter::Run(const std::vector<std::unique_ptr<Table>>& tables) {
  TRIBUTARY_RETURN_IF_ERROR(items_.Prepare(
      db_,
      "SELECT site, version, seq, kind, table_id, key, column_id, ts FROM main.crsql_import_log "
      "ORDER BY site, version, seq, kind DESC, table_id, key, column_id"));
  entry_.table = -1;
  Table* table = nullptr;
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(items_.Step(&row));
    if (!row) break;
    if (table == nullptr || table->id() != items_.Int(4)) {
      table = std::find_if(tables.begin(), tables.end(), [&](const auto& t) {
                return t->id() == items_.Int(4);
              })->get();
    }
    TRIBUTARY_RETURN_IF_ERROR(Take(table));
  }
  TRIBUTARY_RETURN_IF_ERROR(Close());
  const LogStore::Growth growth = log_.TakeGrowth();
  return log_.WriteHead(
      {.last_version = versions_.last, .bytes = growth.bytes, .entries = growth.entries});
}

Status LogImporter::Take(Table* table) {
  const auto site = static_cast<SiteOrdinal>(items_.Int(0));
  const DbVersion version(items_.Int(1));
  const auto kind = static_cast<LogKind>(items_.Int(3));
  const std::string_view key = items_.Blob(5);
  const auto column = static_cast<ColumnId>(items_.Int(6));
  const auto ts = static_cast<uint64_t>(items_.Int(7));
  if (!writer_ || site != site_ || version != version_ || ts != ts_) {
    TRIBUTARY_RETURN_IF_ERROR(Begin(site, version, ts));
  }
  const Seq seq = std::max(Seq(items_.Int(2)), next_);
  const auto width = static_cast<int64_t>(table->layouts().current().size());
  const bool is_whole = kind == LogKind::kRow || kind == LogKind::kAllCells;
  next_ = seq + (is_whole ? std::max<int64_t>(width, 1) : 1);
  const bool goes_on = entry_.table == table->id() && entry_.kind == LogKind::kCells &&
                       kind == LogKind::kCells && key == key_;
  if (!goes_on) {
    TRIBUTARY_RETURN_IF_ERROR(WriteEntry());
    key_ = key;
    entry_ = {.table = table->id(),
              .layout = table->layouts().current_number(),
              .width = static_cast<uint32_t>(width),
              .key_width = static_cast<uint32_t>(table->key().size()),
              .kind = kind,
              .seq = seq};
  }
  if (kind == LogKind::kCells) entry_.cells.push_back({column, seq});
  if (seq == Seq(items_.Int(2))) return {};
  return Restamp(table, kind, column, {site, version, seq});
}

Status LogImporter::Restamp(Table* table, LogKind kind, ColumnId column, const Stamp& stamp) {
  if (kind == LogKind::kRow) return {};  // an implied clock is the log's
  RowClock clock;
  bool found;
  TRIBUTARY_RETURN_IF_ERROR(clocks_->Read(table, key_, &clock, &found));
  const auto apply = [&](ColumnId c, int64_t more) {
    const ColVersion version = clock.Cell(c, table->layouts()).version;
    clock.Apply(MergeAction::kRestamp, clock.cl(), kind == LogKind::kSentinel, c, version,
                {stamp.site, stamp.version, stamp.seq + more});
  };
  if (kind == LogKind::kAllCells) {
    int64_t rank = 0;
    for (const ColumnId c : table->layouts().current()) apply(c, rank++);
    clock.Compact(table->layouts());
  } else {
    apply(column, 0);
  }
  return clocks_->Put(table, key_, clock);
}

Status LogImporter::Begin(SiteOrdinal site, DbVersion version, uint64_t ts) {
  TRIBUTARY_RETURN_IF_ERROR(Close());
  if (site != site_ || version != version_) {
    next_ = Seq(0);
    log_.StartTransaction(site, version);
  }
  site_ = site;
  version_ = version;
  ts_ = ts;
  const bool no_transaction = site == kOwnSite ? versions_.repairs == version : versions_.named;
  writer_.emplace(&log_, site, version, LogHeader{.backfill = no_transaction, .ts = ts});
  return {};
}

Status LogImporter::WriteEntry() {
  if (entry_.table < 0) return {};
  entry_.key = key_;
  TRIBUTARY_RETURN_IF_ERROR(writer_->Add(entry_));
  entry_.table = -1;
  return {};
}

Status LogImporter::Close() {
  if (!writer_) return {};
  TRIBUTARY_RETURN_IF_ERROR(WriteEntry());
  TRIBUTARY_RETURN_IF_ERROR(writer_->Close());
  writer_.reset();
  return {};
}

}  // namespace

Status ImportLog(sqlite3* db, RowStore* clocks, const std::vector<std::unique_ptr<Table>>& tables,
                 const ImportedVersions& versions) {
  return LogImporter(db, clocks, versions).Run(tables);
}

}  // namespace tributary
