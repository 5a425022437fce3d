#include "tests/sim/mail.h"

#include <set>

#include "tests/support/changesets.h"

namespace tributary::sim {

using testing::Cell;
using testing::Change;

// NULL, which is all, or a JSON list.
Cell Mail::SomeTables() {
  if (!random_.OneIn(5)) return Cell::Null();
  std::string list;
  testing::Row names;
  for (const std::string& name : tables_) {
    if (random_.OneIn(2)) continue;
    list += names.empty() ? "?" : ", ?";
    names.push_back(Cell::Text(name));
  }
  if (names.empty()) return Cell::Null();
  episode_.Note("changesets of some tables");
  return world_.replicas()[0].db->One("SELECT json_array(" + list + ")", names);
}

std::vector<std::string> Mail::Ask(Replica* from, Replica* to, const Cell& tables) {
  const int64_t sizes[] = {1, 60, 300, 2000, 1 << 20};
  Cell have = random_.OneIn(12) ? Cell::Null() : testing::Have(*to->db, tables);
  return testing::Pieces(*from->db, {have, sizes[random_.Below(5)], tables});
}

void Mail::Apply(Replica* to, const std::string& piece) {
  world_.Do(to, "SELECT crsql_apply(x'" + testing::ToHex(piece) + "')");
  episode_.counts->pieces++;
}

void Mail::Deliver(Replica* to, const std::vector<std::string>& pieces) {
  const bool in_transaction = random_.OneIn(3);
  const bool roll_back = in_transaction && random_.OneIn(5);
  if (in_transaction) world_.Do(to, "BEGIN");
  for (const std::string& piece : pieces) {
    if (in_transaction && random_.OneIn(6)) {
      world_.Do(to, "SAVEPOINT s");
      Apply(to, piece);
      world_.Do(to, random_.OneIn(2) ? "ROLLBACK TO s" : "RELEASE s");
      if (random_.OneIn(2)) continue;
    }
    Apply(to, piece);
  }
  if (in_transaction) world_.Do(to, roll_back ? "ROLLBACK" : "COMMIT");
}

void Mail::Exchange(Replica* from, Replica* to) {
  std::vector<std::string> pieces = Ask(from, to, SomeTables());
  episode_.counts->transfers++;
  // What was late before.
  std::erase_if(late_, [&](const std::pair<char, std::string>& l) {
    if (l.first != to->name || random_.OneIn(2)) return false;
    pieces.push_back(l.second);
    return true;
  });
  if (random_.OneIn(2)) random_.Shuffle(&pieces);
  const size_t lost_of_8 = random_.OneIn(2) ? 0 : 1 + random_.Below(7);
  std::vector<std::string> arriving;
  for (const std::string& piece : pieces) {
    if (random_.Below(8) < lost_of_8) {
      if (random_.OneIn(2)) late_.emplace_back(to->name, piece);
      continue;
    }
    arriving.push_back(piece);
    if (random_.OneIn(8)) arriving.push_back(piece);
  }
  Deliver(to, arriving);
}

void Mail::ExpectLaw(Replica* who) {
  const Cell tables = SomeTables();
  for (const Replica& other : world_.replicas()) {
    if (&other != who) ExpectLaw(who, other, tables);
  }
}

void Mail::ExpectLaw(Replica* who, const Replica& other, const Cell& tables) {
  Db& db = *who->db;
  const Outcome known = db.Run(
      "SELECT key, value FROM json_each(json_extract(crsql_version_vector_json("
      "crsql_version_vector(?1)), '$.known'))",
      {tables});
  std::set<std::string> parked;
  for (const testing::Row& row : db.Run("SELECT DISTINCT pk FROM crsql_parked").rows) {
    parked.insert(row[0].bytes);
  }
  const std::string before = db.Get("SELECT crsql_digest()");
  db.Do("BEGIN");
  for (const testing::Row& row : known.rows) {
    std::string condition =
        "site_id = x'" + row[0].bytes + "' AND db_version <= " + std::to_string(row[1].integer);
    if (tables.type != SQLITE_NULL) {
      condition +=
          " AND \"table\" IN (SELECT value FROM json_each(" + TextLiteral(tables.bytes) + "))";
    }
    std::vector<Change> changes = testing::ReadChanges(*other.db, condition);
    // What is parked, under names that these two may not share, beats what others still have.
    std::erase_if(changes, [&](const Change& c) { return parked.contains(c.pk); });
    const std::string error = testing::ApplyEach(db, changes);
    const std::string after = db.Get("SELECT crsql_digest()");
    episode_.counts->laws++;
    if (!error.empty() || after != before || db.Int("SELECT crsql_rows_impacted()") != 0) {
      world_.Fail(std::string(1, who->name) + " claims to know " + row[0].bytes + " up to " +
                  std::to_string(row[1].integer) + ", but learns from " + other.name + " " + error);
    }
  }
  db.Do("ROLLBACK");
}

void Mail::Settle() {
  episode_.log.emplace_back("-- all to all, by changesets");
  std::vector<Replica>& replicas = world_.replicas();
  for (size_t round = 0; round + 1 < replicas.size(); round++) {
    for (Replica& from : replicas) {
      for (Replica& to : replicas) {
        if (&from == &to) continue;
        std::vector<std::string> pieces = Ask(&from, &to, Cell::Null());
        if (random_.OneIn(2)) random_.Shuffle(&pieces);
        for (const std::string& piece : pieces) Apply(&to, piece);
      }
    }
  }
  // What was beaten by records that came without knowledge may take another round.
  for (const bool final : {false, true}) {
    for (Replica& from : replicas) {
      for (Replica& to : replicas) {
        if (&from == &to) continue;
        const std::vector<std::string> pieces =
            testing::Pieces(*from.db, {testing::Have(*to.db), 1 << 20, Cell::Null()});
        if (final && !pieces.empty()) {
          world_.Fail(
              std::string("equal replicas have something to say: ") + from.name + " to " + to.name +
              ": " + from.db->One("SELECT crsql_changeset_json(?)", {Cell::Blob(pieces[0])}).bytes);
        }
        for (const std::string& piece : pieces) Apply(&to, piece);
      }
    }
  }
}

}  // namespace tributary::sim
