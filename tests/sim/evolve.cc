// Replicas that take the same steps of a schema at different times, and write and sync in between.
#include <algorithm>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/episode.h"
#include "tests/sim/mail.h"
#include "tests/sim/plan.h"
#include "tests/sim/replica.h"
#include "tests/sim/script.h"

namespace tributary::sim {
namespace {

class SchemaRun {
 public:
  explicit SchemaRun(Episode* episode)
      : episode_(*episode),
        random_(episode->seed * 2 + 1),
        world_(episode, &random_),
        plan_(MakePlan(episode, &random_)),
        mail_(episode, &random_, &world_, {}) {}

  void Run() {
    only_changesets_ = random_.OneIn(2);
    if (only_changesets_) episode_.Note("changesets alone");
    world_.Open(3 + random_.Below(2), {"UTF-8"});
    for (Replica& r : world_.replicas()) {
      for (const RandomTable& t : plan_.schemas[0].tables) Create(&r, t, plan_.schemas[0]);
    }
    for (int step = 0; step < episode_.steps; step++) Step();
    End();
  }

 private:
  // What there is of a replica besides its database.
  struct State {
    size_t stage = 0;           // how many steps of the plan it has taken
    std::unique_ptr<Db> other;  // a second connection on the file
  };
  enum class Ending { kCommit, kRollBack, kAbandon };

  const RandomSchema& SchemaOf(const Replica& r) { return plan_.schemas[states_[r.name].stage]; }
  void AsCrr(Replica* r, const std::string& table) {
    world_.Do(r, "SELECT crsql_as_crr(" + TextLiteral(table) + ")");
  }

  void Create(Replica* r, const RandomTable& t, const RandomSchema& schema) {
    world_.Do(r, CreateTable(&random_, t, t.quoted));
    if (random_.OneIn(4)) {
      episode_.Note("rows before as_crr");
      Writes(r, schema, 4);
    }
    AsCrr(r, t.name);
  }

  void Step() {
    Replica* r = &world_.Any();
    if (random_.OneIn(6)) Switch(r);
    switch (random_.Below(9)) {
      case 0:
      case 1:
      case 2:
        Deliver(r);
        break;
      case 3:
        Advance(r, 1 + random_.Below(3));
        break;
      case 4:
        if (random_.OneIn(3)) {
          world_.ExpectHealthy(r);
        } else if (random_.OneIn(2)) {
          states_[r->name].other.reset();
          world_.Reopen(r);
        } else {
          world_.Do(r, "VACUUM");
        }
        break;
      default:
        for (const std::string& sql : RandomTransaction(&episode_, &random_, SchemaOf(*r))) {
          world_.Run(r, sql == "SELECT count(*) FROM @changes"
                            ? "SELECT count(*) FROM crsql_changes"
                            : sql);
        }
        if (!r->db->autocommit()) world_.Do(r, "ROLLBACK");
    }
  }

  // Goes on with the other connection on the file.
  void Switch(Replica* r) {
    if (r->path == ":memory:") return;
    std::unique_ptr<Db>& other = states_[r->name].other;
    if (other == nullptr) {
      other = std::make_unique<Db>(r->path, Db::Options{.before = "PRAGMA synchronous = OFF"});
      episode_.Note("second connection");
    }
    std::swap(r->db, other);
    episode_.log.push_back(std::string("-- ") + r->name + ": the other connection");
  }

  void Deliver(Replica* to) {
    Replica* from = &world_.Any();
    if (from == to) return;
    if (states_[from->name].stage != states_[to->name].stage) {
      episode_.Note("delivery between different schemas");
    }
    if (only_changesets_ || random_.OneIn(2)) {
      mail_.Exchange(from, to);
      if (!only_changesets_ || !random_.OneIn(2)) return;
      Unpark(to);
      mail_.ExpectLaw(to);
      return;
    }
    const std::string condition =
        random_.OneIn(3) ? "db_version > " + std::to_string(random_.Below(20)) : "1";
    world_.Deliver(to, world_.Scramble(testing::ReadChanges(*from->db, condition)));
  }

  void Unpark(Replica* r) { AsCrr(r, SchemaOf(*r).tables[0].name); }

  // Statements that do not end the transaction.
  void Writes(Replica* r, const RandomSchema& schema, size_t most) {
    for (size_t n = random_.Below(most + 1); n > 0; n--) {
      const std::string sql = RandomStatement(&episode_, &random_, schema);
      if (sql.find("OR ROLLBACK") == std::string::npos) world_.Run(r, sql);
    }
  }

