#include "tests/sim/schema.h"

#include "tests/support/db.h"

namespace tributary::sim {
namespace {

class SchemaMaker {
 public:
  SchemaMaker(Episode* episode, Random* random) : episode_(*episode), random_(*random) {}

  RandomSchema Make() {
    RandomSchema schema;
    const size_t n = 1 + random_.Below(3);
    for (size_t i = 0; i < n; i++) schema.tables.push_back(MakeTable(i, schema.tables));
    if (random_.OneIn(2)) AddIndexes(&schema);
    if (random_.OneIn(3)) AddTriggers(&schema);
    return schema;
  }

 private:
  std::string Name(const std::string& base) {
    switch (random_.Below(12)) {
      case 0:
        return Noted("name with spaces", base + " x");
      case 1:
        return Noted("name with quotes", base + "'\"q");
      case 2:
        return Noted("name with dots", base + ".d");
      case 3:
        return Noted("Unicode name", base + "\xc3\xa9\xd1\x84");
      case 4:
        return Noted("upper-case name", "T" + base);
      case 5:
        return Noted("name with brackets", base + "[]`%");
      default:
        return base;
    }
  }
  std::string Keyword(size_t i) {
    static const std::vector<std::string> kWords = {"select", "table", "order", "values", "group",
                                                    "index",  "where", "from",  "key",    "rowid"};
    return Noted("keyword as name", kWords[i % kWords.size()]);
  }
  std::string Noted(const std::string& feature, std::string value) {
    episode_.Note(feature);
    return value;
  }

  RandomTable MakeTable(size_t index, const std::vector<RandomTable>& earlier) {
    RandomTable t;
    t.name = random_.OneIn(8) ? Keyword(index) : Name("t" + std::to_string(index));
    t.quoted = testing::Quoted(t.name);
    t.strict = random_.OneIn(5);
    if (t.strict) episode_.Note("STRICT");
    const size_t keys = random_.OneIn(4) ? 2 + random_.Below(2) : 1;
    const bool alias = keys == 1 && random_.OneIn(2);
    t.without_rowid = !alias && random_.OneIn(2);
    if (t.without_rowid) episode_.Note("WITHOUT ROWID");
    for (size_t i = 0; i < keys; i++) t.columns.push_back(KeyColumn(t, i, alias));
    const size_t others = random_.OneIn(8) ? 0 : 1 + random_.Below(4);
    if (others == 0) episode_.Note("key-only table");
    for (size_t i = 0; i < others; i++) t.columns.push_back(ValueColumn(t, i, earlier));
    if (others > 0 && random_.OneIn(5)) t.columns.push_back(GeneratedColumn(t, others));
    if (random_.OneIn(3)) random_.Shuffle(&t.columns);
    t.create = Create(t, keys, alias);
    return t;
  }

  RandomColumn KeyColumn(const RandomTable& t, size_t i, bool alias) {
    RandomColumn c;
    c.key = true;
    c.name = testing::Quoted(Name("k" + std::to_string(i)));
    if (alias) {
      c.declared = Noted("INTEGER PRIMARY KEY", "INTEGER");
      return c;
    }
    c.declared = t.strict ? random_.Pick({"INT", "TEXT", "BLOB", "INTEGER", "ANY"})
                          : random_.Pick({"", "TEXT", "INT", "BLOB", "VARCHAR(10)", "REAL",
                                          "NUMERIC", "INTEGER"});
    episode_.Note("key type " + (c.declared.empty() ? std::string("none") : c.declared));
    if (i > 0) episode_.Note("composite key");
    c.not_null = true;  // a NULL would be refused here and taken by plain SQLite
    return c;
  }

  RandomColumn ValueColumn(const RandomTable& t, size_t i,
                           const std::vector<RandomTable>& earlier) {
    RandomColumn c;
    c.name = testing::Quoted(Name("c" + std::to_string(i)));
    c.declared = t.strict ? random_.Pick({"INT", "TEXT", "BLOB", "REAL", "ANY"})
                          : random_.Pick({"", "TEXT", "INTEGER", "REAL", "BLOB", "NUMERIC",
                                          "TEXT COLLATE NOCASE", "DATE", "BOOLEAN"});
    episode_.Note("column type " + (c.declared.empty() ? std::string("none") : c.declared));
    bool refers = false;
    for (const RandomColumn& other : t.columns) refers = refers || !other.references.empty();
    if (!earlier.empty() && !refers && random_.OneIn(4)) {
      for (const RandomTable& target : earlier) {
        if (target.Writable(true).size() == target.Writable(false).size() + 1) {
          c.references = target.quoted;
          if (sqlite3_libversion_number() < 3041000) c.declared = TypeForReference(t, target);
        }
      }
    }
    if (c.references.empty()) {
      c.not_null = random_.OneIn(4);
      c.has_default = random_.OneIn(4);
    }
    if (c.not_null) {
      episode_.Note(c.has_default ? "NOT NULL with default" : "NOT NULL without default");
    }
    return c;
  }

