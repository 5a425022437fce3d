// What happens to a schema over time: a list of schemas, each one step from the one before.
#ifndef TRIBUTARY_TESTS_SIM_PLAN_H_
#define TRIBUTARY_TESTS_SIM_PLAN_H_

#include <cstddef>
#include <string>
#include <vector>

#include "tests/sim/episode.h"
#include "tests/sim/random.h"
#include "tests/sim/schema.h"

namespace tributary::sim {

struct SchemaStep {
  enum class Kind {
    kAddColumn,
    kDropColumn,
    kRenameColumn,
    kRenameTable,
    kNewTable,
    kRebuild,  // a table made anew under its name: other order, one column less or more or both
  };
  Kind kind;
  size_t table;  // its place in the schema, the same before and after

  // SQLite refuses it while the triggers stand, or it needs the comparison of rows.
  bool needs_bracket() const { return kind == Kind::kDropColumn || kind == Kind::kRebuild; }
};

struct SchemaPlan {
  std::vector<RandomSchema> schemas;  // one more than steps
  std::vector<SchemaStep> steps;
};

// A plan in which each name is used once.
SchemaPlan MakePlan(Episode* episode, Random* random);

// CREATE TABLE, with the columns in any order.
std::string CreateTable(Random* random, const RandomTable& table, const std::string& quoted);

// The DDL that makes `after` of `before`, which are the step's table; `before` is null if it is
// new. A table that is made anew loses some rows if `lose_rows`.
std::vector<std::string> SqlOf(Random* random, SchemaStep::Kind kind, const RandomTable* before,
                               const RandomTable& after, bool lose_rows);

}  // namespace tributary::sim

#endif  // TRIBUTARY_TESTS_SIM_PLAN_H_
