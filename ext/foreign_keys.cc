#include "ext/foreign_keys.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace tributary {
namespace {

// `filter` has ?1 for the table's name.
Status Load(sqlite3* db, const char* filter, std::string_view table,
            std::vector<ForeignKey>* keys) {
  keys->clear();
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(
      db, absl::StrCat(
              // A reference without columns is to the parent's primary key.
              "SELECT m.name, f.id, f.\"table\", f.\"from\", coalesce(f.\"to\", (SELECT name FROM "
              "pragma_table_info(f.\"table\", 'main') WHERE pk = f.seq + 1)), f.on_delete "
              "FROM main.sqlite_schema m, pragma_foreign_key_list(m.name, 'main') f "
              "WHERE m.type = 'table' AND ",
              filter, " ORDER BY m.name, f.id, f.seq")));
  s.BindText(1, table);
  int64_t last_id = -1;
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) return {};
    if (keys->empty() || keys->back().child != s.Text(0) || last_id != s.Int(1)) {
      keys->push_back({.child = std::string(s.Text(0)),
                       .parent = std::string(s.Text(2)),
                       .on_delete = std::string(s.Text(5))});
      last_id = s.Int(1);
    }
    keys->back().from.emplace_back(s.Text(3));
    keys->back().to.emplace_back(s.Text(4));
  }
}

}  // namespace

bool ForeignKeysEnforced(sqlite3* db) {
  int on = 0;
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, -1, &on);
  return on != 0;
}

Status ForeignKeysTo(sqlite3* db, std::string_view parent, std::vector<ForeignKey>* keys) {
  return Load(db, "f.\"table\" = ?1 COLLATE NOCASE", parent, keys);
}

Status ForeignKeysOf(sqlite3* db, std::string_view child, std::vector<ForeignKey>* keys) {
  return Load(db, "m.name = ?1 COLLATE NOCASE", child, keys);
}

std::string Describe(const ForeignKey& key) {
  return absl::StrCat(key.child, "(", absl::StrJoin(key.from, ", "), ") -> ", key.parent, "(",
                      absl::StrJoin(key.to, ", "), ")");
}

}  // namespace tributary
