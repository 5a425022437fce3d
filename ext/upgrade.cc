#include "ext/upgrade.h"

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "ext/eligibility.h"
#include "ext/flush.h"
#include "ext/knowledge.h"
#include "ext/log_writer.h"
#include "ext/renew.h"
#include "ext/sweep.h"
#include "ext/triggers.h"

namespace tributary {
namespace {

// Those that are missing though the catalog is up to date.
Status CreateMissingTriggers(sqlite3* db, const Table& t) {
  return t.traits().is_altering ? CreateAlterTriggers(db, t) : CreateTriggers(db, t);
}

// Logs every row of a table that has just become replicated as one transaction of this site.
Status LogBackfill(Connection* c, Table* table) {
  LogHead head;
  Statement keys;
  std::string sql = "SELECT ";
  for (size_t i = 0; i < table->key().size(); i++) {
    absl::StrAppend(&sql, i > 0 ? ", " : "", QuoteName(table->key()[i].name));
  }
  absl::StrAppend(&sql, " FROM main.", QuoteName(table->name()));
  TRIBUTARY_RETURN_IF_ERROR(keys.Prepare(c->db(), sql));
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(keys.Step(&row));
  if (!row) return {};
  TRIBUTARY_RETURN_IF_ERROR(AllotVersion(c, &head));
  StampSource source(c->capture.state.version, c->capture.state.next_seq);
  LogWriter log(&c->stores().log, kOwnSite, source.version(),
                {.backfill = true, .commit_ms = NowMs(), .ts = c->ts});
  LogEntry entry{.table = table->id(),
                 .layout = table->layouts().current_number(),
                 .width = static_cast<uint32_t>(table->layouts().current().size()),
                 .key_width = static_cast<uint32_t>(table->key().size()),
                 .kind = LogKind::kRow};
  std::string key;
  std::vector<sqlite3_value*> values(table->key().size());
  while (row) {
    key.clear();
    for (size_t i = 0; i < values.size(); i++) values[i] = keys.Column(static_cast<int>(i));
    TRIBUTARY_RETURN_IF_ERROR(table->EncodeKey(values.data(), &key));
    entry.key = key;
    entry.seq = RowClock::FirstInsert(table->layouts(), &source);
    TRIBUTARY_RETURN_IF_ERROR(log.Add(entry));
    TRIBUTARY_RETURN_IF_ERROR(keys.Step(&row));
  }
  TRIBUTARY_RETURN_IF_ERROR(log.Close());
  TRIBUTARY_RETURN_IF_ERROR(SweepLog(c, c->stores().log.growth().entries, &head));
  c->capture.state.next_seq = source.next();
  return c->stores().log.WriteHead(head);
}

}  // namespace

Status MakeReplicated(sqlite3* db, const std::string& name, std::unique_ptr<Table>* table) {
  int64_t id;
  TRIBUTARY_RETURN_IF_ERROR(AddTable(db, name, &id));
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(db,
                                      "INSERT INTO crsql_columns(table_id, id, name) "
                                      "SELECT ?1, row_number() OVER (ORDER BY cid) - 1, name "
                                      "FROM pragma_table_info(?2, 'main') WHERE pk = 0"));
  s.Bind(1, id);
  s.BindText(2, name);
  TRIBUTARY_RETURN_IF_ERROR(s.Run());
  *table = std::make_unique<Table>(db, id, name);
  TRIBUTARY_RETURN_IF_ERROR((*table)->Load());
  // Such as the catalog does not know: cr-sqlite's, copied ones, or the catalog was damaged.
  TRIBUTARY_RETURN_IF_ERROR(DropTriggers(db, name, kAllTriggers));
  return CreateTriggers(db, **table);
}

Status AsReplicated(Connection* c, std::string_view schema, std::string_view table,
                    std::string* warning) {
  TRIBUTARY_RETURN_IF_ERROR(c->Ready());
  sqlite3* db = c->db();
  const ScopedHostCounters counters(c);
  ScopedSavepoint savepoint(db);
  if (!c->in_statement) TRIBUTARY_RETURN_IF_ERROR(savepoint.Begin());
  std::string name;
  TRIBUTARY_RETURN_IF_ERROR(CheckEligible(db, schema, table, &name, warning));
  TRIBUTARY_RETURN_IF_ERROR(c->Join());
  TRIBUTARY_RETURN_IF_ERROR(c->Flush());
  // This transaction may have altered the table.
  TRIBUTARY_RETURN_IF_ERROR(c->ForgetSchema());
  Catalog& catalog = c->stores().catalog;
  Table* known;
  TRIBUTARY_RETURN_IF_ERROR(catalog.FindPresent(name, &known));
  if (known != nullptr) {
    // The triggers of an alteration stay until crsql_commit_alter.
    const bool settled = !known->is_outdated() || known->traits().is_altering;
    TRIBUTARY_RETURN_IF_ERROR(settled ? CreateMissingTriggers(db, *known) : Renew(c, *known));
    TRIBUTARY_RETURN_IF_ERROR(Unpark(c));
    return savepoint.Release();
  }
  TRIBUTARY_RETURN_IF_ERROR(FreeName(c, name));
  TRIBUTARY_RETURN_IF_ERROR(RemoveDropped(c, name));
  std::unique_ptr<Table> added;
  TRIBUTARY_RETURN_IF_ERROR(MakeReplicated(db, name, &added));
  TRIBUTARY_RETURN_IF_ERROR(c->ForgetSchema());
  TRIBUTARY_RETURN_IF_ERROR(LogBackfill(c, added.get()));
  TRIBUTARY_RETURN_IF_ERROR(Unpark(c));
  return savepoint.Release();
}

Status AsOrdinary(Connection* c, std::string_view table) {
  TRIBUTARY_RETURN_IF_ERROR(c->Ready());
  TRIBUTARY_RETURN_IF_ERROR(c->Refresh());
  Table* known;
  TRIBUTARY_RETURN_IF_ERROR(c->stores().catalog.FindPresent(table, &known));
  if (known == nullptr) return {};
  sqlite3* db = c->db();
  const ScopedHostCounters counters(c);
  ScopedSavepoint savepoint(db);
  if (!c->in_statement) TRIBUTARY_RETURN_IF_ERROR(savepoint.Begin());
  TRIBUTARY_RETURN_IF_ERROR(c->Join());
  TRIBUTARY_RETURN_IF_ERROR(c->Flush());
  // Again: joining forgets the tables if the schema has changed, and only now it cannot any more.
  TRIBUTARY_RETURN_IF_ERROR(c->stores().catalog.FindPresent(table, &known));
  if (known == nullptr) return savepoint.Release();
  TRIBUTARY_RETURN_IF_ERROR(DropTriggers(db, known->name(), kAllTriggers));
  TRIBUTARY_RETURN_IF_ERROR(SetName(c, *known));
  const std::string sql =
      absl::StrCat("DELETE FROM crsql_rows WHERE table_id = ", known->id(),
                   "; DELETE FROM crsql_columns WHERE table_id = ", known->id());
  TRIBUTARY_RETURN_IF_ERROR(Execute(db, sql));
  TRIBUTARY_RETURN_IF_ERROR(SweepSoon(c));
  TRIBUTARY_RETURN_IF_ERROR(c->ForgetSchema());
  return savepoint.Release();
}

}  // namespace tributary
