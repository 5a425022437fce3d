#include "ext/alter.h"

#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "ext/change_scan.h"
#include "ext/eligibility.h"
#include "ext/renew.h"
#include "ext/triggers.h"
#include "ext/upgrade.h"

namespace tributary {
namespace {

constexpr char kBegin[] = "crsql_begin_alter";
constexpr char kCommit[] = "crsql_commit_alter";

Status CheckSchema(const char* who, std::string_view schema) {
  if (schema.empty() || schema == "main") return {};
  return Status::Error(absl::StrCat(who, ": schema ", std::string(schema),
                                    " is not main: only tables of main are replicated"));
}

// Which tables are being altered, under which names they began: rows of crsql_master, so that they
// go with a rollback and outlive a table that is built anew.
class Alterations {
 public:
  explicit Alterations(sqlite3* db) : db_(db) {}

  Status Add(const Table& t) {
    std::string key;
    for (const KeyColumn& k : t.key()) key.append(k.name).push_back('\x1f');
    Statement s;
    TRIBUTARY_RETURN_IF_ERROR(
        s.Prepare(db_,
                  "INSERT INTO crsql_master(key, value) VALUES ('alter.' || ?1, CAST(?2 AS BLOB)), "
                  "('alter_key.' || ?1, CAST(?3 AS BLOB)) "
                  "ON CONFLICT(key) DO UPDATE SET value = excluded.value"));
    s.Bind(1, t.id());
    s.BindText(2, t.name());
    s.BindText(3, key);
    return s.Run();
  }
  // Whether the table's key columns are still those that it had.
  Status HasKey(const Table& t, bool* has) {
    std::string key;
    for (const KeyColumn& k : t.key()) key.append(k.name).push_back('\x1f');
    Statement s;
    TRIBUTARY_RETURN_IF_ERROR(s.Prepare(db_,
                                        "SELECT 1 FROM crsql_master WHERE key = 'alter_key.' || ?1 "
                                        "AND value = CAST(?2 AS BLOB)"));
    s.Bind(1, t.id());
    s.BindText(2, key);
    return s.Step(has);
  }
  // *id is -1 where there is none.
  Status Find(std::string_view name, int64_t* id) {
    Statement s;
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Prepare(db_,
                                        "SELECT CAST(substr(key, 7) AS INTEGER) FROM crsql_master "
                                        "WHERE key LIKE 'alter.%' AND value = CAST(?1 AS BLOB)"));
    s.BindText(1, name);
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    *id = row ? s.Int(0) : -1;
    return {};
  }
  // The one whose table has lost its triggers, if it is only one: it was renamed, then made anew.
  Status FindLost(Catalog* catalog, int64_t* id) {
    Statement s;
    TRIBUTARY_RETURN_IF_ERROR(s.Prepare(
        db_, "SELECT CAST(substr(key, 7) AS INTEGER) FROM crsql_master WHERE key LIKE 'alter.%'"));
    int64_t lost = 0;
    for (;;) {
      bool row;
      TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
      if (!row) break;
      Table* table;
      TRIBUTARY_RETURN_IF_ERROR(catalog->Get(s.Int(0), &table));
      if (table != nullptr) continue;
      *id = s.Int(0);
      lost++;
    }
    if (lost != 1) *id = -1;
    return {};
  }
  Status Remove(int64_t id) {
    return Execute(db_, absl::StrCat("DELETE FROM crsql_master WHERE key IN ('alter.", id,
                                     "', 'alter_key.", id, "')"));
  }

 private:
  sqlite3* db_;
};

Status NotBegun(std::string_view table) {
  return Status::Error(absl::StrCat(kCommit, ": no alteration of table ", std::string(table),
                                    " was begun: SELECT crsql_begin_alter('", std::string(table),
                                    "') comes first"));
}

// A table that was dropped and made again in its alteration.
class Rebuilt {
 public:
  Rebuilt(Connection* c, int64_t id, std::string name) : c_(c), id_(id), name_(std::move(name)) {}

