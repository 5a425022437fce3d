// A slow and obvious twin of the engine: every clock of every cell spelt out in maps, the rules
// written down as sentences. Savepoints are copies of the whole model.
#ifndef TRIBUTARY_TESTS_SIM_MODEL_H_
#define TRIBUTARY_TESTS_SIM_MODEL_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/changes.h"

namespace tributary::sim {

using testing::Cell;
using testing::Change;

struct ModelStamp {
  std::string site;
  int64_t version = 0;
  int64_t seq = 0;
};

struct ModelClock {
  int64_t version = 0;  // 0: none, the cell is not shown
  ModelStamp stamp;
};

struct ModelRow {
  int64_t cl = 0;
  std::optional<ModelStamp> sentinel;
  std::map<std::string, ModelClock> clocks;  // by column
  std::map<std::string, Cell> values;        // by column, while alive

  bool alive() const { return cl % 2 == 1; }
};

struct ModelTable {
  std::vector<std::string> columns;  // besides the key, in order
  std::map<std::string, Cell> defaults;
};

class Model {
 public:
  explicit Model(std::string site) : site_(std::move(site)) {}
  void AddTable(const std::string& name, ModelTable table) { tables_[name] = std::move(table); }

  const ModelTable& table(const std::string& name) const { return tables_.at(name); }
  ModelRow& row(const std::string& table, const std::string& pk) { return rows_[{table, pk}]; }
  // Packed keys of the living rows of a table.
  std::vector<std::string> LivingKeys(const std::string& table) const;

  // --- local writes, inside a transaction. Each returns whether SQLite would let it pass.
  using Values = std::map<std::string, Cell>;
  bool Insert(const std::string& table, const std::string& pk, const Values& values, bool replace);
  void Update(const std::string& table, const std::string& pk, const Values& values);
  void Delete(const std::string& table, const std::string& pk);
  bool Move(const std::string& table, const std::string& from, const std::string& to,
            const Values& values, bool replace);
  void Commit();
  int64_t db_version() const { return db_version_; }
  int64_t next_seq() const { return seq_; }

  // --- merging: returns what crsql_rows_impacted() rises by.
  int Merge(const Change& change);

  // All of crsql_changes, ordered by table, pk, cid.
  std::vector<Change> Changes() const;

 private:
  ModelStamp Stamp() { return {site_, db_version_ + 1, seq_++}; }
  void Touch(ModelRow* row, const std::string& column);
  void GiveDefaults(const std::string& table, ModelRow* row) const;

  std::string site_;
  std::map<std::string, ModelTable> tables_;
  std::map<std::pair<std::string, std::string>, ModelRow> rows_;
  int64_t db_version_ = 0;
  int64_t seq_ = 0;
};

}  // namespace tributary::sim

#endif  // TRIBUTARY_TESTS_SIM_MODEL_H_
