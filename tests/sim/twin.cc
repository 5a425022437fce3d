// Transparency: the same script on plain SQLite and on replicated tables gives the same results.
#include <sqlite3.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/episode.h"
#include "tests/sim/replica.h"
#include "tests/sim/schema.h"
#include "tests/sim/script.h"

namespace tributary::sim {
namespace {

// The generated triggers ask for it; on a plain connection it is always 0.
void Zero(sqlite3_context* context, int, sqlite3_value**) { sqlite3_result_int(context, 0); }

class TwinRun {
 public:
  explicit TwinRun(Episode* episode)
      : episode_(*episode),
        random_(episode->seed * 2),
        world_(episode, &random_),
        plain_(":memory:", {.extension = false}),
        schema_(MakeSchema(episode, &random_)) {
    sqlite3_create_function(plain_.handle(), "crsql_internal_sync_bit", 0,
                            SQLITE_UTF8 | SQLITE_INNOCUOUS, nullptr, Zero, nullptr, nullptr);
  }

  void Run() {
    world_.Open(1, {"UTF-8"});
    ours_ = &world_.replicas()[0];
    // Loading has written, too: start both with the same counters.
    for (Db* db : {&plain_, ours_->db.get()}) {
      db->Do("CREATE TABLE counters(x INTEGER PRIMARY KEY)");
    }
    SameCounters();
    for (const RandomTable& t : schema_.tables) Both(t.create);
    for (const std::string& sql : schema_.untracked) Both(sql);
    const bool extras_first = random_.OneIn(2);
    if (extras_first) Extras();
    for (int i = 0; random_.OneIn(2) && i < 5; i++) {
      Both(RandomStatement(&episode_, &random_, schema_));
    }
    for (const RandomTable& t : schema_.tables) {
      world_.Do(ours_, "SELECT crsql_as_crr(" + TextLiteral(t.name) + ")");
    }
    SameCounters();
    if (!extras_first) Extras();
    for (int step = 0; step < episode_.steps; step++) Step();
    Compare();
    world_.ExpectHealthy(ours_);
  }

 private:
  void Extras() {
    for (const std::string& sql : schema_.extras) Both(sql);
  }

  void Step() {
    if (random_.OneIn(15)) {
      const std::string pragma = random_.Pick(
          {"PRAGMA recursive_triggers = 1", "PRAGMA recursive_triggers = 0",
           "PRAGMA foreign_keys = 1", "PRAGMA foreign_keys = 0", "PRAGMA defer_foreign_keys = 1",
           "VACUUM", "ANALYZE", "REINDEX", "PRAGMA reverse_unordered_selects = 0"});
      episode_.Note(pragma);
      Both(pragma);
      return;
    }
    for (const std::string& sql : RandomTransaction(&episode_, &random_, schema_)) {
      if (sql == "SELECT count(*) FROM @changes") {
        world_.Do(ours_, "SELECT count(*) FROM crsql_changes");
      } else {
        Both(sql);
      }
    }
    if (!plain_.autocommit()) Both("ROLLBACK");
    if (random_.OneIn(8)) Compare();
  }

  // Rows of statements without ORDER BY (RETURNING) may come in any order.
  static std::string Sorted(const Outcome& outcome) {
    std::vector<std::string> lines;
    for (const testing::Row& row : outcome.rows) {
      std::string line;
      for (const testing::Cell& cell : row) line += cell.ToSql() + "|";
      lines.push_back(std::move(line));
    }
    std::sort(lines.begin(), lines.end());
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text;
  }

  void Both(const std::string& sql) {
    const Outcome want = plain_.Run(sql);
    const Outcome got = world_.Run(ours_, sql);
    Same("result code", std::to_string(want.code), std::to_string(got.code));
    Same("error", want.error, got.error);
    Same("rows", Sorted(want), Sorted(got));
    // A known deviation: after an explicit COMMIT (or the RELEASE that commits), changes() counts
    // what our last statement wrote, see ScopedHostCounters in ext/connection.h.
    const bool commits = sql.starts_with("COMMIT") || sql.starts_with("END") ||
                         (sql.starts_with("RELEASE") && plain_.autocommit());
    if (commits) SameCounters();
    Same("changes()", std::to_string(sqlite3_changes(plain_.handle())),
         std::to_string(sqlite3_changes(ours_->db->handle())));
    // VACUUM inserts the triggers into a new sqlite_schema, and thereby sets last_insert_rowid().
    // A single row that breaks a foreign key is refused before it is inserted if its table has no
    // triggers, else afterwards.
    if (sql == "VACUUM" || !want.ok()) SameCounters();
    Same("last_insert_rowid()", std::to_string(sqlite3_last_insert_rowid(plain_.handle())),
         std::to_string(sqlite3_last_insert_rowid(ours_->db->handle())));
    Same("autocommit", plain_.autocommit() ? "1" : "0", ours_->db->autocommit() ? "1" : "0");
  }

  void SameCounters() {
    for (Db* db : {&plain_, ours_->db.get()}) db->Do("REPLACE INTO counters VALUES(1)");
  }

  void Same(const std::string& what, const std::string& plain, const std::string& ours) {
    if (plain != ours) world_.Fail(what + " differs: plain '" + plain + "', ours '" + ours + "'");
  }

  void Compare() {
    episode_.counts->comparisons++;
    for (const RandomTable& t : schema_.tables) {
      Same("table " + t.name, testing::TableText(plain_, t.name),
           testing::TableText(*ours_->db, t.name));
      if (t.without_rowid) continue;
      bool hidden = false;  // by a column of that name
      for (const RandomColumn& c : t.columns) hidden = hidden || c.name == "\"rowid\"";
      if (hidden) continue;
      const std::string rowids = "SELECT rowid FROM " + t.quoted + " ORDER BY 1";
      Same("rowids of " + t.name, plain_.Get(rowids), ours_->db->Get(rowids));
    }
    if (!schema_.untracked.empty()) {
      const std::string sql = "SELECT * FROM untracked ORDER BY rowid";
      Same("untracked", plain_.Get(sql), ours_->db->Get(sql));
    }
  }

  Episode& episode_;
  Random random_;
  World world_;
  Db plain_;
  RandomSchema schema_;
  Replica* ours_ = nullptr;
};

}  // namespace

void RunTwin(Episode* episode) { TwinRun(episode).Run(); }

}  // namespace tributary::sim
