#include "tests/sim/script.h"

#include <algorithm>

namespace tributary::sim {
namespace {

class Writer {
 public:
  Writer(Episode* episode, Random* random, const RandomSchema& schema)
      : episode_(*episode), random_(*random), schema_(schema), t_(random->Pick(schema.tables)) {}

  std::string Statement() {
    switch (random_.Below(16)) {
      case 0:
        return InsertSelect();
      case 1:
        return UpdateFrom();
      case 2:
        return "SELECT * FROM " + t_.quoted + " WHERE " + Condition() + " ORDER BY " + KeyList();
      case 3:
      case 4:
        return Delete();
      case 5:
      case 6:
      case 7:
      case 8:
        return Update();
      case 9:
        return Upsert();
      default:
        return Insert();
    }
  }

 private:
  std::string Literal(const RandomColumn& c) { return RandomLiteral(&random_, c, t_.strict); }

  std::string Or() {
    if (!random_.OneIn(2)) return "";
    const std::string clause =
        random_.Pick({"REPLACE", "REPLACE", "IGNORE", "FAIL", "ABORT", "ROLLBACK"});
    episode_.Note("OR " + clause);
    return "OR " + clause + " ";
  }

  std::string KeyList() {
    std::string list;
    for (const RandomColumn& c : t_.columns) {
      if (c.key) list += (list.empty() ? "" : ", ") + c.name;
    }
    return list;
  }

  std::string Returning() {
    if (!random_.OneIn(6)) return "";
    episode_.Note("RETURNING");
    return " RETURNING *";
  }

  std::string Condition() {
    const RandomColumn& c = *random_.Pick(t_.Writable(true));
    switch (random_.Below(6)) {
      case 0:
        return c.name + " > " + Literal(c);
      case 1:
        return c.name + " IS NOT " + Literal(c);
      case 2:
        return c.name + " IN (" + Literal(c) + ", " + Literal(c) + ")";
      case 3:
        return random_.OneIn(4) ? "1" : c.name + " IS NOT NULL";
      default: {
        const RandomColumn& key = *t_.Writable(true)[0];
        return key.name + " = " + Literal(key);
      }
    }
  }

  // Columns to insert: all of the key, most of the others.
  std::vector<const RandomColumn*> InsertColumns() {
    std::vector<const RandomColumn*> columns;
    for (const RandomColumn* c : t_.Writable(true)) {
      const bool alias = c->key && c->declared == "INTEGER" && !c->not_null;
      if (alias && random_.OneIn(12)) continue;  // the rowid is chosen by SQLite
      if (c->key || !random_.OneIn(5)) columns.push_back(c);
    }
    if (columns.empty()) columns.push_back(t_.Writable(true)[0]);
    return columns;
  }

  static std::string Names(const std::vector<const RandomColumn*>& columns) {
    std::string list;
    for (const RandomColumn* c : columns) list += (list.empty() ? "" : ", ") + c->name;
    return list;
  }

  std::string Insert() {
    const std::vector<const RandomColumn*> columns = InsertColumns();
    std::string sql = "INSERT " + Or() + "INTO " + t_.quoted + "(" + Names(columns) + ") VALUES";
    const size_t rows = random_.OneIn(3) ? 1 + random_.Below(5) : 1;
    for (size_t i = 0; i < rows; i++) {
      std::string values;
      for (const RandomColumn* c : columns) values += (values.empty() ? "" : ", ") + Literal(*c);
      sql += (i == 0 ? "(" : ", (") + values + ")";
    }
    return sql + Returning();
  }

  std::string Upsert() {
    const std::vector<const RandomColumn*> others = t_.Writable(false);
    std::string sql = Insert();
    if (sql.find(" OR ") != std::string::npos || sql.find("RETURNING") != std::string::npos) {
      return sql;
    }
    episode_.Note("UPSERT");
    if (others.empty() || random_.OneIn(4)) return sql + " ON CONFLICT DO NOTHING";
    const RandomColumn& c = *random_.Pick(others);
    return sql + " ON CONFLICT(" + KeyList() + ") DO UPDATE SET " + c.name + " = " +
           (random_.OneIn(2) ? "excluded." + c.name : Literal(c));
  }

  std::string InsertSelect() {
    const std::vector<const RandomColumn*> columns = t_.Writable(true);
    std::string list;
    for (const RandomColumn* c : columns) {
      const bool change = c->key ? random_.OneIn(2) : random_.OneIn(3);
      list += (list.empty() ? "" : ", ") + (change ? Literal(*c) : c->name);
    }
    episode_.Note("INSERT ... SELECT");
    return "INSERT " + Or() + "INTO " + t_.quoted + "(" + Names(columns) + ") SELECT " + list +
           " FROM " + t_.quoted + " WHERE " + Condition() + " ORDER BY " + KeyList();
  }

