// Random schemas, random SQL, three replicas, every kind of delivery; equal in the end.
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/episode.h"
#include "tests/sim/mail.h"
#include "tests/sim/replica.h"
#include "tests/sim/schema.h"
#include "tests/sim/script.h"

namespace tributary::sim {
namespace {

class WildRun {
 public:
  explicit WildRun(Episode* episode)
      : episode_(*episode),
        random_(episode->seed * 2 + 1),
        world_(episode, &random_),
        schema_(MakeSchema(episode, &random_)),
        tables_(NamesOf(schema_)),
        mail_(episode, &random_, &world_, tables_) {}

  void Run() {
    only_changesets_ = random_.OneIn(2);
    if (only_changesets_) episode_.Note("changesets alone");
    world_.Open(3, random_.OneIn(6) ? std::vector<std::string>{"UTF-8", "UTF-16le", "UTF-16be"}
                                    : std::vector<std::string>{"UTF-8"});
    for (Replica& r : world_.replicas()) SetUp(&r);
    for (int step = 0; step < episode_.steps; step++) Step();
    if (!only_changesets_ && random_.OneIn(2)) {
      world_.Settle();
    } else {
      mail_.Settle();
    }
    world_.ExpectEqual(tables_);
    // Whatever rows came: asking for what is lacking comes to an end.
    mail_.Settle();
    world_.ExpectEqual(tables_);
  }

 private:
  static std::vector<std::string> NamesOf(const RandomSchema& schema) {
    std::vector<std::string> names;
    for (const RandomTable& t : schema.tables) names.push_back(t.name);
    return names;
  }

  void SetUp(Replica* r) {
    for (const RandomTable& t : schema_.tables) world_.Do(r, t.create);
    for (const std::string& sql : schema_.untracked) world_.Do(r, sql);
    const bool extras_first = random_.OneIn(2);
    if (extras_first) Extras(r);
    // Some replicas have rows before they are upgraded.
    if (random_.OneIn(3)) {
      episode_.Note("rows before as_crr");
      for (int i = 0; i < 5; i++) world_.Run(r, RandomStatement(&episode_, &random_, schema_));
    }
    for (const RandomTable& t : schema_.tables) {
      world_.Do(r, "SELECT crsql_as_crr(" + TextLiteral(t.name) + ")");
    }
    if (!extras_first) Extras(r);
    if (random_.OneIn(4)) {
      episode_.Note("merge-equal-values on one replica");
      world_.Do(r, "SELECT crsql_config_set('merge-equal-values', 1)");
    }
  }

  void Extras(Replica* r) {
    for (const std::string& sql : schema_.extras) world_.Do(r, sql);
  }

  void Step() {
    Replica* r = &world_.Any();
    switch (random_.Below(8)) {
      case 0:
      case 1:
        Deliver(r);
        break;
      case 2:
        Housekeeping(r);
        break;
      default:
        Transaction(r);
    }
  }

  void Deliver(Replica* to) {
    Replica* from = &world_.Any();
    if (from == to) return;
    if (only_changesets_ || random_.OneIn(2)) {
      mail_.Exchange(from, to);
      if (only_changesets_) mail_.ExpectLaw(to);
      return;
    }
    std::string condition = "1";
    switch (random_.Below(5)) {
      case 0:
        condition = "db_version > " + std::to_string(random_.Below(20));
        break;
      case 1:
        condition = "site_id = crsql_site_id()";
        break;
      case 2:
        condition = "site_id <> x'" + testing::ToHex(to->site) + "'";
        break;
      default:
        break;
    }
    world_.Deliver(to, world_.Scramble(testing::ReadChanges(*from->db, condition)));
  }

  void Housekeeping(Replica* r) {
    switch (random_.Below(8)) {
      case 0:
        world_.Do(r, "VACUUM");
        episode_.Note("VACUUM");
        break;
      case 1:
        world_.Do(r, "PRAGMA recursive_triggers = " + std::to_string(random_.Below(2)));
        episode_.Note("recursive_triggers switched");
        break;
      case 2:
        world_.ExpectHealthy(r);
        break;
      case 3:
        world_.Do(r,
                  "ANALYZE; CREATE TEMP TABLE IF NOT EXISTS scratch(x); INSERT INTO scratch "
                  "VALUES(1)");
        episode_.Note("TEMP table, ANALYZE");
        break;
      case 4:
        world_.Do(r,
                  "ATTACH ':memory:' AS aux; CREATE TABLE aux.x(y); INSERT INTO aux.x "
                  "VALUES(1)");
        world_.Do(r, "DETACH aux");
        episode_.Note("ATTACH");
        break;
      default:
        world_.Reopen(r);
    }
  }

  void Transaction(Replica* r) {
    // Enforced only for local writes: a merge may legitimately be refused because of a key.
    const bool enforced = random_.OneIn(2);
    world_.Do(r, std::string("PRAGMA foreign_keys = ") + (enforced ? "1" : "0"));
    if (enforced) episode_.Note("foreign keys enforced");
    for (std::string sql : RandomTransaction(&episode_, &random_, schema_)) {
      if (sql == "SELECT count(*) FROM @changes") sql = "SELECT count(*) FROM crsql_changes";
      world_.Run(r, sql);
    }
    if (!r->db->autocommit()) world_.Do(r, "ROLLBACK");
    world_.Do(r, "PRAGMA foreign_keys = 0");
  }

  Episode& episode_;
  Random random_;
  World world_;
  RandomSchema schema_;
  std::vector<std::string> tables_;
  Mail mail_;
  bool only_changesets_ = false;  // no rows of crsql_changes
};

}  // namespace

void RunWild(Episode* episode) { WildRun(episode).Run(); }

}  // namespace tributary::sim
