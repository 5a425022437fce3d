// Simple tables, structured writes, and the model that says exactly what must be there.
#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/episode.h"
#include "tests/sim/model.h"
#include "tests/sim/replica.h"

namespace tributary::sim {
namespace {

struct SimpleTable {
  std::string name;
  std::string create;
  std::vector<std::string> key;
  std::vector<std::string> columns;
  std::map<std::string, Cell> defaults;
  bool text_keys;
};

const std::vector<SimpleTable>& Tables() {
  static const auto* const kTables = new std::vector<SimpleTable>{
      {"ints",
       "CREATE TABLE ints(k INTEGER PRIMARY KEY, b, c)",
       {"k"},
       {"b", "c"},
       {{"b", Cell::Null()}, {"c", Cell::Null()}},
       false},
      {"texts",
       "CREATE TABLE texts(b DEFAULT 'd', k TEXT PRIMARY KEY, c NOT NULL, e NOT NULL DEFAULT -1) "
       "WITHOUT ROWID",
       {"k"},
       {"b", "c", "e"},
       {{"b", Cell::Text("d")}, {"c", Cell::Blob("")}, {"e", Cell::Integer(-1)}},
       true},
      {"pairs",
       "CREATE TABLE pairs(j, v, k, PRIMARY KEY(k, j)) WITHOUT ROWID",
       {"k", "j"},
       {"v"},
       {{"v", Cell::Null()}},
       true},
      {"only", "CREATE TABLE only(k PRIMARY KEY) WITHOUT ROWID", {"k"}, {}, {}, false}};
  return *kTables;
}

class OracleRun {
 public:
  explicit OracleRun(Episode* episode)
      : episode_(*episode), random_(episode->seed), world_(episode, &random_) {}

  void Run() {
    world_.Open(3, {"UTF-8"});
    for (Replica& r : world_.replicas()) {
      Model model(r.site);
      for (const SimpleTable& t : Tables()) {
        world_.Do(&r, t.create);
        world_.Do(&r, "SELECT crsql_as_crr('" + t.name + "')");
        model.AddTable(t.name, {t.columns, t.defaults});
      }
      models_.push_back(std::move(model));
    }
    for (int step = 0; step < episode_.steps; step++) Step();
    for (size_t round = 0; round < 2; round++) {
      for (size_t from = 0; from < 3; from++) {
        for (size_t to = 0; to < 3; to++) {
          if (from != to) Send(from, to, testing::ReadChanges(*world_.replicas()[from].db));
        }
      }
    }
    for (size_t i = 0; i < 3; i++) Compare(i);
    std::vector<std::string> names;
    for (const SimpleTable& t : Tables()) names.push_back(t.name);
    world_.ExpectEqual(names);
  }

 private:
  void Step() {
    const size_t i = random_.Below(3);
    switch (random_.Below(6)) {
      case 0: {
        const size_t to = (i + 1 + random_.Below(2)) % 3;
        const std::string since =
            random_.OneIn(2) ? "1" : "db_version > " + std::to_string(random_.Below(20));
        Send(i, to, world_.Scramble(testing::ReadChanges(*world_.replicas()[i].db, since)));
        if (random_.OneIn(3)) Compare(to);
        break;
      }
      case 1:
        if (random_.OneIn(4)) world_.Reopen(&world_.replicas()[i]);
        break;
      default:
        Transaction(i);
        if (random_.OneIn(3)) Compare(i);
    }
  }

  void Send(size_t from, size_t to, const std::vector<Change>& changes) {
    (void)from;
    world_.Deliver(&world_.replicas()[to], changes);
    for (const Change& c : changes) models_[to].Merge(c);
  }

  void Transaction(size_t i) {
    Replica* r = &world_.replicas()[i];
    if (random_.OneIn(3)) {  // autocommit
      Write(i);
      models_[i].Commit();
      return;
    }
    std::vector<Model> saved = {models_[i]};
    world_.Do(r, "BEGIN");
    for (size_t n = 1 + random_.Below(8); n > 0; n--) {
      switch (random_.Below(10)) {
        case 0:
          world_.Do(r, "SAVEPOINT s" + std::to_string(saved.size()));
          saved.push_back(models_[i]);
          break;
        case 1:
          if (saved.size() > 1) {
            const size_t level = 1 + random_.Below(saved.size() - 1);
            world_.Do(r, "ROLLBACK TO s" + std::to_string(level));
            models_[i] = saved[level];
            saved.resize(level + 1, models_[i]);
            episode_.counts->rollbacks++;
          }
          break;
        case 2:
          if (saved.size() > 1) {
            const size_t level = 1 + random_.Below(saved.size() - 1);
            world_.Do(r, "RELEASE s" + std::to_string(level));
            saved.resize(level, models_[i]);
          }
          break;
        case 3:
          if (random_.OneIn(3)) Compare(i);  // flushes in the middle
          break;
        default:
          Write(i);
      }
    }
    if (random_.OneIn(6)) {
      world_.Do(r, "ROLLBACK");
      models_[i] = saved[0];
      episode_.counts->rollbacks++;
    } else {
      world_.Do(r, "COMMIT");
      models_[i].Commit();
    }
  }