  // Takes up to n steps of the plan.
  void Advance(Replica* r, size_t n) {
    size_t& stage = states_[r->name].stage;
    const size_t to = std::min(stage + n, plan_.steps.size());
    if (stage == to) return;
    // ALTER TABLE, alone of all statements, does not look whether another connection has changed
    // the schema before it says that there is no such column.
    world_.Do(r, "SELECT count(*) FROM sqlite_schema");
    if (random_.OneIn(6)) {
      episode_.Note("steps rolled back");
      const bool savepoint = random_.OneIn(2);
      world_.Do(r, "BEGIN");
      Writes(r, plan_.schemas[stage], 2);
      if (savepoint) world_.Do(r, "SAVEPOINT around");
      Take(r, stage, to, Ending::kRollBack);
      world_.Do(r, savepoint ? "ROLLBACK TO around" : "ROLLBACK");
      episode_.counts->rollbacks++;
      if (savepoint) {
        Writes(r, plan_.schemas[stage], 2);
        world_.Do(r, "COMMIT");
      }
    }
    const bool rebuilds =
        std::any_of(plan_.steps.begin() + static_cast<int64_t>(stage),
                    plan_.steps.begin() + static_cast<int64_t>(to),
                    [](const SchemaStep& s) { return s.kind == SchemaStep::Kind::kRebuild; });
    const bool abandon = !rebuilds && random_.OneIn(4);
    const bool begin = random_.OneIn(2);
    if (begin) world_.Do(r, "BEGIN");
    if (begin) Writes(r, plan_.schemas[stage], 2);
    Take(r, stage, to, abandon ? Ending::kAbandon : Ending::kCommit);
    if (abandon) episode_.Note("steps abandoned by COMMIT");
    if (!r->db->autocommit()) world_.Do(r, "COMMIT");
    stage = to;
    if (random_.OneIn(4)) Unpark(r);
  }

  void Take(Replica* r, size_t from, size_t to, Ending ending) {
    open_.clear();
    for (size_t i = from; i < to; i++) {
      TakeStep(r, i);
      if (ending == Ending::kCommit && random_.OneIn(3)) CloseBrackets(r, plan_.schemas[i + 1]);
    }
    if (ending == Ending::kCommit) CloseBrackets(r, plan_.schemas[to]);
  }

  void TakeStep(Replica* r, size_t i) {
    const SchemaStep& step = plan_.steps[i];
    const RandomSchema& before = plan_.schemas[i];
    const RandomTable& after = plan_.schemas[i + 1].tables[step.table];
    if (step.kind == SchemaStep::Kind::kNewTable) {
      Create(r, after, plan_.schemas[i + 1]);
      return;
    }
    const RandomTable& table = before.tables[step.table];
    const bool is_open = open_.count(step.table) != 0;
    if (!is_open && (step.needs_bracket() || random_.OneIn(4))) {
      world_.Do(r, "SELECT crsql_begin_alter(" + TextLiteral(table.name) + ")");
      open_[step.table] = table.name;
      if (open_.size() > 1) episode_.Note("nested brackets");
      Writes(r, before, 2);
    }
    const bool rebuild = step.kind == SchemaStep::Kind::kRebuild;
    const bool lose_rows = rebuild && random_.OneIn(3);
    for (const std::string& sql : SqlOf(&random_, step.kind, &table, after, lose_rows)) {
      world_.Do(r, sql);
    }
    if (rebuild) {
      world_.Do(r, "SELECT crsql_commit_alter(" + TextLiteral(after.name) +
                       (lose_rows || random_.OneIn(2) ? ")" : ", 1)"));
      open_.erase(step.table);
    }
    // Each name must have been noticed: LeftOut() says why.
    if (step.kind != SchemaStep::Kind::kDropColumn && !rebuild) {
      CloseBrackets(r, plan_.schemas[i + 1]);
      AsCrr(r, after.name);
    }
    if (random_.OneIn(2)) Writes(r, plan_.schemas[i + 1], 3);
  }

  void CloseBrackets(Replica* r, const RandomSchema& now) {
    for (const auto& [table, begun_as] : open_) {
      const std::string& name = random_.OneIn(4) ? begun_as : now.tables[table].name;
      world_.Do(r, "SELECT crsql_commit_alter(" + TextLiteral(name) + ")");
      if (random_.OneIn(3)) Writes(r, now, 2);
    }
    open_.clear();
  }

