// tributary sql: runs SQL with the extension loaded.
#include <unistd.h>

#include <cstdio>

#include "sync/cli/commands.h"
#include "sync/cli/json.h"
#include "sync/cli/replica.h"

namespace tributary::cli {
namespace {

constexpr std::string_view kDetails =
    "Runs SQL statements with the extension loaded, so that writes to replicated tables are "
    "tracked\n"
    "and the crsql_ functions are there. Several arguments are run one after the other; without "
    "any,\n"
    "or for -, the statements are read from standard input. Stops at the first that fails; those\n"
    "before it stay done, unless BEGIN ... COMMIT is around them. As in SQLite, foreign keys are\n"
    "enforced after PRAGMA foreign_keys = ON. readfile(PATH) gives the content of a file.\n\n"
    "Examples:\n"
    "  tributary sql notes.db \"UPDATE note SET title = 'Milk' WHERE id = 7\"\n"
    "  tributary sql notes.db < changes.sql\n"
    "  tributary sql --create --plain new.db < schema.sql\n"
    "  tributary sql --json notes.db 'SELECT * FROM crsql_changes'\n";

constexpr int kCellWidth = 60;

// Rows that are measured before any is printed, to align the columns of a table.
constexpr size_t kMaxAlignedRows = 10'000;

// Values separated by tabs, no headings, bytes as they are: for scripts.
Status PrintRaw(Statement* s) {
  while (s->Step()) {
    for (int i = 0; i < s->columns(); ++i) {
      if (i > 0) std::fputc('\t', stdout);
      const std::string_view text = s->At(i).type == ValueType::kBlob ? s->Bytes(i) : s->Text(i);
      if (!text.empty()) std::fwrite(text.data(), 1, text.size(), stdout);  // no data() for NULL
    }
    std::fputc('\n', stdout);
  }
  return s->status();
}

std::string ShowCell(const Value& v) {
  return v.type == ValueType::kText ? OneLine(v.bytes, kCellWidth) : Show(v, kCellWidth);
}

Status PrintTable(const Style& style, Statement* s) {
  bool more = s->Step();
  while (more) {
    const auto columns = static_cast<size_t>(s->columns());
    std::vector<std::string> heading;
    heading.reserve(columns);
    for (int i = 0; i < s->columns(); ++i) heading.push_back(OneLine(s->ColumnName(i), kCellWidth));
    TextTable table(heading);
    for (size_t rows = 0; more && rows < kMaxAlignedRows; ++rows) {
      std::vector<std::string> row;
      row.reserve(columns);
      for (int i = 0; i < s->columns(); ++i) row.push_back(ShowCell(s->At(i)));
      table.Add(std::move(row));
      more = s->Step();
    }
    table.Print(stdout, style);
  }
  return s->status();
}

Status WriteRows(JsonWriter* json, Statement* s) {
  json->BeginArray();
  while (s->Step()) {
    json->BeginObject();
    for (int i = 0; i < s->columns(); ++i) json->Key(s->ColumnName(i)).SqlValue(s->At(i));
    json->EndObject();
  }
  json->EndArray();
  return s->status();
}

Status RunStatements(const Context& context, const Database& db, std::string_view sql,
                     JsonWriter* json) {
  while (!sql.empty()) {
    Statement s = db.PrepareNext(&sql);
    TRIBUTARY_RETURN_IF_ERROR(s.status());
    if (s.get() == nullptr) continue;  // white space or a comment
    Status status;
    if (context.quiet || s.columns() == 0) {
      status = s.Run();
    } else if (context.json) {
      status = WriteRows(json, &s);
    } else if (context.args.Has("--raw")) {
      status = PrintRaw(&s);
    } else {
      status = PrintTable(context.style, &s);
    }
    TRIBUTARY_RETURN_IF_ERROR(status);
  }
  return {};
}

bool ReadAll(FILE* file, std::string* content) {
  char buffer[65536];
  while (const size_t got = std::fread(buffer, 1, sizeof buffer, file)) {
    content->append(buffer, got);
  }
  return std::ferror(file) == 0;
}

// readfile(PATH) as in SQLite's own shell: the content as a blob. Not from triggers or views, which
// come with the database and not from the user.
void ReadFileFunction(sqlite3_context* context, int, sqlite3_value** argv) {
  const auto* path = reinterpret_cast<const char*>(sqlite3_value_text(argv[0]));
  FILE* file = path == nullptr ? nullptr : std::fopen(path, "rb");
  std::string content;
  const bool read = file != nullptr && ReadAll(file, &content);
  if (file != nullptr) std::fclose(file);
  if (read) {
    sqlite3_result_blob64(context, content.data(), content.size(), SQLITE_TRANSIENT);
  } else {
    const std::string message = "readfile: cannot read " + std::string(path ? path : "NULL");
    sqlite3_result_error(context, message.c_str(), -1);
  }
}

Status RunSql(const Context& context) {
  const bool create = context.args.Has("--create");
  const bool read_only = context.args.Has("--readonly");
  if (create && read_only) {
    return {ExitCode::kUsage, "options --create and --readonly exclude each other"};
  }
  std::vector<std::string> texts(context.args.positional.begin() + 1,
                                 context.args.positional.end());
  if (texts.empty()) texts.emplace_back("-");
  Database db;
  const OpenMode mode = create ? OpenMode::kCreate : read_only ? OpenMode::kRead : OpenMode::kWrite;
  TRIBUTARY_RETURN_IF_ERROR(db.Open(context.arg(0), mode, context.busy_timeout_seconds));
  // Loading adds the extension's tables to a file that lacks them, which a read-only look must not.
  bool load = !context.args.Has("--plain");
  if (load && read_only) TRIBUTARY_RETURN_IF_ERROR(IsPrepared(db, &load));
  if (load) TRIBUTARY_RETURN_IF_ERROR(db.LoadExtension());
  sqlite3_create_function(db.get(), "readfile", 1, SQLITE_UTF8 | SQLITE_DIRECTONLY, nullptr,
                          &ReadFileFunction, nullptr, nullptr);
  JsonWriter json(stdout);
  if (context.json) json.BeginArray();
  Status status;
  for (std::string& text : texts) {
    if (text == "-") {
      text.clear();
      if (!ReadAll(stdin, &text)) return {ExitCode::kFailed, "cannot read standard input"};
    }
    status.Update(RunStatements(context, db, text, &json));
    if (!status.ok()) break;
  }
  if (context.json) json.EndArray();
  if (status.ok() && db.in_transaction()) {
    return {ExitCode::kFailed, "the SQL ended inside a transaction, which was rolled back"};
  }
  return status;
}

}  // namespace

Command SqlCommand() {
  return {"sql",
          "DB [SQL...]",
          "run SQL with the extension loaded",
          kDetails,
          {{"--create", "", "", "make the database if there is no such file"},
           {"--readonly", "", "", "refuse to change anything"},
           {"--plain", "", "", "without the extension; replicated tables are read-only"},
           {"--raw", "", "", "values separated by tabs, without headings, for scripts"}},
          1,
          kAnyNumber,
          RunSql};
}

}  // namespace tributary::cli
