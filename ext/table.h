// A replicated table as this connection sees it: its key, its columns and their stable numbers, and
// the statements that read and write single rows.
#ifndef TRIBUTARY_EXT_TABLE_H_
#define TRIBUTARY_EXT_TABLE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "crdt/key.h"
#include "crdt/row_clock.h"
#include "ext/affinity.h"
#include "ext/sql.h"
#include "sync/changeset/reader.h"

namespace tributary {

struct KeyColumn {
  std::string name;
  Affinity affinity = Affinity::kBlob;
  bool is_rowid = false;  // INTEGER PRIMARY KEY: takes integers only
};

struct DataColumn {
  ColumnId id = 0;
  uint32_t layout = 0;  // the first that has it
  size_t place = 0;     // in the schema, among those that are no key
  std::string name;
  Affinity affinity = Affinity::kBlob;
  std::string fallback;  // its DEFAULT, as the schema has it; empty where there is none
  // What to insert where the row arrives before this cell: a literal for a NOT NULL column without
  // default (T6), else empty: the table's own default.
  std::string neutral;
  // What a column of a STRICT table takes besides NULL, after conversion; any type if not set.
  std::optional<ValueType> strict_type;
};

// `a blob`, for messages.
const char* TypeName(const Value& v);

// The statements with which a scan reads a table's rows (row_reader.h). They come to be as needed.
struct RowStatements {
  Statement walk;                                // the rows behind a rowid
  Statement select;                              // a row by its key
  std::vector<std::pair<int, Statement>> cells;  // one column of a row by its key
};

// What the texts of a table and of triggers say of its writes.
struct TableTraits {
  bool can_replace =
      false;  // a conflict clause of the table itself, or a trigger, can replace rows
  bool has_replace_trigger = false;  // our own for REPLACE
  bool has_update_trigger = false;   // our own; else columns are told by their names
  bool is_altering = false;          // between crsql_begin_alter and crsql_commit_alter
  bool is_renamed = false;           // since the catalog was last written
  bool has_history = false;          // crsql_former exists
  bool has_user_triggers = false;    // others than ours run on it; any TEMP trigger counts
};

// Whether a record does not name the columns of its key: those of crsql_changes do not.
bool NamesNoKey(const std::vector<std::string>& names);

class Table {
 public:
  Table(sqlite3* db, int64_t id, std::string name) : db_(db), id_(id), name_(std::move(name)) {}

  int64_t id() const { return id_; }
  const std::string& name() const { return name_; }
  const std::vector<KeyColumn>& key() const { return key_; }
  // The replicated columns, ascending by id: what the schema still has of the present layout.
  const std::vector<DataColumn>& columns() const { return columns_; }
  const Layouts& layouts() const { return layouts_; }
  // Columns that were added since the catalog was last written.
  const std::vector<std::string>& new_columns() const { return new_columns_; }
  // Columns of the present layout that the schema has not any more.
  const std::vector<ColumnId>& lost_columns() const { return lost_columns_; }
  // The id that the first of new_columns() will have: above all that were ever given.
  ColumnId next_column_id() const { return next_column_id_; }
  // Whether the catalog lags behind the schema: see ext/renew.h.
  bool is_outdated() const { return is_outdated_; }
  // Index into columns() by id or exact name; -1 if there is none.
  int FindColumn(ColumnId id) const {
    // As long as no column was dropped.
    return id < columns_.size() && columns_[id].id == id ? static_cast<int>(id) : SearchColumn(id);
  }
  // The search begins at `first`: records of a row come in the order of its columns. A name that a
  // column had before it was renamed stands for it, unless another has taken it since.
  int FindColumn(std::string_view name, int first = 0) const;

  // Whether those are the columns of its key, by name. Any key may be meant where none is named.
  bool MayHaveKey(const std::vector<std::string>& names) const;

  // Reads key and columns from the schema and the catalog's tables.
  Status Load(const TableTraits& traits = {});

  // Encodes the key that these values are, as the table stores them. Fails on NULL, and on an
  // integral REAL in an untyped column (two keys that SQLite takes for one).
  Status EncodeKey(sqlite3_value** values, std::string* out) const;
  // The same for values from elsewhere; fails where their number or types are not what the columns
  // would store.
  Status EncodeForeignKey(const std::vector<Value>& values, std::string* out) const;

