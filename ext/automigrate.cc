#include "ext/automigrate.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "ext/affinity.h"
#include "ext/alter.h"
#include "ext/schema_text.h"
#include "ext/sql_function.h"

namespace tributary {
namespace {

using Args = sqlite3_value**;

// What a table is called while it is built anew. No other is: the prefix is ours.
constexpr char kNew[] = "crsql_automigrate";
constexpr std::string_view kAsCrr = "crsql_as_crr";

struct Object {
  std::string type;
  std::string name;
  std::string table;  // the one that it belongs to
  std::string sql;
  bool is(const char* wanted) const { return type == wanted; }
};
using Objects = std::vector<Object>;

// What the schema's text called: crsql_as_crr or crsql_fract_as_ordered.
struct Call {
  const char* function;
  std::vector<std::string> arguments;
};
using Calls = std::vector<Call>;

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

Status Explain(const Status& failed, std::string_view what, std::string_view name) {
  if (failed.ok()) return {};
  std::string message = failed.message();
  // SQLite names the table as it is called meanwhile.
  const size_t at = message.find(kNew);
  if (at != std::string::npos) message.erase(at, sizeof(kNew) - 1).insert(at, name);
  return {failed.code(), absl::StrCat("crsql_automigrate: ", what, " ", name, ": ", message)};
}

Status Refuse(std::string_view table, std::string_view why) {
  return Status::Error(absl::StrCat("crsql_automigrate: table ", table, ": ", why));
}

// Those of the user: not ours, nor shadow tables, nor what crsql_fract_as_ordered makes.
Status Read(sqlite3* db, Objects* objects) {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(
      db,
      "SELECT type, name, tbl_name, sql FROM main.sqlite_schema WHERE sql IS NOT NULL "
      "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '%\\_\\_crsql\\_%' ESCAPE '\\' "
      "AND tbl_name NOT LIKE 'crsql\\_%' ESCAPE '\\' AND tbl_name NOT LIKE 'sqlite\\_%' ESCAPE "
      "'\\' "
      "AND tbl_name NOT LIKE '%\\_fractindex' ESCAPE '\\' AND name NOT IN (SELECT name "
      "FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow') ORDER BY rowid"));
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) return {};
    objects->push_back({std::string(s.Text(0)), std::string(s.Text(1)), std::string(s.Text(2)),
                        std::string(s.Text(3))});
  }
}

// Null where there is none. Triggers have names of their own.
const Object* Find(const Objects& objects, std::string_view name, bool trigger) {
  for (const Object& o : objects) {
    if (o.is("trigger") == trigger && absl::EqualsIgnoreCase(o.name, name)) return &o;
  }
  return nullptr;
}

// One table, as both schemas have it.
class TableMigration {
 public:
  TableMigration(Connection* c, sqlite3* scratch, const Object& from, const Object& to)
      : c_(c), db_(c->db()), scratch_(scratch), name_(from.name), from_(from), to_(to) {}

  Status Run() {
    const std::string before = CanonicalSql(from_.sql);
    if (before == CanonicalSql(to_.sql)) return {};
    if (absl::StartsWith(before, "create\nvirtual") || from_.type != to_.type ||
        absl::StartsWith(CanonicalSql(to_.sql), "create\nvirtual")) {
      return Refuse(name_,
                    "a virtual table or view cannot be altered: drop it first, as its contents go "
                    "with it");
    }
    TRIBUTARY_RETURN_IF_ERROR(Load(db_, from_, &old_));
    TRIBUTARY_RETURN_IF_ERROR(Load(scratch_, to_, &new_));
    if (old_.canonical == new_.canonical) return {};
    Table* replicated;
    TRIBUTARY_RETURN_IF_ERROR(c_->Refresh());
    TRIBUTARY_RETURN_IF_ERROR(c_->stores().catalog.FindPresent(name_, &replicated));
    TRIBUTARY_RETURN_IF_ERROR(CheckKey(replicated != nullptr));
    if (replicated == nullptr) return Change();
    TRIBUTARY_RETURN_IF_ERROR(BeginAlter(c_, "main", name_));
    TRIBUTARY_RETURN_IF_ERROR(Change());
    // All rows are there still.
    return CommitAlter(c_, "main", name_, /*fast=*/true);
  }

