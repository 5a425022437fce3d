// tributary init: turns ordinary tables into replicated ones.
#include <algorithm>
#include <cstdio>
#include <utility>

#include "sync/cli/commands.h"
#include "sync/cli/json.h"
#include "sync/cli/replica.h"
#include "sync/cli/text_width.h"

namespace tributary::cli {
namespace {

constexpr std::string_view kDetails =
    "Makes tables replicated: from then on every change to them is tracked and can be merged with\n"
    "the changes of other copies. Nothing about the tables changes for the programs that use "
    "them,\n"
    "except that they must load the extension to write. Without names, every table is taken that\n"
    "can be; a table that cannot says why and stays as it is. All in one transaction. Repeating "
    "it\n"
    "does no harm. A file that cr-sqlite wrote is upgraded in place: it keeps its site id, clocks\n"
    "and tombstones, and cr-sqlite cannot open it any more.\n\n"
    "Examples:\n"
    "  tributary init notes.db                all tables\n"
    "  tributary init notes.db note tag       only these two\n"
    "  tributary init --json notes.db         as JSON, for scripts\n";

enum class Outcome { kReplicated, kAlready, kSkipped, kRefused };

struct TableResult {
  std::string name;
  Outcome outcome = Outcome::kRefused;
  std::string message;  // a warning, or the reason
  int64_t rows = 0;
};

// What became of a file of cr-sqlite.
struct CrsqliteUpgrade {
  int64_t version = 0;  // 0: it was none
  int64_t tables = 0;
  int64_t clocks = 0;
  int64_t tombstones = 0;
  int64_t recorded = 0;
  int64_t deleted = 0;
  int64_t forgotten = 0;
  std::string dropped;
};

std::string_view Name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kReplicated:
      return "replicated";
    case Outcome::kAlready:
      return "already replicated";
    case Outcome::kSkipped:
      return "skipped";
    case Outcome::kRefused:
      return "refused";
  }
  return "";
}

// Tables to upgrade, by what the user named or by what there is. What can be told without the
// extension is told here, so that a file in which nothing can be done is never written to.
Status ListTables(const Database& db, const std::vector<std::string>& named,
                  std::vector<TableResult>* tables) {
  Statement list = db.Prepare(
      "SELECT name, type, CASE WHEN type = 'table' THEN"
      "  (SELECT count(*) FROM pragma_table_info(l.name) WHERE pk > 0) END,"
      " EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'trigger'"
      "         AND tbl_name = l.name AND substr(name, -13) = '__crsql_itrig')"
      " FROM pragma_table_list AS l WHERE schema = 'main' AND type <> 'shadow' ORDER BY name");
  std::vector<TableResult> found;
  while (list.Step()) {
    TableResult t{.name = std::string(list.Text(0))};
    if (IsInternalName(t.name)) continue;
    const std::string_view type = list.Text(1);
    if (type != "table") {
      // A view has nothing to replicate: not worth a line unless it was asked for.
      if (type == "view" && named.empty()) continue;
      t.outcome = named.empty() ? Outcome::kSkipped : Outcome::kRefused;
      t.message =
          "is a " + std::string(type == "view" ? "view" : "virtual table") + ", not a table";
    } else if (list.Int(3) != 0) {
      t.outcome = Outcome::kAlready;
    } else if (list.Int(2) == 0) {
      t.message =
          "has no primary key: rows need a name that is the same in every copy; "
          "add one, for example a column id TEXT PRIMARY KEY filled by crsql_uuid7()";
    } else {
      t.outcome = Outcome::kReplicated;
    }
    found.push_back(std::move(t));
  }
  TRIBUTARY_RETURN_IF_ERROR(list.status());
  if (named.empty()) {
    *tables = std::move(found);
    return {};
  }
  for (const std::string& name : named) {
    const auto it = std::find_if(found.begin(), found.end(), [&](const TableResult& t) {
      return sqlite3_stricmp(t.name.c_str(), name.c_str()) == 0;
    });
    if (it != found.end()) {
      tables->push_back(*it);
    } else {
      tables->push_back({.name = name,
                         .message = IsInternalName(name) ? "belongs to SQLite or the extension"
                                                         : "no such table"});
    }
  }
  return {};
}

// The engine's answer is 'OK', or 'OK, but table NAME has ...'.
void TakeAnswer(std::string_view answer, TableResult* t) {
  if (answer.starts_with("OK")) answer.remove_prefix(2);
  answer.remove_prefix(std::min(answer.find_first_not_of(" \n:;,-"), answer.size()));
  const std::string subject = "but table " + t->name + " has ";
  if (answer.starts_with(subject)) answer.remove_prefix(subject.size());
  t->message = answer;
}

Status Upgrade(const Database& db, TableResult* t) {
  Statement count = db.Prepare("SELECT count(*) FROM " + QuoteName(t->name));
  if (count.Step()) t->rows = count.Int(0);
  TRIBUTARY_RETURN_IF_ERROR(count.status());
  Statement as_crr = db.Prepare("SELECT crsql_as_crr(?)");
  as_crr.BindText(1, t->name);
  if (as_crr.Step()) {
    TakeAnswer(as_crr.Text(0), t);
    return {};
  }
  if (as_crr.status().code() == ExitCode::kBusy || !db.in_transaction()) return as_crr.status();
  t->outcome = Outcome::kRefused;
  t->message = sqlite3_errmsg(db.get());
  t->rows = 0;
  return {};
}

