#include "tests/sim/plan.h"

#include <algorithm>
#include <utility>

#include "tests/support/db.h"

namespace tributary::sim {
namespace {

using Kind = SchemaStep::Kind;

// LeftOut() says what this is about.
bool StaysAsItIs(const std::string& declared, const std::string& value) {
  const bool is_real =
      value[0] != '\'' && value[0] != 'x' && value.find_first_of(".e") != std::string::npos;
  if (!is_real) return true;
  if (declared.rfind("TEXT", 0) == 0) return false;
  const bool is_whole = value.size() > 2 && value.compare(value.size() - 2, 2, ".0") == 0;
  return !is_whole || (!declared.empty() && declared != "BLOB" && declared != "ANY");
}

class PlanMaker {
 public:
  PlanMaker(Episode* episode, Random* random) : episode_(*episode), random_(*random) {}

  SchemaPlan Make() {
    SchemaPlan plan;
    RandomSchema schema;
    for (size_t n = 1 + random_.Below(2); n > 0; n--) schema.tables.push_back(NewTable());
    plan.schemas.push_back(schema);
    for (size_t n = 1 + random_.Below(8); n > 0; n--) {
      plan.steps.push_back(Change(&schema));
      plan.schemas.push_back(schema);
    }
    return plan;
  }

 private:
  std::string NewName(const char* base) {
    std::string name = base + std::to_string(names_++);
    switch (random_.Below(12)) {
      case 0:
        return name + " x";
      case 1:
        return name + "'\"q";
      case 2:
        return name + "\xc3\xa9";
      default:
        return name;
    }
  }

  void Name(RandomTable* t) {
    t->name = NewName("t");
    t->quoted = testing::Quoted(t->name);
  }

  RandomTable NewTable() {
    RandomTable t;
    Name(&t);
    t.strict = random_.OneIn(5);
    const size_t keys = random_.OneIn(4) ? 2 : 1;
    const bool alias = keys == 1 && random_.OneIn(2);
    t.without_rowid = !alias && random_.OneIn(3);
    for (size_t i = 0; i < keys; i++) {
      RandomColumn k{.name = testing::Quoted(NewName("k")), .key = true, .not_null = true};
      k.declared = alias ? "INTEGER" : random_.Pick({"TEXT", "INT", "BLOB", "INTEGER"});
      t.columns.push_back(k);
    }
    const size_t others = random_.OneIn(8) ? 0 : 1 + random_.Below(3);
    for (size_t i = 0; i < others; i++) t.columns.push_back(NewColumn(t, false));
    return t;
  }

  // `declared` is all that stands behind the name.
  RandomColumn NewColumn(const RandomTable& t, bool is_added) {
    RandomColumn c{.name = testing::Quoted(NewName("c"))};
    c.declared = t.strict ? random_.Pick({"INT", "TEXT", "BLOB", "REAL", "ANY"})
                          : random_.Pick({"", "TEXT", "INTEGER", "REAL", "BLOB", "NUMERIC",
                                          "TEXT COLLATE NOCASE"});
    c.not_null = random_.OneIn(4);
    c.has_default = random_.OneIn(3) || (c.not_null && is_added);
    RandomColumn not_null = c;
    not_null.not_null = true;
    std::string value;  // ALTER TABLE takes no expression
    do {
      value = RandomLiteral(&random_, not_null, t.strict);
    } while (value.find('|') != std::string::npos || value.rfind("CAST", 0) == 0 ||
             !StaysAsItIs(c.declared, value));
    if (c.not_null) c.declared += " NOT NULL";
    if (c.has_default) c.declared += " DEFAULT " + value;
    if (is_added) {
      episode_.Note(c.not_null      ? "ADD COLUMN NOT NULL DEFAULT"
                    : c.has_default ? "ADD COLUMN DEFAULT"
                                    : "ADD COLUMN");
    }
    return c;
  }

  // One that is no key; null if there is none. Not the first if it is to go: LeftOut() says why.
  RandomColumn* SomeColumn(RandomTable* t, bool to_drop) {
    std::vector<RandomColumn*> all;
    for (RandomColumn& c : t->columns) {
      if (!c.key) all.push_back(&c);
    }
    if (to_drop && !all.empty()) all.erase(all.begin());
    return all.empty() ? nullptr : random_.Pick(all);
  }

  static void Remove(RandomTable* t, const RandomColumn* c) {
    t->columns.erase(t->columns.begin() + (c - t->columns.data()));
  }

