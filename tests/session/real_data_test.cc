// Chinook and Northwind, edited apart and synced by sessions in memory. The other transports:
// tests/cli/real_data.sh.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "sync/session/session.h"
#include "sync/session/sqlite_replica.h"
#include "sync/transport/memory.h"
#include "tests/support/db.h"

namespace tributary::testing {
namespace {

namespace fs = std::filesystem;

constexpr char kStructureSql[] =
    "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite%' AND name NOT "
    "LIKE '%crsql%' ORDER BY type = 'view', type = 'index', rowid";

// Empty where it is not here.
fs::path Find(const std::string& name) {
  const char* given = std::getenv("SHARED_DATA");
  const fs::path folder =
      given != nullptr ? fs::path(given) : fs::path(TRIBUTARY_SOURCE) / ".." / "shared" / "data";
  return fs::exists(folder / name) ? folder / name : fs::path();
}

std::string ReadFile(const fs::path& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// Three replicas of a database: the first has all of it, the others its tables.
class Trio {
 public:
  explicit Trio(std::unique_ptr<Db> original) {
    std::string structure;
    for (const Row& row : original->Run(kStructureSql).rows) structure += row[0].bytes + ";";
    dbs_.push_back(std::move(original));
    for (int i = 0; i < 2; i++) dbs_.emplace_back(std::make_unique<Db>())->Do(structure);
    for (const auto& db : dbs_) {
      db->Do(
          "SELECT crsql_as_crr(name) FROM (SELECT name FROM sqlite_schema WHERE type = 'table' AND "
          "name NOT LIKE 'sqlite%' AND name NOT LIKE 'crsql%')");
    }
  }

  Db& operator[](size_t i) { return *dbs_[i]; }

  void Sync(size_t a, size_t b, const SessionOptions& options = {}) {
    SqliteReplica replica_a(dbs_[a]->handle(), 1);
    SqliteReplica replica_b(dbs_[b]->handle(), 1);
    Session session_a(&replica_a, options);
    Session session_b(&replica_b, options);
    MemoryLink(&session_a, &session_b).Run();
    ASSERT_TRUE(session_a.equal() && session_b.equal()) << session_a.status();
  }

  // All of them hold the same, and are sound.
  void ExpectEqual() {
    for (const auto& db : dbs_) {
      EXPECT_EQ(db->Get("SELECT crsql_digest()"), dbs_[0]->Get("SELECT crsql_digest()"));
      EXPECT_EQ(db->Get("SELECT * FROM crsql_check"), "");
      EXPECT_EQ(db->Get("PRAGMA foreign_key_check"), "");
    }
  }

  // Each edited on its own by its SQL; then in a ring, in pieces of several lengths.
  void EditAndSync(const std::vector<std::string>& edits) {
    for (const size_t piece : {size_t{3000}, size_t{1} << 20}) {
      for (size_t i = 0; i < edits.size(); i++) dbs_[i]->Do(edits[i]);
      for (size_t i = 0; i < 2 * dbs_.size(); i++) {
        Sync(i % dbs_.size(), (i + 1) % dbs_.size(), {.piece_bytes = piece});
      }
      ExpectEqual();
    }
  }

 private:
  std::vector<std::unique_ptr<Db>> dbs_;
};

TEST(RealData, Chinook) {
  const fs::path file = Find("chinook.sqlite");
  if (file.empty()) GTEST_SKIP() << "chinook.sqlite is not in ../shared/data or $SHARED_DATA";
  TempDir dir;
  fs::copy_file(file, dir.File("chinook.db"));
  fs::permissions(dir.File("chinook.db"), fs::perms::owner_write, fs::perm_options::add);
  Trio trio(std::make_unique<Db>(dir.File("chinook.db")));
  trio.Sync(0, 1);
  trio.Sync(2, 0, {.piece_bytes = 5000, .window_bytes = 20000});
  trio.ExpectEqual();
  EXPECT_EQ(trio[2].Int("SELECT count(*) FROM Track"), 3503);
  trio.EditAndSync(
      {"UPDATE Track SET UnitPrice = UnitPrice + 1 WHERE GenreId = 1;"
       "DELETE FROM PlaylistTrack WHERE PlaylistId = 8 AND TrackId % 2",
       "UPDATE Track SET Name = upper(Name) || '!', UnitPrice = 9 WHERE GenreId < 3;"
       "INSERT INTO Artist(Name) VALUES ('by 1')",
       "UPDATE Customer SET Company = NULL, Fax = 'x'; INSERT INTO Artist(Name) VALUES ('by 2');"
       "DELETE FROM InvoiceLine WHERE InvoiceLineId % 50 = 1"});
}

TEST(RealData, Northwind) {
  const fs::path file = Find("northwind.sql");
  if (file.empty()) GTEST_SKIP() << "northwind.sql is not in ../shared/data or $SHARED_DATA";
  auto original = std::make_unique<Db>();
  original->Do(ReadFile(file));
  Trio trio(std::move(original));
  trio.Sync(0, 1);
  trio.Sync(2, 0, {.piece_bytes = 5000, .window_bytes = 20000});
  trio.ExpectEqual();
  EXPECT_EQ(trio[2].Int("SELECT count(*) FROM \"Order Details\""), 2155);
  trio.EditAndSync(
      {"UPDATE Products SET UnitPrice = UnitPrice + 1;"
       "UPDATE Orders SET ShipCity = '0', ShippedDate = NULL WHERE OrderID % 7 = 1",
       "UPDATE Products SET UnitPrice = UnitPrice * 2, UnitsInStock = 1 WHERE CategoryID < 4;"
       "DELETE FROM \"Order Details\" WHERE OrderID % 20 = 1",
       "UPDATE Orders SET ShipCity = '2' WHERE OrderID % 5 = 1;"
       "UPDATE \"Order Details\" SET Quantity = Quantity + 1 WHERE OrderID % 20 < 3;"
       "UPDATE Employees SET Photo = randomblob(5000)"});
}

}  // namespace
}  // namespace tributary::testing