  // Gives it its number and triggers again, so that what was captured before finds it.
  Status Restore() {
    sqlite3* db = c_->db();
    std::string warning;
    TRIBUTARY_RETURN_IF_ERROR(CheckEligible(db, "main", name_, &name_, &warning));
    Statement s;
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Prepare(db, "SELECT name FROM crsql_tables WHERE id = ?1"));
    s.Bind(1, id_);
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) return NotBegun(name_);
    TableTraits traits{.is_renamed = s.Text(0) != name_,
                       .has_history = c_->stores().catalog.has_history()};
    s.Finalize();
    Table table(db, id_, name_);
    TRIBUTARY_RETURN_IF_ERROR(table.Load(traits));
    bool same_key;
    TRIBUTARY_RETURN_IF_ERROR(Alterations(db).HasKey(table, &same_key));
    // With another key its rows are others: it is a new table to all replicas.
    if (!same_key) return AsReplicated(c_, "main", name_, &warning);
    return Renew(c_, table);
  }

  // Rows that the log knows as alive but the table has not are deletes, others inserts. REQUIRES:
  // nothing captured waits.
  Status Compare() {
    Table* table;
    TRIBUTARY_RETURN_IF_ERROR(c_->stores().catalog.Get(id_, &table));
    if (table == nullptr) return {};  // it has another key, and is another table now
    absl::flat_hash_set<uint64_t> known;
    TRIBUTARY_RETURN_IF_ERROR(CaptureDeletes(table, &known));
    return CaptureInserts(table, known);
  }

 private:
  void Add(OpKind kind, std::string_view key) {
    OpList& list = c_->capture.list;
    const size_t start = list.arena_size();
    list.arena()->append(key);
    list.Add(kind, id_, start, key.size());
  }

  Status CaptureDeletes(Table* table, absl::flat_hash_set<uint64_t>* known) {
    std::vector<std::string> keys;
    TRIBUTARY_RETURN_IF_ERROR(LivingKeys(table, &keys));
    for (const std::string& key : keys) {
      if (!known->insert(HashKey(id_, key)).second) continue;
      bool found;
      int64_t rowid;
      TRIBUTARY_RETURN_IF_ERROR(table->RowExists(key, &found, &rowid));
      if (!found) Add(OpKind::kDelete, key);
    }
    return {};
  }

  // Of every row that is not deleted, by its entries in the log and by its stored clock.
  Status LivingKeys(Table* table, std::vector<std::string>* keys) {
    Stores& stores = c_->stores();
    std::vector<SiteOrdinal> sites;
    TRIBUTARY_RETURN_IF_ERROR(stores.sites.All(&sites));
    for (const SiteOrdinal site : sites) {
      LogStream log(c_->db(), &stores.log_ranges, site);
      TRIBUTARY_RETURN_IF_ERROR(log.Start(DbVersion(0), kMaxDbVersion));
      for (; !log.done();) {
        if (log.entry().table == id_) {
          RowClock clock;
          bool stored;
          TRIBUTARY_RETURN_IF_ERROR(stores.rows.Get(table, log.entry().key, &clock, &stored));
          if (!stored || clock.IsAlive()) keys->emplace_back(log.entry().key);
        }
        TRIBUTARY_RETURN_IF_ERROR(log.Next());
      }
    }
    return {};
  }

  Status CaptureInserts(Table* table, const absl::flat_hash_set<uint64_t>& known) {
    std::string sql = "SELECT 1";
    for (const KeyColumn& k : table->key()) absl::StrAppend(&sql, ", ", QuoteName(k.name));
    absl::StrAppend(&sql, " FROM main.", QuoteName(name_));
    Statement rows;
    TRIBUTARY_RETURN_IF_ERROR(rows.Prepare(c_->db(), sql));
    std::vector<sqlite3_value*> values(table->key().size());
    std::string key;
    for (;;) {
      bool row;
      TRIBUTARY_RETURN_IF_ERROR(rows.Step(&row));
      if (!row) return {};
      for (size_t i = 0; i < values.size(); i++) values[i] = rows.Column(static_cast<int>(i) + 1);
      key.clear();
      TRIBUTARY_RETURN_IF_ERROR(table->EncodeKey(values.data(), &key));
      if (!known.contains(HashKey(id_, key))) Add(OpKind::kInsert, key);
    }
  }

  Connection* c_;
  int64_t id_;
  std::string name_;
};

// Before anything that writes the schema: afterwards nothing captured waits.
Status Settle(Connection* c) {
  TRIBUTARY_RETURN_IF_ERROR(c->Join());
  TRIBUTARY_RETURN_IF_ERROR(c->Flush());
  return c->ForgetSchema();
}

Status HasTable(sqlite3* db, std::string_view name, bool* has) {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(
      db, "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE"));
  s.BindText(1, name);
  return s.Step(has);
}

