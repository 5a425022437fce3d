#include "ext/automigrate.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "ext/affinity.h"
#include "ext/alter.h"
#include "ext/format.h"
#include "ext/guard.h"
#include "ext/schema_text.h"
#include "ext/sql_function.h"

namespace tributary {
namespace {

using Args = sqlite3_value**;

// What a table is called while it is built anew. No other is: the prefix is ours.
constexpr char kNew[] = "crsql_automigrate";

// A row of sqlite_schema, or a column of a table.
struct Item {
  std::string type;
  std::string name;
  std::string sql;        // a column's: its part of the definition
  std::string canonical;  // that in another form; an object's: the table that it belongs to
  int64_t key = 0;        // a column's place in the primary key, from 1 on
  bool generated = false;

  bool is(const char* wanted) const { return type == wanted; }
  const std::string& table() const { return canonical; }
};
using Items = std::vector<Item>;

struct CloseDatabase {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;

// Sets a switch of the connection until the end of the scope.
class ScopedSwitch {
 public:
  ScopedSwitch(sqlite3* db, int which, int on) : db_(db), which_(which) {
    sqlite3_db_config(db, which, -1, &before_);
    sqlite3_db_config(db, which, on, nullptr);
  }
  ~ScopedSwitch() { sqlite3_db_config(db_, which_, before_, nullptr); }
  ScopedSwitch(const ScopedSwitch&) = delete;
  ScopedSwitch& operator=(const ScopedSwitch&) = delete;
  bool was_on() const { return before_ != 0; }

 private:
  sqlite3* db_;
  int which_;
  int before_ = 0;
};

Status Explain(Status failed, const char* what, const std::string& name) {
  if (failed.ok()) return failed;
  std::string message = failed.message();
  // SQLite names the table as it is called meanwhile.
  const size_t at = message.find(kNew);
  if (at != std::string::npos) message.erase(at, sizeof(kNew) - 1).insert(at, name);
  return {failed.code(),
          Format("crsql_automigrate: %s %s: %s", what, name.c_str(), message.c_str())};
}

// What the query gives for a text: type, name, sql, and the rest as in Item.
Status Read(sqlite3* db, const char* sql, std::string_view text, Items* items) {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(db, sql));
  if (!text.empty()) s.BindText(1, text);
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) return {};
    Item& item = items->emplace_back();
    item.type = s.Text(0);
    item.name = s.Text(1);
    item.sql = s.Text(2);
    item.canonical = s.Text(3);
    item.key = s.Int(4);
    item.generated = s.Int(5) != 0;
  }
}

// Those of the user: not ours, nor shadow tables, nor what crsql_fract_as_ordered makes.
constexpr char kReadObjects[] =
    "SELECT type, name, sql, tbl_name, 0, 0 FROM main.sqlite_schema WHERE sql IS NOT NULL "
    "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '%\\_\\_crsql\\_%' ESCAPE '\\' "
    "AND tbl_name NOT LIKE 'crsql\\_%' ESCAPE '\\' AND tbl_name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
    "AND tbl_name NOT LIKE '%\\_fractindex' ESCAPE '\\' AND name NOT IN (SELECT name "
    "FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow') ORDER BY rowid";
constexpr char kReadColumns[] =
    "SELECT type, name, '', '', pk, hidden FROM pragma_table_xinfo(?1, 'main') ORDER BY cid";
// Of a table's indexes and triggers, which it must get back when it was built anew.
constexpr char kReadDependents[] =
    "SELECT '', '', sql, '', 0, 0 FROM main.sqlite_schema WHERE tbl_name = ?1 COLLATE NOCASE "
    "AND type IN ('index', 'trigger') AND sql IS NOT NULL AND (name NOT LIKE "
    "'%\\_\\_crsql\\_%' ESCAPE '\\' OR name LIKE '\\_\\_crsql\\_%' ESCAPE '\\')";
constexpr char kReadOrphans[] =
    "SELECT '', \"parent\", '', '', 0, 0 FROM pragma_foreign_key_check(?1, 'main')";

