#include "tests/support/changesets.h"

#include <algorithm>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tributary::testing {

Cell Have(Db& db, const Cell& tables) {
  if (tables.type == SQLITE_NULL) return db.One("SELECT crsql_version_vector()");
  return db.One("SELECT crsql_version_vector(?1)", {tables});
}

std::vector<std::string> Pieces(Db& from, const Ask& ask) {
  const Outcome outcome = from.Run("SELECT changeset FROM crsql_changesets(?1, ?2, ?3)",
                                   {ask.have, Cell::Integer(ask.max_bytes), ask.tables});
  if (!outcome.ok()) throw TestError("reading changesets: " + outcome.error);
  std::vector<std::string> pieces;
  for (const Row& row : outcome.rows) pieces.push_back(row[0].bytes);
  return pieces;
}

Outcome Apply(Db& db, std::string_view piece) {
  return db.Run("SELECT crsql_apply(?1)", {Cell::Blob(std::string(piece))});
}

int64_t MustApply(Db& db, std::string_view piece) {
  const Outcome outcome = Apply(db, piece);
  if (!outcome.ok()) throw TestError("crsql_apply: " + outcome.error);
  return outcome.rows.at(0).at(0).integer;
}

void MustApplyAll(Db& db, const std::vector<std::string>& pieces) {
  for (const std::string& piece : pieces) MustApply(db, piece);
}

void Send(Db& from, Db& to, int64_t max_bytes) { MustApplyAll(to, PiecesFor(to, from, max_bytes)); }

void SendAll(const std::vector<Db*>& dbs, int64_t max_bytes) {
  for (size_t round = 0; round < dbs.size(); round++) {
    for (Db* from : dbs) {
      for (Db* to : dbs) {
        if (from != to) Send(*from, *to, max_bytes);
      }
    }
  }
}

std::string Known(Db& db, const std::vector<Db*>& dbs) {
  std::string json = db.One("SELECT crsql_version_vector_json()").bytes;
  for (size_t i = 0; i < dbs.size(); i++) {
    const std::string id = ToHex(dbs[i]->One("SELECT crsql_site_id()").bytes);
    const std::string letter(1, static_cast<char>('A' + i));
    for (size_t at; (at = json.find(id)) != std::string::npos;) json.replace(at, id.size(), letter);
  }
  return json;
}

std::string Everything(Db& db, const std::vector<std::string>& tables) {
  std::vector<std::string> all = tables;
  for (const Row& row :
       db.Run(
             "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'crsql_*' ORDER BY "
             "name")
           .rows) {
    all.push_back(row[0].bytes);
  }
  std::string text = db.Get("SELECT crsql_digest()");
  for (const std::string& table : all) {
    std::vector<std::string> rows;
    for (const Row& row : db.Run("SELECT * FROM " + Quoted(table)).rows) {
      Outcome one;
      one.rows.push_back(row);
      rows.push_back(one.ToText());
    }
    std::sort(rows.begin(), rows.end());
    text += "\n" + table + ":";
    for (const std::string& row : rows) text += "\n  " + row;
  }
  return text;
}

std::string Resealed(std::string frame) {
  if (frame.size() < 36) throw TestError("not a frame");
  std::string hashed = frame.substr(0, 20) + frame.substr(36);
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(hashed.data(), hashed.size()));
  std::memcpy(&frame[20], canonical.digest, sizeof canonical.digest);
  return frame;
}

std::string Forged(std::string frame, std::string_view from, std::string_view to) {
  const size_t at = frame.find(from);
  if (at == std::string::npos || from.size() != to.size()) throw TestError("cannot forge that");
  frame.replace(at, from.size(), to);
  return Resealed(std::move(frame));
}

}  // namespace tributary::testing