 private:
  struct Column {
    std::string name;
    std::string type;
    int64_t key;
    bool generated;
    std::string_view text;
    std::string canonical;
  };
  struct Definition {
    TableText text;
    std::vector<Column> columns;
    // Without the columns, and in all, whatever the order of columns.
    std::string rest;
    std::string canonical;
  };

  static Status Load(sqlite3* db, const Object& table, Definition* d) {
    d->text = SplitTable(table.sql);
    Statement s;
    TRIBUTARY_RETURN_IF_ERROR(s.Prepare(
        db, "SELECT name, type, pk, hidden FROM pragma_table_xinfo(?1, 'main') ORDER BY cid"));
    s.BindText(1, table.name);
    std::vector<std::string> parts;
    for (const std::string_view part : d->text.parts) {
      bool column;
      TRIBUTARY_RETURN_IF_ERROR(s.Step(&column));
      parts.push_back(CanonicalSql(part));
      if (!column) {
        absl::StrAppend(&d->rest, parts.back(), ",");
        continue;
      }
      d->columns.push_back({std::string(s.Text(0)), std::string(s.Text(1)), s.Int(2), s.Int(3) != 0,
                            part, parts.back()});
    }
    d->rest.append(CanonicalSql(d->text.options));
    std::sort(parts.begin(), parts.end());
    for (const std::string& part : parts) absl::StrAppend(&d->canonical, part, ",");
    d->canonical.append(CanonicalSql(d->text.options));
    return {};
  }

  static const Column* Find(const Definition& d, std::string_view name) {
    for (const Column& c : d.columns) {
      if (absl::EqualsIgnoreCase(c.name, name)) return &c;
    }
    return nullptr;
  }

  // A row is known to others by its key.
  Status CheckKey(bool replicated) const {
    const auto refuse = [this](std::string_view column) {
      return Refuse(name_, absl::StrCat("its primary key would change at column ", column,
                                        ", and with it the identity of rows: make a table of "
                                        "another name and copy them"));
    };
    for (const Column& c : old_.columns) {
      const Column* now = Find(new_, c.name);
      if ((now != nullptr ? now->key : 0) != c.key) return refuse(c.name);
      if (c.key > 0 && replicated && AffinityOf(c.type, false) != AffinityOf(now->type, false)) {
        return refuse(c.name);
      }
    }
    for (const Column& c : new_.columns) {
      if (c.key > 0 && Find(old_, c.name) == nullptr) return refuse(c.name);
    }
    return {};
  }

  Status Change() {
    bool done = false;
    TRIBUTARY_RETURN_IF_ERROR(AlterColumns(&done));
    return done ? Status() : Rebuild();
  }

  // With SQLite's ALTER TABLE, which reads no rows to add a column. Not done where that cannot
  // bring the new definition about.
  Status AlterColumns(bool* done) {
    std::string sql;
    const std::string alter = absl::StrCat("ALTER TABLE main.", QuoteName(name_));
    bool same = old_.rest == new_.rest;
    for (const Column& c : old_.columns) {
      const Column* now = Find(new_, c.name);
      same = same && (now == nullptr || now->canonical == c.canonical);
      if (now == nullptr) absl::StrAppend(&sql, alter, " DROP COLUMN ", QuoteName(c.name), ";");
    }
    for (const Column& c : new_.columns) {
      if (Find(old_, c.name) == nullptr) {
        absl::StrAppend(&sql, alter, " ADD COLUMN ", c.text, "\n;");
      }
    }
    if (!same) return {};
    ScopedSavepoint savepoint(db_);
    TRIBUTARY_RETURN_IF_ERROR(savepoint.Begin());
    const Status altered = Execute(db_, sql);
    if (altered.ok()) {
      *done = true;
      return savepoint.Release();
    }
    // A view or trigger would be left that names a dropped column.
    const bool hopeless =
        altered.code() != SQLITE_ERROR || (absl::StartsWith(altered.message(), "error in ") &&
                                           !absl::StartsWith(altered.message(), "error in table "));
    return hopeless ? Explain(altered, "table", name_) : Status();
  }