// Null where there is none. Triggers have names of their own.
const Item* Find(const Items& items, std::string_view name, bool trigger = false) {
  for (const Item& i : items) {
    if (i.is("trigger") == trigger && absl::EqualsIgnoreCase(i.name, name)) return &i;
  }
  return nullptr;
}

bool IsVirtual(const Item& table) {
  return absl::StartsWith(CanonicalSql(table.sql), "create\nvirtual");
}

// One table, as both schemas have it.
class TableMigration {
 public:
  TableMigration(Connection* c, sqlite3* scratch, const Item& from, const Item& to)
      : c_(c), db_(c->db()), scratch_(scratch), name_(from.name), from_(from), to_(to) {}

  Status Run() {
    if (CanonicalSql(from_.sql) == CanonicalSql(to_.sql)) return {};
    if (IsVirtual(from_) || IsVirtual(to_) || from_.type != to_.type) {
      return Refuse(
          "a virtual table or view cannot be altered: drop it first, as its contents go "
          "with it");
    }
    TRIBUTARY_RETURN_IF_ERROR(Load(db_, from_, &old_));
    TRIBUTARY_RETURN_IF_ERROR(Load(scratch_, to_, &new_));
    Compare();
    if (same_ && alter_.empty()) return {};
    Table* replicated;
    TRIBUTARY_RETURN_IF_ERROR(c_->Refresh());
    TRIBUTARY_RETURN_IF_ERROR(c_->stores().catalog.FindPresent(name_, &replicated));
    TRIBUTARY_RETURN_IF_ERROR(CheckKey(replicated != nullptr));
    if (replicated != nullptr) TRIBUTARY_RETURN_IF_ERROR(BeginAlter(c_, "main", name_));
    bool done = false;
    if (same_) TRIBUTARY_RETURN_IF_ERROR(AlterColumns(&done));
    if (!done) TRIBUTARY_RETURN_IF_ERROR(Rebuild());
    // All rows are there still.
    return replicated != nullptr ? CommitAlter(c_, "main", name_, /*fast=*/true) : Status();
  }

 private:
  struct Definition {
    Items columns;
    std::string constraints;
    std::string options;  // STRICT, WITHOUT ROWID
  };

  Status Refuse(const char* why, const char* name = "") const {
    return ErrorFormat("crsql_automigrate: table %s: %s%s", name_.c_str(), why, name);
  }

  static Status Load(sqlite3* db, const Item& table, Definition* d) {
    TRIBUTARY_RETURN_IF_ERROR(Read(db, kReadColumns, table.name, &d->columns));
    const TableText text = SplitTable(table.sql);
    for (size_t i = 0; i < text.parts.size(); i++) {
      if (i < d->columns.size()) {
        d->columns[i].sql = text.parts[i];
        d->columns[i].canonical = CanonicalSql(text.parts[i]);
      } else {
        d->constraints.append("\n,").append(text.parts[i]);
      }
    }
    d->options = text.options;
    return {};
  }

  // A row is known to others by its key.
  Status CheckKey(bool replicated) const {
    const std::pair<const Items&, const Items&> both_ways[] = {{old_.columns, new_.columns},
                                                               {new_.columns, old_.columns}};
    for (const auto& [columns, others] : both_ways) {
      for (const Item& c : columns) {
        const Item* other = Find(others, c.name);
        const bool same_key = (other != nullptr ? other->key : 0) == c.key;
        const bool same_type = c.key == 0 || !replicated || other == nullptr ||
                               AffinityOf(c.type, false) == AffinityOf(other->type, false);
        if (same_key && same_type) continue;
        return Refuse(
            "its primary key, the identity of its rows, would change: make a table of "
            "another name and copy them. The change is at column ",
            c.name.c_str());
      }
    }
    return {};
  }