  // All have the last schema, and then all that the others have.
  void End() {
    const RandomSchema& last = plan_.schemas.back();
    for (Replica& r : world_.replicas()) {
      while (states_[r.name].stage < plan_.steps.size()) Advance(&r, 1 + random_.Below(4));
      if (random_.OneIn(2)) continue;
      for (const RandomTable& t : last.tables) AsCrr(&r, t.name);
    }
    if (!only_changesets_ && random_.OneIn(2)) world_.Settle();
    mail_.Settle();
    // Who was sent nothing has not looked at what is parked there.
    for (Replica& r : world_.replicas()) Unpark(&r);
    mail_.Settle();
    for (Replica& r : world_.replicas()) ExpectLikeFirst(&r);
  }

  void ExpectLikeFirst(Replica* r) {
    Replica& first = world_.replicas()[0];
    world_.ExpectHealthy(r);
    ExpectParkedIsGone(r);
    if (r == &first) return;
    episode_.counts->comparisons++;
    const std::string who = std::string(" of a and ") + r->name;
    for (const RandomTable& t : plan_.schemas.back().tables) {
      const std::string a = Text(*first.db, t), b = Text(*r->db, t);
      if (a == b) continue;
      world_.Fail("rows or clocks" + who + " differ in " + t.name + ": only at a:" + Only(a, b) +
                  "\nonly at " + r->name + ":" + Only(b, a));
    }
    if (first.db->Get("SELECT crsql_digest()") != r->db->Get("SELECT crsql_digest()")) {
      world_.Fail("digests" + who + " differ, rows and changes do not");
    }
  }

  // The lines of one text that another does not have.
  static std::string Only(const std::string& text, const std::string& other) {
    std::istringstream lines(text);
    std::string only;
    for (std::string line; std::getline(lines, line);) {
      if (("\n" + other + "\n").find("\n" + line + "\n") == std::string::npos) {
        only += "\n  " + line;
      }
    }
    return only;
  }

  // Rows and clocks of the columns that all have.
  static std::string Text(Db& db, const RandomTable& t) {
    std::string columns, cids = "'-1'";
    for (const RandomColumn& c : t.columns) {
      columns += (columns.empty() ? "" : ", ") + c.name;
      if (!c.key) cids += ", " + TextLiteral(Unquoted(c.name));
    }
    return db.Get("SELECT " + columns + " FROM " + t.quoted + " ORDER BY " + columns) + "\n" +
           db.Get(
               "SELECT hex(pk), cid, val, col_version, db_version, hex(site_id), cl, seq FROM "
               "crsql_changes WHERE \"table\" = " +
               TextLiteral(t.name) + " AND cid IN (" + cids + ") ORDER BY pk, cid");
  }

  static std::string Unquoted(const std::string& quoted) {
    std::string name;
    for (size_t i = 1; i + 1 < quoted.size(); i++) {
      name += quoted[i];
      if (quoted[i] == '"') i++;
    }
    return name;
  }

  // What is still parked is of tables and columns that nobody has.
  void ExpectParkedIsGone(Replica* r) {
    for (const testing::Row& row :
         r->db->Run("SELECT DISTINCT \"table\", cid, reason FROM crsql_parked").rows) {
      for (const RandomTable& t : plan_.schemas.back().tables) {
        if (t.name != row[0].bytes) continue;
        const bool is_here =
            row[1].bytes == "-1" ||
            std::any_of(t.columns.begin(), t.columns.end(),
                        [&row](const RandomColumn& c) { return Unquoted(c.name) == row[1].bytes; });
        if (is_here) {
          world_.Fail(std::string("parked at ") + r->name + ", though it is here: " + row[0].bytes +
                      "." + row[1].bytes + " " + row[2].bytes);
        }
      }
      episode_.Note("parked in the end, of what nobody has");
    }
  }

  Episode& episode_;
  Random random_;
  World world_;
  SchemaPlan plan_;
  Mail mail_;
  std::map<char, State> states_;
  std::map<size_t, std::string> open_;  // alterations begun: table, and its name then
  bool only_changesets_ = false;
};

}  // namespace

void RunSchema(Episode* episode) { SchemaRun(episode).Run(); }

}  // namespace tributary::sim