  SchemaStep Change(RandomSchema* schema) {
    SchemaStep step{Kind::kAddColumn, random_.Below(schema->tables.size())};
    RandomTable& t = schema->tables[step.table];
    RandomColumn* column = SomeColumn(&t, false);
    const RandomColumn* dropped = SomeColumn(&t, true);
    switch (random_.Below(12)) {
      case 0:
        step = {Kind::kNewTable, schema->tables.size()};
        schema->tables.push_back(NewTable());
        episode_.Note("new table");
        return step;
      case 1:
        step.kind = Kind::kRenameTable;
        Name(&t);
        episode_.Note("RENAME TABLE");
        return step;
      case 2:
      case 3:
        if (column == nullptr) break;
        step.kind = Kind::kRenameColumn;
        column->name = testing::Quoted(NewName("c"));
        episode_.Note("RENAME COLUMN");
        return step;
      case 4:
      case 5:
      case 6:
        if (dropped == nullptr) break;
        step.kind = Kind::kDropColumn;
        Remove(&t, dropped);
        episode_.Note("DROP COLUMN");
        return step;
      case 7:
      case 8:
        step.kind = Kind::kRebuild;
        if (dropped != nullptr && random_.OneIn(2)) Remove(&t, dropped);
        if (random_.OneIn(2)) t.columns.push_back(NewColumn(t, true));
        episode_.Note("table made anew");
        return step;
      default:
        break;
    }
    t.columns.push_back(NewColumn(t, true));
    return step;
  }

  Episode& episode_;
  Random& random_;
  int names_ = 0;
};

// A column of `a` that `b` lacks, by name; null if there is none.
const RandomColumn* OnlyIn(const RandomTable& a, const RandomTable& b) {
  for (const RandomColumn& c : a.columns) {
    if (std::none_of(b.columns.begin(), b.columns.end(),
                     [&](const RandomColumn& other) { return other.name == c.name; })) {
      return &c;
    }
  }
  return nullptr;
}

std::vector<std::string> Rebuild(Random* random, const RandomTable& before,
                                 const RandomTable& after, bool lose_rows) {
  std::string common;
  for (const RandomColumn& c : after.columns) {
    if (const RandomColumn* added = OnlyIn(after, before); added && added->name == c.name) continue;
    common += (common.empty() ? "" : ", ") + c.name;
  }
  const std::string copy = testing::Quoted(after.name + " new");
  const std::string where = lose_rows ? " WHERE " + before.columns[0].name + " IS NOT " +
                                            RandomLiteral(random, before.columns[0], before.strict)
                                      : "";
  return {CreateTable(random, after, copy),
          "INSERT INTO " + copy + "(" + common + ") SELECT " + common + " FROM " + before.quoted +
              where,
          "DROP TABLE " + before.quoted, "ALTER TABLE " + copy + " RENAME TO " + after.quoted};
}

}  // namespace

SchemaPlan MakePlan(Episode* episode, Random* random) { return PlanMaker(episode, random).Make(); }

std::string CreateTable(Random* random, const RandomTable& table, const std::string& quoted) {
  std::vector<RandomColumn> columns = table.columns;
  random->Shuffle(&columns);
  std::string sql = "CREATE TABLE " + quoted + "(", key;
  for (const RandomColumn& c : columns) {
    sql += c.name + " " + c.declared + (c.key ? " NOT NULL" : "") + ", ";
  }
  for (const RandomColumn& c : table.columns) {
    if (c.key) key += (key.empty() ? "" : ", ") + c.name;
  }
  sql += "PRIMARY KEY(" + key + "))";
  if (table.without_rowid) sql += " WITHOUT ROWID";
  if (table.strict) sql += table.without_rowid ? ", STRICT" : " STRICT";
  return sql;
}

std::vector<std::string> SqlOf(Random* random, Kind kind, const RandomTable* before,
                               const RandomTable& after, bool lose_rows) {
  if (before == nullptr) return {CreateTable(random, after, after.quoted)};
  const std::string alter = "ALTER TABLE " + before->quoted + " ";
  switch (kind) {
    case Kind::kAddColumn: {
      const RandomColumn& c = *OnlyIn(after, *before);
      return {alter + "ADD COLUMN " + c.name + " " + c.declared};
    }
    case Kind::kDropColumn:
      return {alter + "DROP COLUMN " + OnlyIn(*before, after)->name};
    case Kind::kRenameColumn:
      return {alter + "RENAME COLUMN " + OnlyIn(*before, after)->name + " TO " +
              OnlyIn(after, *before)->name};
    case Kind::kRenameTable:
      return {alter + "RENAME TO " + after.quoted};
    case Kind::kNewTable:
    case Kind::kRebuild:
      break;
  }
  return Rebuild(random, *before, after, lose_rows);
}

}  // namespace tributary::sim