Status Conclude(Connection* c, std::string_view name, bool fast) {
  TRIBUTARY_RETURN_IF_ERROR(c->Join());
  TRIBUTARY_RETURN_IF_ERROR(c->ForgetSchema());
  Alterations alterations(c->db());
  Catalog& catalog = c->stores().catalog;
  int64_t id;
  TRIBUTARY_RETURN_IF_ERROR(alterations.Find(name, &id));
  Table* table;
  TRIBUTARY_RETURN_IF_ERROR(catalog.FindPresent(name, &table));
  if (table == nullptr && id >= 0) TRIBUTARY_RETURN_IF_ERROR(catalog.Get(id, &table));
  if (table != nullptr && table->traits().is_altering) {
    id = table->id();
    TRIBUTARY_RETURN_IF_ERROR(Settle(c));
    TRIBUTARY_RETURN_IF_ERROR(catalog.Get(id, &table));
    TRIBUTARY_RETURN_IF_ERROR(Renew(c, *table));
    return alterations.Remove(id);
  }
  bool exists;
  TRIBUTARY_RETURN_IF_ERROR(HasTable(c->db(), name, &exists));
  if (id < 0 && table == nullptr && exists) {
    TRIBUTARY_RETURN_IF_ERROR(alterations.FindLost(&catalog, &id));
  }
  if (id < 0) return NotBegun(name);
  // Else it was dropped, which needs no more.
  if (table == nullptr && exists) {
    Rebuilt rebuilt(c, id, std::string(name));
    TRIBUTARY_RETURN_IF_ERROR(rebuilt.Restore());
    TRIBUTARY_RETURN_IF_ERROR(c->Flush());
    if (!fast) TRIBUTARY_RETURN_IF_ERROR(rebuilt.Compare());
  }
  return alterations.Remove(id);
}

Status Begin(Connection* c, std::string_view name) {
  TRIBUTARY_RETURN_IF_ERROR(Settle(c));
  Catalog& catalog = c->stores().catalog;
  Table* table;
  TRIBUTARY_RETURN_IF_ERROR(catalog.FindPresent(name, &table));
  if (table == nullptr) {
    return Status::Error(absl::StrCat(kBegin, ": table ", std::string(name),
                                      " is not replicated here: it can be altered as it is"));
  }
  // It may have another name by now.
  if (table->traits().is_altering) return Alterations(c->db()).Add(*table);
  const int64_t id = table->id();
  if (table->is_outdated()) TRIBUTARY_RETURN_IF_ERROR(Renew(c, *table));
  TRIBUTARY_RETURN_IF_ERROR(catalog.Get(id, &table));
  TRIBUTARY_RETURN_IF_ERROR(CreateAlterTriggers(c->db(), *table));
  TRIBUTARY_RETURN_IF_ERROR(DropTriggers(c->db(), table->name(), "utrig"));
  TRIBUTARY_RETURN_IF_ERROR(Alterations(c->db()).Add(*table));
  return c->ForgetSchema();
}

}  // namespace

Status BeginAlter(Connection* c, std::string_view schema, std::string_view table) {
  TRIBUTARY_RETURN_IF_ERROR(CheckSchema(kBegin, schema));
  TRIBUTARY_RETURN_IF_ERROR(c->Ready());
  const ScopedHostCounters counters(c);
  TRIBUTARY_RETURN_IF_ERROR(Execute(c->db(), "SAVEPOINT alter_crr"));
  Status begun = Begin(c, table);
  if (!begun.ok()) {
    (void)Execute(c->db(), "ROLLBACK TO alter_crr; RELEASE alter_crr");
    return begun;
  }
  c->alterations++;
  return {};
}

Status CommitAlter(Connection* c, std::string_view schema, std::string_view table, bool fast) {
  TRIBUTARY_RETURN_IF_ERROR(CheckSchema(kCommit, schema));
  TRIBUTARY_RETURN_IF_ERROR(c->Ready());
  {
    const ScopedHostCounters counters(c);
    ScopedSavepoint savepoint(c->db());
    TRIBUTARY_RETURN_IF_ERROR(savepoint.Begin());
    TRIBUTARY_RETURN_IF_ERROR(Conclude(c, table, fast));
    TRIBUTARY_RETURN_IF_ERROR(c->Flush());
    TRIBUTARY_RETURN_IF_ERROR(Unpark(c));
    TRIBUTARY_RETURN_IF_ERROR(savepoint.Release());
  }
  if (c->alterations == 0) return {};  // the host has committed since
  c->alterations--;
  // It is not there any more where the host rolled back to a savepoint around it.
  Status released = Execute(c->db(), "RELEASE alter_crr");
  return released.code() == SQLITE_ERROR ? Status() : std::move(released);
}

}  // namespace tributary
