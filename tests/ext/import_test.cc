// Files that cr-sqlite wrote are upgraded in place when they are opened. Damaged and odd ones:
// import_damage_test.cc.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "tests/ext/ext_test.h"
#include "tests/support/changesets.h"
#include "tests/support/crsql_peer.h"

namespace tributary::testing {
namespace {

using Kind = CrsqlPeer::Kind;
const char* const kTables[] = {"foo", "word", "tag"};

CrsqlPeer MakePeer(Kind kind, int n) {
  CrsqlPeer peer(kind, n);
  peer.AddTable("foo", "INTEGER", {"b", "c"});
  peer.AddTable("word", "TEXT", {"n"});
  peer.AddTable("tag", "INTEGER", {});
  return peer;
}

class Import : public ::testing::TestWithParam<Kind> {
 protected:
  std::string Write(const CrsqlPeer& peer, const std::string& name = "f.db") {
    std::string path = dir_.File(name);
    const Db db(path, {.extension = false, .before = peer.ToSql()});
    return path;
  }
  static void ExpectSound(Db& db) {
    EXPECT_EQ(db.Get("SELECT * FROM crsql_check()"), "");
    EXPECT_EQ(db.Get("PRAGMA integrity_check"), "'ok'");
    EXPECT_EQ(db.Get("SELECT name FROM sqlite_schema WHERE name LIKE '%!_!_crsql!_clock%' ESCAPE "
                     "'!' OR name LIKE '%!_!_crsql!_pks%' ESCAPE '!' OR name LIKE 'crsql!_import%' "
                     "ESCAPE '!' OR name LIKE 'crsql!_site!_id!_%!_trig' ESCAPE '!'"),
              "");
  }
  // Without sentinels of the fork that are the stamp of a cell that came first.
  std::vector<Change> WithoutStandIns(std::vector<Change> changes) const {
    if (GetParam() == Kind::kUpstream) return changes;
    const std::vector<Change> all = changes;
    std::erase_if(changes, [&](const Change& s) {
      return s.is_sentinel() && s.cl % 2 == 1 &&
             std::any_of(all.begin(), all.end(), [&](const Change& c) {
               return !c.is_sentinel() && c.col_version > 0 && c.pk == s.pk && c.table == s.table &&
                      c.site == s.site && c.db_version == s.db_version && c.seq == s.seq;
             });
    });
    return changes;
  }
  // What a peer would see of it: stamps are another matter.
  std::string WithoutStamps(const std::vector<Change>& changes) const {
    std::vector<std::string> lines;
    for (const Change& c : changes) {
      if (c.col_version == 0) continue;
      lines.push_back(c.table + ' ' + ToHex(c.pk) + ' ' + c.cid + ' ' + c.value.ToSql() + ' ' +
                      std::to_string(c.col_version) + ' ' + std::to_string(c.cl) + ' ' +
                      (GetParam() == Kind::kFork ? ToHex(c.site) : ""));
    }
    std::sort(lines.begin(), lines.end());
    std::string text;
    for (const std::string& line : lines) text += line + '\n';
    return text;
  }
  TempDir dir_;
};
INSTANTIATE_TEST_SUITE_P(Layouts, Import, ::testing::Values(Kind::kUpstream, Kind::kFork),
                         [](const auto& info) {
                           return info.param == Kind::kFork ? "fork" : "upstream";
                         });

// The reference's exact rows, section 5.1.
TEST_P(Import, KeepsClocksAndTombstones) {
  CrsqlPeer peer = MakePeer(GetParam(), 1);
  const auto key = [](int64_t n) { return Cell::Integer(n); };
  peer.Insert("foo", key(1), {{"b", key(2)}, {"c", key(3)}});
  peer.Insert("foo", key(3), {{"b", key(5)}});
  peer.Commit();
  peer.Update("foo", key(1), {{"b", key(9)}});
  peer.Commit();
  peer.Insert("foo", key(2), {});
  peer.Insert("tag", key(7), {});
  peer.Delete("foo", key(3));
  peer.Commit();
  peer.Delete("foo", key(1));
  peer.Commit();
  peer.Insert("foo", key(1), {{"b", key(5)}, {"c", key(6)}});
  peer.Delete("tag", key(7));
  peer.Commit();
  Db db(Write(peer));
  EXPECT_EQ(ChangesText(db),
            "foo 010902 b NULL 1 3 me 1 0\n"
            "foo 010902 c NULL 1 3 me 1 1\n"
            "foo 010903 -1 NULL 2 3 me 2 3\n"
            "foo 010901 -1 NULL 3 5 me 3 0\n"
            "foo 010901 b 5 1 5 me 3 1\n"
            "foo 010901 c 6 1 5 me 3 2\n"
            "tag 010907 -1 NULL 2 5 me 2 3");
  EXPECT_EQ(db.Int("SELECT crsql_db_version()"), 5);
  EXPECT_EQ(db.Int("SELECT count(*) FROM crsql_rows"), 3) << "the row of one insert is implied";
  EXPECT_EQ(db.One("SELECT crsql_site_id()"), Cell::Blob(peer.site()));
  EXPECT_EQ(db.Get("SELECT value FROM crsql_master WHERE key = 'upgraded_from_crsqlite'"),
            std::string("'{\"version\":") + (GetParam() == Kind::kFork ? "170000" : "160300") +
                ",\"tables\":3,\"clock_rows\":7,\"tombstones\":2,\"recorded\":0,\"deleted\":0,"
                "\"forgotten\":0,\"upstream\":" +
                (GetParam() == Kind::kFork ? "0" : "1") + ",\"dropped_tables\":[]}'");
  ExpectSound(db);
  db.Do("UPDATE foo SET b = 6 WHERE k = 1; INSERT INTO word VALUES('x', 1)");
  EXPECT_EQ(ChangesText(db, "db_version > 5"),
            "foo 010901 b 6 2 6 me 3 0\nword 010b0178 n 1 1 7 me 1 0");
}

// Opened again, or twice, there is nothing left to do.
TEST_P(Import, IsDoneOnce) {
  CrsqlPeer peer = MakePeer(GetParam(), 1);
  peer.Insert("foo", Cell::Integer(1), {{"b", Cell::Integer(2)}});
  peer.Commit();
  const std::string path = Write(peer);
  std::string changes;
  {
    Db db(path);
    changes = ChangesText(db);
    std::string error;
    EXPECT_EQ(LoadExtension(db.handle(), &error), SQLITE_OK) << error;
    EXPECT_EQ(ChangesText(db), changes);
  }
  Db plain(path, {.extension = false});
  const int64_t before = plain.Int("PRAGMA data_version");
  Db db(path);
  EXPECT_EQ(ChangesText(db), changes);
  EXPECT_EQ(plain.Int("PRAGMA data_version"), before);
  EXPECT_EQ(plain.Get("SELECT * FROM crsql_master WHERE key IN ('crsqlite_version', "
                      "'pre_compact_dbversion')"),
            "")
      << "cr-sqlite would take the file for its own";
}

// Local writes of a model or a database, of the same kind.
struct Replica {
  CrsqlPeer* peer = nullptr;
  Db* db = nullptr;

