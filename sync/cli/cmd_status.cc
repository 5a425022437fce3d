// tributary status: what a replica is and holds.
#include <cstdio>

#include "sync/cli/commands.h"
#include "sync/cli/explain.h"
#include "sync/cli/json.h"
#include "sync/cli/parked.h"
#include "sync/cli/replica.h"

namespace tributary::cli {
namespace {

constexpr std::string_view kDetails =
    "Shows the identity of a replica, how many transactions it made, its replicated tables, the\n"
    "other replicas it has heard of, and its digest: two replicas with equal digests are equal.\n"
    "The token names all that it knows now, for tributary wait at another replica.\n"
    "Per table: rows, rows with a history of their own (exceptions), bytes of the version log,\n"
    "and deleted rows that are remembered (tombstones). What others sent for a table or column\n"
    "that is not here is kept for later: how many cells of each, and what to do.\n"
    "With --table and --key, the state of that row instead, as tributary log shows it.\n\n"
    "Examples:\n"
    "  tributary status notes.db\n"
    "  tributary status notes.db --table note --key 7   one row\n"
    "  tributary status --json notes.db | jq -r .digest\n";

struct TableStatus {
  std::string name;
  int64_t rows = 0;
  int64_t exceptions = 0;
  int64_t log_bytes = 0;
  int64_t tombstones = 0;
};

struct Peer {
  std::string site_id;
  int64_t version = 0;
};

struct Report {
  std::string site_id;
  int64_t version = 0;
  int64_t file_bytes = 0;
  std::string digest;
  std::string token;
  std::vector<TableStatus> tables;
  std::vector<std::string> other_tables;
  std::vector<Peer> peers;
  std::vector<Parked> parked;
};

Status ReadTables(const Database& db, Report* report) {
  Statement info = db.Prepare(
      "SELECT \"table\", rows, exceptions, log_bytes, tombstones FROM crsql_info ORDER BY 1");
  while (info.Step()) {
    report->tables.push_back(
        {std::string(info.Text(0)), info.Int(1), info.Int(2), info.Int(3), info.Int(4)});
  }
  TRIBUTARY_RETURN_IF_ERROR(info.status());
  Statement others = db.Prepare(
      "SELECT name FROM sqlite_schema AS s WHERE type = 'table' AND NOT EXISTS"
      " (SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = s.name"
      "  AND substr(name, -13) = '__crsql_itrig')"
      " ORDER BY name");
  while (others.Step()) {
    if (!IsInternalName(others.Text(0))) report->other_tables.emplace_back(others.Text(0));
  }
  return others.status();
}

Status ReadReport(const Database& db, Report* report) {
  // One snapshot for all of it.
  Transaction transaction(db);
  TRIBUTARY_RETURN_IF_ERROR(transaction.BeginRead());
  TRIBUTARY_RETURN_IF_ERROR(OwnSiteId(db, &report->site_id));
  TRIBUTARY_RETURN_IF_ERROR(db.QueryInt("SELECT crsql_db_version()", &report->version));
  TRIBUTARY_RETURN_IF_ERROR(
      db.QueryInt("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
                  &report->file_bytes));
  TRIBUTARY_RETURN_IF_ERROR(ReadTables(db, report));
  TRIBUTARY_RETURN_IF_ERROR(LoadParked(db, db.path(), &report->parked));
  Statement peers = db.Prepare(
      "SELECT site_id, db_version FROM crsql_db_versions WHERE site_id <> crsql_site_id()"
      " ORDER BY site_id");
  while (peers.Step()) report->peers.push_back({std::string(peers.Bytes(0)), peers.Int(1)});
  TRIBUTARY_RETURN_IF_ERROR(peers.status());
  TRIBUTARY_RETURN_IF_ERROR(db.QueryText("SELECT crsql_token()", &report->token));
  return Digest(db, &report->digest);
}

std::string Join(const std::vector<std::string>& names) {
  std::string joined;
  for (const std::string& name : names) {
    if (!joined.empty()) joined += ", ";
    joined += OneLine(name, 60);
  }
  return joined;
}

void Print(const Context& context, const Report& r) {
  const Style& style = context.style;
  const auto line = [&](const char* label, const std::string& value) {
    std::printf("%s %s\n", style.Dim(label).c_str(), value.c_str());
  };
  line("site    ", style.Bold(Hex(r.site_id)));
  line("version ", WithCommas(r.version));
  line("file    ", Bytes(r.file_bytes));
  line("digest  ", r.digest);
  line("token   ", r.token);
  std::printf("\n");
  TextTable tables({"table", "rows", "exceptions", "log", "tombstones"});
  for (size_t i = 1; i <= 4; ++i) tables.AlignRight(i);
  for (const TableStatus& t : r.tables) {
    tables.Add({OneLine(t.name, 60), WithCommas(t.rows), WithCommas(t.exceptions),
                Bytes(t.log_bytes), WithCommas(t.tombstones)});
  }
  tables.Print(stdout, style);
  if (!r.other_tables.empty()) {
    std::printf("\n");
    line("not replicated:", Join(r.other_tables));
  }
  if (!r.parked.empty()) std::printf("\n");
  PrintParked(style, context.arg(0), r.parked);
  std::printf("\n");
  if (r.peers.empty()) {
    std::printf("%s\n", style.Dim("no other replicas heard of").c_str());
    return;
  }
  TextTable peers({"other replicas", "version"});
  peers.AlignRight(1);
  for (const Peer& p : r.peers) peers.Add({Hex(p.site_id), WithCommas(p.version)});
  peers.Print(stdout, style);
}

void WriteJson(const std::string& path, const Report& r) {
  JsonWriter json(stdout);
  json.BeginObject();
  json.Key("database").String(path);
  json.Key("site_id").String(Hex(r.site_id));
  json.Key("db_version").Int(r.version);
  json.Key("file_bytes").Int(r.file_bytes);
  json.Key("digest").String(r.digest);
  json.Key("token").String(r.token);
  json.Key("tables").BeginArray();
  for (const TableStatus& t : r.tables) {
    json.BeginObject();
    json.Key("table").String(t.name);
    json.Key("rows").Int(t.rows);
    json.Key("exceptions").Int(t.exceptions);
    json.Key("log_bytes").Int(t.log_bytes);
    json.Key("tombstones").Int(t.tombstones);
    json.EndObject();
  }
  json.EndArray();
  json.Key("not_replicated").BeginArray();
  for (const std::string& name : r.other_tables) json.String(name);
  json.EndArray();
  json.Key("parked").BeginArray();
  WriteParked(&json, path, r.parked);
  json.EndArray();
  json.Key("peers").BeginArray();
  for (const Peer& p : r.peers) {
    json.BeginObject();
    json.Key("site_id").String(Hex(p.site_id));
    json.Key("db_version").Int(p.version);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
}

Status RunStatus(const Context& context) {
  TRIBUTARY_RETURN_IF_ERROR(context.args.Needs("--table", {"--key"}));
  TRIBUTARY_RETURN_IF_ERROR(context.args.Needs("--key", {"--table"}));
  Database db;
  TRIBUTARY_RETURN_IF_ERROR(OpenReplica(context, context.arg(0), OpenMode::kRead, &db));
  if (context.args.Has("--table")) {
    const std::string table = context.args.Get("--table");
    TRIBUTARY_RETURN_IF_ERROR(CheckReplicated(db, table));
    Transaction snapshot(db);
    TRIBUTARY_RETURN_IF_ERROR(snapshot.BeginRead());
    return ExplainRow(context, db, table, context.args.Get("--key"));
  }
  Report report;
  {
    Progress progress(context.human(), "status");
    progress.Watch(db);
    TRIBUTARY_RETURN_IF_ERROR(ReadReport(db, &report));
  }
  if (context.json) WriteJson(context.arg(0), report);
  if (context.human()) Print(context, report);
  return {};
}

}  // namespace

Command StatusCommand() {
  return {"status",
          "DB [--table T --key K]",
          "identity, tables, peers, digest; or the state of one row",
          kDetails,
          {{"--table", "", "NAME", "of the row to be shown"},
           {"--key", "", "K", "its key; several columns: JSON array"}},
          1,
          1,
          RunStatus};
}

}  // namespace tributary::cli
