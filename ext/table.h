// A replicated table as this connection sees it: its key, its columns and their stable numbers, and
// the statements that read and write single rows.
#ifndef TRIBUTARY_EXT_TABLE_H_
#define TRIBUTARY_EXT_TABLE_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "crdt/key.h"
#include "crdt/row_clock.h"
#include "ext/affinity.h"
#include "ext/sql.h"

namespace tributary {

struct KeyColumn {
  std::string name;
  Affinity affinity = Affinity::kBlob;
};

struct DataColumn {
  ColumnId id = 0;
  std::string name;
  Affinity affinity = Affinity::kBlob;
  // What to insert where the row arrives before this cell: a literal for a NOT NULL column without
  // default (T6), else empty: the table's own default.
  std::string neutral;
};

class Table {
 public:
  Table(sqlite3* db, int64_t id, std::string name) : db_(db), id_(id), name_(std::move(name)) {}

  int64_t id() const { return id_; }
  const std::string& name() const { return name_; }
  const std::vector<KeyColumn>& key() const { return key_; }
  // The columns of the present layout, ascending by id.
  const std::vector<DataColumn>& columns() const { return columns_; }
  const Layouts& layouts() const { return layouts_; }
  // Index into columns() by id or exact name; -1 if there is none.
  int FindColumn(ColumnId id) const;
  int FindColumn(std::string_view name) const;

  // Reads key and columns from the schema and the catalog's tables.
  Status Load();

  // Encodes the key that these values are, as the table stores them. Fails on NULL, and on an
  // integral REAL in an untyped column (two keys that SQLite takes for one).
  Status EncodeKey(sqlite3_value** values, std::string* out) const;
  // The same for values from elsewhere; their types must be what the columns would store.
  Status EncodeForeignKey(const std::vector<Value>& values, std::string* out) const;

  // Points `select` at the row with this key: its columns in layout order. *found tells whether it
  // is there; if so the caller resets the statement when done with the values.
  Status SelectRow(std::string_view key, Statement** select, bool* found);
  // The same for a statement of the caller's own: text and key.
  Status PrepareSelect(Statement* s) const;
  Status BindKey(Statement* s, std::string_view key, KeyDecoder* decoder, int first = 1) const;
  Status RowExists(std::string_view key, bool* found);
  Status DeleteRow(std::string_view key);
  // Inserts a row with one cell (`column` is an index into columns(), or -1 for none) and neutral
  // values or defaults elsewhere.
  Status InsertRow(std::string_view key, int column, sqlite3_value* value);
  Status UpdateCell(std::string_view key, int column, sqlite3_value* value);

  // Whether an update's cells are more than an SQL function takes arguments in older SQLites (127).
  bool UpdatesInParts() const { return 1 + 2 * (key_.size() + columns_.size()) > 100; }
  static constexpr size_t kColumnsPerPart = 40;

  // Whether a conflict clause of the table itself can replace rows.
  bool can_replace() const { return can_replace_; }
  bool has_replace_trigger() const { return has_replace_trigger_; }
  bool without_rowid() const { return without_rowid_; }

  // Cache of "no exception is stored for this table", good for one transaction.
  int8_t has_exceptions = -1;

 private:
  Status LoadSchema();
  Status LoadCatalog();
  std::string WhereKey(int first) const;
  Status CheckKeyValue(const KeyColumn& column, const Value& v) const;

  sqlite3* db_;
  int64_t id_;
  std::string name_;
  std::vector<KeyColumn> key_;
  std::vector<DataColumn> columns_;
  Layouts layouts_;
  bool can_replace_ = false;
  bool has_replace_trigger_ = false;
  bool without_rowid_ = false;
  KeyDecoder decoder_;
  Statement select_;
  Statement exists_;
  Statement delete_;
  std::vector<Statement> insert_;  // by column index + 1
  std::vector<Statement> update_;  // by column index
};

}  // namespace tributary

#endif  // TRIBUTARY_EXT_TABLE_H_