  bool moves = true;

  void Write(std::mt19937& random) {
    const auto below = [&](int n) { return static_cast<int>(random() % n); };
    if (db != nullptr) db->Do("BEGIN");
    for (int i = 1 + below(3); i > 0; i--) {
      const std::string table = kTables[below(3)];
      const Cell key = table == "word"
                           ? Cell::Text(std::string(1, static_cast<char>('a' + below(5))))
                           : Cell::Integer(below(5));
      const Cell to = table == "word"
                          ? Cell::Text(std::string(1, static_cast<char>('a' + below(5))))
                          : Cell::Integer(below(5));
      CrsqlPeer::Values values;
      for (const char* column : {"b", "c", "n"}) {
        const bool in_table = table == (column[0] == 'n' ? "word" : "foo");
        if (in_table && below(3) > 0) values[column] = Cell::Integer(below(4));
      }
      switch (below(4)) {
        case 0:
          db != nullptr ? Run("DELETE FROM " + table + " WHERE k = ?1", {key})
                        : peer->Delete(table, key);
          break;
        case 1:
          if (!moves) break;
          db != nullptr ? Run("UPDATE OR IGNORE " + table + " SET k = ?2 WHERE k = ?1", {key, to})
                        : peer->Move(table, key, to);
          break;
        case 2:
          Update(table, key, values);
          break;
        default:
          Insert(table, key, values);
      }
    }
    db != nullptr ? db->Do("COMMIT") : peer->Commit();
  }
  void Run(const std::string& sql, const Row& parameters) const { db->Do(sql, parameters); }
  void Insert(const std::string& table, const Cell& key, const CrsqlPeer::Values& values) const {
    if (db == nullptr) return peer->Insert(table, key, values);
    std::string names = "k";
    std::string marks = "?";
    Row row = {key};
    for (const auto& [column, value] : values) {
      names += ", " + column;
      marks += ", ?";
      row.push_back(value);
    }
    Run("INSERT OR IGNORE INTO " + table + "(" + names + ") VALUES(" + marks + ")", row);
  }
  void Update(const std::string& table, const Cell& key, const CrsqlPeer::Values& values) const {
    if (db == nullptr) return peer->Update(table, key, values);
    for (const auto& [column, value] : values) {
      Run("UPDATE " + table + " SET " + column + " = ?2 WHERE k = ?1", {key, value});
    }
  }
  void Take(const Replica& from) const {
    const std::vector<Change> changes =
        from.db != nullptr ? ReadChanges(*from.db) : from.peer->Changes();
    if (db != nullptr) {
      const std::string error = ApplyChanges(*db, changes);
      if (!error.empty()) throw TestError(error);
    } else {
      peer->Merge(changes);
    }
  }
  std::string Text(const std::string& table) const {
    return db != nullptr ? TableText(*db, table) : peer->TableText(table);
  }
};

class Histories {
 public:
  explicit Histories(unsigned seed) : random_(seed) {}
  void Run(std::vector<Replica>* replicas, int steps) {
    for (int i = 0; i < steps; i++) {
      Replica& one = (*replicas)[random_() % replicas->size()];
      const Replica& other = (*replicas)[random_() % replicas->size()];
      if (&one == &other || random_() % 3 != 0) {
        one.Write(random_);
      } else {
        one.Take(other);
      }
    }
  }
  void Settle(const std::vector<Replica>& replicas) const {
    for (size_t round = 0; round <= replicas.size(); round++) {
      for (const Replica& to : replicas) {
        for (const Replica& from : replicas) {
          if (&to != &from) to.Take(from);
        }
      }
    }
    for (const char* table : kTables) {
      for (const Replica& r : replicas) EXPECT_EQ(r.Text(table), replicas[0].Text(table)) << table;
    }
  }

