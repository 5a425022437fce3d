// A peer that runs cr-sqlite, upstream or the fork: a slow model of what it records and how it
// merges, which can be written out as the file that cr-sqlite would have.
//
//   CrsqlPeer p(CrsqlPeer::kFork, 1);
//   p.AddTable("foo", "INTEGER", {"b", "c"});   // key column k
//   p.Insert("foo", Cell::Integer(1), {{"b", Cell::Integer(2)}});
//   p.Commit();
//   Db db(path, {.extension = false, .before = p.ToSql()});
#ifndef TRIBUTARY_TESTS_SUPPORT_CRSQL_PEER_H_
#define TRIBUTARY_TESTS_SUPPORT_CRSQL_PEER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/support/changes.h"

namespace tributary::testing {

class CrsqlPeer {
 public:
  enum Kind { kUpstream, kFork };
  using Values = std::map<std::string, Cell>;

  // Its site id is that of Site(n) in tests/support/changes.h.
  CrsqlPeer(Kind kind, int n) : kind_(kind), site_(16, static_cast<char>(n)), sites_{site_} {}

  // The key column is k; the others have no type. Texts and integers may be keys.
  void AddTable(const std::string& name, const std::string& key_type,
                std::vector<std::string> columns);

  // Local writes. What cannot be done (insert of a row that is there...) does nothing.
  void Insert(const std::string& table, const Cell& key, const Values& values);
  void Update(const std::string& table, const Cell& key, const Values& values);
  void Delete(const std::string& table, const Cell& key);
  void Move(const std::string& table, const Cell& from, const Cell& to);
  void Commit();
  // In one transaction of its own.
  void Merge(const std::vector<Change>& changes);

  std::vector<Change> Changes() const;
  const std::string& site() const { return site_; }
  int64_t db_version() const { return version_; }
  // As TableText of a database that holds the same.
  std::string TableText(const std::string& table) const;
  // The statements that make its file.
  std::string ToSql() const;

 private:
  struct Clock {
    int64_t col_version = 0;
    int64_t db_version = 0;
    std::string site;
    int64_t seq = 0;
  };
  struct RowState {
    Cell key;
    bool exists = false;
    Values values;
    std::map<std::string, Clock> clocks;  // "-1" is the sentinel
  };
  struct Table {
    std::string key_type;
    std::vector<std::string> columns;
    std::map<std::string, RowState> rows;  // by packed key
  };
  static int64_t CausalLength(const RowState& row);
  RowState& Find(const std::string& table, const Cell& key);
  int64_t NextVersion();
  Clock Stamp(int64_t col_version) { return {col_version, NextVersion(), site_, seq_++}; }
  void Touch(RowState* row, const std::string& column);
  void Create(const Table& table, RowState* row);
  void MergeOne(const Change& change);
  int64_t Ordinal(const std::string& site) const;
  std::string TableSql(const std::string& name, const Table& table) const;

  Kind kind_;
  std::string site_;
  std::vector<std::string> sites_;  // by ordinal
  std::map<std::string, int64_t> seen_;
  std::map<std::string, Table> tables_;
  int64_t version_ = 0;
  int64_t pending_ = 0;  // of the transaction, if it wrote
  int64_t seq_ = 0;
};

}  // namespace tributary::testing

#endif  // TRIBUTARY_TESTS_SUPPORT_CRSQL_PEER_H_
