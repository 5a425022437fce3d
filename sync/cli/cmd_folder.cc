// tributary sync --folder and tributary backup: one replica and one folder.
#include <chrono>
#include <cstdio>

#include "sync/cli/commands.h"
#include "sync/cli/dry_run.h"
#include "sync/cli/folder_sync.h"
#include "sync/cli/json.h"
#include "sync/cli/replica.h"
#include "sync/cli/watch.h"

namespace tributary::cli {
namespace {

constexpr std::string_view kBackupDetails =
    "Adds to a folder what has changed in the database since the last backup into it. Each run\n"
    "makes one point in time to which tributary restore can go back; with --watch, each change of\n"
    "the database does, at most one a second (--every), until interrupted. Files are only ever "
    "added, and a file that is there in\n"
    "full is never changed: copy them with any tool. The rows of tables that are not replicated\n"
    "are not in the backup, their definitions are.\n\n"
    "Examples:\n"
    "  tributary backup notes.db --to /mnt/backup/notes\n"
    "  tributary backup notes.db --to /mnt/backup/notes --watch\n"
    "  tributary restore /mnt/backup/notes --to notes-again.db\n";

void PrintReport(const Context& context, const FolderReport& r, bool backup) {
  const Style& style = context.style;
  const bool dry = IsDryRun(context);
  if (dry) std::printf("%s\n", style.Yellow("dry run, nothing was written; it would do:").c_str());
  if (r.segments_read > 0) {
    std::printf("read     %s, %s; %s changed\n", Count(r.segments_read, "segment").c_str(),
                Bytes(r.bytes_read).c_str(), Count(r.rows_changed, "row").c_str());
  }
  for (const FolderReport::Written& w : r.written) {
    std::printf("%s    %s  %s, %s, %s\n", dry ? "write" : "wrote", style.Bold(w.path).c_str(),
                Count(static_cast<int64_t>(w.head.transactions), "transaction").c_str(),
                Count(static_cast<int64_t>(w.head.rows), "row").c_str(),
                Bytes(static_cast<int64_t>(w.head.size)).c_str());
  }
  if (r.removed > 0) {
    std::printf("%s  %s\n", dry ? "remove " : "removed", Count(r.removed, "old segment").c_str());
  }
  for (const folder::Problem& p : r.problems) {
    std::printf("%s %s: %s\n", style.Yellow("not usable:").c_str(), OneLine(p.path, 200).c_str(),
                OneLine(p.text, 300).c_str());
  }
  if (!r.problems.empty()) {
    const char* hint =
        "it is used once it is whole: wait for the file-sync tool, copy it again, or "
        "let who wrote it run this with --verify";
    std::printf("  %s\n", style.Dim(hint).c_str());
  }
  for (const std::string& text : r.refused) {
    std::printf("%s %s\n", style.Red("not taken:").c_str(), OneLine(text, 500).c_str());
  }
  PrintParked(style, context.arg(0), r.parked);
  if (r.waiting > 0) {
    std::printf("%s %s on others that are not in the folder yet\n",
                style.Yellow("waiting:").c_str(),
                (Count(r.waiting, "segment") + (r.waiting == 1 ? " builds" : " build")).c_str());
  }
  if (!r.changed() && r.problems.empty() && r.refused.empty()) {
    std::printf("%s %s\n", style.Green("✓").c_str(),
                backup ? "nothing has changed since the last backup" : "nothing new");
  }
  std::fflush(stdout);
}

void WriteJson(const Context& context, const FolderReport& r, double seconds) {
  JsonWriter json(stdout);
  json.BeginObject();
  json.Key("dry_run").Bool(IsDryRun(context));
  json.Key("segments_read").Int(r.segments_read);
  json.Key("bytes_read").Int(r.bytes_read);
  json.Key("rows_changed").Int(r.rows_changed);
  json.Key("written").BeginArray();
  for (const FolderReport::Written& w : r.written) {
    json.BeginObject();
    json.Key("file").String(w.path);
    json.Key("bytes").Int(static_cast<int64_t>(w.head.size));
    json.Key("transactions").Int(static_cast<int64_t>(w.head.transactions));
    json.Key("rows").Int(static_cast<int64_t>(w.head.rows));
    json.Key("cells").Int(static_cast<int64_t>(w.head.cells));
    json.Key("time_ms").Int(w.head.time_ms);
    json.EndObject();
  }
  json.EndArray();
  json.Key("removed").Int(r.removed);
  json.Key("waiting").Int(r.waiting);
  json.Key("unusable").BeginArray();
  for (const folder::Problem& p : r.problems) {
    json.BeginObject();
    json.Key("file").String(p.path);
    json.Key("problem").String(p.text);
    json.EndObject();
  }
  json.EndArray();
  json.Key("refused").BeginArray();
  for (const std::string& text : r.refused) json.String(text);
  json.EndArray();
  json.Key("parked").BeginArray();
  WriteParked(&json, context.arg(0), r.parked);
  json.EndArray();
  json.Key("seconds").Real(seconds);
  json.EndObject();
  std::fflush(stdout);
}

Status OneRound(const Context& context, const Database& db, FolderSync* sync, bool backup,
                bool watching, FolderReport* report) {
  const auto started = std::chrono::steady_clock::now();
  {
    Progress progress(context.human(), backup ? "backup" : "reading");
    progress.Watch(db);
    TRIBUTARY_RETURN_IF_ERROR(sync->Round(&progress, report));
  }
  if (watching && !report->changed() && report->refused.empty()) return {};
  if (!backup) TRIBUTARY_RETURN_IF_ERROR(LoadParked(db, db.path(), &report->parked));
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - started;
  if (context.json) WriteJson(context, *report, taken.count());
  if (context.human()) PrintReport(context, *report, backup);
  return {};
}

Status Run(const Context& context, const std::string& path, bool backup) {
  double poll_seconds = 5;
  double every_seconds = 1;
  TRIBUTARY_RETURN_IF_ERROR(context.args.NotBoth("--dry-run", "--watch"));
  TRIBUTARY_RETURN_IF_ERROR(context.args.Needs("--watch", {"--poll", "--every"}));
  TRIBUTARY_RETURN_IF_ERROR(context.args.GetSeconds("--every", &every_seconds));
  TRIBUTARY_RETURN_IF_ERROR(context.args.GetSeconds("--poll", &poll_seconds));
  Database db;
  if (backup) {
    TRIBUTARY_RETURN_IF_ERROR(OpenReplica(context, context.arg(0), OpenMode::kRead, &db));
  } else {
    Progress progress(context.human(), "opening");
    TRIBUTARY_RETURN_IF_ERROR(OpenForSync(context, context.arg(0), &progress, &db));
  }
  FolderSync sync(db, path,
                  {.backup = backup,
                   .snapshot = context.args.Has("--snapshot"),
                   .verify = context.args.Has("--verify"),
                   .dry_run = IsDryRun(context)});
  TRIBUTARY_RETURN_IF_ERROR(sync.Start());
  FolderReport report;
  if (!context.args.Has("--watch")) {
    TRIBUTARY_RETURN_IF_ERROR(OneRound(context, db, &sync, backup, false, &report));
    const bool all = report.refused.empty() && report.problems.empty() && report.parked.empty();
    return all ? Status() : Different();
  }
  Watcher watcher(context.arg(0), backup ? "" : path);
  do {
    watcher.Arm();
    Status status = OneRound(context, db, &sync, backup, true, &report);
    // Somebody else writes for long: the next look may do better.
    if (!status.ok() && status.code() != ExitCode::kBusy) return status;
    // Who writes all the time would else make a file for each commit.
    if (!report.written.empty()) watcher.Pause(every_seconds);
  } while (watcher.Wait(poll_seconds));
  return {};
}

Status RunBackup(const Context& context) {
  const std::string path = context.args.Get("--to");
  if (path.empty()) return {ExitCode::kUsage, "backup needs a folder: --to DIR"};
  return Run(context, path, true);
}

}  // namespace

Status RunFolderSync(const Context& context) {
  if (context.args.positional.size() != 1) {
    return {ExitCode::kUsage, "with --folder, sync takes one database"};
  }
  const std::string path = context.args.Get("--folder");
  if (path.empty()) return {ExitCode::kUsage, "option --folder needs a folder"};
  return Run(context, path, false);
}

Command BackupCommand() {
  return {"backup",
          "DB --to DIR",
          "add what has changed to a backup folder",
          kBackupDetails,
          {{"--to", "", "DIR", "the backup's folder; made if missing"},
           {"--watch", "", "", "go on, a backup at each change, until interrupted"},
           {"--poll", "", "SECONDS", "with --watch: look at least this often (default 5)"},
           {"--every", "", "SECONDS", "with --watch: write at most this often (default 1)"},
           {"--dry-run", "", "", "only say what would be written"},
           {"--snapshot", "", "", "write everything anew, so that later restores read less"},
           {"--verify", "", "", "check what is there first, and write damaged parts again"}},
          1,
          1,
          RunBackup};
}

}  // namespace tributary::cli
