// Random schemas with everything the core accepts. What was generated is counted by name and
// printed at the end of a run; what is left out on purpose is listed there, too.
#ifndef TRIBUTARY_TESTS_SIM_SCHEMA_H_
#define TRIBUTARY_TESTS_SIM_SCHEMA_H_

#include <string>
#include <vector>

#include "tests/sim/episode.h"
#include "tests/sim/random.h"

namespace tributary::sim {

struct RandomColumn {
  std::string name;      // quoted
  std::string declared;  // type, as written
  bool key = false;
  bool not_null = false;
  bool has_default = false;
  bool generated = false;
  std::string references;  // a table's quoted name, or ""
};

struct RandomTable {
  std::string name;    // as it is
  std::string quoted;  // for SQL
  std::vector<RandomColumn> columns;
  std::string create;
  bool without_rowid = false;
  bool strict = false;

  // Names of the columns that a statement may write, keys first if they come first.
  std::vector<const RandomColumn*> Writable(bool keys) const;
};

struct RandomSchema {
  std::vector<RandomTable> tables;
  std::vector<std::string> extras;     // indexes, triggers, plain tables; safe on a plain SQLite
  std::vector<std::string> untracked;  // plain tables, not replicated
};

// `converging`: only what must converge, such as user triggers that mind the sync bit.
RandomSchema MakeSchema(Episode* episode, Random* random);

// A literal for a column: mostly of its type, from few values so that replicas collide.
std::string RandomLiteral(Random* random, const RandomColumn& column, bool strict);

// What is left out, a line each.
const std::vector<std::string>& LeftOut();

}  // namespace tributary::sim

#endif  // TRIBUTARY_TESTS_SIM_SCHEMA_H_
