#include "ext/eligibility.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "ext/affinity.h"

namespace tributary {
namespace {

struct KeyPart {
  std::string name;
  bool untyped;
};

Status Refuse(std::string_view table, std::string_view why) {
  return Status::Error(absl::StrCat("Table ", table, " cannot be replicated: ", why));
}

bool IsInternal(std::string_view name) {
  const std::string lower = absl::AsciiStrToLower(name);
  return absl::StartsWith(lower, "crsql_") || absl::StartsWith(lower, "sqlite_") ||
         absl::StrContains(lower, "__crsql_");
}

// What the name stands for; *name becomes the schema's spelling.
Status CheckKind(sqlite3* db, std::string_view table, std::string* name) {
  Statement s;
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(db,
                "SELECT schema, name, type FROM pragma_table_list WHERE name = ?1 COLLATE NOCASE "
                "ORDER BY schema <> 'main', name <> ?1"));
  s.BindText(1, table);
  TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
  if (!row) return Refuse(table, "it does not exist in the main database; check the name");
  const std::string schema(s.Text(0));
  *name = s.Text(1);
  const std::string type(s.Text(2));
  if (schema == "temp") {
    return Refuse(*name, "it is a TEMP table, gone with the connection; make it in main");
  }
  if (schema != "main") {
    return Refuse(*name, absl::StrCat("it is in the attached database ", schema,
                                      "; open that file as main and load Tributary there"));
  }
  if (type == "view") return Refuse(*name, "it is a view; replicate the tables it reads");
  if (type == "virtual" || type == "shadow") {
    return Refuse(*name, absl::StrCat("it is a ", type,
                                      " table; replicate the ordinary table that feeds it"));
  }
  if (IsInternal(*name)) return Refuse(*name, "names like this are reserved for internal tables");
  return {};
}

Status CheckKey(sqlite3* db, const std::string& name, std::vector<KeyPart>* key,
                std::string* warning) {
  Statement s;
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(db,
                "SELECT c.name, c.type, l.strict FROM pragma_table_info(?1, 'main') c, "
                "pragma_table_list(?1) l WHERE c.pk > 0 AND l.schema = 'main' ORDER BY c.pk"));
  s.BindText(1, name);
  for (;;) {
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) break;
    key->push_back(
        {std::string(s.Text(0)), AffinityOf(s.Text(1), s.Int(2) != 0) == Affinity::kBlob});
    int autoincrement = 0;
    sqlite3_table_column_metadata(db, "main", name.c_str(), key->back().name.c_str(), nullptr,
                                  nullptr, nullptr, nullptr, &autoincrement);
    if (autoincrement != 0) {
      *warning = absl::StrCat(
          "table ", name,
          " has an AUTOINCREMENT key: two replicas that insert at the same time "
          "hand out the same numbers, and their rows merge into one. Use keys that are unique "
          "everywhere, such as TEXT PRIMARY KEY DEFAULT (crsql_uuid7())");
    }
  }
  if (key->empty()) {
    return Refuse(name,
                  "it has no primary key, by which rows are known to other replicas; declare one");
  }
  return {};
}

Status CheckIndexes(sqlite3* db, const std::string& name) {
  Statement s;
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(db,
                "SELECT l.name, l.origin, x.name, x.coll, (SELECT group_concat(name, ', ') FROM "
                "pragma_index_info(l.name, 'main')) FROM pragma_index_list(?1, 'main') l, "
                "pragma_index_xinfo(l.name, 'main') x WHERE l.\"unique\" AND x.key"));
  s.BindText(1, name);
  for (;;) {
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) return {};
    if (s.Text(1) != "pk") {
      // The index of a constraint has a name that its owner never saw and cannot be dropped.
      const bool constraint = s.Text(1) == "u";
      return Refuse(name,
                    absl::StrCat("it has ",
                                 constraint ? absl::StrCat("a UNIQUE constraint on ", s.Text(4))
                                            : absl::StrCat("the unique index ", s.Text(0)),
                                 " besides the primary key, which two replicas can fill with "
                                 "conflicting rows; ",
                                 constraint ? "make the table anew without it"
                                            : "drop it or make it an ordinary index"));
    }
    if (!absl::EqualsIgnoreCase(s.Text(3), "BINARY")) {
      return Refuse(name, absl::StrCat("key column ", std::string(s.Text(2)), " has collation ",
                                       std::string(s.Text(3)),
                                       ", under which different keys are one row; keys must "
                                       "compare BINARY"));
    }
  }
}

Status CheckNames(sqlite3* db, const std::string& name) {
  Statement s;
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(db, "SELECT 1 FROM pragma_table_info(?1, 'main') WHERE name = '-1'"));
  s.BindText(1, name);
  TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
  if (!row) return {};
  return Refuse(name,
                "its column \"-1\" has the name that stands for the row itself in "
                "crsql_changes; rename it");
}

Status CheckKeyValues(sqlite3* db, const std::string& name, const std::vector<KeyPart>& key) {
  Statement s;
  bool row;
  for (const KeyPart& part : key) {
    const std::string column = QuoteName(part.name);
    TRIBUTARY_RETURN_IF_ERROR(s.Prepare(db, absl::StrCat("SELECT 1 FROM main.", QuoteName(name),
                                                         " WHERE ", column, " IS NULL LIMIT 1")));
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (row) {
      return Refuse(name, absl::StrCat("key column ", part.name,
                                       " holds NULLs, which are no key; give these rows one"));
    }
    if (!part.untyped) continue;
    TRIBUTARY_RETURN_IF_ERROR(s.Prepare(
        db, absl::StrCat("SELECT 1 FROM main.", QuoteName(name), " WHERE typeof(", column,
                         ") = 'real' AND ", column, " = CAST(", column, " AS INTEGER) LIMIT 1")));
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (row) {
      return Refuse(name, absl::StrCat("untyped key column ", part.name,
                                       " holds REALs that equal integers, one key with two "
                                       "forms; store the integers"));
    }
  }
  return {};
}

}  // namespace

Status CheckEligible(sqlite3* db, std::string_view schema, std::string_view table,
                     std::string* name, std::string* warning) {
  *name = table;
  if (!absl::EqualsIgnoreCase(schema, "main")) {
    return Refuse(table, absl::StrCat("only tables of the main database can be, not of ", schema));
  }
  TRIBUTARY_RETURN_IF_ERROR(CheckKind(db, table, name));
  std::vector<KeyPart> key;
  TRIBUTARY_RETURN_IF_ERROR(CheckKey(db, *name, &key, warning));
  TRIBUTARY_RETURN_IF_ERROR(CheckIndexes(db, *name));
  TRIBUTARY_RETURN_IF_ERROR(CheckNames(db, *name));
  return CheckKeyValues(db, *name, key);
}

}  // namespace tributary