  // What columns come and go; the order of columns is no difference.
  void Compare() {
    same_ = CanonicalSql(old_.constraints + "\n" + old_.options) ==
            CanonicalSql(new_.constraints + "\n" + new_.options);
    for (const Item& c : old_.columns) {
      const Item* now = Find(new_.columns, c.name);
      same_ = same_ && (now == nullptr || now->canonical == c.canonical);
      if (now != nullptr) continue;
      alter_ +=
          Format("ALTER TABLE main.\"%w\" DROP COLUMN \"%w\";", name_.c_str(), c.name.c_str());
    }
    for (const Item& c : new_.columns) {
      if (Find(old_.columns, c.name) != nullptr) continue;
      alter_ += Format("ALTER TABLE main.\"%w\" ADD COLUMN %s\n;", name_.c_str(), c.sql.c_str());
    }
  }

  // By SQLite's ALTER TABLE, which reads no rows to add a column. Not done where that refuses.
  Status AlterColumns(bool* done) {
    ScopedSavepoint savepoint(db_);
    TRIBUTARY_RETURN_IF_ERROR(savepoint.Begin());
    Status altered = Execute(db_, alter_);
    *done = altered.ok();
    if (*done) return savepoint.Release();
    // In a view or trigger: it would be left behind, naming a dropped column.
    const bool hopeless =
        altered.code() != SQLITE_ERROR || (absl::StartsWith(altered.message(), "error in ") &&
                                           !absl::StartsWith(altered.message(), "error in table "));
    return hopeless ? Explain(std::move(altered), "table", name_) : Status();
  }

  // The steps of https://sqlite.org/lang_altertable.html#otheralter. Columns come in the order in
  // which ALTER TABLE would leave them: replicated ones keep theirs.
  Status Rebuild() {
    std::string names, definition;
    for (const Item& before : old_.columns) {
      const Item* c = Find(new_.columns, before.name);
      if (c == nullptr) continue;
      definition.append(definition.empty() ? "" : "\n,").append(c->sql);
      if (before.generated || c->generated) continue;
      names.append(names.empty() ? "" : ", ").append(QuoteName(c->name));
    }
    if (names.empty()) return Refuse("it would have no column left of those it has: drop it first");
    for (const Item& c : new_.columns) {
      if (Find(old_.columns, c.name) == nullptr) definition.append("\n,").append(c.sql);
    }
    Items dependents;
    TRIBUTARY_RETURN_IF_ERROR(Read(db_, kReadDependents, name_, &dependents));
    std::string again;
    for (const Item& d : dependents) again.append(d.sql).append("\n;");
    const ScopedSwitch foreign_keys(db_, SQLITE_DBCONFIG_ENABLE_FKEY, 0);
    // Renaming must neither look at views of the table that is not there, nor into those of others.
    const ScopedSwitch legacy(db_, SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, 1);
    TRIBUTARY_RETURN_IF_ERROR(Explain(
        ExecuteFormat(db_,
                      "CREATE TABLE main.%s(%s%s\n)%s\n;INSERT INTO main.%s(%s) SELECT %s FROM "
                      "main.\"%w\";DROP TABLE main.\"%w\";ALTER TABLE main.%s RENAME TO \"%w\";%s",
                      kNew, definition.c_str(), new_.constraints.c_str(), new_.options.c_str(),
                      kNew, names.c_str(), names.c_str(), name_.c_str(), name_.c_str(), kNew,
                      name_.c_str(), again.c_str()),
        "table", name_));
    Items orphans;
    if (foreign_keys.was_on()) {
      TRIBUTARY_RETURN_IF_ERROR(Read(db_, kReadOrphans, name_, &orphans));
    }
    if (orphans.empty()) return {};
    return Refuse("delete the rows first whose foreign key would find no row of ",
                  orphans[0].name.c_str());
  }

  Connection* c_;
  sqlite3* db_;
  sqlite3* scratch_;
  std::string name_;
  const Item& from_;
  const Item& to_;
  Definition old_;
  Definition new_;
  bool same_ = false;  // but for the columns that come and go:
  std::string alter_;
};

class Migration {
 public:
  Migration(Connection* c, bool drop) : c_(c), db_(c->db()), drop_(drop) {}