  std::string Assignments(bool with_keys) {
    std::string list;
    for (const RandomColumn* c : t_.Writable(with_keys)) {
      if (!random_.OneIn(2)) continue;
      list += (list.empty() ? "" : ", ") + c->name + " = ";
      if (c->key && c->declared == "INTEGER" && random_.OneIn(2)) {
        list += c->name + (random_.OneIn(2) ? " + 1" : " - 1");
      } else {
        list += Literal(*c);
      }
    }
    if (!list.empty()) return list;
    const RandomColumn& c = *random_.Pick(t_.Writable(true));
    return c.name + " = " + Literal(c);
  }

  // Rows whose keys collide: which of them wins depends on the order in which SQLite visits them,
  // and with an index that may be another where there are triggers.
  std::string Update() {
    const bool keys = random_.OneIn(4) || t_.Writable(false).empty();
    if (keys) episode_.Note("update of a key");
    const RandomColumn& key = *t_.Writable(true)[0];
    const std::string where = keys && HasIndex() ? key.name + " = " + Literal(key) : Condition();
    return "UPDATE " + Or() + t_.quoted + " SET " + Assignments(keys) + " WHERE " + where +
           Returning();
  }

  bool HasIndex() const {
    return std::any_of(schema_.extras.begin(), schema_.extras.end(),
                       [](const std::string& sql) { return sql.rfind("CREATE INDEX", 0) == 0; });
  }

  std::string UpdateFrom() {
    if (t_.Writable(false).empty()) return Update();
    const RandomColumn& c = *random_.Pick(t_.Writable(false));
    const RandomColumn& key = *t_.Writable(true)[0];
    episode_.Note("UPDATE ... FROM");
    return "UPDATE " + t_.quoted + " SET " + c.name + " = v.column2 FROM (VALUES (" + Literal(key) +
           ", " + Literal(c) + "), (" + Literal(key) + ", " + Literal(c) + ")) AS v WHERE " +
           t_.quoted + "." + key.name + " = v.column1";
  }

  std::string Delete() {
    if (random_.OneIn(12)) {
      episode_.Note("DELETE without WHERE");
      return "DELETE FROM " + t_.quoted;
    }
    return "DELETE FROM " + t_.quoted + " WHERE " + Condition() + Returning();
  }

  Episode& episode_;
  Random& random_;
  const RandomSchema& schema_;
  const RandomTable& t_;
};

}  // namespace

std::string RandomStatement(Episode* episode, Random* random, const RandomSchema& schema) {
  return Writer(episode, random, schema).Statement();
}

std::vector<std::string> RandomTransaction(Episode* episode, Random* random,
                                           const RandomSchema& schema) {
  if (random->OneIn(3)) return {RandomStatement(episode, random, schema)};
  std::vector<std::string> sql = {
      random->Pick({"BEGIN", "BEGIN IMMEDIATE", "SAVEPOINT outer_one"})};
  const bool savepoint_only = sql[0] != "BEGIN" && sql[0] != "BEGIN IMMEDIATE";
  size_t depth = 0;
  for (size_t n = 1 + random->Below(10); n > 0; n--) {
    switch (random->Below(12)) {
      case 0:
        sql.push_back("SAVEPOINT s" + std::to_string(++depth));
        break;
      case 1:
        if (depth == 0) break;
        depth = 1 + random->Below(depth);
        sql.push_back("ROLLBACK TO s" + std::to_string(depth));
        episode->counts->rollbacks++;
        break;
      case 2:
        if (depth == 0) break;
        sql.push_back("RELEASE s" + std::to_string(depth--));
        break;
      case 3:
        if (random->OneIn(3)) sql.emplace_back("SELECT count(*) FROM @changes");
        break;
      default:
        sql.push_back(RandomStatement(episode, random, schema));
    }
  }
  const bool roll_back = random->OneIn(6);
  if (roll_back) episode->counts->rollbacks++;
  if (savepoint_only) {
    if (roll_back) sql.emplace_back("ROLLBACK TO outer_one");
    sql.emplace_back("RELEASE outer_one");
  } else {
    sql.emplace_back(roll_back ? "ROLLBACK" : "COMMIT");
  }
  return sql;
}

}  // namespace tributary::sim