 private:
  std::mt19937 random_;
};

// Random histories of three peers, of which one is upgraded on the way and goes on with the others.
TEST_P(Import, ConvergesWithPeersThatStillRunIt) {
  for (unsigned seed = 1; seed <= 40; seed++) {
    SCOPED_TRACE(seed);
    CrsqlPeer peers[] = {MakePeer(GetParam(), 1), MakePeer(GetParam(), 2), MakePeer(GetParam(), 3)};
    std::vector<Replica> replicas = {{&peers[0]}, {&peers[1]}, {&peers[2]}};
    Histories histories(seed);
    histories.Run(&replicas, 40);
    histories.Settle(replicas);
    const std::string seen = WithoutStamps(WithoutStandIns(peers[0].Changes()));
    Db db(Write(peers[0], std::to_string(seed)));
    EXPECT_EQ(db.Int("SELECT crsql_db_version()"), peers[0].db_version());
    EXPECT_EQ(WithoutStamps(ReadChanges(db)), seen);
    ExpectSound(db);
    replicas[0] = {nullptr, &db};
    histories.Run(&replicas, 30);
    histories.Settle(replicas);
    ExpectSound(db);
    if (HasFailure()) return;
  }
}

// All are upgraded: they agree on every stamp, too, by rows as by changesets. Where upstream has
// moved cells of others to new keys it takes rows once (COMPATIBILITY.md).
TEST_P(Import, UpgradedPeersEndEqual) {
  for (unsigned seed = 1; seed <= 20; seed++) {
    SCOPED_TRACE(seed);
    CrsqlPeer peers[] = {MakePeer(GetParam(), 1), MakePeer(GetParam(), 2), MakePeer(GetParam(), 3)};
    std::vector<Replica> replicas = {{&peers[0]}, {&peers[1]}, {&peers[2]}};
    for (Replica& r : replicas) r.moves = seed % 2 == 0 || GetParam() == Kind::kFork;
    Histories histories(seed);
    histories.Run(&replicas, 60);
    Db a(Write(peers[0], std::to_string(seed) + "a"));
    Db b(Write(peers[1], std::to_string(seed) + "b"));
    Db c(Write(peers[2], std::to_string(seed) + "c"));
    replicas = {{nullptr, &a}, {nullptr, &b}, {nullptr, &c}};
    if (seed % 2 == 0) SyncAll({&a, &b, &c});
    SendAll({&a, &b, &c});
    ExpectEqual(a, b, {"foo", "word", "tag"});
    ExpectEqual(a, c, {"foo", "word", "tag"});
    histories.Run(&replicas, 30);
    SendAll({&a, &b, &c});
    ExpectEqual(a, b, {"foo", "word", "tag"});
    ExpectEqual(a, c, {"foo", "word", "tag"});
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace tributary::testing
