// tributary log: who changed what, transaction by transaction.
#include <cstdio>
#include <utility>

#include "crdt/packed.h"
#include "sync/cli/changes.h"
#include "sync/cli/commands.h"
#include "sync/cli/explain.h"
#include "sync/cli/json.h"
#include "sync/cli/replica.h"

namespace tributary::cli {
namespace {

constexpr std::string_view kDetails =
    "Lists the transactions a replica knows, of every author, with the cells that are still as "
    "that\n"
    "transaction left them: what was overwritten since is not kept. A version counts the\n"
    "transactions of its author, so versions of different authors say nothing about their "
    "order.\n\n"
    "  + a new row      ~ changed cells      - a deleted row\n\n"
    "With --key, why that row is as it is: the version of each cell, who set it and when. The "
    "same\n"
    "of another copy says which of two values wins.\n\n"
    "Examples:\n"
    "  tributary log notes.db\n"
    "  tributary log notes.db --since 120 --table note\n"
    "  tributary log notes.db --site 3f2a --limit 0     all rows of one author\n"
    "  tributary log notes.db --table note --key 7      one row\n"
    "  tributary log notes.db --table tag --key '[7, \"red\"]'\n";

constexpr int64_t kDefaultRows = 10;
constexpr int kValueWidth = 40;

// One row of one transaction, collected from its cells.
struct RowChange {
  std::string table;
  std::string key;  // packed
  bool deleted = false;
  bool created = true;                                     // every cell is its first
  std::vector<std::pair<std::string, std::string>> cells;  // the value as it is printed
};

class LogPrinter {
 public:
  LogPrinter(const Context& context, int64_t rows_shown) : context_(context), limit_(rows_shown) {}

  Status Run(const Database& db, Statement* changes);
  int64_t transactions() const { return transactions_; }

 private:
  void Begin(const Statement& changes);
  void Add(const Statement& changes);
  void EndRow();
  void EndTransaction();
  void PrintRow() const;
  void WriteRow();

