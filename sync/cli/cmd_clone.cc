// tributary clone: another replica of a database, by copying the file.
#include <sys/stat.h>

#include <chrono>
#include <cstdio>

#include "sync/cli/commands.h"
#include "sync/cli/copy_pages.h"
#include "sync/cli/json.h"
#include "sync/cli/new_file.h"
#include "sync/cli/replica.h"

namespace tributary::cli {
namespace {

constexpr std::string_view kDetails =
    "Makes a new file that is a replica of its own: all of the database as it is now, whoever\n"
    "writes to it meanwhile, with a new site id. It knows all that the original knows, so that\n"
    "syncing either way moves only what is written from now on. What was written so far stays\n"
    "attributed to who wrote it. Far faster than syncing into an empty database; and unlike a "
    "copy\n"
    "by cp it cannot be mistaken for the original.\n\n"
    "Where the other copy is to be elsewhere, clone, move the file there, and use it there "
    "only.\n\n"
    "Examples:\n"
    "  tributary clone phone.db laptop.db\n"
    "  tributary clone -q phone.db usb/phone.db && echo ready\n"
    "  tributary clone --json phone.db laptop.db | jq -r .site_id\n";

struct Report {
  std::string site_id;
  int64_t tables = 0;
  int64_t bytes = 0;
  double seconds = 0;
};

// The copy's own settings for this connection: nobody sees the file before it is complete.
Status GiveIdentity(Database* db, Report* report) {
  std::string mode;
  TRIBUTARY_RETURN_IF_ERROR(db->QueryText("PRAGMA journal_mode", &mode));
  if (mode != "wal") TRIBUTARY_RETURN_IF_ERROR(db->Exec("PRAGMA journal_mode = MEMORY"));
  TRIBUTARY_RETURN_IF_ERROR(db->Exec("PRAGMA synchronous = OFF"));
  TRIBUTARY_RETURN_IF_ERROR(db->LoadExtension());
  Statement s = db->Prepare("SELECT crsql_new_site_id()");
  if (s.Step()) report->site_id = s.Bytes(0);
  return s.status();
}

Status Clone(const Context& context, const std::string& target, Report* report) {
  Database from;
  TRIBUTARY_RETURN_IF_ERROR(OpenReplica(context, context.arg(0), OpenMode::kRead, &from));
  std::vector<std::string> tables;
  TRIBUTARY_RETURN_IF_ERROR(ReplicatedTables(from, &tables));
  report->tables = static_cast<int64_t>(tables.size());
  NewFile file;
  TRIBUTARY_RETURN_IF_ERROR(file.Begin(target, "clone"));
  {
    Database to;
    TRIBUTARY_RETURN_IF_ERROR(
        to.Open(file.temporary(), OpenMode::kCreate, context.busy_timeout_seconds));
    Progress progress(context.human(), "clone");
    TRIBUTARY_RETURN_IF_ERROR(CopyPages(from, &progress, &to));
    progress.Part("giving it a site id");
    progress.Watch(to);
    Status given = GiveIdentity(&to, report);
    progress.Clear();
    progress.Unwatch(to);
    TRIBUTARY_RETURN_IF_ERROR(given);
  }
  TRIBUTARY_RETURN_IF_ERROR(file.Finish());
  struct stat made {};
  if (stat(target.c_str(), &made) == 0) report->bytes = made.st_size;
  return {};
}

void WriteJson(const Context& context, const Report& r) {
  JsonWriter json(stdout);
  json.BeginObject();
  json.Key("original").String(context.arg(0));
  json.Key("database").String(context.arg(1));
  json.Key("site_id").String(Hex(r.site_id));
  json.Key("tables").Int(r.tables);
  json.Key("bytes").Int(r.bytes);
  json.EndObject();
}

Status RunClone(const Context& context) {
  const auto start = std::chrono::steady_clock::now();
  Report report;
  TRIBUTARY_RETURN_IF_ERROR(Clone(context, context.arg(1), &report));
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (context.json) WriteJson(context, report);
  if (context.human()) {
    std::printf("%s %s is a replica of its own (site %s): %s, %s, in %s\n",
                context.style.Green("✓").c_str(), context.style.Bold(context.arg(1)).c_str(),
                ShortSite(report.site_id).c_str(), Count(report.tables, "table").c_str(),
                Bytes(report.bytes).c_str(), Seconds(report.seconds).c_str());
  }
  return {};
}

}  // namespace

Command CloneCommand() {
  return {"clone", "A B", "make another copy: a replica of its own", kDetails, {}, 2, 2, RunClone};
}

}  // namespace tributary::cli
