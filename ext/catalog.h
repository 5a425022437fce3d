// Which tables are replicated: crsql_tables(id, name) and crsql_columns(table_id, id, name,
// layout), checked against the schema. A table counts while its insert trigger exists: SQLite drops
// that with the table and keeps it with a rename, so neither can leave the catalog behind. What
// ALTER TABLE has taken away is in crsql_former(table_id, id, name, gone), made when first needed:
// names that a column, or with id -1 the table, had before; `gone` is the first layout without a
// column that was dropped, 0 for names.
#ifndef TRIBUTARY_EXT_CATALOG_H_
#define TRIBUTARY_EXT_CATALOG_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "ext/table.h"

namespace tributary {

class Catalog {
 public:
  explicit Catalog(sqlite3* db) : db_(db) {}

  // By number; null where no such table is replicated (any more).
  Status Get(int64_t id, Table** table) {
    if (id >= 0 && static_cast<size_t>(id) < by_id_.size() && by_id_[id] != nullptr) {
      *table = by_id_[id];
      return {};
    }
    return Load(id, table);
  }
  // By name, exactly as the schema spells it, or by a former name that no other has taken; null
  // where it is not replicated.
  Status Find(std::string_view name, Table** table);
  // By its present name only.
  Status FindPresent(std::string_view name, Table** table);
  // All, ascending by number.
  Status All(std::vector<Table*>* tables);
  // Names, ascending, of tables that once were replicated, here or by a replica whose knowledge
  // this one has taken over, and are not any more; and of such columns, by DroppedColumn.
  Status Dropped(std::vector<std::string>* names);
  static std::string DroppedColumn(std::string_view table, std::string_view column);
  // Whether this replica has the table or column of such a name.
  Status Has(std::string_view dropped, bool* has);
  bool has_history() const { return has_history_; }  // crsql_former exists

  // Whether a TEMP trigger exists (it could replace rows). Known once a table was asked for.
  bool has_temp_triggers() const { return has_temp_triggers_; }

  // REPLACE was used on a table: from the next transaction on it should have its BEFORE trigger.
  void UsesReplace(int64_t table) { replaced_.insert(table); }
  absl::flat_hash_set<int64_t> TakeReplaced() { return std::exchange(replaced_, {}); }

  // The table was written, and the catalog or the triggers lag behind its schema.
  void IsOutdated(int64_t table) { outdated_.insert(table); }
  const absl::flat_hash_set<int64_t>& outdated() const { return outdated_; }
  void IsUpToDate(int64_t table) { outdated_.erase(table); }
  absl::flat_hash_set<int64_t> TakeOutdated() { return std::exchange(outdated_, {}); }

  // After a change of the schema, by whomever. Tables handed out before are not up to date; they
  // stay valid while a scan is open.
  void Invalidate();
  void OpenScan() { scans_++; }
  void CloseScan() { scans_--; }
  // Which tables have exceptions is asked again.
  void ForgetExceptions();

 private:
  struct Entry {
    int64_t id;
    std::string name;
    TableTraits traits;
    std::unique_ptr<Table> table;  // made when first asked for
  };
  struct Schema;
  Status ReadSchema(Schema* schema);
  Status List();
  Status Load(int64_t id, Table** table);
  Status Use(Entry* entry, Table** table);
  Status Rename(Entry* entry);

  sqlite3* db_;
  bool listed_ = false;
  bool has_temp_triggers_ = false;
  bool has_history_ = false;
  std::vector<Entry> entries_;  // ascending by id
  absl::flat_hash_set<int64_t> replaced_;
  absl::flat_hash_set<int64_t> outdated_;
  int scans_ = 0;
  std::vector<std::unique_ptr<Table>> retired_;
  std::vector<Table*> by_id_;  // loaded ones, for the path of every write
};

}  // namespace tributary

#endif  // TRIBUTARY_EXT_CATALOG_H_