  const Context& context_;
  int64_t limit_;
  JsonWriter json_{stdout};
  std::string own_;
  std::string site_;
  int64_t version_ = -1;
  bool in_transaction_ = false;
  bool in_row_ = false;
  RowChange row_;
  int64_t rows_ = 0;
  int64_t transactions_ = 0;
};

void LogPrinter::Begin(const Statement& changes) {
  site_ = changes.Bytes(6);
  version_ = changes.Int(5);
  in_transaction_ = true;
  rows_ = 0;
  ++transactions_;
  const bool own = site_ == own_;
  if (context_.json) {
    json_.BeginObject();
    json_.Key("site_id").String(Hex(site_));
    json_.Key("own").Bool(own);
    json_.Key("db_version").Int(version_);
    json_.Key("rows").BeginArray();
  } else {
    const Style& style = context_.style;
    std::string line = style.Yellow("version " + std::to_string(version_)) + "  " +
                       style.Cyan(ShortSite(site_)) + (own ? " (this replica)" : "");
    std::printf("%s\n", line.c_str());
  }
}

void LogPrinter::Add(const Statement& changes) {
  if (!in_row_ || changes.Text(0) != row_.table || changes.Bytes(1) != row_.key) {
    EndRow();
    row_ = {.table = std::string(changes.Text(0)), .key = std::string(changes.Bytes(1))};
    in_row_ = true;
    ++rows_;
  }
  const std::string_view column = changes.Text(2);
  const int64_t causal_length = changes.Int(7);
  row_.deleted = causal_length % 2 == 0;
  if (column == kSentinel) return;
  row_.created = row_.created && changes.Int(4) == 1;
  if (limit_ == 0 || rows_ <= limit_) {
    const Value value = changes.At(3);
    row_.cells.emplace_back(column, context_.json ? JsonOf(value) : Show(value, kValueWidth));
  }
}

void LogPrinter::PrintRow() const {
  const Style& style = context_.style;
  std::string line = row_.deleted   ? style.Red("-")
                     : row_.created ? style.Green("+")
                                    : style.Yellow("~");
  line += " " + OneLine(row_.table, 40) + " " + style.Bold(ShowKey(row_.key, kValueWidth));
  for (const auto& [name, value] : row_.cells) {
    line += "  " + style.Dim(OneLine(name, 40)) + " " + value;
  }
  std::printf("  %s\n", line.c_str());
}

void LogPrinter::WriteRow() {
  json_.BeginObject();
  json_.Key("table").String(row_.table);
  json_.Key("key").BeginArray();
  std::vector<Value> key;
  if (UnpackValues(row_.key, &key)) {
    for (const Value& v : key) json_.SqlValue(v);
  }
  json_.EndArray();
  json_.Key("kind").String(row_.deleted ? "delete" : row_.created ? "insert" : "update");
  json_.Key("columns").BeginObject();
  for (const auto& [name, value] : row_.cells) json_.Key(name).Raw(value);
  json_.EndObject();
  json_.EndObject();
}

void LogPrinter::EndRow() {
  if (!in_row_) return;
  in_row_ = false;
  if (limit_ > 0 && rows_ > limit_) return;
  if (context_.json) WriteRow();
  if (context_.human()) PrintRow();
}

void LogPrinter::EndTransaction() {
  EndRow();
  if (!in_transaction_) return;
  in_transaction_ = false;
  if (context_.json) {
    json_.EndArray();
    json_.Key("row_count").Int(rows_);
    json_.EndObject();
  } else if (limit_ > 0 && rows_ > limit_) {
    const std::string line = "… and " + Count(rows_ - limit_, "more row") + "; --limit 0 shows all";
    std::printf("  %s\n", context_.style.Dim(line).c_str());
  }
}

Status LogPrinter::Run(const Database& db, Statement* changes) {
  TRIBUTARY_RETURN_IF_ERROR(OwnSiteId(db, &own_));
  if (context_.json) {
    json_.BeginObject();
    json_.Key("database").String(db.path());
    json_.Key("transactions").BeginArray();
  }
  while (changes->Step()) {
    if (!in_transaction_ || changes->Int(5) != version_ || changes->Bytes(6) != site_) {
      EndTransaction();
      Begin(*changes);
    }
    Add(*changes);
  }
  EndTransaction();
  if (context_.json) {
    json_.EndArray();
    json_.EndObject();
  }
  return changes->status();
}

// Sites whose id begins with these hex digits.
Status SiteFilter(const std::string& prefix, std::string* condition) {
  if (prefix.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
    return {ExitCode::kUsage, "option --site needs hex digits, not '" + prefix + "'"};
  }
  // Upper-case digits only, so this is safe inside the text of a statement.
  std::string upper;
  for (char c : prefix) upper += c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
  *condition += " AND hex(site_id) LIKE '" + upper + "%'";
  return {};
}

Status RunLog(const Context& context) {
  int64_t since = -1;
  int64_t limit = context.json ? 0 : kDefaultRows;
  TRIBUTARY_RETURN_IF_ERROR(context.args.GetInt("--since", 0, &since));
  TRIBUTARY_RETURN_IF_ERROR(context.args.GetInt("--limit", 0, &limit));
  TRIBUTARY_RETURN_IF_ERROR(context.args.Needs("--table", {"--key"}));
  for (const char* of_all : {"--since", "--site", "--limit"}) {
    TRIBUTARY_RETURN_IF_ERROR(context.args.NotBoth("--key", of_all));
  }
  std::string condition = "db_version > ?1";
  const std::string table = context.args.Get("--table");
  if (context.args.Has("--table")) condition += " AND \"table\" = ?2";
  if (context.args.Has("--site")) {
    TRIBUTARY_RETURN_IF_ERROR(SiteFilter(context.args.Get("--site"), &condition));
  }
  Database db;
  TRIBUTARY_RETURN_IF_ERROR(OpenReplica(context, context.arg(0), OpenMode::kRead, &db));
  if (context.args.Has("--table")) {
    TRIBUTARY_RETURN_IF_ERROR(CheckReplicated(db, table));
  }
  Transaction snapshot(db);
  TRIBUTARY_RETURN_IF_ERROR(snapshot.BeginRead());
  if (context.args.Has("--key")) return ExplainRow(context, db, table, context.args.Get("--key"));
  Statement changes = db.Prepare(
      "SELECT \"table\", pk, cid, val, col_version, db_version, site_id, cl FROM crsql_changes"
      " WHERE " +
      condition + " ORDER BY db_version, site_id, seq");
  changes.Bind(1, since);
  if (context.args.Has("--table")) changes.BindText(2, table);
  LogPrinter printer(context, limit);
  if (context.quiet) return changes.Run();
  TRIBUTARY_RETURN_IF_ERROR(printer.Run(db, &changes));
  if (context.human() && printer.transactions() == 0) {
    std::printf("%s\n", context.style.Dim("no changes").c_str());
  }
  return {};
}

}  // namespace

Command LogCommand() {
  return {"log",
          "DB [--since N] [--table T [--key K]]",
          "who changed what, transaction by transaction",
          kDetails,
          {{"--since", "", "N", "only transactions with a version above N of their author"},
           {"--table", "", "NAME", "only changes of this table"},
           {"--key", "", "K", "why that row is as it is; several columns: JSON array"},
           {"--site", "", "HEX", "only of sites whose id begins so"},
           {"--limit", "", "ROWS", "rows shown per transaction (default 10; 0: all)"}},
          1,
          1,
          RunLog};
}

}  // namespace tributary::cli