  Cell Value(bool not_null) {
    switch (random_.Below(not_null ? 6 : 7)) {
      case 0:
      case 1:
        return Cell::Integer(static_cast<int64_t>(random_.Below(4)));
      case 2:
        return Cell::Real(static_cast<double>(random_.Below(5)) / 2);
      case 3:
      case 4:
        return Cell::Text(random_.Pick({"", "a", "A", "b", "1"}));
      case 5:
        return Cell::Blob(random_.Pick({"", "a", "\x01"}));
      default:
        return Cell::Null();
    }
  }

  // A key of few, so that replicas meet: its literals, joined, and the packed blob.
  struct Key {
    std::vector<Cell> parts;
    std::string packed;
  };
  Key MakeKey(size_t i, const SimpleTable& t) {
    Key key;
    std::string list;
    for (size_t n = 0; n < t.key.size(); n++) {
      const auto number = static_cast<int64_t>(random_.Below(t.key.size() > 1 ? 3 : 8));
      key.parts.push_back(t.text_keys ? Cell::Text("k" + std::to_string(number))
                                      : Cell::Integer(number * 100));
      list += (n == 0 ? "" : ", ") + key.parts.back().ToSql();
    }
    key.packed = world_.replicas()[i].db->One("SELECT crsql_pack_columns(" + list + ")").bytes;
    return key;
  }

  static std::string Join(const std::vector<std::string>& parts, const char* by) {
    std::string text;
    for (const std::string& part : parts) text += (text.empty() ? "" : by) + part;
    return text;
  }

  static std::string Where(const SimpleTable& t, const Key& key) {
    std::vector<std::string> terms;
    for (size_t n = 0; n < t.key.size(); n++) {
      terms.push_back(t.key[n] + " = " + key.parts[n].ToSql());
    }
    return " WHERE " + Join(terms, " AND ");
  }

  Model::Values SomeValues(const SimpleTable& t) {
    Model::Values values;
    for (const std::string& column : t.columns) {
      if (random_.OneIn(2)) values[column] = Value(t.name == "texts");
    }
    return values;
  }

  static std::string Assignments(const SimpleTable& t, const Model::Values& values) {
    std::vector<std::string> terms;
    for (const std::string& column : t.columns) {
      const auto value = values.find(column);
      if (value != values.end()) terms.push_back(column + " = " + value->second.ToSql());
    }
    return Join(terms, ", ");
  }

  void Expect(const Outcome& outcome, bool passes) {
    if (outcome.ok() == passes) return;
    world_.Fail(passes ? "unexpected error: " + outcome.error : "an error was expected");
  }

  void Write(size_t i) {
    const SimpleTable& t = random_.Pick(Tables());
    const Key key = MakeKey(i, t);
    switch (random_.Below(9)) {
      case 0:
      case 1:
      case 2:
        return Insert(i, t, key);
      case 3:
      case 4:
        return Update(i, t, key);
      case 5:
        return Move(i, t, key);
      case 6:
        return UpdateAll(i, t);
      default: {
        Expect(world_.Run(&world_.replicas()[i], "DELETE FROM " + t.name + Where(t, key)), true);
        models_[i].Delete(t.name, key.packed);
      }
    }
  }

  void Insert(size_t i, const SimpleTable& t, const Key& key) {
    Model::Values values = SomeValues(t);
    if (t.name == "texts" && !values.contains("c")) values["c"] = Value(true);
    std::vector<std::string> names = t.key, literals;
    for (const Cell& part : key.parts) literals.push_back(part.ToSql());
    for (const auto& [name, value] : values) {
      names.push_back(name);
      literals.push_back(value.ToSql());
    }
    const size_t kind = random_.Below(4);
    const std::string head = kind == 0   ? "INSERT OR REPLACE INTO "
                             : kind == 1 ? "INSERT OR IGNORE INTO "
                                         : "INSERT INTO ";
    std::string sql =
        head + t.name + "(" + Join(names, ", ") + ") VALUES(" + Join(literals, ", ") + ")";
    const bool upsert = kind == 2 && !values.empty();
    if (upsert) sql += " ON CONFLICT DO UPDATE SET " + Assignments(t, values);
    const bool alive = models_[i].row(t.name, key.packed).alive();
    const Outcome outcome = world_.Run(&world_.replicas()[i], sql);
    Expect(outcome, kind <= 1 || upsert || !alive);
    if (!outcome.ok() || (kind == 1 && alive)) return;
    if (upsert && alive) {
      models_[i].Update(t.name, key.packed, values);
    } else {
      models_[i].Insert(t.name, key.packed, values, kind == 0);
    }
  }

