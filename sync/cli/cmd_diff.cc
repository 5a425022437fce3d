// tributary diff: the rows in which two copies differ.
#include <algorithm>
#include <cstdio>

#include "sync/cli/commands.h"
#include "sync/cli/json.h"
#include "sync/cli/replica.h"
#include "sync/cli/row_compare.h"

namespace tributary::cli {
namespace {

constexpr std::string_view kDetails =
    "Compares the replicated tables of two databases row by row, values to the last bit (1 and "
    "1.0\n"
    "differ). Changes nothing. Exit code 0 if all rows are equal, 1 if any differs.\n\n"
    "  < a row only in A      > a row only in B      ~ a row with other values: A | B\n\n"
    "Examples:\n"
    "  tributary diff phone.db laptop.db\n"
    "  tributary diff phone.db laptop.db note     only this table\n"
    "  tributary diff --limit 0 phone.db laptop.db    every row, however many\n"
    "  tributary diff -q phone.db laptop.db && echo equal\n";

constexpr int64_t kDefaultLimit = 20;
constexpr int kValueWidth = 40;

struct Comparison {
  const Context& context;
  Database a;
  Database b;
  int64_t limit = kDefaultLimit;  // differences shown per table; 0: all
  int64_t differing_rows = 0;
  int64_t differing_tables = 0;
  int64_t tables = 0;
  JsonWriter json{stdout};
};

// How two schemas of a table differ, in words; empty if they do not.
std::string SchemaDifference(const TableColumns& a, const TableColumns& b) {
  if (a.keys != b.keys) return "the primary keys differ";
  const auto missing = [](const TableColumns& in, const TableColumns& of) {
    std::string names;
    for (const std::string& name : of.values) {
      if (std::find(in.values.begin(), in.values.end(), name) == in.values.end()) {
        names += (names.empty() ? "" : ", ") + name;
      }
    }
    return names;
  };
  std::string text;
  if (const std::string names = missing(b, a); !names.empty()) text += "only A has " + names;
  if (const std::string names = missing(a, b); !names.empty()) {
    text += (text.empty() ? "" : "; ") + ("only B has " + names);
  }
  return text;
}

std::string RowKey(const RowCompare& rows, bool from_a) {
  std::string key;
  for (size_t i = 0; i < rows.key_count(); ++i) {
    key += (i > 0 ? ", " : "") + Show(from_a ? rows.A(i) : rows.B(i), kValueWidth);
  }
  return rows.key_count() == 1 ? key : "(" + key + ")";
}

void PrintRow(const Context& context, const RowCompare& rows, RowCompare::Kind kind) {
  const Style& style = context.style;
  const bool from_a = kind != RowCompare::Kind::kOnlyB;
  std::string line = style.Bold(RowKey(rows, from_a));
  for (size_t i = 0; i < rows.names().size(); ++i) {
    const std::string name = OneLine(rows.names()[i], kValueWidth);
    if (kind == RowCompare::Kind::kChanged) {
      if (!rows.ColumnDiffers(i)) continue;
      line += "  " + style.Dim(name) + " " + style.Red(Show(rows.A(i), kValueWidth)) + " | " +
              style.Green(Show(rows.B(i), kValueWidth));
    } else if (i >= rows.key_count()) {
      line += "  " + style.Dim(name) + " " + Show(from_a ? rows.A(i) : rows.B(i), kValueWidth);
    }
  }
  const std::string mark = kind == RowCompare::Kind::kChanged ? style.Yellow("~")
                           : from_a                           ? style.Red("<")
                                                              : style.Green(">");
  std::printf("  %s %s\n", mark.c_str(), line.c_str());
}

void WriteRow(JsonWriter* json, const RowCompare& rows, RowCompare::Kind kind) {
  const bool changed = kind == RowCompare::Kind::kChanged;
  const bool from_a = kind != RowCompare::Kind::kOnlyB;
  json->BeginObject();
  json->Key("kind").String(changed ? "changed" : from_a ? "only_a" : "only_b");
  json->Key("key").BeginArray();
  for (size_t i = 0; i < rows.key_count(); ++i) json->SqlValue(from_a ? rows.A(i) : rows.B(i));
  json->EndArray();
  json->Key(changed ? "columns" : "row").BeginObject();
  for (size_t i = 0; i < rows.names().size(); ++i) {
    if (!changed) {
      json->Key(rows.names()[i]).SqlValue(from_a ? rows.A(i) : rows.B(i));
    } else if (rows.ColumnDiffers(i)) {
      json->Key(rows.names()[i]).BeginObject();
      json->Key("a").SqlValue(rows.A(i));
      json->Key("b").SqlValue(rows.B(i));
      json->EndObject();
    }
  }
  json->EndObject();
  json->EndObject();
}

// Compares the rows of a table and prints what differs. `heading` is printed before the first.
Status CompareRows(Comparison* c, const TableColumns& columns, const std::string& heading,
                   int64_t* differing, Progress* progress) {
  RowCompare rows;
  TRIBUTARY_RETURN_IF_ERROR(rows.Start(c->a, c->b, columns));
  RowCompare::Kind kind{};
  while (rows.Next(&kind)) {
    ++*differing;
    if (c->limit > 0 && *differing > c->limit) continue;
    if (c->context.json) WriteRow(&c->json, rows, kind);
    if (!c->context.human()) continue;
    progress->Clear();
    if (*differing == 1) std::printf("%s", heading.c_str());
    PrintRow(c->context, rows, kind);
  }
  const int64_t hidden = c->limit > 0 ? *differing - c->limit : 0;
  if (c->context.human() && hidden > 0) {
    std::printf(
        "  %s\n",
        c->context.style.Dim("… and " + WithCommas(hidden) + " more; --limit 0 shows all").c_str());
  }
  return rows.status();
}

Status CompareTable(Comparison* c, const std::string& table, Progress* progress) {
  TableColumns in_a;
  TableColumns in_b;
  TRIBUTARY_RETURN_IF_ERROR(ReadColumns(c->a, table, &in_a));
  TRIBUTARY_RETURN_IF_ERROR(ReadColumns(c->b, table, &in_b));
  const std::string schema = SchemaDifference(in_a, in_b);
  std::string heading = c->context.style.Bold(OneLine(table, 60)) + "\n";
  if (!schema.empty()) {
    heading += "  " + c->context.style.Yellow(schema) + "\n";
    if (c->context.human()) {
      std::printf("%s", heading.c_str());
      heading.clear();
    }
  }
  TableColumns common{.name = table, .keys = in_a.keys};
  for (const std::string& name : in_a.values) {
    if (std::find(in_b.values.begin(), in_b.values.end(), name) != in_b.values.end()) {
      common.values.push_back(name);
    }
  }
  int64_t differing = 0;
  if (c->context.json) {
    c->json.BeginObject();
    c->json.Key("table").String(table);
    c->json.Key("schema").String(schema);
    c->json.Key("rows").BeginArray();
  }
  Status status;
  if (in_a.keys == in_b.keys) status = CompareRows(c, common, heading, &differing, progress);
  if (c->context.json) {
    c->json.EndArray();
    c->json.Key("differing").Int(differing);
    c->json.EndObject();
  }
  c->differing_rows += differing;
  c->differing_tables += differing > 0 || !schema.empty() ? 1 : 0;
  ++c->tables;
  return status;
}

// Tables to compare: those named, or all that both replicate. Those of one side only are `missing`.
Status ChooseTables(const Comparison& c, std::vector<std::string>* both,
                    std::vector<std::string>* missing) {
  std::vector<std::string> in_a;
  std::vector<std::string> in_b;
  TRIBUTARY_RETURN_IF_ERROR(ReplicatedTables(c.a, &in_a));
  TRIBUTARY_RETURN_IF_ERROR(ReplicatedTables(c.b, &in_b));
  const auto& named = c.context.args.positional;
  const std::vector<std::string> wanted(named.begin() + 2, named.end());
  const auto has = [](const std::vector<std::string>& list, const std::string& name) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  for (const std::string& name : wanted) {
    if (has(in_a, name) || has(in_b, name)) continue;
    return {ExitCode::kDifferent, "table " + name + " is not replicated in either database"};
  }
  const auto sort_out = [&](const std::vector<std::string>& from,
                            const std::vector<std::string>& other, const Database& db, bool first) {
    for (const std::string& name : from) {
      if (!wanted.empty() && !has(wanted, name)) continue;
      if (!has(other, name)) {
        missing->push_back(name + " (replicated only in " + db.path() + ")");
      } else if (first) {
        both->push_back(name);
      }
    }
  };
  sort_out(in_a, in_b, c.a, true);
  sort_out(in_b, in_a, c.b, false);
  return {};
}

Status CompareAll(Comparison* c, std::vector<std::string>* missing) {
  std::vector<std::string> tables;
  Transaction snapshot_a(c->a);
  Transaction snapshot_b(c->b);
  TRIBUTARY_RETURN_IF_ERROR(snapshot_a.BeginRead());
  TRIBUTARY_RETURN_IF_ERROR(snapshot_b.BeginRead());
  TRIBUTARY_RETURN_IF_ERROR(ChooseTables(*c, &tables, missing));
  Progress progress(c->context.human(), "diff");
  progress.Part("diff", Progress::Unit::kNone, static_cast<int64_t>(tables.size()));
  progress.Watch(c->a);
  progress.Watch(c->b);
  int64_t done = 0;
  if (c->context.json) {
    c->json.BeginObject();
    c->json.Key("a").String(c->a.path());
    c->json.Key("b").String(c->b.path());
    c->json.Key("tables").BeginArray();
  }
  for (const std::string& table : tables) {
    progress.Set(done++, OneLine(table, 40));
    TRIBUTARY_RETURN_IF_ERROR(CompareTable(c, table, &progress));
  }
  return {};
}

Status RunDiff(const Context& context) {
  Comparison c{.context = context};
  if (context.json) c.limit = 0;
  TRIBUTARY_RETURN_IF_ERROR(context.args.GetInt("--limit", 0, &c.limit));
  TRIBUTARY_RETURN_IF_ERROR(OpenReplica(context, context.arg(0), OpenMode::kRead, &c.a));
  TRIBUTARY_RETURN_IF_ERROR(OpenReplica(context, context.arg(1), OpenMode::kRead, &c.b));
  std::vector<std::string> missing;
  TRIBUTARY_RETURN_IF_ERROR(CompareAll(&c, &missing));
  const bool equal = c.differing_tables == 0 && missing.empty();
  if (context.json) {
    c.json.EndArray();
    c.json.Key("missing_tables").BeginArray();
    for (const std::string& name : missing) c.json.String(name);
    c.json.EndArray();
    c.json.Key("differing_rows").Int(c.differing_rows);
    c.json.Key("equal").Bool(equal);
    c.json.EndObject();
  }
  if (context.human()) {
    const Style& style = context.style;
    for (const std::string& name : missing) {
      std::printf("%s %s\n", style.Yellow("table").c_str(), OneLine(name, 300).c_str());
    }
    if (equal) {
      std::printf("%s equal: every row of %s\n", style.Green("✓").c_str(),
                  Count(c.tables, "table").c_str());
    } else {
      std::printf("%s %s in %s\n", Count(c.differing_rows, "row").c_str(),
                  c.differing_rows == 1 ? "differs" : "differ",
                  Count(c.differing_tables, "table").c_str());
    }
  }
  return equal ? Status() : Different();
}

}  // namespace

Command DiffCommand() {
  return {"diff",
          "A B [TABLE...]",
          "the rows in which two copies differ",
          kDetails,
          {{"--limit", "", "N", "differences shown per table (default 20; 0: all)"}},
          2,
          kAnyNumber,
          RunDiff};
}

}  // namespace tributary::cli
