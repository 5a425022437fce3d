// crsql_check(): whether log, exceptions and base tables tell one consistent story.
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "crdt/log_chunk.h"
#include "ext/filter_check.h"
#include "ext/inspect.h"

namespace tributary {
namespace {

constexpr ColumnId kSentinel = UINT32_MAX;

// A record as the log mentions it, as one hash: millions of them must fit.
uint64_t MentionOf(int64_t table, std::string_view key, ColumnId column, const Stamp& s) {
  std::string name(key);
  PutVarint(&name, column);
  PutVarint(&name, s.site);
  PutVarint(&name, static_cast<uint64_t>(s.version.value));
  PutVarint(&name, static_cast<uint64_t>(s.seq.value));
  return HashKey(table, name);
}

class Checker {
 public:
  Checker(Connection* c, std::vector<ResultRow>* out) : c_(c), out_(out) {}

  Status Run() {
    std::vector<Table*> tables;
    TRIBUTARY_RETURN_IF_ERROR(c_->stores().catalog.All(&tables));
    for (Table* t : tables) tables_[t->id()] = t;
    TRIBUTARY_RETURN_IF_ERROR(ReadLog());
    for (Table* t : tables) {
      TRIBUTARY_RETURN_IF_ERROR(CheckTriggers(*t));
      TRIBUTARY_RETURN_IF_ERROR(CheckClocks(t));
      TRIBUTARY_RETURN_IF_ERROR(CheckRows(t));
    }
    TRIBUTARY_RETURN_IF_ERROR(CheckUnknownTriggers());
    return CheckSites();
  }

 private:
  void Report(std::string_view table, std::string_view problem) {
    out_->push_back({ResultValue::Text(table), ResultValue::Text(problem)});
  }

  static std::string Show(std::string_view key) {
    return absl::StrCat("row with stored key x'", absl::BytesToHexString(key), "'");
  }

  Status ReadLog() {
    LogHead head;
    TRIBUTARY_RETURN_IF_ERROR(c_->stores().log.ReadHead(&head));
    if (head.uncounted > kMaxUncounted) {
      Report("", absl::StrCat("the log has ", head.uncounted,
                              " versions of this site beyond those that its head knows of"));
    }
    bool filters_ok;
    TRIBUTARY_RETURN_IF_ERROR(filters_.Load(c_->db(), &filters_ok));
    if (!filters_ok) Report("", "crsql_log_filters: the ranges of a filter are malformed");
    Statement s;
    TRIBUTARY_RETURN_IF_ERROR(
        s.Prepare(c_->db(),
                  "SELECT site, version, chunk, data FROM crsql_log WHERE version < "
                  "9223372036854775807 ORDER BY site, version, chunk"));
    LogChunkReader reader;
    for (;;) {
      bool row;
      TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
      if (!row) return {};
      const auto site = static_cast<SiteOrdinal>(s.Int(0));
      const DbVersion version(s.Int(1));
      sites_.insert(site);
      bool ok = reader.Open(s.Blob(3));
      bool found = true;
      filters_.Start(site, version, s.Int(2), s.Blob(3).size());
      while (ok && reader.Next()) {
        Mention(reader.entry(), site, version);
        found = found && filters_.Finds(reader.entry().table, reader.entry().key);
      }
      if (!found) {
        Report("", absl::StrCat("the log chunk (site ", site, ", version ", version.value,
                                ", chunk ", s.Int(2), ") has a key that its filter misses"));
      }
      if (!ok || !reader.ok()) {
        Report("", absl::StrCat("the log chunk (site ", site, ", version ", version.value,
                                ", chunk ", s.Int(2), ") is malformed"));
      }
    }
  }

  void Mention(const LogEntry& e, SiteOrdinal site, DbVersion version) {
    const auto table = tables_.find(e.table);
    if (table == tables_.end()) return;
    const auto add = [&](ColumnId column, Seq seq) {
      mentions_.insert(MentionOf(e.table, e.key, column, {site, version, seq}));
    };
    switch (e.kind) {
      case LogKind::kRow:
        if (!row_entries_.insert(HashKey(e.table, e.key)).second) {
          Report(table->second->name(),
                 absl::StrCat(Show(e.key), " has two row entries in the log"));
        }
        return;
      case LogKind::kSentinel:
        add(kSentinel, e.seq);
        return;
      case LogKind::kCells:
        for (const LogCell& cell : e.cells) add(cell.column, cell.seq);
        return;
      case LogKind::kAllCells: {
        const Layouts& layouts = table->second->layouts();
        if (!layouts.Has(e.layout)) return;
        const Layout& layout = layouts.Get(e.layout);
        for (size_t i = 0; i < layout.size(); i++) add(layout[i], e.seq + static_cast<int64_t>(i));
        return;
      }
    }
  }

  Status CheckTriggers(const Table& t) {
    for (const char* suffix : {"itrig", "utrig", "dtrig"}) {
      Statement s;
      TRIBUTARY_RETURN_IF_ERROR(
          s.Prepare(c_->db(),
                    "SELECT EXISTS(SELECT 1 FROM main.sqlite_schema WHERE type = 'trigger' AND "
                    "tbl_name = ?1 AND name LIKE '%\\_\\_crsql\\_' || ?2 ESCAPE '\\')"));
      s.BindText(1, t.name());
      s.BindText(2, suffix);
      bool row;
      TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
      // In an alteration, ended or not, others stand in for this one (triggers.h).
      const bool stood_in = t.traits().is_altering && suffix[0] == 'u';
      if (s.Int(0) == 0 && !stood_in) {
        Report(t.name(), absl::StrCat("its trigger ", t.name(), "__crsql_", suffix,
                                      " is missing: writes were not recorded"));
      }
    }
    return {};
  }