Status ReadUpgrade(const Database& db, CrsqliteUpgrade* u) {
  Statement s = db.Prepare(
      "SELECT value ->> 'version', value ->> 'tables', value ->> 'clock_rows', "
      "value ->> 'tombstones', value ->> 'recorded', value ->> 'deleted', value ->> 'forgotten', "
      "(SELECT group_concat(j.value, ', ') FROM json_each(m.value, '$.dropped_tables') j) "
      "FROM crsql_master m WHERE key = 'upgraded_from_crsqlite'");
  if (!s.Step()) return s.status();
  int column = 0;
  for (int64_t* n : {&u->version, &u->tables, &u->clocks, &u->tombstones, &u->recorded, &u->deleted,
                     &u->forgotten}) {
    *n = s.Int(column++);
  }
  u->dropped = s.Text(column);
  return {};
}

void PrintUpgrade(const Style& style, const CrsqliteUpgrade& u) {
  std::printf("%s upgraded from cr-sqlite (%lld): %s, %s, %s\n", style.Green("✓").c_str(),
              static_cast<long long>(u.version), Count(u.tables, "table").c_str(),
              Count(u.clocks, "clock").c_str(), Count(u.tombstones, "tombstone").c_str());
  const auto line = [](int64_t n, const char* what) {
    if (n > 0) std::printf("  %s %s\n", Count(n, "row").c_str(), what);
  };
  line(u.recorded, "in a table but not recorded: recorded now as inserted here");
  line(u.deleted, "recorded but not in its table: recorded now as deleted here");
  line(u.forgotten, "of others, recorded but not in its table: forgotten");
  if (!u.dropped.empty()) {
    std::printf("  tables that are gone: %s\n", OneLine(u.dropped, 1000).c_str());
  }
}

bool Wanted(const TableResult& t) { return t.outcome == Outcome::kReplicated; }

constexpr int kMaxNameWidth = 40;

std::string PrintedResult(const Style& style, const TableResult& t, int name_width) {
  switch (t.outcome) {
    case Outcome::kReplicated:
      return Count(t.rows, "row");
    case Outcome::kAlready:
      return style.Dim("already replicated");
    case Outcome::kSkipped:
    case Outcome::kRefused:
      break;
  }
  static constexpr int kLineWidth = 79;
  std::string message = OneLine(t.message, 1000);
  if (name_width + 4 + DisplayWidth(message) <= kLineWidth) return message;
  return std::string(Name(t.outcome)) + "\n" + Wrap(message, "    ", kLineWidth);
}

// One warning for all tables that it is about.
void PrintWarnings(const Style& style, const std::vector<TableResult>& tables) {
  std::vector<std::pair<std::string, std::string>> warnings;  // text, tables
  for (const TableResult& t : tables) {
    if (t.outcome != Outcome::kReplicated || t.message.empty()) continue;
    const auto same = std::find_if(warnings.begin(), warnings.end(),
                                   [&](const auto& w) { return w.first == t.message; });
    if (same == warnings.end()) {
      warnings.emplace_back(t.message, OneLine(t.name, 60));
    } else {
      same->second += ", " + OneLine(t.name, 60);
    }
  }
  for (const auto& [text, names] : warnings) {
    std::printf("%s about %s:\n%s\n", style.Yellow("warning").c_str(), names.c_str(),
                Wrap(OneLine(text, 1000), "  ").c_str());
  }
}

void PrintResults(const Context& context, const std::vector<TableResult>& tables) {
  const Style& style = context.style;
  int width = 0;
  for (const TableResult& t : tables) {
    width = std::max(width, DisplayWidth(OneLine(t.name, kMaxNameWidth)));
  }
  for (const TableResult& t : tables) {
    const bool good = t.outcome == Outcome::kReplicated || t.outcome == Outcome::kAlready;
    const std::string mark = good                             ? style.Green("✓")
                             : t.outcome == Outcome::kSkipped ? style.Dim("·")
                                                              : style.Red("✗");
    const std::string name = OneLine(t.name, kMaxNameWidth);
    const std::string padding(static_cast<size_t>(width - DisplayWidth(name)), ' ');
    std::printf("%s %s%s  %s\n", mark.c_str(), style.Bold(name).c_str(), padding.c_str(),
                PrintedResult(style, t, width).c_str());
  }
  PrintWarnings(style, tables);
  const auto count = [&](Outcome o) {
    return std::count_if(tables.begin(), tables.end(), [o](auto& t) { return t.outcome == o; });
  };
  std::string summary = Count(count(Outcome::kReplicated), "table") + " replicated";
  if (count(Outcome::kAlready) > 0) {
    summary += ", " + WithCommas(count(Outcome::kAlready)) + " already";
  }
  if (count(Outcome::kRefused) > 0) {
    summary += ", " + style.Red(WithCommas(count(Outcome::kRefused)) + " refused");
  }
  std::printf("%s\n", summary.c_str());
}