  // Runs the wanted schema, and what is to be run after it.
  Status ReadWanted(const std::string& schema, const std::string& cleanup) {
    sqlite3* db = nullptr;
    const int rc =
        sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    scratch_.reset(db);
    if (rc != SQLITE_OK) return {rc, "crsql_automigrate: no database in memory can be opened"};
    sqlite3_create_function_v2(db, "crsql_as_crr", -1, SQLITE_UTF8, this, RecordReplicated, nullptr,
                               nullptr, nullptr);
    sqlite3_create_function_v2(db, "crsql_fract_as_ordered", -1, SQLITE_UTF8, this, RecordOrdered,
                               nullptr, nullptr, nullptr);
    const int last = sqlite3_create_function_v2(
        db, "crsql_finalize", 0, SQLITE_UTF8, nullptr,
        [](sqlite3_context*, int, sqlite3_value**) {}, nullptr, nullptr, nullptr);
    if (last != SQLITE_OK) return Status::FromDb(db);
    TRIBUTARY_RETURN_IF_ERROR(Explain(Execute(db, schema), "the new", "schema"));
    TRIBUTARY_RETURN_IF_ERROR(Read(db, kReadObjects, "", &wanted_));
    return Explain(Execute(db, cleanup), "the", "cleanup SQL");
  }

  Status Run() {
    const int alterations = c_->alterations;
    ScopedSavepoint savepoint(db_);
    TRIBUTARY_RETURN_IF_ERROR(savepoint.Begin());
    Status done = Work();
    if (done.ok()) done = savepoint.Release();
    if (!done.ok()) c_->alterations = alterations;
    return done;
  }

 private:
  // The call is to be repeated in main. Views and triggers of ordered lists name all columns: so
  // they go before the table is altered.
  Status Record(const char* function, bool ordered, int argc, Args argv) {
    calls_.append("SELECT ").append(function);
    for (int i = 0; i < argc; i++) {
      calls_ += Format(i > 0 ? ", %Q" : "(%Q", std::string(TextOf(argv[i])).c_str());
    }
    calls_.append(argc > 0 ? ");" : "();");
    if (!ordered || argc == 0) return {};
    const std::string table(TextOf(argv[0]));
    drops_ += Format(
        "DROP VIEW IF EXISTS main.\"%w_fractindex\";"
        "DROP TRIGGER IF EXISTS main.\"__crsql_%w_fractindex_pend_trig\";"
        "DROP TRIGGER IF EXISTS main.\"__crsql_%w_fractindex_ezmove\";",
        table.c_str(), table.c_str(), table.c_str());
    return {};
  }

  static Migration* Of(sqlite3_context* context) {
    return static_cast<Migration*>(sqlite3_user_data(context));
  }
  static void RecordReplicated(sqlite3_context* context, int argc, Args argv) {
    GuardFunction(context, [&] { return Of(context)->Record("crsql_as_crr", false, argc, argv); });
  }
  static void RecordOrdered(sqlite3_context* context, int argc, Args argv) {
    GuardFunction(context,
                  [&] { return Of(context)->Record("crsql_fract_as_ordered", true, argc, argv); });
  }

  Status Work() {
    TRIBUTARY_RETURN_IF_ERROR(c_->Join());
    TRIBUTARY_RETURN_IF_ERROR(c_->Flush());
    Items present;
    TRIBUTARY_RETURN_IF_ERROR(Read(db_, kReadObjects, "", &present));
    TRIBUTARY_RETURN_IF_ERROR(Execute(db_, drops_));
    TRIBUTARY_RETURN_IF_ERROR(DropOutdated(present));
    for (const Item& o : present) {
      const Item* to = Find(wanted_, o.name);
      if (!o.is("table") || to == nullptr || to->is("index")) continue;
      TRIBUTARY_RETURN_IF_ERROR(TableMigration(c_, scratch_.get(), o, *to).Run());
    }
    present.clear();
    TRIBUTARY_RETURN_IF_ERROR(Read(db_, kReadObjects, "", &present));
    for (const Item& o : wanted_) {
      const Item* there = Find(present, o.name, o.is("trigger"));
      if (there != nullptr && there->type == o.type) continue;
      TRIBUTARY_RETURN_IF_ERROR(Explain(Execute(db_, o.sql), o.type.c_str(), o.name));
    }
    TRIBUTARY_RETURN_IF_ERROR(CheckReplicated());
    return Execute(db_, calls_);
  }