  // A type that leaves the values of the target's key as they are: SQLite before 3.41 converts them
  // to the child's affinity in place, so that triggers on the target see other keys than it stores.
  static std::string TypeForReference(const RandomTable& t, const RandomTable& target) {
    for (const RandomColumn& key : target.columns) {
      if (!key.key) continue;
      const bool common = key.declared == "TEXT" || key.declared == "INT" || key.declared == "BLOB";
      if (common || (!t.strict && key.declared != "ANY")) return key.declared;
    }
    return t.strict ? "ANY" : "";
  }

  RandomColumn GeneratedColumn(const RandomTable& t, size_t i) {
    RandomColumn c;
    c.generated = true;
    c.name = testing::Quoted("g" + std::to_string(i));
    std::string of = "1";
    for (const RandomColumn& other : t.columns) {
      if (!other.key) of = other.name;
    }
    const bool stored = random_.OneIn(2);
    c.declared = std::string(t.strict ? "ANY " : "") + "AS (typeof(" + of + ") || 'x')" +
                 (stored ? " STORED" : "");
    episode_.Note(stored ? "generated stored column" : "generated virtual column");
    return c;
  }

  std::string Create(const RandomTable& t, size_t keys, bool alias) {
    std::string sql = "CREATE TABLE " + t.quoted + "(", key;
    for (const RandomColumn& c : t.columns) {
      if (&c != &t.columns.front()) sql += ", ";
      sql += c.name + " " + c.declared;
      if (c.key && keys == 1) {
        sql += " PRIMARY KEY";
        if (alias && random_.OneIn(6)) sql += Noted("AUTOINCREMENT", " AUTOINCREMENT");
        if (!alias && random_.OneIn(12)) {
          sql += Noted("PRIMARY KEY ON CONFLICT REPLACE", " ON CONFLICT REPLACE");
        }
      }
      if (c.not_null) sql += " NOT NULL";
      if (c.has_default) sql += " DEFAULT " + Default(c, t.strict);
      if (!c.key && !c.generated && !c.not_null && !c.has_default && random_.OneIn(6)) {
        sql += Noted("CHECK",
                     " CHECK(" + c.name + " IS NOT 'forbidden' AND " + c.name + " IS NOT 1000)");
      }
      if (!c.references.empty()) sql += References(c);
    }
    if (keys > 1) {
      sql += ", PRIMARY KEY(";
      for (const RandomColumn& c : t.columns) {
        if (!c.key) continue;
        const char* comma = key.empty() ? "" : ", ";
        key = random_.OneIn(2) ? c.name + comma + key : key + comma + c.name;
      }
      sql += key + ")";
    }
    sql += ")";
    if (t.without_rowid) sql += " WITHOUT ROWID";
    if (t.strict) sql += t.without_rowid ? ", STRICT" : " STRICT";
    return sql;
  }

  std::string Default(const RandomColumn& c, bool strict) {
    RandomColumn not_null = c;
    not_null.not_null = true;
    return "(" + RandomLiteral(&random_, not_null, strict) + ")";
  }

  std::string References(const RandomColumn& c) {
    const std::string action = random_.Pick({"CASCADE", "SET NULL", "NO ACTION", "RESTRICT"});
    const std::string on_update = random_.Pick({"CASCADE", "SET NULL", "NO ACTION"});
    episode_.Note("foreign key ON DELETE " + action);
    return " REFERENCES " + c.references + " ON DELETE " + action + " ON UPDATE " + on_update +
           (random_.OneIn(2) ? Noted("deferred foreign key", " DEFERRABLE INITIALLY DEFERRED")
                             : "");
  }

  void AddIndexes(RandomSchema* schema) {
    for (const RandomTable& t : schema->tables) {
      for (const RandomColumn& c : t.columns) {
        if (c.key || !random_.OneIn(3)) continue;
        const std::string name = testing::Quoted("i " + t.name + c.name);
        std::string sql = "CREATE INDEX " + name + " ON " + t.quoted + "(" + c.name + ")";
        if (random_.OneIn(3)) sql += Noted("partial index", " WHERE " + c.name + " IS NOT NULL");
        episode_.Note("index");
        schema->extras.push_back(sql);
      }
    }
  }

