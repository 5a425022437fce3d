// A hostile peer of a session on a small database. What a changeset refused leaves as it was, what
// was taken leaves a sound file.
#include <memory>

#include "sync/session/sqlite_replica.h"
#include "tests/fuzz/session_input.h"
#include "tests/fuzz/target.h"
#include "tests/support/db.h"

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  return tributary::fuzz::MutateSession(data, size, max_size, seed);
}

namespace tributary::fuzz {
namespace {

using testing::Cell;
using testing::Db;

constexpr char kTables[] =
    "CREATE TABLE note(id INTEGER PRIMARY KEY NOT NULL, text);"
    "CREATE TABLE tag(id TEXT PRIMARY KEY NOT NULL, color NOT NULL DEFAULT 0, note REFERENCES "
    "note(id));";
constexpr char kReplicated[] = "SELECT crsql_as_crr('note'), crsql_as_crr('tag');";

// A database file whose site id is of that number, so that what a peer says of it can be repeated.
std::string Image(int number) {
  const testing::TempDir dir;
  const std::string path = dir.File("image.db");
  Db(path).Do(std::string(kTables) + kReplicated);
  {
    Db plain(path, {.extension = false});
    plain.Do("UPDATE crsql_site_id SET site_id = ?1 WHERE ordinal = 0",
             {Cell::Blob(std::string(16, static_cast<char>(number)))});
  }
  Db db(path);
  const std::string n = std::to_string(number);
  db.Do("INSERT INTO note VALUES (" + n + ", 'a'), (10, " + n + "), (11, 'shared')");
  db.Do("INSERT INTO tag VALUES ('x', " + n + ", 10), ('y" + n + "', 1.5, NULL)");
  db.Do("BEGIN; UPDATE note SET text = hex(zeroblob(80)) || " + n + "; INSERT INTO note VALUES(" +
        n + " + 20, x'00'); DELETE FROM note WHERE id = 11; COMMIT");
  sqlite3_int64 size = 0;
  unsigned char* data = sqlite3_serialize(db.handle(), "main", &size, 0);
  Check(data != nullptr, "a database can be serialized");
  std::string image(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
  sqlite3_free(data);
  return image;
}

std::unique_ptr<Db> Make(int number) {
  static const std::string kImages[] = {Image(1), Image(2)};
  const std::string& image = kImages[number - 1];
  auto db = std::make_unique<Db>(":memory:", Db::Options{.extension = false});
  auto* copy = static_cast<unsigned char*>(sqlite3_malloc64(image.size()));
  std::copy(image.begin(), image.end(), copy);
  const int rc =
      sqlite3_deserialize(db->handle(), "main", copy, static_cast<sqlite3_int64>(image.size()),
                          static_cast<sqlite3_int64>(image.size()),
                          SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE);
  std::string error;
  Check(rc == SQLITE_OK, "a database can be copied");
  Check(testing::LoadExtension(db->handle(), &error) == SQLITE_OK, error);
  return db;
}

Subject SubjectOf(Replica* replica, Db* db) {
  return {.replica = replica,
          .state = [db] { return db->Get("SELECT crsql_digest(), crsql_version_vector()"); },
          .write =
              [db](char c) {
                db->Do("INSERT INTO note(text) VALUES (?1)", {Cell::Integer(c)});
                db->Do("UPDATE tag SET color = color + 1 WHERE id = 'x'");
              }};
}

}  // namespace

void Run(std::string_view input) {
  static std::unique_ptr<Db> db;
  static sqlite3_int64 written = 0;
  // One that nobody has written to serves the next input, too.
  if (db == nullptr || sqlite3_total_changes64(db->handle()) != written) {
    db = Make(2);
    written = sqlite3_total_changes64(db->handle());
  }
  SqliteReplica replica(db->handle(), 0);
  Speak(input, SubjectOf(&replica, db.get()));
  Check(db->autocommit(), "no transaction stays open");
  if (sqlite3_total_changes64(db->handle()) == written) return;
  const std::string problems = db->Get("SELECT * FROM crsql_check()");
  Check(problems.empty(), "what was taken leaves a sound database: " + problems);
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (const char* change : {"", "SELECT crsql_as_table('tag')",
                             "ALTER TABLE note ADD COLUMN more; SELECT crsql_as_crr('note')",
                             "DELETE FROM note", "UPDATE tag SET note = 77"}) {
    for (const bool live : {false, true}) {
      const std::unique_ptr<Db> peer = Make(1);
      const std::unique_ptr<Db> own = Make(2);
      peer->Do(change);
      SqliteReplica replica(peer->handle(), 0);
      SqliteReplica own_replica(own->handle(), 0);
      const SessionOptions options{.live = live, .piece_bytes = 60, .window_bytes = 1000};
      seeds.push_back(RecordPeer(&replica, SubjectOf(&own_replica, own.get()), options,
                                 live ? "  w r w f" : ""));
    }
  }
  return seeds;
}

}  // namespace tributary::fuzz