  // What will be made again, or is not wanted. Triggers and views before tables: in the order in
  // which nothing that is left names what is gone.
  Status DropOutdated(const Items& present) {
    for (const char* type : {"trigger", "view", "index", "table"}) {
      for (const Item& o : present) {
        if (!o.is(type)) continue;
        const Item* to = Find(wanted_, o.name, o.is("trigger"));
        // Indexes come and go with the definition of their table.
        const bool unwanted = to == nullptr
                                  ? drop_ || (o.is("index") && Find(wanted_, o.table()) != nullptr)
                                  : !o.is("table") && o.type == to->type &&
                                        CanonicalSql(o.sql) != CanonicalSql(to->sql);
        if (!unwanted) continue;
        // It may have gone with its table or view.
        TRIBUTARY_RETURN_IF_ERROR(
            Explain(ExecuteFormat(db_, "DROP %s IF EXISTS main.\"%w\"", type, o.name.c_str()), type,
                    o.name));
      }
    }
    return {};
  }

  // No index or key may be there by now that crsql_as_crr would have refused.
  Status CheckReplicated() {
    TRIBUTARY_RETURN_IF_ERROR(c_->Refresh());
    std::string checks;
    for (const Item& o : wanted_) {
      Table* table;
      TRIBUTARY_RETURN_IF_ERROR(c_->stores().catalog.FindPresent(o.name, &table));
      if (table != nullptr) checks += Format("SELECT crsql_as_crr(%Q);", o.name.c_str());
    }
    return Execute(db_, checks);
  }

  Connection* c_;
  sqlite3* db_;
  bool drop_;
  Database scratch_;
  Items wanted_;
  std::string drops_;
  std::string calls_;
};

// The only option is drop.
Status ReadOptions(sqlite3* db, std::string_view json, bool* drop) {
  Statement s;
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(db,
                "SELECT count(*) FILTER (WHERE key = 'drop' AND type = 'true'), "
                "count(*) FILTER (WHERE key IS NOT 'drop' OR type NOT IN ('true', 'false')) "
                "FROM json_each(iif(json_valid(?1), ?1, '[0]'))"));
  s.BindText(1, json);
  TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
  if (s.Int(1) != 0) {
    return Status::Error(
        "crsql_automigrate: the options must be '{}' or, to drop tables that the schema omits, "
        "'{\"drop\": true}'");
  }
  *drop = s.Int(0) != 0;
  return {};
}

Status Automigrate(Connection* c, sqlite3_context* context, int argc, Args argv) {
  if (argc == 0) return Status::Error("Had no args. Expected a schema to migrate to");
  if (argc > 3 || sqlite3_value_type(argv[0]) == SQLITE_NULL) {
    return Status::Error(
        "crsql_automigrate takes a schema, which is not NULL, SQL to clean up after it, and "
        "options");
  }
  bool drop = false;
  if (argc == 3 && sqlite3_value_type(argv[2]) != SQLITE_NULL) {
    TRIBUTARY_RETURN_IF_ERROR(ReadOptions(c->db(), TextOf(argv[2]), &drop));
  }
  TRIBUTARY_RETURN_IF_ERROR(c->Ready());
  const ScopedHostCounters counters(c);
  Migration migration(c, drop);
  TRIBUTARY_RETURN_IF_ERROR(migration.ReadWanted(
      std::string(TextOf(argv[0])), argc > 1 ? std::string(TextOf(argv[1])) : std::string()));
  TRIBUTARY_RETURN_IF_ERROR(migration.Run());
  ResultText(context, "migration complete");
  return {};
}

constexpr SqlFunction kFunctions[] = {
    {"crsql_automigrate", -1, SQLITE_DIRECTONLY, Function<Automigrate>},
};

}  // namespace

Status RegisterAutomigrate(Connection* c) { return RegisterSqlFunctions(c, kFunctions); }

}  // namespace tributary