  // The steps of https://sqlite.org/lang_altertable.html#otheralter
  Status Rebuild() {
    std::string dependents;
    TRIBUTARY_RETURN_IF_ERROR(ReadDependents(&dependents));
    const std::string fresh = QuoteName(kNew), name = QuoteName(name_);
    // In the order in which ALTER TABLE would leave them: the replicated ones keep theirs.
    std::string columns, definition;
    const auto define = [&definition](std::string_view part) {
      absl::StrAppend(&definition, definition.empty() ? "(" : "\n,", part);
    };
    for (const Column& before : old_.columns) {
      const Column* c = Find(new_, before.name);
      if (c == nullptr) continue;
      define(c->text);
      if (before.generated || c->generated) continue;
      absl::StrAppend(&columns, columns.empty() ? "" : ", ", QuoteName(c->name));
    }
    for (const Column& c : new_.columns) {
      if (Find(old_, c.name) == nullptr) define(c.text);
    }
    for (size_t i = new_.columns.size(); i < new_.text.parts.size(); i++) {
      define(new_.text.parts[i]);
    }
    if (columns.empty()) {
      return Refuse(name_, "it would have no column left of those it has: drop it first");
    }
    const ScopedSwitch foreign_keys(db_, SQLITE_DBCONFIG_ENABLE_FKEY, 0);
    // Renaming must neither look at views of the table that is not there, nor into those of others.
    const ScopedSwitch legacy(db_, SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, 1);
    TRIBUTARY_RETURN_IF_ERROR(Explain(
        Execute(db_,
                absl::StrCat("CREATE TABLE main.", fresh, definition, "\n)", new_.text.options,
                             "\n;", "INSERT INTO main.", fresh, "(", columns, ") SELECT ", columns,
                             " FROM main.", name, "; DROP TABLE main.", name, "; ALTER TABLE main.",
                             fresh, " RENAME TO ", name, ";", dependents)),
        "table", name_));
    return foreign_keys.was_on() ? CheckForeignKeys() : Status();
  }

  // The SQL of its indexes and triggers, which a rebuilt table must get back.
  Status ReadDependents(std::string* sql) {
    Statement s;
    TRIBUTARY_RETURN_IF_ERROR(
        s.Prepare(db_,
                  "SELECT sql FROM main.sqlite_schema WHERE tbl_name = ?1 COLLATE NOCASE "
                  "AND type IN ('index', 'trigger') AND sql IS NOT NULL AND (name NOT LIKE "
                  "'%\\_\\_crsql\\_%' ESCAPE '\\' OR name LIKE '%\\_fractindex\\_%' ESCAPE '\\')"));
    s.BindText(1, name_);
    for (;;) {
      bool row;
      TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
      if (!row) return {};
      absl::StrAppend(sql, s.Text(0), "\n;");
    }
  }

