#include "ext/fract_index.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "ext/format.h"
#include "ext/fract_key.h"
#include "ext/sql_function.h"

namespace tributary {
namespace {

using Args = sqlite3_value**;
using Names = std::vector<std::string>;  // with double quotes doubled

// A list, by the table that holds it. Two rows are of one list if they agree in `list`.
struct Ordered {
  std::string table;  // as the schema spells it
  std::string order;
  Names list;
  Names key;
  Names columns;  // those that can be written, but the order
  Names values;   // of a row inserted into the view, for `columns`
};

// SQL with gaps: @t the table, @o the order column; [Lsep|body] is the body for each column of the
// list, with # for its name, parted by sep, likewise K the key, C the columns, V the values; @ and
// another letter one of the parts below.
//
// A row has a key if the order column is within 'A' and '{'. What is to go to an end (-1, 1), what
// merges put into a NOT NULL column before the cell comes (''), and NULL are none.

// Puts a row at the list's front or end as it is inserted or moved there. Not in merges: the
// replica that wrote the row has chosen its key.
constexpr char kToEnd[] =
    R"( WHEN CAST(NEW."@o" AS INTEGER) IN (-1, 1) AND crsql_internal_sync_bit() = 0 BEGIN
UPDATE "@t" SET "@o" = CASE CAST(NEW."@o" AS INTEGER)
WHEN -1 THEN crsql_fract_key_between(NULL, (SELECT min("@o")@n))
ELSE crsql_fract_key_between((SELECT max("@o")@n), NULL) END
WHERE [K AND |"#" IS NEW."#"]; END;)";
constexpr char kOfNewList[] =
    R"( FROM "@t" WHERE "@o" >= 'A' AND "@o" < '{'[L| AND "#" IS NEW."#"])";

// Gives a row a key between those before it and its own.
constexpr char kMoveBack[] =
    R"(UPDATE "@t" SET "@o" = crsql_fract_key_between((SELECT max(crsql_t."@o") FROM "@t" AS crsql_t
WHERE crsql_t."@o" >= 'A' AND crsql_t."@o" < "@t"."@o"[L| AND crsql_t."#" IS "@t"."#"]), "@o")
WHERE "@o" >= 'A' AND "@o" < '{')";

// A key that follows the row crsql_a. A condition for that one belongs behind it, and `), -1)`.
constexpr char kKeyAfter[] =
    R"(ifnull((SELECT crsql_fract_key_between(crsql_a."@o", (SELECT min(crsql_t."@o")
FROM "@t" AS crsql_t WHERE crsql_t."@o" > crsql_a."@o" AND crsql_t."@o" < '{'[L| AND
crsql_t."#" IS crsql_a."#"])) FROM "@t" AS crsql_a
WHERE crsql_a."@o" >= 'A' AND crsql_a."@o" < '{')";

// The two of them in the view's triggers. Where the row to follow has twins, rows that other
// replicas put at the same place, it goes before them first, so that there is a place behind it.
constexpr char kUntie[] =
    R"( ON "@t_fractindex" BEGIN @m[K| AND "#" IS NEW."after_#"][L| AND "#" IS NEW."#"]
AND EXISTS(SELECT 1 FROM "@t" AS crsql_t WHERE crsql_t."@o" = "@t"."@o"
[L| AND crsql_t."#" IS "@t"."#"] AND NOT ([K AND |crsql_t."#" IS "@t"."#"]));)";
constexpr char kNewKey[] =
    R"(@k[K| AND crsql_a."#" IS NEW."after_#"][L| AND crsql_a."#" IS NEW."#"]), -1))";

constexpr char kCreate[] =
    R"(CREATE TRIGGER main."__crsql_@t_fractindex_pend_trig" AFTER INSERT ON "@t"@e