  void Update(size_t i, const SimpleTable& t, const Key& key) {
    const Model::Values values = SomeValues(t);
    if (values.empty()) return;
    Expect(world_.Run(&world_.replicas()[i],
                      "UPDATE " + t.name + " SET " + Assignments(t, values) + Where(t, key)),
           true);
    models_[i].Update(t.name, key.packed, values);
  }

  // Rows are visited in the order of the key, which for these keys is that of the packed blob.
  void UpdateAll(size_t i, const SimpleTable& t) {
    const Model::Values values = SomeValues(t);
    if (values.empty()) return;
    Expect(world_.Run(&world_.replicas()[i], "UPDATE " + t.name + " SET " + Assignments(t, values)),
           true);
    std::vector<std::string> keys = models_[i].LivingKeys(t.name);
    std::sort(keys.begin(), keys.end());
    for (const std::string& key : keys) models_[i].Update(t.name, key, values);
  }

  void Move(size_t i, const SimpleTable& t, const Key& from) {
    const Key to = MakeKey(i, t);
    const Model::Values values = SomeValues(t);
    const bool replace = random_.OneIn(2);
    std::vector<std::string> terms;
    for (size_t n = 0; n < t.key.size(); n++) {
      terms.push_back(t.key[n] + " = " + to.parts[n].ToSql());
    }
    if (!values.empty()) terms.push_back(Assignments(t, values));
    const Outcome outcome = world_.Run(
        &world_.replicas()[i], std::string("UPDATE ") + (replace ? "OR REPLACE " : "") + t.name +
                                   " SET " + Join(terms, ", ") + Where(t, from));
    Expect(outcome, models_[i].Move(t.name, from.packed, to.packed, values, replace));
  }

  static std::string Line(const Change& c) {
    return ToSql(c) + (c.value.type == SQLITE_FLOAT ? " -- real" : "");
  }

  void Compare(size_t i) {
    episode_.counts->comparisons++;
    Db& db = *world_.replicas()[i].db;
    episode_.log.push_back(std::string("-- compare ") + world_.replicas()[i].name);
    std::vector<Change> got = testing::ReadChanges(db);
    const auto by_name = [](const Change& a, const Change& b) {
      return std::tie(a.table, a.pk, a.cid) < std::tie(b.table, b.pk, b.cid);
    };
    std::sort(got.begin(), got.end(), by_name);
    std::vector<Change> want = models_[i].Changes();
    std::sort(want.begin(), want.end(), by_name);
    for (Change& c : got) c.ts = {};
    if (got != want) {
      std::string diff;
      for (const Change& c : want) {
        if (std::find(got.begin(), got.end(), c) == got.end()) diff += "\n  want " + Line(c);
      }
      for (const Change& c : got) {
        if (std::find(want.begin(), want.end(), c) == want.end()) diff += "\n  got  " + Line(c);
      }
      world_.Fail(std::string("changes of ") + world_.replicas()[i].name +
                  " are not the model's:" + diff);
    }
    if (db.Int("SELECT crsql_db_version()") != models_[i].db_version()) world_.Fail("db_version");
    if (db.Int("SELECT crsql_get_seq()") != models_[i].next_seq()) world_.Fail("seq");
    CompareTables(i);
  }

  void CompareTables(size_t i) {
    Db& db = *world_.replicas()[i].db;
    for (const SimpleTable& t : Tables()) {
      std::string want;
      for (const std::string& key : models_[i].LivingKeys(t.name)) {
        want += testing::ToHex(key);
        for (const std::string& column : t.columns) {
          want += '|' + models_[i].row(t.name, key).values.at(column).ToSql();
        }
        want += '\n';
      }
      std::string got;
      const std::string list = t.columns.empty() ? "" : ", " + Join(t.columns, ", ");
      for (const testing::Row& row :
           db.Run("SELECT crsql_pack_columns(" + Join(t.key, ", ") + ") AS packed" + list +
                  " FROM " + t.name + " ORDER BY packed")
               .rows) {
        got += testing::ToHex(row[0].bytes);
        for (size_t n = 1; n < row.size(); n++) got += '|' + row[n].ToSql();
        got += '\n';
      }
      if (got != want) world_.Fail("rows of " + t.name + ":\n" + got + "are to be:\n" + want);
    }
  }

  Episode& episode_;
  Random random_;
  World world_;
  std::vector<Model> models_;
};

}  // namespace

void RunOracle(Episode* episode) { OracleRun(episode).Run(); }

}  // namespace tributary::sim