  // Points `select` at the row with this key: its columns in layout order, then its rowid (or 1
  // where it has none). *found tells whether it is there; if so the caller resets the statement
  // when done with the values.
  Status SelectRow(std::string_view key, Statement** select, bool* found);
  // The same for a statement of the caller's own: text and key. Or only one column, then the rowid.
  Status PrepareSelect(Statement* s) const { return PrepareSelect(s, ColumnList()); }
  Status PrepareSelectCell(Statement* s, int column) const {
    return PrepareSelect(s, QuoteName(columns_[column].name) + ", ");
  }
  // For a rowid table: the same columns, then the key's, of the rows with rowid > ?1 in that order.
  // Left unprepared where the table has no rowid.
  Status PrepareWalk(Statement* s) const;
  // Statements for a scan, used before where there are such; it gives them back, reset.
  RowStatements TakeRowStatements();
  // Does not allocate.
  void GiveBack(RowStatements s) {
    if (idle_.size() < kMaxIdle) idle_.push_back(std::move(s));
  }
  // Takes a stored key of this table apart.
  Status DecodeKey(std::string_view key, KeyDecoder* decoder) const;
  Status BindKey(Statement* s, std::string_view key, KeyDecoder* decoder, int first = 1) const;
  static void BindKey(Statement* s, const std::vector<Value>& values, int first = 1);
  // ` WHERE "k" = ?first AND ...`
  std::string WhereKey(int first) const;
  // *rowid is the row's, where the table has one.
  Status RowExists(std::string_view key, bool* found, int64_t* rowid);
  Status DeleteRow(std::string_view key);
  // Inserts a row with one cell (`column` is an index into columns(), or -1 for none) and neutral
  // values or defaults elsewhere.
  Status InsertRow(std::string_view key, int column, const Value& value, int64_t* rowid);
  // Inserts a row with all its cells, in the order of columns(). *inserted is false where the key
  // is taken.
  Status InsertWhole(std::string_view key, absl::Span<const CellView> cells, bool* inserted);
  // `rowid` is where the row was last seen. It need not be there any more, unless *at_rowid says so
  // (then the key is not compared); set to whether it was.
  Status UpdateCell(std::string_view key, int64_t rowid, bool* at_rowid, int column,
                    const Value& value);

  // Whether an update's cells are more than an SQL function takes arguments in older SQLites (127).
  bool UpdatesInParts() const { return 1 + 2 * (key_.size() + columns_.size()) > 100; }
  static constexpr size_t kColumnsPerPart = 40;

  const TableTraits& traits() const { return traits_; }
  // A name for the rowid that no column hides; empty where there is none.
  const std::string& rowid_name() const { return rowid_name_; }

  // Whether an exception is stored for this table: 1 yes, 0 no, -1 not known.
  int8_t has_exceptions = -1;
  // For BirthValues alone.
  std::vector<OwnedValue> births;

 private:
  // A row of crsql_columns.
  struct KnownColumn {
    ColumnId id;
    std::string name;   // when the catalog was last written; in an alteration, the present one
    uint32_t layout;    // the first that has it
    uint32_t gone = 0;  // the first that has it no more, if not 0
  };
  int SearchColumn(ColumnId id) const;
  // Of crsql_former: which columns are gone, and former names.
  Status LoadHistory(std::vector<KnownColumn>* known);
  Status LoadNamesInAlteration(std::vector<KnownColumn>* known) const;
  Status LoadSchema();
  // `columns`: all of the table, generated ones included.
  void FindRowidName(const std::vector<std::string>& columns);
  Status LoadCatalog();
  Status NoteRenames(std::vector<KnownColumn>* known);
  void MapColumns(const std::vector<KnownColumn>& known);
  // The conflict clause of statements that write one row. A failing statement must leave nothing
  // behind: ABORT. Without user triggers a row is not touched before its constraints have been
  // checked, so that FAIL leaves nothing either.
  const char* Conflict() const { return traits_.has_user_triggers ? " OR ABORT " : " OR FAIL "; }
  // `"a", "b", `: the columns, in layout order.
  std::string ColumnList() const;
  Status PrepareSelect(Statement* s, const std::string& columns) const;
  Status CheckKeyValue(const KeyColumn& column, const Value& v) const;
  Status PrepareUpdate(Statement* s, int column, const std::string& where);

  sqlite3* db_;
  int64_t id_;
  std::string name_;
  std::vector<KeyColumn> key_;
  std::vector<DataColumn> columns_;
  std::vector<std::string> new_columns_;
  std::vector<ColumnId> lost_columns_;
  std::vector<std::pair<std::string, ColumnId>> former_names_;
  ColumnId next_column_id_ = 0;
  bool is_outdated_ = false;
  Layouts layouts_;
  TableTraits traits_;
  std::string rowid_name_;
  KeyDecoder decoder_;
  static constexpr size_t kMaxIdle = 4;
  absl::InlinedVector<RowStatements, kMaxIdle> idle_;
  Statement select_;
  Statement exists_;
  Statement delete_;
  Statement insert_whole_;
  std::vector<Statement> insert_;        // by column index + 1
  std::vector<Statement> update_;        // by column index
  std::vector<Statement> update_at_;     // the same, by rowid and key
  std::vector<Statement> update_known_;  // the same, by rowid
};

}  // namespace tributary

#endif  // TRIBUTARY_EXT_TABLE_H_