CREATE TRIGGER main."__crsql_@t_fractindex_ezmove" AFTER UPDATE OF "@o" ON "@t"@e
CREATE VIEW main."@t_fractindex" AS SELECT *[K|, NULL AS "after_#"] FROM "@t";
CREATE TRIGGER main."@t_fractindex_insert_trig" INSTEAD OF INSERT@u
INSERT INTO "@t"([C|"#", ]"@o") VALUES([V|#, ]@a); END;
CREATE TRIGGER main."@t_fractindex_update_trig" INSTEAD OF UPDATE OF [K, |"after_#"]@u
UPDATE "@t" SET [C|"#" = NEW."#", ]"@o" = @a WHERE [K AND |"#" IS OLD."#"]; END)";

// Appends the SQL to *out; `item` stands for #.
void Fill(std::string_view sql, const Ordered& t, std::string_view item, std::string* out) {
  for (size_t i = 0; i < sql.size(); i++) {
    if (sql[i] == '#') {
      out->append(item);
    } else if (sql[i] == '[') {
      const Names& names = sql[i + 1] == 'L'   ? t.list
                           : sql[i + 1] == 'K' ? t.key
                           : sql[i + 1] == 'C' ? t.columns
                                               : t.values;
      const size_t bar = sql.find('|', i);
      const size_t end = sql.find(']', bar);
      for (const std::string& name : names) {
        if (&name != names.data()) out->append(sql.substr(i + 2, bar - i - 2));
        Fill(sql.substr(bar + 1, end - bar - 1), t, name, out);
      }
      i = end;
    } else if (sql[i] != '@') {
      out->push_back(sql[i] == '\n' ? ' ' : sql[i]);
    } else if (sql[++i] == 't') {
      out->append(t.table);
    } else if (sql[i] == 'o') {
      out->append(t.order);
    } else {
      const char part = sql[i];
      Fill(part == 'e'   ? kToEnd
           : part == 'n' ? kOfNewList
           : part == 'm' ? kMoveBack
           : part == 'k' ? kKeyAfter
           : part == 'u' ? kUntie
                         : kNewKey,
           t, item, out);
    }
  }
}

// Appends what the query gives for one or two texts.
Status Read(sqlite3* db, std::string_view sql, std::string_view first, std::string_view second,
            Names* out) {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(db, sql));
  s.BindText(1, first);
  if (sqlite3_bind_parameter_count(s.get()) > 1) s.BindText(2, second);
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) return {};
    out->emplace_back(s.Text(0));
  }
}

// Sets *t. The arguments: table, order column, columns of the list, `columns` without the table.
Status Load(sqlite3* db, Args argv, int columns, Ordered* t) {
  const std::string table(TextOf(argv[0]));
  const std::string order(TextOf(argv[1]));
  Names found;
  TRIBUTARY_RETURN_IF_ERROR(Read(db,
                                 "SELECT printf('%w', name) FROM pragma_table_list(?1) "
                                 "WHERE schema = 'main' AND type = 'table'",
                                 table, "", &found));
  if (found.empty()) {
    return ErrorFormat("crsql_fract: there is no ordinary table %s in main", table.c_str());
  }
  t->table = found[0];
  found.clear();
  for (int i = 1; i <= columns; i++) {
    const std::string_view name = TextOf(argv[i]);
    TRIBUTARY_RETURN_IF_ERROR(Read(db,
                                   "SELECT printf('%w', name) FROM pragma_table_xinfo(?1, 'main') "
                                   "WHERE name = ?2 COLLATE NOCASE",
                                   table, name, &found));
    if (found.size() == static_cast<size_t>(i) &&
        std::find(found.begin(), found.end() - 1, found.back()) == found.end() - 1) {
      continue;
    }
    return ErrorFormat(
        "all columns are not present in the base table %s: %s is not, or is given twice",
        table.c_str(), std::string(name).c_str());
  }
  t->order = found[0];
  t->list.assign(found.begin() + 1, found.end());
  TRIBUTARY_RETURN_IF_ERROR(Read(db,
                                 "SELECT printf('%w', name) FROM pragma_table_info(?1, 'main') "
                                 "WHERE pk ORDER BY pk",
                                 table, "", &t->key));
  if (t->key.empty()) {
    return ErrorFormat("crsql_fract: no primary key in table %s: declare one", table.c_str());
  }
  const char* collation = nullptr;
  sqlite3_table_column_metadata(db, "main", table.c_str(), order.c_str(), nullptr, &collation,
                                nullptr, nullptr, nullptr);
  if (collation == nullptr || !absl::EqualsIgnoreCase(collation, "BINARY")) {
    return ErrorFormat(
        "crsql_fract: keys compare BINARY, the order column of table %s does not: declare %s "
        "without COLLATE",
        table.c_str(), order.c_str());
  }
  return {};
}

Status KeyBetween(Connection*, sqlite3_context* context, int, Args argv) {
  const auto text = [](sqlite3_value* v) {
    return sqlite3_value_type(v) == SQLITE_NULL ? std::optional<std::string_view>() : TextOf(v);
  };
  std::string key;
  TRIBUTARY_RETURN_IF_ERROR(FractKeyBetween(text(argv[0]), text(argv[1]), &key));
  ResultText(context, key);
  return {};
}