  Status CheckForeignKeys() {
    Statement s;
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(
        s.Prepare(db_, "SELECT \"parent\" FROM pragma_foreign_key_check(?1, 'main')"));
    s.BindText(1, name_);
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) return {};
    return Refuse(name_, absl::StrCat("rows would lack the row of ", s.Text(0),
                                      " that a foreign key of the new schema asks for: add it, or "
                                      "delete them first"));
  }

  Connection* c_;
  sqlite3* db_;
  sqlite3* scratch_;
  std::string name_;
  const Object& from_;
  const Object& to_;
  Definition old_;
  Definition new_;
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
    for (const char* name : {kAsCrr.data(), "crsql_fract_as_ordered", "crsql_finalize"}) {
      functions_.push_back({this, name});
    }
    for (Recorder& f : functions_) {
      if (sqlite3_create_function_v2(db, f.name, -1, SQLITE_UTF8, &f, Record, nullptr, nullptr,
                                     nullptr) != SQLITE_OK) {
        return Status::FromDb(db);
      }
    }
    TRIBUTARY_RETURN_IF_ERROR(Explain(Execute(db, schema), "the new", "schema"));
    TRIBUTARY_RETURN_IF_ERROR(Read(db, &wanted_));
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
  struct Recorder {
    Migration* migration;
    const char* name;
  };

  static void Record(sqlite3_context* context, int argc, Args argv) {
    GuardFunction(context, [&]() -> Status {
      const auto* f = static_cast<Recorder*>(sqlite3_user_data(context));
      Call call{f->name, {}};
      for (int i = 0; i < argc; i++) call.arguments.emplace_back(TextOf(argv[i]));
      if (f->name != std::string_view("crsql_finalize")) {
        f->migration->calls_.push_back(std::move(call));
      }
      ResultText(context, "OK");
      return {};
    });
  }

  Status Work() {
    TRIBUTARY_RETURN_IF_ERROR(c_->Join());
    TRIBUTARY_RETURN_IF_ERROR(c_->Flush());
    Objects present;
    TRIBUTARY_RETURN_IF_ERROR(Read(db_, &present));
    TRIBUTARY_RETURN_IF_ERROR(DropOrdered());
    TRIBUTARY_RETURN_IF_ERROR(DropOutdated(present));
    for (const Object& o : present) {
      const Object* to = tributary::Find(wanted_, o.name, false);
      if (o.is("table") && to != nullptr && !to->is("index")) {
        TRIBUTARY_RETURN_IF_ERROR(TableMigration(c_, scratch_.get(), o, *to).Run());
      }
    }
    present.clear();
    TRIBUTARY_RETURN_IF_ERROR(Read(db_, &present));
    for (const Object& o : wanted_) {
      const Object* there = tributary::Find(present, o.name, o.is("trigger"));
      if (there != nullptr && there->type == o.type) continue;
      TRIBUTARY_RETURN_IF_ERROR(Explain(Execute(db_, o.sql), o.type, o.name));
    }
    TRIBUTARY_RETURN_IF_ERROR(CheckReplicated());
    return RepeatCalls();
  }

  // Views and triggers of ordered lists name all columns, and are made again.
  Status DropOrdered() {
    for (const Call& call : calls_) {
      if (call.function == kAsCrr || call.arguments.empty()) continue;
      const std::string& table = call.arguments[0];
      TRIBUTARY_RETURN_IF_ERROR(Execute(
          db_, absl::StrCat("DROP VIEW IF EXISTS main.", QuoteName(table + "_fractindex"))));
      for (const char* suffix : {"_fractindex_pend_trig", "_fractindex_ezmove"}) {
        TRIBUTARY_RETURN_IF_ERROR(
            Execute(db_, absl::StrCat("DROP TRIGGER IF EXISTS main.",
                                      QuoteName(absl::StrCat("__crsql_", table, suffix)))));
      }
    }
    return {};
  }

  // What will be made again, or is not wanted. Triggers and views before tables: in the order in
  // which nothing that is left names what is gone.
  Status DropOutdated(const Objects& present) {
    for (const char* type : {"trigger", "view", "index", "table"}) {
      for (const Object& o : present) {
        if (!o.is(type)) continue;
        const Object* to = tributary::Find(wanted_, o.name, o.is("trigger"));
        const bool omitted = to == nullptr;
        // Indexes come and go with the definition of their table.
        const bool unwanted =
            omitted &&
            (drop_ || (o.is("index") && tributary::Find(wanted_, o.table, false) != nullptr));
        const bool outdated = !omitted && !o.is("table") && o.type == to->type &&
                              CanonicalSql(o.sql) != CanonicalSql(to->sql);
        if (!unwanted && !outdated) continue;
        // It may have gone with its table or view.
        TRIBUTARY_RETURN_IF_ERROR(Explain(
            Execute(db_, absl::StrCat("DROP ", o.type, " IF EXISTS main.", QuoteName(o.name))),
            o.type, o.name));
      }
    }
    return {};
  }

  // No index or key may be there by now that crsql_as_crr would have refused.
  Status CheckReplicated() {
    for (const Object& o : wanted_) {
      if (!o.is("table")) continue;
      TRIBUTARY_RETURN_IF_ERROR(c_->Refresh());
      Table* table;
      TRIBUTARY_RETURN_IF_ERROR(c_->stores().catalog.FindPresent(o.name, &table));
      if (table != nullptr) calls_.insert(calls_.begin(), {kAsCrr.data(), {o.name}});
    }
    return {};
  }

  Status RepeatCalls() {
    for (const Call& call : calls_) {
      std::string sql = absl::StrCat("SELECT ", call.function, "(");
      for (size_t i = 0; i < call.arguments.size(); i++) sql.append(i > 0 ? ", ?" : "?");
      Statement s;
      TRIBUTARY_RETURN_IF_ERROR(s.Prepare(db_, sql + ")"));
      for (size_t i = 0; i < call.arguments.size(); i++) {
        s.BindText(static_cast<int>(i) + 1, call.arguments[i]);
      }
      TRIBUTARY_RETURN_IF_ERROR(s.Run());
    }
    return {};
  }

  Connection* c_;
  sqlite3* db_;
  bool drop_;
  std::vector<Recorder> functions_;
  Database scratch_;
  Objects wanted_;
  Calls calls_;
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
        absl::StrCat("crsql_automigrate: the options are '{\"drop\": true}', to "
                     "drop tables that the schema omits, or none; not ",
                     json));
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
