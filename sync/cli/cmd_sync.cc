// tributary sync: makes two files equal, both ways.
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "sync/cli/commands.h"
#include "sync/cli/copy_point.h"
#include "sync/cli/dry_run.h"
#include "sync/cli/json.h"
#include "sync/cli/parked.h"
#include "sync/cli/replica.h"
#include "sync/cli/session_run.h"
#include "sync/cli/transfer.h"
#include "sync/session/schema_diff.h"
#include "sync/session/sqlite_replica.h"

namespace tributary::cli {
namespace {

constexpr std::string_view kDetails =
    "Gives each of two databases the changes it lacks of the other, so that both end equal. Where\n"
    "both changed the same cell, the one changed more often wins, then the larger value; a "
    "deleted\n"
    "row stays deleted. Every copy decides the same way, whatever the order of syncs. Changes "
    "that\n"
    "either side got from a third copy travel along. What moves is written in transactions of "
    "about\n"
    "--batch bytes, never splitting a transaction of its author. Interrupted, it can simply be "
    "run\n"
    "again. Foreign keys are not enforced while merging, since a copy may have deleted what "
    "another\n"
    "refers to; such references are counted in the result, and listed by tributary check.\n\n"
    "The other copy may be elsewhere: --exec runs a command that leads to a tributary session\n"
    "there, tcp://HOST:PORT connects to one that listens, ws:// and wss:// to a room of a hub "
    "(see\n"
    "tributary serve), where --watch stays and connects again. Conflicts are not listed then. "
    "With\n"
    "--live, --until ends it once this copy has seen what a token names (see tributary wait).\n\n"
    "--dry-run does it on copies in memory or unnamed temporary files, and writes nothing else. "
    "It\n"
    "is exact for files and folders; of what a session would send here it knows only a bound.\n\n"
    "Tables or columns that only one copy has are exchanged, too: the other keeps them, passes "
    "them\n"
    "on, and merges them once it has such a table or column. What it keeps, and what to do, is "
    "shown.\n"
    "A new copy is made by tributary clone: a file copied with cp is the same replica twice, and "
    "is\n"
    "refused.\n\n"
    "Examples:\n"
    "  tributary sync phone.db laptop.db\n"
    "  tributary sync notes.db --folder ~/Dropbox/notes --watch\n"
    "  tributary sync --conflicts 100 phone.db laptop.db     show up to 100 conflicts\n"
    "  tributary sync -q phone.db usb/phone.db && echo equal\n"
    "  tributary sync phone.db --exec \"ssh host tributary session phone.db\"\n"
    "  tributary sync phone.db tcp://192.168.1.5:4567 --live\n";

// Rounds of exchange before giving up on two databases that others keep writing to.
constexpr int kMaxRounds = 3;
constexpr int64_t kDefaultConflictsShown = 10;

struct Session {
  const Context& context;
  Database a;
  Database b;
  TransferOptions options;
  TransferResult a_to_b;
  TransferResult b_to_a;
  Schema schema_a;
  Schema schema_b;
  std::vector<Parked> parked_a;
  std::vector<Parked> parked_b;
  int64_t dangling = 0;
  bool equal = false;
  bool whole = false;  // all that both have a place for is equal
  std::string digest;
  double seconds = 0;

