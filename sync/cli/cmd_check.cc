// tributary check: is the file sound, its metadata, and every reference?
#include <algorithm>
#include <cstdio>

#include "sync/cli/commands.h"
#include "sync/cli/json.h"
#include "sync/cli/replica.h"

namespace tributary::cli {
namespace {

constexpr std::string_view kDetails =
    "Runs three checks: SQLite's own of the file, the extension's of what it stores about every\n"
    "replicated table, and that every foreign key finds its row. Changes nothing. Works on any\n"
    "SQLite file; without replicated tables the second check is left out.\n\n"
    "A reference without a target is no damage: one copy may have deleted a row to which another\n"
    "added a reference. Delete or mend it in any copy, the others follow.\n\n"
    "Examples:\n"
    "  tributary check notes.db && echo sound\n"
    "  tributary check --json notes.db\n";

struct Problem {
  std::string_view kind;  // file, metadata, reference
  std::string table;
  std::string text;
};

// Enough for a person; the count goes on.
constexpr size_t kMaxProblems = 1000;

struct Report {
  std::vector<Problem> problems;
  int64_t count = 0;
  bool replicated = false;

  void Add(Problem problem) {
    ++count;
    if (problems.size() < kMaxProblems) problems.push_back(std::move(problem));
  }
};

Status CheckFile(const Database& db, Report* report) {
  Statement s = db.Prepare("PRAGMA integrity_check");
  while (s.Step()) {
    for (std::string_view text = s.Text(0); !text.empty();) {  // one answer may tell of several
      const size_t end = std::min(text.find('\n'), text.size());
      const std::string_view line = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      if (line != "ok" && !line.starts_with("***")) report->Add({"file", "", std::string(line)});
    }
  }
  if (s.status().code() != ExitCode::kCannotOpen) return s.status();
  report->Add({"file", "", sqlite3_errmsg(db.get())});  // too damaged to go on reading
  return {};
}

Status CheckMetadata(const Database& db, Report* report) {
  Statement s = db.Prepare("SELECT \"table\", problem FROM crsql_check");
  while (s.Step()) report->Add({"metadata", std::string(s.Text(0)), std::string(s.Text(1))});
  return s.status();
}

// Words for a dangling reference: which row, and what it looks for. The rowid alone says little.
std::string DescribeReference(const Database& db, const std::string& table, int64_t rowid,
                              const std::string& parent, int64_t foreign_key) {
  TableColumns columns;
  std::string list;
  if (ReadColumns(db, table, &columns).ok()) {
    for (const std::string& key : columns.keys) list += QuoteName(key) + ", ";
  }
  const size_t keys = columns.keys.size();
  Statement from =
      db.Prepare("SELECT \"from\" FROM pragma_foreign_key_list(?) WHERE id = ? ORDER BY seq");
  from.BindText(1, table).Bind(2, foreign_key);
  while (from.Step()) list += QuoteName(from.Text(0)) + ", ";
  Statement row = db.Prepare("SELECT " + list + "0 FROM " + QuoteName(table) + " WHERE rowid = ?");
  row.Bind(1, rowid);
  std::string key;
  std::string target;
  if (row.Step()) {
    for (size_t i = 0; i + 1 < static_cast<size_t>(row.columns()); ++i) {
      std::string& text = i < keys ? key : target;
      text += (text.empty() ? "" : ", ") + Show(row.At(static_cast<int>(i)));
    }
  }
  if (keys > 1) key = "(" + key + ")";
  if (target.empty()) key = "rowid " + std::to_string(rowid);
  return key + " refers to " + OneLine(parent, 60) + " " + target + ", which does not exist";
}

Status CheckReferences(const Database& db, Report* report) {
  Statement s = db.Prepare("SELECT \"table\", rowid, parent, fkid FROM pragma_foreign_key_check");
  while (s.Step()) {
    const std::string table(s.Text(0));
    const std::string parent(s.Text(2));
    std::string text = "a row refers to a row of " + parent + " that does not exist";
    if (!s.IsNull(1)) text = DescribeReference(db, table, s.Int(1), parent, s.Int(3));
    report->Add({"reference", table, std::move(text)});
  }
  if (s.status().code() == ExitCode::kFailed) {  // a parent that is no table or has no such key
    report->Add({"reference", "", sqlite3_errmsg(db.get())});
    return {};
  }
  return s.status();
}

void Print(const Context& context, const Report& report) {
  const Style& style = context.style;
  for (const Problem& p : report.problems) {
    const std::string where = p.table.empty() ? "" : OneLine(p.table, 60) + ": ";
    std::printf("%s %s%s\n", style.Red(p.kind).c_str(), where.c_str(),
                OneLine(p.text, 500).c_str());
  }
  if (report.count > static_cast<int64_t>(report.problems.size())) std::printf("…\n");
  if (report.count > 0) {
    std::printf("%s\n", style.Red(Count(report.count, "problem")).c_str());
  } else {
    std::printf("%s sound: file%s, references\n", style.Green("✓").c_str(),
                report.replicated ? ", replication metadata" : "");
  }
}

void WriteJson(const std::string& path, const Report& report) {
  JsonWriter json(stdout);
  json.BeginObject();
  json.Key("database").String(path);
  json.Key("ok").Bool(report.count == 0);
  json.Key("replicated").Bool(report.replicated);
  json.Key("count").Int(report.count);
  json.Key("problems").BeginArray();
  for (const Problem& p : report.problems) {
    json.BeginObject();
    json.Key("kind").String(p.kind);
    json.Key("table").String(p.table);
    json.Key("problem").String(p.text);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
}

Status RunCheck(const Context& context) {
  Database db;
  TRIBUTARY_RETURN_IF_ERROR(db.Open(context.arg(0), OpenMode::kRead, context.busy_timeout_seconds));
  Report report;
  {
    Progress progress(context.human(), "check");
    progress.Watch(db);
    TRIBUTARY_RETURN_IF_ERROR(IsPrepared(db, &report.replicated));
    TRIBUTARY_RETURN_IF_ERROR(CheckFile(db, &report));
    // The other two read through structures that the first found sound.
    if (report.count == 0) {
      if (report.replicated) {
        TRIBUTARY_RETURN_IF_ERROR(db.LoadExtension());
        TRIBUTARY_RETURN_IF_ERROR(CheckMetadata(db, &report));
      }
      TRIBUTARY_RETURN_IF_ERROR(CheckReferences(db, &report));
    }
  }
  if (context.json) WriteJson(context.arg(0), report);
  if (context.human()) Print(context, report);
  return report.count == 0 ? Status() : Different();
}

}  // namespace

Command CheckCommand() {
  return {"check", "DB",    "is the file sound, its metadata, its references", kDetails, {}, 1,
          1,       RunCheck};
}

}  // namespace tributary::cli