  // Triggers without a table in the catalog: there, every write fails.
  Status CheckUnknownTriggers() {
    Statement s;
    TRIBUTARY_RETURN_IF_ERROR(
        s.Prepare(c_->db(),
                  "SELECT tbl_name, name FROM main.sqlite_schema WHERE type = 'trigger' AND name "
                  "LIKE '%\\_\\_crsql\\_itrig' ESCAPE '\\' AND name NOT IN "
                  "(SELECT name || '__crsql_itrig' FROM crsql_tables)"));
    for (;;) {
      bool row;
      TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
      if (!row) return {};
      Report(s.Text(0), absl::StrCat("its trigger ", s.Text(1),
                                     " belongs to no table of the catalog; call crsql_as_crr on "
                                     "the table, or drop its three triggers"));
    }
  }

  // Each explicit clock must be backed by a log entry, and agree with the base table.
  Status CheckClocks(Table* t) {
    Statement s;
    TRIBUTARY_RETURN_IF_ERROR(
        s.Prepare(c_->db(), "SELECT key, clock FROM crsql_rows WHERE table_id = ?1"));
    s.Bind(1, t->id());
    for (;;) {
      bool row;
      TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
      if (!row) return {};
      const std::string key(s.Blob(0));
      exceptions_.insert(HashKey(t->id(), key));
      RowClock clock;
      if (!clock.Decode(s.Blob(1))) {
        Report(t->name(), absl::StrCat(Show(key), ": its clock record is malformed"));
        continue;
      }
      TRIBUTARY_RETURN_IF_ERROR(CheckClock(t, key, clock));
    }
  }

  Status CheckClock(Table* t, const std::string& key, const RowClock& clock) {
    if (clock.sentinel()) CheckStamp(t, key, kSentinel, *clock.sentinel());
    bool any_implied = false;
    for (const DataColumn& d : t->columns()) {
      const RowClock::CellView cell = clock.Cell(d.id, t->layouts());
      // A column that was added later may have no clock: then no entry need be left (T3).
      any_implied = any_implied || (cell.implied && d.layout == 0);
      if (!cell.implied && cell.version > ColVersion(0)) CheckStamp(t, key, d.id, cell.stamp);
    }
    if (any_implied && !row_entries_.contains(HashKey(t->id(), key))) {
      Report(t->name(), absl::StrCat(Show(key),
                                     ": cells have the clock of its first insert, which "
                                     "the log does not have"));
    }
    bool exists;
    int64_t rowid;
    TRIBUTARY_RETURN_IF_ERROR(t->RowExists(key, &exists, &rowid));
    if (exists != clock.IsAlive()) {
      Report(t->name(),
             absl::StrCat(Show(key), exists ? " exists but its clock says deleted"
                                            : " does not exist but its clock says alive"));
    }
    return {};
  }

  void CheckStamp(Table* t, const std::string& key, ColumnId column, const Stamp& stamp) {
    sites_.insert(stamp.site);
    if (mentions_.contains(MentionOf(t->id(), key, column, stamp))) return;
    const int i = column == kSentinel ? -1 : t->FindColumn(column);
    Report(t->name(),
           absl::StrCat(Show(key), ", ", i < 0 ? "sentinel" : t->columns()[i].name,
                        ": its clock (site ", stamp.site, ", version ", stamp.version.value,
                        ", seq ", stamp.seq.value, ") is not in the log"));
  }

  // Each row without a clock record must have a row entry in the log.
  Status CheckRows(Table* t) {
    std::string sql = "SELECT ";
    for (size_t i = 0; i < t->key().size(); i++) {
      absl::StrAppend(&sql, i > 0 ? ", " : "", QuoteName(t->key()[i].name));
    }
    Statement s;
    TRIBUTARY_RETURN_IF_ERROR(
        s.Prepare(c_->db(), absl::StrCat(sql, " FROM main.", QuoteName(t->name()))));
    std::vector<sqlite3_value*> values(t->key().size());
    std::string key;
    for (;;) {
      bool row;
      TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
      if (!row) return {};
      for (size_t i = 0; i < values.size(); i++) {
        values[i] = s.Column(static_cast<int>(i));
      }
      key.clear();
      const Status encoded = t->EncodeKey(values.data(), &key);
      if (!encoded.ok()) {
        Report(t->name(), encoded.message());
        continue;
      }
      const uint64_t name = HashKey(t->id(), key);
      if (!exceptions_.contains(name) && !row_entries_.contains(name)) {
        Report(t->name(), absl::StrCat(Show(key),
                                       " was never recorded: it was written with the "
                                       "sync bit on or without the triggers"));
      }
    }
  }

  Status CheckSites() {
    for (const SiteOrdinal ordinal : sites_) {
      SiteId id;
      Status found = c_->stores().sites.IdOf(ordinal, &id);
      if (found.ok()) continue;
      if (found.code() != SQLITE_CORRUPT) return found;
      Report("", found.message());
    }
    return {};
  }

  Connection* c_;
  std::vector<ResultRow>* out_;
  FilterCheck filters_;
  absl::flat_hash_map<int64_t, Table*> tables_;
  absl::flat_hash_set<uint64_t> mentions_;
  absl::flat_hash_set<uint64_t> row_entries_;
  absl::flat_hash_set<uint64_t> exceptions_;
  absl::flat_hash_set<SiteOrdinal> sites_ = {kOwnSite};  // that must be known
};

}  // namespace

Status CheckAll(Connection* c, sqlite3_value**, std::vector<ResultRow>* out) {
  TRIBUTARY_RETURN_IF_ERROR(c->Refresh());
  TRIBUTARY_RETURN_IF_ERROR(c->Flush());
  return Checker(c, out).Run();
}

}  // namespace tributary