  bool moved() const { return a_to_b.cells + b_to_a.cells > 0; }
};

// The same file twice, or two files with one identity, cannot be told apart as authors.
Status RefuseOneReplica(const Session& s) {
  struct stat a {};
  struct stat b {};
  if (stat(s.a.path().c_str(), &a) == 0 && stat(s.b.path().c_str(), &b) == 0 &&
      a.st_dev == b.st_dev && a.st_ino == b.st_ino) {
    return {ExitCode::kUsage, s.a.path() + " and " + s.b.path() + " are the same file"};
  }
  std::string site_a;
  std::string site_b;
  TRIBUTARY_RETURN_IF_ERROR(OwnSiteId(s.a, &site_a));
  TRIBUTARY_RETURN_IF_ERROR(OwnSiteId(s.b, &site_b));
  if (site_a != site_b) return {};
  int64_t version = 0;
  TRIBUTARY_RETURN_IF_ERROR(FindCopyPoint(s.a, s.b, &version));
  const std::string n = std::to_string(version);
  return {ExitCode::kDifferent, s.a.path() + " and " + s.b.path() + " are the same replica (site " +
                                    ShortSite(site_a) +
                                    "): one was copied from the other, and they parted after "
                                    "version " +
                                    n + "; this gives the second an id of its own: tributary sql " +
                                    s.b.path() + " 'SELECT crsql_new_site_id(" + n + ")'"};
}

Status LoadSchemas(Session* s) {
  SqliteReplica a(s->a.get(), s->context.busy_timeout_seconds);
  SqliteReplica b(s->b.get(), s->context.busy_timeout_seconds);
  TRIBUTARY_RETURN_IF_ERROR(ToStatus(a.GetSchema(&s->schema_a), s->a.path()));
  TRIBUTARY_RETURN_IF_ERROR(ToStatus(b.GetSchema(&s->schema_b), s->b.path()));
  if (s->schema_a == s->schema_b) return {};
  VersionVector a_knows;
  VersionVector b_knows;
  TRIBUTARY_RETURN_IF_ERROR(LoadKnowledge(s->a, &a_knows));
  TRIBUTARY_RETURN_IF_ERROR(LoadKnowledge(s->b, &b_knows));
  if (!AreStrangers(s->schema_a, s->schema_b, a_knows, b_knows)) return {};
  return {ExitCode::kDifferent,
          s->a.path() + " and " + s->b.path() +
              " have no table in common and nothing of each other: are they the right databases?"};
}

// Of columns that the table has.
bool KeepsOf(const std::vector<Parked>& parked, const std::string& table) {
  return std::any_of(parked.begin(), parked.end(),
                     [&](const Parked& p) { return p.table == table && p.columns.empty(); });
}

// Equal digests mean equal replicas. Where tables differ, or something is kept for later, only the
// other tables can tell whether all has come.
Status CompareDigests(Session* s) {
  std::string digest_b;
  TRIBUTARY_RETURN_IF_ERROR(LoadParked(s->a, s->a.path(), &s->parked_a));
  TRIBUTARY_RETURN_IF_ERROR(LoadParked(s->b, s->b.path(), &s->parked_b));
  TRIBUTARY_RETURN_IF_ERROR(Digest(s->a, &s->digest));
  TRIBUTARY_RETURN_IF_ERROR(Digest(s->b, &digest_b));
  s->equal = s->schema_a == s->schema_b && s->digest == digest_b;
  s->whole = true;
  for (const TableSchema& t : s->schema_a) {
    if (s->equal || KeepsOf(s->parked_a, t.name) || KeepsOf(s->parked_b, t.name)) continue;
    if (std::find(s->schema_b.begin(), s->schema_b.end(), t) == s->schema_b.end()) continue;
    std::string digest_a;
    TRIBUTARY_RETURN_IF_ERROR(Digest(s->a, t.name, &digest_a));
    TRIBUTARY_RETURN_IF_ERROR(Digest(s->b, t.name, &digest_b));
    s->whole &= digest_a == digest_b;
  }
  return {};
}

Status OneRound(Session* s, bool everything, ConflictTracker* tracker, Progress* progress) {
  s->options.everything = everything;
  TRIBUTARY_RETURN_IF_ERROR(RunTransfer(s->a, s->b, s->options, tracker, progress, &s->a_to_b));
  return RunTransfer(s->b, s->a, s->options, nullptr, progress, &s->b_to_a);
}

// Sum of the data versions: changes when another program committed to one of the files.
Status ForeignWrites(const Session& s, int64_t* counter) {
  int64_t a = 0;
  int64_t b = 0;
  TRIBUTARY_RETURN_IF_ERROR(s.a.QueryInt("PRAGMA data_version", &a));
  TRIBUTARY_RETURN_IF_ERROR(s.b.QueryInt("PRAGMA data_version", &b));
  *counter = a + b;
  return {};
}

// A digest reads the whole database: not worth it where one side made changes that the other has
// never been told of.
Status MayBeEqual(const Session& s, bool* maybe) {
  VersionVector a;
  VersionVector b;
  std::string site_a;
  std::string site_b;
  TRIBUTARY_RETURN_IF_ERROR(LoadKnowledge(s.a, &a));
  TRIBUTARY_RETURN_IF_ERROR(LoadKnowledge(s.b, &b));
  TRIBUTARY_RETURN_IF_ERROR(OwnSiteId(s.a, &site_a));
  TRIBUTARY_RETURN_IF_ERROR(OwnSiteId(s.b, &site_b));
  const SiteId ids[] = {SiteOf(site_a), SiteOf(site_b)};
  *maybe = a.Of(ids[0]) <= b.Of(ids[0]) && b.Of(ids[1]) <= a.Of(ids[1]);
  return {};
}

Status Exchange(Session* s, ConflictTracker* tracker, Progress* progress) {
  bool everything = false;
  for (int round = 0; round < kMaxRounds && !s->equal && !(round > 0 && s->whole); ++round) {
    int64_t before = 0;
    int64_t after = 0;
    TRIBUTARY_RETURN_IF_ERROR(ForeignWrites(*s, &before));
    TRIBUTARY_RETURN_IF_ERROR(OneRound(s, everything, round == 0 ? tracker : nullptr, progress));
    progress->Part("comparing");
    TRIBUTARY_RETURN_IF_ERROR(CompareDigests(s));
    TRIBUTARY_RETURN_IF_ERROR(ForeignWrites(*s, &after));
    const bool undisturbed = before == after;
    if (everything && undisturbed) return {};  // no more can be done
    // Nobody interfered and they still differ: what they believe to know is not to be trusted.
    everything = undisturbed;
  }
  return {};
}

// Counts references whose target is gone. A count for the report: errors in old schemas (a parent
// table that does not exist) are none of its business.
int64_t CountDangling(const Database& db) {
  int64_t count = 0;
  const Status status = db.QueryInt("SELECT count(*) FROM pragma_foreign_key_check", &count);
  return status.ok() ? count : 0;
}

void PrintDirection(const Session& s, const Database& from, const Database& to,
                    const TransferResult& r) {
  const Style& style = s.context.style;
  const std::string names = style.Bold(from.path()) + " → " + style.Bold(to.path());
  if (r.cells == 0) {
    std::printf("%s  %s\n", names.c_str(), style.Dim("nothing new").c_str());
    return;
  }
  const std::string lost = r.applied < r.rows ? "; " + WithCommas(r.applied) +
                                                    (r.applied == 1 ? " was new" : " were new")
                                              : "";
  std::printf("%s  %s, %s, %s, %s%s\n", names.c_str(), Count(r.rows, "row").c_str(),
              Count(r.cells, "cell").c_str(), Bytes(r.bytes).c_str(),
              Count(r.transactions, "transaction").c_str(), lost.c_str());
}

void PrintConflicts(const Session& s, const ConflictTracker& tracker) {
  if (tracker.count() == 0) return;
  const Style& style = s.context.style;
  std::printf("%s resolved%s\n", style.Yellow(Count(tracker.count(), "conflict")).c_str(),
              tracker.truncated() ? " (at least)" : "");
  for (const Conflict& c : tracker.details()) {
    const auto side = [&](const Database& db, const std::string& text, bool won) {
      const std::string shown = db.path() + ": " + text;
      return won ? style.Green("✓ " + shown) : style.Dim("✗ " + shown);
    };
    std::string where = style.Cyan(OneLine(c.table, 40) + " " + c.key);
    if (!c.column.empty()) where += " " + OneLine(c.column, 40);
    where += "  " + style.Dim(c.why);
    std::printf("  %s\n    %s\n    %s\n", where.c_str(),
                side(s.a, c.from_sender, c.sender_won).c_str(),
                side(s.b, c.from_receiver, !c.sender_won).c_str());
  }
  const int64_t more = tracker.count() - static_cast<int64_t>(tracker.details().size());
  if (more > 0) {
    const std::string line = "… and " + WithCommas(more) + " more; --conflicts N shows them";
    std::printf("  %s\n", style.Dim(line).c_str());
  }
}

// What one copy has no place for, whether there is anything of it or not.
std::vector<std::string> TablesDiffer(const Session& s) {
  std::vector<std::string> all = KeptForLater(s.schema_a, s.schema_b, "in " + s.b.path());
  for (std::string& text : KeptForLater(s.schema_b, s.schema_a, "in " + s.a.path())) {
    all.push_back(std::move(text));
  }
  return all;
}

void PrintReport(const Session& s, const ConflictTracker& tracker) {
  const Style& style = s.context.style;
  const bool dry = IsDryRun(s.context);
  if (dry) {
    std::printf("%s\n", style.Yellow("dry run, nothing was written; a sync would do:").c_str());
  }
  if (s.moved()) {
    PrintDirection(s, s.a, s.b, s.a_to_b);
    PrintDirection(s, s.b, s.a, s.b_to_a);
    PrintConflicts(s, tracker);
  }
  for (const std::string& text : TablesDiffer(s)) {
    std::printf("%s %s\n", style.Yellow("note:").c_str(), OneLine(text, 300).c_str());
  }
  PrintParked(style, s.a.path(), s.parked_a);
  PrintParked(style, s.b.path(), s.parked_b);
  if (s.dangling > 0) {
    const std::string line = Count(s.dangling, "reference") +
                             (s.dangling == 1 ? " points to a row" : " point to rows") +
                             " that no longer exist" + (s.dangling == 1 ? "s" : "");
    std::printf("%s %s; see tributary check\n", style.Yellow("note:").c_str(), line.c_str());
  }
  if (s.equal) {
    std::printf("%s %s (digest %s), %s\n", style.Green("✓").c_str(),
                !s.moved() ? "both were equal already"
                : dry      ? "both would be equal"
                           : "both are equal",
                s.digest.substr(0, 16).c_str(), Seconds(s.seconds).c_str());
  } else if (s.whole) {
    std::printf("%s all %s exchanged, %s\n", style.Yellow("✓").c_str(), dry ? "would be" : "was",
                Seconds(s.seconds).c_str());
  }
}

void WriteDirection(JsonWriter* json, std::string_view name, const TransferResult& r) {
  json->Key(name).BeginObject();
  json->Key("transactions").Int(r.transactions);
  json->Key("rows").Int(r.rows);
  json->Key("cells").Int(r.cells);
  json->Key("bytes").Int(r.bytes);
  json->Key("applied").Int(r.applied);
  json->EndObject();
}

void WriteJson(const Session& s, const ConflictTracker& tracker) {
  JsonWriter json(stdout);
  json.BeginObject();
  json.Key("a").String(s.a.path());
  json.Key("b").String(s.b.path());
  json.Key("dry_run").Bool(IsDryRun(s.context));
  json.Key("equal").Bool(s.equal);
  WriteDirection(&json, "a_to_b", s.a_to_b);
  WriteDirection(&json, "b_to_a", s.b_to_a);
  json.Key("conflicts").Int(tracker.count());
  json.Key("conflicts_complete").Bool(!tracker.truncated());
  json.Key("conflict_details").BeginArray();
  for (const Conflict& c : tracker.details()) {
    json.BeginObject();
    json.Key("table").String(c.table);
    json.Key("key").String(c.key);
    if (!c.column.empty()) json.Key("column").String(c.column);
    json.Key("a").String(c.from_sender);
    json.Key("b").String(c.from_receiver);
    json.Key("winner").String(c.sender_won ? "a" : "b");
    json.Key("why").String(c.why);
    json.EndObject();
  }
  json.EndArray();
  json.Key("tables_differ").BeginArray();
  for (const std::string& text : TablesDiffer(s)) json.String(text);
  json.EndArray();
  json.Key("parked").BeginArray();
  WriteParked(&json, s.a.path(), s.parked_a);
  WriteParked(&json, s.b.path(), s.parked_b);
  json.EndArray();
  json.Key("dangling_references").Int(s.dangling);
  if (s.equal) json.Key("digest").String(s.digest);
  json.Key("seconds").Real(s.seconds);
  json.EndObject();
}

// What is of another form of the command would else be passed over in silence.
Status CheckForm(const Arguments& args) {
  TRIBUTARY_RETURN_IF_ERROR(args.NotBoth("--folder", "--exec"));
  TRIBUTARY_RETURN_IF_ERROR(args.NotBoth("--folder", "--live"));
  if (!IsHubSync(args)) {
    TRIBUTARY_RETURN_IF_ERROR(args.Needs("--folder", {"--watch"}));
    for (const std::string_view option : {"--token-file", "--ca"}) {
      if (!args.Has(option)) continue;
      return {ExitCode::kUsage,
              "option " + std::string(option) + " goes with a hub, ws://... or wss://..., only"};
    }
  }
  TRIBUTARY_RETURN_IF_ERROR(
      args.Needs("--folder", {"--poll", "--every", "--snapshot", "--verify"}));
  TRIBUTARY_RETURN_IF_ERROR(args.Needs("--live", {"--until"}));
  return args.Needs("--until", {"--for"});
}

// What looks like a copy elsewhere, or is a folder, is given in another way.
Status CheckSecond(const Context& context) {
  const std::string& second = context.arg(1);
  struct stat info {};
  if (stat(second.c_str(), &info) == 0) {
    if (!S_ISDIR(info.st_mode)) return {};
    return {ExitCode::kCannotOpen, second + ": is a folder, not a database; to sync through it: " +
                                       "tributary sync " + context.arg(0) + " --folder " + second};
  }
  if (second.find(':') == std::string::npos) return {};
  return {ExitCode::kCannotOpen,
          second +
              ": no such file; a copy elsewhere is given by tcp://HOST:PORT or "
              "--exec \"ssh HOST tributary session DB\""};
}

Status RunSync(const Context& context) {
  TRIBUTARY_RETURN_IF_ERROR(CheckForm(context.args));
  if (context.args.Has("--folder")) return RunFolderSync(context);
  if (IsSessionSync(context.args)) return RunSessionSync(context);
  if (context.args.positional.size() != 2) {
    return {ExitCode::kUsage,
            "sync needs two databases, or one and --folder DIR, --exec COMMAND, tcp://HOST:PORT or "
            "ws://HOST:PORT/v1/rooms/NAME"};
  }
  TRIBUTARY_RETURN_IF_ERROR(CheckSecond(context));
  const auto started = std::chrono::steady_clock::now();
  Session s{.context = context};
  int64_t shown = kDefaultConflictsShown;
  TRIBUTARY_RETURN_IF_ERROR(context.args.GetInt("--conflicts", 0, &shown));
  TRIBUTARY_RETURN_IF_ERROR(context.args.GetInt("--batch", 1, &s.options.batch_bytes));
  ConflictTracker tracker(static_cast<size_t>(shown));
  {
    Progress progress(context.human(), "comparing");
    TRIBUTARY_RETURN_IF_ERROR(OpenForSync(context, context.arg(0), &progress, &s.a));
    TRIBUTARY_RETURN_IF_ERROR(OpenForSync(context, context.arg(1), &progress, &s.b));
    TRIBUTARY_RETURN_IF_ERROR(RefuseOneReplica(s));
    TRIBUTARY_RETURN_IF_ERROR(LoadSchemas(&s));
    progress.Part("comparing");
    progress.Watch(s.a);
    progress.Watch(s.b);
    bool maybe_equal = false;
    TRIBUTARY_RETURN_IF_ERROR(MayBeEqual(s, &maybe_equal));
    if (maybe_equal) TRIBUTARY_RETURN_IF_ERROR(CompareDigests(&s));
    TRIBUTARY_RETURN_IF_ERROR(Exchange(&s, &tracker, &progress));
    if (s.moved()) s.dangling = CountDangling(s.a);
  }
  s.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  if (context.json) WriteJson(s, tracker);
  if (context.human()) PrintReport(s, tracker);
  if (s.equal) return {};
  if (s.whole) return Different();
  return {ExitCode::kDifferent,
          s.a.path() + " and " + s.b.path() +
              " still differ; if no other program is writing to them, see tributary check"};
}

}  // namespace

Command SyncCommand() {
  return {"sync",
          "A B | A --folder DIR | A --exec CMD | A URL",
          "make two copies equal, both ways",
          kDetails,
          {{"--conflicts", "", "N", "show up to N conflicts (default 10)"},
           {"--batch", "", "BYTES", "bytes per transaction of the receiver (default 1048576)"},
           {"--folder", "", "DIR", "exchange through a folder that a file-sync tool carries"},
           {"--watch", "", "", "with --folder or a hub: go on until interrupted"},
           {"--poll", "", "SECONDS", "with --watch: look at least this often (default 5)"},
           {"--every", "", "SECONDS", "with --watch: write at most this often (default 1)"},
           {"--snapshot", "", "", "with --folder: write a segment with everything"},
           {"--verify", "", "", "with --folder: mend damaged segments of one's own"},
           {"--exec", "", "COMMAND", "sync with the session that this command runs"},
           {"--live", "", "", "stay and exchange what is written, until Ctrl-C"},
           {"--until", "", "TOKEN", "with --live: until what the token names is here"},
           {"--token-file", "", "FILE", "with a hub: the token that it asks for"},
           {"--ca", "", "FILE", "with wss://: who vouches for the hub (PEM)"},
           {"--for", "", "SECONDS", "with --until: wait no longer than that (default 10)"},
           {"--dry-run", "", "", "only say what would be done; write nothing anywhere"}},
          1,
          2,
          RunSync};
}

}  // namespace tributary::cli