  // Triggers that write replicated tables mind the sync bit, or replicas would not converge.
  void AddTriggers(RandomSchema* schema) {
    schema->untracked.push_back("CREATE TABLE untracked(what)");
    const RandomTable& t = schema->tables[random_.Below(schema->tables.size())];
    const std::string event = random_.Pick({"INSERT", "UPDATE", "DELETE"});
    const std::string time = random_.Pick({"BEFORE", "AFTER"});
    std::string body;
    switch (random_.Below(3)) {
      case 0:
        body = "INSERT INTO untracked VALUES('" + event + "');";
        episode_.Note("trigger that writes a plain table");
        break;
      case 1: {
        const RandomTable& other = random_.Pick(schema->tables);
        body = "DELETE FROM " + other.quoted + " WHERE " + other.Writable(true)[0]->name + " = " +
               RandomLiteral(&random_, *other.Writable(true)[0], other.strict) + ";";
        episode_.Note("trigger that deletes replicated rows");
        break;
      }
      default: {
        const RandomTable& other = random_.Pick(schema->tables);
        const std::vector<const RandomColumn*> columns = other.Writable(false);
        if (columns.empty()) return;
        body = "UPDATE " + other.quoted + " SET " + columns[0]->name + " = " +
               RandomLiteral(&random_, *columns[0], other.strict) + " WHERE " +
               other.Writable(true)[0]->name + " > " +
               RandomLiteral(&random_, *other.Writable(true)[0], other.strict) + ";";
        episode_.Note("trigger that updates replicated rows");
      }
    }
    schema->extras.push_back("CREATE TRIGGER trig " + time + " " + event + " ON " + t.quoted +
                             " WHEN crsql_internal_sync_bit() = 0 BEGIN " + body + " END");
    episode_.Note(time + " trigger");
  }

  Episode& episode_;
  Random& random_;
};

}  // namespace

std::vector<const RandomColumn*> RandomTable::Writable(bool keys) const {
  std::vector<const RandomColumn*> all;
  for (const RandomColumn& c : columns) {
    if (!c.generated && c.key && keys) all.push_back(&c);
  }
  for (const RandomColumn& c : columns) {
    if (!c.generated && !c.key) all.push_back(&c);
  }
  return all;
}

RandomSchema MakeSchema(Episode* episode, Random* random) {
  return SchemaMaker(episode, random).Make();
}

std::string RandomLiteral(Random* random, const RandomColumn& c, bool strict) {
  const std::string type = c.declared.substr(0, c.declared.find_first_of(" ("));
  if (!c.not_null && !c.key && random->OneIn(6)) return "NULL";
  if (strict && type != "ANY") {
    if (type == "TEXT") return random->Pick({"'a'", "'b'", "''", "'A'", "'1'", "'it''s'"});
    if (type == "BLOB") return random->Pick({"x''", "x'00'", "x'61'", "x'ff00'"});
    if (type == "REAL") return random->Pick({"1", "2.5", "-0.5", "1e300", "0.0"});
    if (c.key) return random->Pick({"0", "1", "2", "3", "-1", "256", "-9223372036854775808"});
    return random->Pick({"0", "1", "2", "3", "-1", "256", "9223372036854775807"});
  }
  if (c.key) {
    if (type == "TEXT" || type == "VARCHAR") {
      return random->Pick({"'a'", "'b'", "'c'", "''", "'A'", "1", "2", "'\xc3\xa9'"});
    }
    if (type == "INTEGER") return random->Pick({"1", "2", "3", "4", "5", "-1", "300", "'6'"});
    // No integral REALs: they are refused where the column has no type.
    return random->Pick({"1", "2", "3", "'a'", "'1'", "2.5", "x'61'", "'b'", "-7"});
  }
  switch (random->Below(7)) {
    case 0:
      return random->Pick({"1.0", "-0.0", "0.0", "2.5", "1e300", "9e999", "-1.5"});
    case 1:
      return random->Pick(
          {"'a'", "'A'", "'1'", "'1.0'", "''", "'\xe2\x82\xac'", "'a'||char(0)||'b'"});
    case 2:
      return random->Pick({"x''", "x'61'", "x'00ff'", "CAST('1' AS BLOB)"});
    case 3:
      return random->Pick({"9223372036854775807", "-9223372036854775808", "4294967296", "-1"});
    case 4:
      return random->Pick({"'forbidden'", "1000", "'x'", "7"});
    default:
      return random->Pick({"0", "1", "2", "3", "10"});
  }
}

const std::vector<std::string>& LeftOut() {
  static const auto* const kLeftOut = new std::vector<std::string>{
      "NULL in keys, integral REALs in untyped keys: refused by the core (tests/ext)",
      "collations in keys, UNIQUE besides it, TEMP and virtual tables: refused (tests/ext)",
      "NaN: SQLite stores it as NULL",
      "the largest rowid: the next is random, or SQLITE_FULL (rolls back less with triggers)",
      "invalid UTF-8 and UTF-16 beside NUL in text: tests/ext (replicas of mixed encodings)",
      "CHECKs over several columns, foreign keys enforced in merges: may fail (tests/ext)",
      "triggers that write replicated tables in merges: diverge by the user's will (tests/ext)",
      "deferred and immediate foreign keys in one table: plain SQLite miscounts after a failure",
      "a foreign key of another type than its parent's key, on SQLite before 3.41: a known limit",
      "columns that are dropped, of tables with no other from the start: their rows are lost",
      ("names that a column or table has between two writes only: what is parked under them stays "
       "so"),
      "keys whose columns are renamed: changesets name them",
      "REALs as defaults of TEXT columns: in SQLite, rows of before ADD COLUMN have another text",
      "whole REALs as defaults of BLOB and untyped ones: there, these rows have integers on 3.40",
      "total_changes(): counts the extension's own writes"};
  return *kLeftOut;
}

}  // namespace tributary::sim
