// Which queries a change may affect: tables and columns that a query reads, as SQLite's authorizer
// tells while it is prepared, against rows that change, as the preupdate hook tells.
//
// An insert or delete affects all queries of its table, an update those that read a column whose
// value it changes; less if a filter says that the query's rows all have one value in a column. A
// virtual table may read anything, so a query of one is affected by every change. Too many are
// never wrong: the caller compares results.
#ifndef TRIBUTARY_WASM_GLUE_LIVE_QUERIES_H_
#define TRIBUTARY_WASM_GLUE_LIVE_QUERIES_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sqlite3.h"

namespace tributary {

class LiveQueries {
 public:
  // Installs itself on the connection, which must not outlive it. What was prepared before that is
  // prepared anew by SQLite.
  void Install(sqlite3* db);

  // Between these two, what is prepared is the query `id`. End() is false for want of memory or
  // where SQLite cannot tell about a table.
  void Begin(int32_t id);
  bool End();
  void Remove(int32_t id);

  // The rows of `table` that the query reads all have this value in `column`, as stored: an integer
  // (`text` false) or a text whose column compares BINARY.
  struct Filter {
    std::string column;
    bool is_text = false;
    int64_t integer = 0;
    std::string text;
  };
  void Narrow(int32_t id, std::string_view table, Filter filter);

  // The queries affected since the last call, ascending.
  std::vector<int32_t> TakeDirty();

 private:
  struct Dependency {
    std::vector<std::string> columns;  // as read; "" where rows are only counted
    bool every_column = false;
    std::vector<int> positions;  // of columns
    std::vector<Filter> filters;
    std::vector<int> filter_positions;
  };
  struct Query {
    bool dirty = false;
    bool anything = false;                                  // every change matters
    std::map<std::string, Dependency, std::less<>> tables;  // by "schema.table", lower case
  };

  static int Authorize(void* self, int action, const char* table, const char* column,
                       const char* schema, const char* view) noexcept;
  static void PreUpdate(void* self, sqlite3* db, int op, const char* schema, const char* table,
                        sqlite3_int64 old_rowid, sqlite3_int64 new_rowid) noexcept;
  void NoteRead(const char* table, const char* column, const char* schema);
  void NoteChange(int op, const char* schema, const char* table, bool rowid_changed);
  bool FindSchema(const std::string& table, std::string* schema);
  bool Resolve(const std::string& name, Query* query, Dependency* dependency);
  bool Affects(const Dependency& dependency, int op, bool rowid_changed);
  bool Matches(const Dependency& dependency, bool old_row);

  sqlite3* db_ = nullptr;
  std::map<int32_t, Query> queries_;
  Query* recording_ = nullptr;
  std::string key_;  // of the table that changes
};

}  // namespace tributary

#endif  // TRIBUTARY_WASM_GLUE_LIVE_QUERIES_H_