void WriteJson(const std::string& path, const CrsqliteUpgrade& u,
               const std::vector<TableResult>& tables) {
  JsonWriter json(stdout);
  json.BeginObject();
  json.Key("database").String(path);
  if (u.version > 0) {
    json.Key("upgraded_from_crsqlite").BeginObject();
    json.Key("version").Int(u.version);
    json.Key("tables").Int(u.tables);
    json.Key("clocks").Int(u.clocks);
    json.Key("tombstones").Int(u.tombstones);
    json.Key("rows_recorded").Int(u.recorded);
    json.Key("rows_deleted").Int(u.deleted);
    json.Key("rows_forgotten").Int(u.forgotten);
    json.Key("tables_gone").String(u.dropped);
    json.EndObject();
  }
  json.Key("tables").BeginArray();
  for (const TableResult& t : tables) {
    json.BeginObject();
    json.Key("table").String(t.name);
    json.Key("result").String(Name(t.outcome));
    if (t.outcome == Outcome::kReplicated) json.Key("rows").Int(t.rows);
    const bool refused = t.outcome == Outcome::kRefused || t.outcome == Outcome::kSkipped;
    if (!t.message.empty()) json.Key(refused ? "reason" : "warning").String(t.message);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
}

// Upgrades what is wanted, all or (on a failure that is no refusal) nothing.
Status UpgradeAll(const Context& context, bool is_crsqlite, Database* db,
                  std::vector<TableResult>* tables, CrsqliteUpgrade* upgrade) {
  Transaction transaction(*db);
  TRIBUTARY_RETURN_IF_ERROR(transaction.BeginWrite());
  // Inside the transaction, so that the extension's own tables go away again if nothing comes of
  // it.
  TRIBUTARY_RETURN_IF_ERROR(db->LoadExtension());
  if (is_crsqlite) TRIBUTARY_RETURN_IF_ERROR(ReadUpgrade(*db, upgrade));
  Progress progress(context.human(), "init");
  progress.Part("init", Progress::Unit::kNone,
                std::count_if(tables->begin(), tables->end(), Wanted));
  progress.Watch(*db);
  int64_t done = 0;
  for (TableResult& t : *tables) {
    if (!Wanted(t)) continue;
    progress.Set(done++, OneLine(t.name, 40));
    TRIBUTARY_RETURN_IF_ERROR(Upgrade(*db, &t));
  }
  if (!is_crsqlite && std::none_of(tables->begin(), tables->end(), Wanted)) {
    return {};  // rolls back
  }
  return transaction.Commit();
}

// Nothing was done for nobody: one line for all, on stderr.
Status AllRefused(const std::string& path, const std::vector<TableResult>& tables) {
  const auto first = std::find_if(tables.begin(), tables.end(),
                                  [](auto& t) { return t.outcome == Outcome::kRefused; });
  std::string message = path + ": table " + first->name + ": " + first->message;
  if (tables.size() > 1) message += " (no table could be replicated)";
  return {ExitCode::kDifferent, message};
}

Status RunInit(const Context& context) {
  const std::string& path = context.arg(0);
  const std::vector<std::string> named(context.args.positional.begin() + 1,
                                       context.args.positional.end());
  std::vector<TableResult> tables;
  bool is_crsqlite = false;
  CrsqliteUpgrade upgrade;
  {
    Database probe;
    TRIBUTARY_RETURN_IF_ERROR(probe.Open(path, OpenMode::kRead, context.busy_timeout_seconds));
    TRIBUTARY_RETURN_IF_ERROR(ListTables(probe, named, &tables));
    TRIBUTARY_RETURN_IF_ERROR(IsCrsqlite(probe, &is_crsqlite));
  }
  if (tables.empty() && !is_crsqlite) {
    return {ExitCode::kDifferent, path + ": has no tables that could be replicated"};
  }
  if (is_crsqlite || std::any_of(tables.begin(), tables.end(), Wanted)) {
    Database db;
    TRIBUTARY_RETURN_IF_ERROR(db.Open(path, OpenMode::kWrite, context.busy_timeout_seconds));
    TRIBUTARY_RETURN_IF_ERROR(UpgradeAll(context, is_crsqlite, &db, &tables, &upgrade));
  }
  const auto is = [&](Outcome o) {
    return std::any_of(tables.begin(), tables.end(), [o](auto& t) { return t.outcome == o; });
  };
  const bool refused = is(Outcome::kRefused);
  const bool nothing = !is(Outcome::kReplicated) && !is(Outcome::kAlready);
  if (context.json) WriteJson(path, upgrade, tables);
  if (context.human() && is_crsqlite) PrintUpgrade(context.style, upgrade);
  if (nothing && refused && (tables.size() == 1 || !context.human())) {
    return AllRefused(path, tables);
  }
  if (context.human()) PrintResults(context, tables);
  return refused ? Different() : Status();
}

}  // namespace

Command InitCommand() {
  return {"init", "DB [TABLE...]", "make tables replicated", kDetails, {}, 1, kAnyNumber, RunInit};
}

}  // namespace tributary::cli
