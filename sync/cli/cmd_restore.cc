// tributary restore: a database from a backup, or a newcomer from a shared folder.
#include <algorithm>
#include <cstdio>
#include <optional>

#include "sync/changeset/token.h"
#include "sync/cli/commands.h"
#include "sync/cli/dry_run.h"
#include "sync/cli/folder_sync.h"
#include "sync/cli/json.h"
#include "sync/cli/new_file.h"
#include "sync/cli/parked.h"
#include "sync/cli/replica.h"

namespace tributary::cli {
namespace {

using folder::SegmentFile;

constexpr std::string_view kDetails =
    "Makes a new database from a folder that tributary backup or tributary sync --folder wrote:\n"
    "its tables, and all that the replicated ones held. It is a replica of its own, with a new\n"
    "site id, and can sync with the others at once; what it restored stays attributed to who\n"
    "wrote it.\n\n"
    "--at goes back to a point in time: the last backup up to a TIME in UTC (2026-11-23 12:00:05,\n"
    "or with +01:00 behind it), or the first that has what a TOKEN of crsql_token() names.\n"
    "tributary inspect DIR lists the points. Nothing is restored where a part is missing or\n"
    "damaged, unless --partial is given.\n\n"
    "Examples:\n"
    "  tributary restore /mnt/backup/notes --to notes.db\n"
    "  tributary restore /mnt/backup/notes --to before.db --at '2026-11-23 12:00'\n"
    "  tributary restore ~/Dropbox/notes --to new.db      a newcomer\n";

// What is restored, and from what.
struct Source {
  folder::Folder folder;
  folder::Listing listing;
  std::vector<const SegmentFile*> segments;  // up to the point in time
  folder::Plan plan;
  std::vector<std::string> missing;
  const SegmentFile* latest = nullptr;  // whose schema it is
  int64_t rows = 0;
  std::vector<Parked> parked;  // what the new database has no place for
};

// A time as SQLite reads it, in milliseconds; -1 for what is none. Without a fraction it means the
// end of that second.
int64_t ParseTime(const std::string& text) {
  sqlite3* db = nullptr;
  sqlite3_stmt* s = nullptr;
  int64_t ms = -1;
  if (sqlite3_open(":memory:", &db) == SQLITE_OK &&
      sqlite3_prepare_v2(db, "SELECT round(unixepoch(?1, 'subsec') * 1000)", -1, &s, nullptr) ==
          SQLITE_OK) {
    sqlite3_bind_text(s, 1, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
    if (sqlite3_step(s) == SQLITE_ROW && sqlite3_column_type(s, 0) != SQLITE_NULL) {
      ms = sqlite3_column_int64(s, 0) + (text.find('.') == std::string::npos ? 999 : 0);
    }
  }
  sqlite3_finalize(s);
  sqlite3_close(db);
  return ms;
}

std::vector<const SegmentFile*> UpTo(const std::vector<const SegmentFile*>& all, int64_t time_ms) {
  std::vector<const SegmentFile*> some;
  std::copy_if(all.begin(), all.end(), std::back_inserter(some),
               [time_ms](const SegmentFile* s) { return s->head.time_ms <= time_ms; });
  return some;
}

// The time of the first point that has what the token names. More is known at later times only.
Status FindToken(const std::vector<const SegmentFile*>& all, const std::string& text,
                 int64_t* time_ms) {
  Token token;
  if (!token.Decode(text)) {
    return {ExitCode::kUsage,
            "'" + text + "' is neither a time (as 2026-11-23 12:00:05) nor a token"};
  }
  const auto covers = [&](int64_t t) {
    return token.LackedBy(folder::Reach(UpTo(all, t))).empty();
  };
  std::vector<int64_t> times;
  times.reserve(all.size());
  for (const SegmentFile* s : all) times.push_back(s->head.time_ms);
  std::sort(times.begin(), times.end());
  if (times.empty() || !covers(times.back())) {
    return {ExitCode::kDifferent, "the folder does not have what the token names"};
  }
  *time_ms =
      *std::partition_point(times.begin(), times.end(), [&](int64_t t) { return !covers(t); });
  return {};
}

Status Choose(const Context& context, Source* source) {
  TRIBUTARY_RETURN_IF_ERROR(FromAbsl(source->folder.Scan(&source->listing)));
  const std::vector<const SegmentFile*> all = source->listing.Segments();
  if (all.empty()) {
    return {ExitCode::kDifferent, source->folder.path() + ": holds no segments to restore from"};
  }
  int64_t time_ms = INT64_MAX;
  const std::string at = context.args.Get("--at");
  if (!at.empty()) time_ms = ParseTime(at);
  if (time_ms < 0) TRIBUTARY_RETURN_IF_ERROR(FindToken(all, at, &time_ms));
  source->segments = UpTo(all, time_ms);
  if (source->segments.empty()) {
    int64_t oldest = INT64_MAX;
    for (const SegmentFile* s : all) oldest = std::min(oldest, s->head.time_ms);
    return {ExitCode::kDifferent,
            source->folder.path() + ": the oldest point in time is " + ShowTime(oldest)};
  }
  return {};
}

// Which segments it takes, and what is missing.
void MakeSourcePlan(Source* source) {
  // Whose schema it is shows where the segments lead; then the plan may be a better one.
  std::optional<uint64_t> tables;
  if (source->latest != nullptr) tables = source->latest->head.tables;
  source->plan = folder::MakePlan(source->segments, {}, tables);
  source->missing.clear();
  source->latest = nullptr;
  for (const SegmentFile* s : source->segments) {
    if (!source->plan.reached.Covers(s->head.until)) {
      if (!s->damaged) source->missing.push_back(s->path + " builds on what is not there");
      continue;
    }
    const bool later = source->latest == nullptr || s->head.time_ms >= source->latest->head.time_ms;
    if (later && !s->damaged) source->latest = s;
  }
}

// Reads everything before anything is made. What is damaged does not matter where another segment
// has the same.
Status Verify(bool partial, Progress* progress, Source* source) {
  std::vector<std::string> damaged;
  for (const folder::Problem& p : source->listing.problems) {
    damaged.push_back(p.path + ": " + p.text);
  }
  for (bool sound = false; !sound;) {
    sound = true;
    source->latest = nullptr;
    MakeSourcePlan(source);
    MakeSourcePlan(source);
    int64_t done = 0;
    progress->Part("verifying", Progress::Unit::kBytes, static_cast<int64_t>(source->plan.bytes));
    for (const SegmentFile* step : source->plan.steps) {
      progress->Set(done);
      done += static_cast<int64_t>(step->head.size);
      const absl::Status read = source->folder.ReadSegment(*step, nullptr);
      if (read.ok()) continue;
      for (SegmentFile& s : source->listing.segments) s.damaged |= s.path == step->path;
      damaged.push_back(step->path + ": " + std::string(read.message()));
      sound = false;
      break;
    }
  }
  bool lost = !source->missing.empty();
  for (const SegmentFile* s : source->segments) {
    lost |= s->damaged && !source->plan.reached.Covers(s->head.until);
  }
  if (!lost && source->latest != nullptr && source->listing.problems.empty()) return {};
  source->missing.insert(source->missing.begin(), damaged.begin(), damaged.end());
  const std::string first = source->missing.empty() ? "" : source->missing[0];
  if (source->latest == nullptr) {
    return {ExitCode::kFailed, source->folder.path() + ": nothing of it can be used: " + first +
                                   "; copy the folder again, or make a new backup"};
  }
  if (partial) return {};
  return {ExitCode::kFailed, source->folder.path() + ": incomplete: " + first +
                                 "; go back further with --at, or --partial leaves it out"};
}

// Full-text indexes of a table's content are made of it. Those that keep their own, which is not in
// a backup, or none, say no or stay empty.
Status RebuildTextIndexes(const Database& db) {
  std::vector<std::string> names;
  Statement s = db.Prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE %'"
      " AND sql LIKE '%using%fts5%'");
  while (s.Step()) names.emplace_back(s.Text(0));
  for (const std::string& name : names) {
    const std::string quoted = QuoteName(name);
    db.Exec("INSERT INTO " + quoted + "(" + quoted + ") VALUES('rebuild')").ok();
  }
  return s.status();
}

Status Build(const std::string& target, const folder::Schema& schema, Progress* progress,
             Database* db, Source* source) {
  // Nobody sees the file before it is complete: it needs no journal on the disk.
  TRIBUTARY_RETURN_IF_ERROR(db->Exec("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF"));
  for (const std::string& sql : schema.setup) TRIBUTARY_RETURN_IF_ERROR(db->Exec(sql));
  TRIBUTARY_RETURN_IF_ERROR(db->LoadExtension());
  for (const std::string& table : schema.replicated) {
    Statement upgrade = db->Prepare("SELECT crsql_as_crr(?1)");
    TRIBUTARY_RETURN_IF_ERROR(upgrade.BindText(1, table).Run());
  }
  progress->Part("restoring", Progress::Unit::kBytes, static_cast<int64_t>(source->plan.bytes));
  Statement apply = db->PreparePersistent("SELECT crsql_apply(?1)");
  int64_t done = 0;
  for (const SegmentFile* step : source->plan.steps) {
    Status failed;
    const absl::Status read = source->folder.ReadSegment(*step, [&](std::string_view frame) {
      apply.Reset();
      apply.BindBlobView(1, frame);
      if (apply.Step()) source->rows += apply.Int(0);
      failed = apply.status();
      done += static_cast<int64_t>(frame.size());
      progress->Set(done, Count(source->rows, "row"));
      return failed.ok() ? absl::OkStatus() : absl::AbortedError("");
    });
    if (!failed.ok()) return {failed.code(), step->path + ": " + failed.message()};
    if (!read.ok()) return {ExitCode::kFailed, step->path + ": " + std::string(read.message())};
  }
  apply = Statement();
  // Only now: indexes are faster to make at once, and triggers must not run because of rows whose
  // consequences are restored, too.
  for (const std::string& sql : schema.finish) TRIBUTARY_RETURN_IF_ERROR(db->Exec(sql));
  TRIBUTARY_RETURN_IF_ERROR(RebuildTextIndexes(*db));
  TRIBUTARY_RETURN_IF_ERROR(LoadParked(*db, target, &source->parked));
  return db->Exec("PRAGMA journal_mode = DELETE");
}

Status BuildFile(const Context& context, Progress* progress, NewFile* file, Source* source) {
  folder::Schema schema;
  TRIBUTARY_RETURN_IF_ERROR(
      FromAbsl(source->folder.ReadSchema(source->listing, source->latest->head.schema, &schema)));
  {
    Database db;
    TRIBUTARY_RETURN_IF_ERROR(
        db.Open(file->temporary(), OpenMode::kCreate, context.busy_timeout_seconds));
    progress->Watch(db);
    Status built = Build(context.args.Get("--to"), schema, progress, &db, source);
    progress->Clear();
    progress->Unwatch(db);
    TRIBUTARY_RETURN_IF_ERROR(built);
  }
  return file->Finish();
}

// What it would make, as far as the segments say it: a row that was changed later counts again.
Status Foretell(Source* source) {
  folder::Schema schema;
  TRIBUTARY_RETURN_IF_ERROR(
      FromAbsl(source->folder.ReadSchema(source->listing, source->latest->head.schema, &schema)));
  for (const SegmentFile* s : source->plan.steps) {
    source->rows += static_cast<int64_t>(s->head.rows);
  }
  return {};
}

void WriteJson(const std::string& target, bool dry_run, const Source& source) {
  JsonWriter json(stdout);
  json.BeginObject();
  json.Key("dry_run").Bool(dry_run);
  json.Key("database").String(target);
  json.Key("point").String(ShowTime(source.latest->head.time_ms));
  json.Key("segments").Int(static_cast<int64_t>(source.plan.steps.size()));
  json.Key("bytes").Int(static_cast<int64_t>(source.plan.bytes));
  json.Key(dry_run ? "rows_at_most" : "rows").Int(source.rows);
  json.Key("left_out").BeginArray();
  for (const std::string& text : source.missing) json.String(text);
  json.EndArray();
  json.Key("parked").BeginArray();
  WriteParked(&json, target, source.parked);
  json.EndArray();
  json.EndObject();
}

void PrintReport(const Context& context, const std::string& target, const Source& source) {
  const Style& style = context.style;
  const bool dry = IsDryRun(context);
  if (dry) std::printf("%s\n", style.Yellow("dry run, nothing was written; it would be:").c_str());
  std::printf("%s %s as of %s: %s%s from %s, %s\n", style.Green("✓").c_str(),
              style.Bold(target).c_str(), ShowTime(source.latest->head.time_ms).c_str(),
              dry ? "at most " : "", Count(source.rows, "row").c_str(),
              Count(static_cast<int64_t>(source.plan.steps.size()), "segment").c_str(),
              Bytes(static_cast<int64_t>(source.plan.bytes)).c_str());
  for (const std::string& text : source.missing) {
    std::printf("%s %s\n", style.Yellow("left out:").c_str(), OneLine(text, 300).c_str());
  }
  PrintParked(style, target, source.parked);
}

Status RunRestore(const Context& context) {
  const std::string target = context.args.Get("--to");
  if (target.empty()) {
    return {ExitCode::kUsage, "restore needs a name for the new file: --to NEW.db"};
  }
  NewFile file;
  TRIBUTARY_RETURN_IF_ERROR(file.Begin(target, "restore"));
  Source source{.folder = folder::Folder(context.arg(0))};
  TRIBUTARY_RETURN_IF_ERROR(Choose(context, &source));
  {
    Progress progress(context.human(), "restore");
    TRIBUTARY_RETURN_IF_ERROR(Verify(context.args.Has("--partial"), &progress, &source));
    TRIBUTARY_RETURN_IF_ERROR(IsDryRun(context) ? Foretell(&source)
                                                : BuildFile(context, &progress, &file, &source));
  }
  if (context.json) WriteJson(target, IsDryRun(context), source);
  if (context.human()) PrintReport(context, target, source);
  return source.missing.empty() ? Status() : Different();
}

}  // namespace

Command RestoreCommand() {
  return {"restore",
          "DIR --to NEW.db",
          "make a database from a backup or a shared folder",
          kDetails,
          {{"--to", "", "NEW.db", "the file to make"},
           {"--at", "", "TIME|TOKEN", "as of that time (UTC), or the first point with the token"},
           {"--partial", "", "", "leave out what is missing or damaged"},
           {"--dry-run", "", "", "only check the folder, and say what would be restored"}},
          1,
          1,
          RunRestore};
}

}  // namespace tributary::cli
