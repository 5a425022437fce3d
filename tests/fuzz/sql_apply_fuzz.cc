// crsql_apply on a small database: changesets changed field by field. One that is refused changes
// nothing, one that is taken leaves a sound file, and taking it again changes nothing either.
#include "tests/changeset/sample.h"
#include "tests/fuzz/changeset_input.h"
#include "tests/fuzz/target.h"
#include "tests/support/db.h"

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  return tributary::fuzz::MutateChangeset(data, size, max_size, seed);
}

namespace tributary::fuzz {
namespace {

using testing::Cell;
using testing::Db;
using testing::Outcome;

// Tables of one, two and three key columns, as many as Maker gives.
constexpr char kSchema[] =
    "CREATE TABLE t1(k NOT NULL PRIMARY KEY, c0, c1, c2, c3, c4, c5, c6);"
    "CREATE TABLE t2(k NOT NULL, l NOT NULL, c0, c1, c2, c3, c4, c5, c6, PRIMARY KEY(k, l));"
    "CREATE TABLE t3(k NOT NULL, l NOT NULL, m NOT NULL, c0, c1 NOT NULL DEFAULT 5, c2, c3, c4,"
    " c5, c6, PRIMARY KEY(k, l, m)) WITHOUT ROWID;"
    "SELECT crsql_as_crr('t1'), crsql_as_crr('t2'), crsql_as_crr('t3');"
    "INSERT INTO t1(k, c0) VALUES (0, 'x'), (1, 2), ('', 3);"
    "UPDATE t1 SET c1 = 7 WHERE k = 1; DELETE FROM t1 WHERE k = 0;";

// One database serves many inputs that are refused; who changes it asks for another.
Db* Database(bool another = false) {
  static Db* db = nullptr;
  if (another) {
    delete db;
    db = nullptr;
  }
  if (db == nullptr) {
    db = new Db();
    db->Do(kSchema);
  }
  return db;
}

std::string Digest(Db* db) { return db->Get("SELECT crsql_digest()"); }

// The same sample for tables that the database has; false where two would be the same.
bool Rename(Sample* sample) {
  static constexpr const char* kKeys[] = {"k", "l", "m"};
  bool seen[4] = {};
  for (TableNames& t : sample->tables) {
    const size_t width = t.key.size();
    if (seen[width]) return false;
    seen[width] = true;
    t.name = "t" + std::to_string(width);
    t.key.assign(kKeys, kKeys + width);
    for (size_t i = 0; i < t.columns.size(); i++) t.columns[i] = "c" + std::to_string(i);
  }
  return true;
}

}  // namespace

void Run(std::string_view input) {
  Db* db = Database();
  const std::string before = Digest(db);
  db->Do("BEGIN");
  const Cell frame = Cell::Blob(std::string(input));
  const Outcome first = db->Run("SELECT crsql_apply(?)", {frame});
  // Rows that a constraint refuses wait until the transaction ends, and make that fail.
  if (first.ok() && db->Run("COMMIT").ok()) {
    const std::string after = Digest(db);
    const std::string problems = db->Get("SELECT * FROM crsql_check()");
    Check(problems.empty(), "what was taken leaves a sound database: " + problems);
    const Outcome second = db->Run("SELECT crsql_apply(?)", {frame});
    Check(second.ok(), "what was taken is taken again: " + second.error);
    Check(Digest(db) == after, "taking it again changes nothing");
    Database(true);
    return;
  }
  Check(first.ok() || !first.error.empty(), "an error has a message");
  db->Run("ROLLBACK");  // a COMMIT that failed may have done so
  Check(Digest(db) == before, "what was rolled back or refused changed nothing");
}

// Such as change something: the database refuses what is not its own way to write a key.
std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  Db db;
  db.Do(kSchema);
  for (uint64_t seed = 1; seeds.size() < 40; seed++) {
    Maker maker(seed);
    Sample sample = maker.Changeset(1 + seed % 6);
    if (!Rename(&sample)) continue;
    // One in four is a piece among others, perhaps one that has to wait for them.
    ChangesetHeader header = maker.Header();
    if (seed % 4 != 0) header = {.sender = header.sender, .last = true};
    header.tables.clear();
    std::string data = sample.ToFrame(header);
    db.Do("BEGIN");
    const bool taken = db.Run("SELECT crsql_apply(?)", {Cell::Blob(data)}).ok();
    db.Do("ROLLBACK");
    if (taken && data.size() < 2048) seeds.push_back(std::move(data));
  }
  return seeds;
}

}  // namespace tributary::fuzz