Status AsOrdered(Connection* c, sqlite3_context*, int argc, Args argv) {
  if (argc < 2) {
    return Status::Error(
        "Must provide at least 2 arguments -- the table name and the column to order by");
  }
  sqlite3* db = c->db();
  Ordered t;
  TRIBUTARY_RETURN_IF_ERROR(Load(db, argv, argc - 1, &t));
  const std::string_view order = TextOf(argv[1]);
  // A view has no defaults of its own.
  for (const bool values : {false, true}) {
    TRIBUTARY_RETURN_IF_ERROR(
        Read(db,
             values ? "SELECT printf(iif((\"notnull\" OR pk) AND dflt_value IS NOT NULL, "
                      "'ifnull(NEW.\"%w\", %s)', 'NEW.\"%w\"'), name, dflt_value) "
                      "FROM pragma_table_info(?1, 'main') WHERE name <> ?2 COLLATE NOCASE"
                    : "SELECT printf('%w', name) "
                      "FROM pragma_table_info(?1, 'main') WHERE name <> ?2 COLLATE NOCASE",
             TextOf(argv[0]), order, values ? &t.values : &t.columns));
  }
  // What an earlier call made, whatever name the table had then.
  Names sql;
  TRIBUTARY_RETURN_IF_ERROR(
      Read(db,
           "SELECT printf('DROP TRIGGER main.\"%w\";', name) FROM main.sqlite_schema "
           "WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE "
           "AND name LIKE '\\_\\_crsql\\_%\\_fractindex\\_%' ESCAPE '\\' UNION ALL "
           "SELECT printf('DROP VIEW main.\"%w\";', tbl_name) FROM main.sqlite_schema "
           "WHERE type = 'trigger' AND tbl_name = ?1 || '_fractindex' COLLATE NOCASE "
           "AND name = ?1 || '_fractindex_insert_trig' COLLATE NOCASE",
           TextOf(argv[0]), "", &sql));
  sql.emplace_back();
  Fill(kCreate, t, "", &sql.back());
  ScopedSavepoint savepoint(db);
  TRIBUTARY_RETURN_IF_ERROR(savepoint.Begin());
  for (const std::string& each : sql) TRIBUTARY_RETURN_IF_ERROR(Execute(db, each));
  return savepoint.Release();
}

// The arguments: table, order column, columns of the list, -1, names of the key, its values.
Status FixConflict(Connection* c, sqlite3_context* context, int argc, Args argv) {
  if (argc < 4) {
    return Status::Error("Too few arguments to crsql_fract_fix_conflict_return_old_key");
  }
  int columns = 1;
  while (columns + 1 < argc && TextOf(argv[columns + 1]) != "-1") columns++;
  const int first = columns + 2;
  const int n = (argc - first) / 2;
  Ordered t;
  TRIBUTARY_RETURN_IF_ERROR(Load(c->db(), argv, columns, &t));
  if (n < 1 || first + 2 * n != argc || static_cast<size_t>(n) != t.key.size()) {
    return Status::Error(
        "Incorrect number of primary keys and values provided. Must have at least 1 primary key.");
  }
  for (int i = 0; i < n; i++) {
    const std::string quoted = QuoteName(TextOf(argv[first + i]));
    t.values.push_back(quoted.substr(1, quoted.size() - 2));
  }
  const ScopedHostCounters counters(c);
  for (const char* sql :
       {"@m[V| AND \"@t\".\"#\" IS ?]", "SELECT @k[V| AND crsql_a.\"#\" IS ?]), -1)"}) {
    std::string filled;
    Fill(sql, t, "", &filled);
    Statement s;
    TRIBUTARY_RETURN_IF_ERROR(s.Prepare(c->db(), filled));
    for (int i = 0; i < n; i++) s.BindValue(i + 1, argv[first + n + i]);
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (row) sqlite3_result_value(context, s.Column(0));
  }
  return {};
}

constexpr SqlFunction kFunctions[] = {
    {"crsql_fract_key_between", 2, SQLITE_INNOCUOUS | SQLITE_DETERMINISTIC, Function<KeyBetween>},
    {"crsql_fract_as_ordered", -1, SQLITE_DIRECTONLY, Function<AsOrdered>},
    {"crsql_fract_fix_conflict_return_old_key", -1, 0, Function<FixConflict>},
};

}  // namespace

Status RegisterFractFunctions(Connection* c) { return RegisterSqlFunctions(c, kFunctions); }

}  // namespace tributary
