#include "ext/new_columns.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "ext/flush.h"
#include "ext/log_writer.h"
#include "ext/sweep.h"

namespace tributary {
namespace {

using OwnedValue = std::shared_ptr<sqlite3_value>;

// Whether a default is the same in each row: no function and no clock, outside of strings.
bool IsConstant(std::string_view expression) {
  std::string code;
  char quote = 0;
  for (const char c : expression) {
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else {
      code.push_back(absl::ascii_tolower(static_cast<unsigned char>(c)));
    }
  }
  return !absl::StrContains(code, '(') && !absl::StrContains(code, "current_");
}

const char* TypeOf(Affinity affinity) {
  switch (affinity) {
    case Affinity::kText:
      return "TEXT";
    case Affinity::kReal:
      return "REAL";
    case Affinity::kInteger:
      return "INTEGER";
    case Affinity::kNumeric:
    case Affinity::kBlob:
      break;
  }
  return "NUMERIC";
}

// The value that rows from before ALTER TABLE have in a column; null where that is not known. Then
// all cells get a clock, which costs room, but does no harm.
Status DefaultOf(sqlite3* db, const Table& table, const DataColumn& column, OwnedValue* value) {
  Statement s;
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(
      db,
      "SELECT coalesce(dflt_value, 'NULL') FROM pragma_table_info(?1, 'main') WHERE name = ?2"));
  s.BindText(1, table.name());
  s.BindText(2, column.name);
  TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
  const std::string expression(row ? s.Text(0) : "");
  if (!row || !IsConstant(expression)) return {};
  // Fails on a bare word, which is a string as a default only.
  if (!s.Prepare(db, absl::StrCat("SELECT ", expression)).ok() || !s.Step(&row).ok()) return {};
  if (!StoredUnchanged(column.affinity, ValueOf(s.Column(0)))) {
    TRIBUTARY_RETURN_IF_ERROR(s.Prepare(
        db, absl::StrCat("SELECT CAST(", expression, " AS ", TypeOf(column.affinity), ")")));
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
  }
  value->reset(sqlite3_value_dup(s.Column(0)), sqlite3_value_free);
  return *value != nullptr ? Status() : Status(SQLITE_NOMEM, "out of memory");
}

class ColumnLogger {
 public:
  ColumnLogger(Connection* c, Table* table) : c_(c), table_(table) {}

  Status Run() {
    TRIBUTARY_RETURN_IF_ERROR(PrepareRows());
    bool row;
    for (;;) {
      TRIBUTARY_RETURN_IF_ERROR(rows_.Step(&row));
      if (!row) break;
      TRIBUTARY_RETURN_IF_ERROR(LogRow());
    }
    return log_ ? Finish() : Status();
  }

 private:
  Status PrepareRows() {
    std::string sql = "SELECT ";
    for (const KeyColumn& k : table_->key()) absl::StrAppend(&sql, QuoteName(k.name), ", ");
    for (const DataColumn& d : table_->columns()) {
      if (d.layout != table_->layouts().current_number()) continue;
      absl::StrAppend(&sql, QuoteName(d.name), ", ");
      ids_.push_back(d.id);
      defaults_.emplace_back();
      TRIBUTARY_RETURN_IF_ERROR(DefaultOf(c_->db(), *table_, d, &defaults_.back()));
    }
    absl::StrAppend(&sql, "1 FROM main.", QuoteName(table_->name()));
    return rows_.Prepare(c_->db(), sql);
  }

  bool IsDefault(size_t i) const {
    const int column = static_cast<int>(table_->key().size() + i);
    return defaults_[i] != nullptr &&
           SameValue(ValueOf(rows_.Column(column)), ValueOf(defaults_[i].get()));
  }

  Status LogRow() {
    changed_.clear();
    for (size_t i = 0; i < ids_.size(); i++) {
      if (!IsDefault(i)) changed_.push_back(ids_[i]);
    }
    if (changed_.empty()) return {};
    if (!log_) TRIBUTARY_RETURN_IF_ERROR(Begin());
    std::vector<sqlite3_value*> values(table_->key().size());
    for (size_t i = 0; i < values.size(); i++) values[i] = rows_.Column(static_cast<int>(i));
    std::string key;
    TRIBUTARY_RETURN_IF_ERROR(table_->EncodeKey(values.data(), &key));
    RowStore& store = c_->stores().rows;
    RowClock clock;
    bool stored;
    TRIBUTARY_RETURN_IF_ERROR(store.Get(table_, key, &clock, &stored));
    if (!stored) clock = RowClock::Implied();
    if (!clock.IsAlive()) return {};  // it was written behind our back
    entry_.key = key;
    entry_.seq = source_->next();
    entry_.cells.clear();
    for (const ColumnId id : changed_) {
      const Stamp stamp = source_->Take();
      clock.Apply(MergeAction::kSet, clock.cl(), false, id, ColVersion(1), stamp);
      entry_.cells.push_back({id, stamp.seq});
    }
    TRIBUTARY_RETURN_IF_ERROR(store.Put(table_, key, clock));
    return log_->Add(entry_);
  }

  Status Begin() {
    TRIBUTARY_RETURN_IF_ERROR(AllotVersion(c_, &head_));
    source_.emplace(c_->capture.state.version, c_->capture.state.next_seq);
    log_.emplace(&c_->stores().log, kOwnSite, source_->version(),
                 LogHeader{.backfill = true, .commit_ms = NowMs(), .ts = c_->ts});
    entry_ = {.table = table_->id(),
              .layout = table_->layouts().current_number(),
              .width = static_cast<uint32_t>(table_->layouts().current().size()),
              .key_width = static_cast<uint32_t>(table_->key().size()),
              .kind = LogKind::kCells};
    return {};
  }

  Status Finish() {
    TRIBUTARY_RETURN_IF_ERROR(log_->Close());
    TRIBUTARY_RETURN_IF_ERROR(SweepLog(c_, c_->stores().log.growth().entries, &head_));
    c_->capture.state.next_seq = source_->next();
    return c_->stores().log.WriteHead(head_);
  }

  Connection* c_;
  Table* table_;
  Statement rows_;
  std::vector<ColumnId> ids_;  // of the new columns
  std::vector<OwnedValue> defaults_;
  std::vector<ColumnId> changed_;
  LogHead head_;
  std::optional<StampSource> source_;
  std::optional<LogWriter> log_;
  LogEntry entry_;
};

}  // namespace

Status AddToLayouts(sqlite3* db, const Table& table) {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(db, "UPDATE crsql_columns SET name = ?3 WHERE table_id = ?1 AND id = ?2"));
  s.Bind(1, table.id());
  for (const DataColumn& d : table.columns()) {
    s.Bind(2, d.id);
    s.BindText(3, d.name);
    TRIBUTARY_RETURN_IF_ERROR(s.Run());
  }
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(
      db,
      "INSERT INTO crsql_columns(table_id, id, name, layout) "
      "SELECT ?1, ifnull(max(id) + 1, 0), ?2, ?3 FROM crsql_columns WHERE table_id = ?1"));
  s.Bind(1, table.id());
  s.Bind(3, table.layouts().current_number() + 1);
  for (const std::string& name : table.unreplicated_columns()) {
    s.BindText(2, name);
    TRIBUTARY_RETURN_IF_ERROR(s.Run());
  }
  return {};
}

Status LogNewColumns(Connection* c, Table* table) { return ColumnLogger(c, table).Run(); }

}  // namespace tributary
