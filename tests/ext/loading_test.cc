// Loading the extension: twice, on files that it cannot write or read, with little memory.
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "tests/ext/ext_test.h"

#ifdef TRIBUTARY_STATIC
#include "ext/tributary.h"
#endif

namespace tributary::testing {
namespace {

class Loading : public ::testing::Test {
 protected:
  std::string Path() const { return dir_.File("f.db"); }
  TempDir dir_;
};

// A fresh file that cannot be written: a message, no crash; or it loads and has nothing to show.
TEST_F(Loading, ReadOnlyAndNeverInitialised) {
  { Db plain(Path(), {.extension = false, .before = "CREATE TABLE t(a PRIMARY KEY, b)"}); }
  try {
    Db db("file:" + Path() + "?mode=ro", {.flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI});
    const std::string error = db.Error("SELECT * FROM crsql_changes");
    EXPECT_TRUE(error.empty() || Contains(error, "read-only"));
    EXPECT_NE(db.Error("SELECT crsql_as_crr('t')"), "");
    EXPECT_EQ(db.Get("SELECT count(*) FROM t"), "0");
  } catch (const TestError& error) {
    EXPECT_TRUE(Contains(error.what(), "read")) << "the reason is to be named";
  }
}

TEST_F(Loading, Twice) {
  Db db(Path());
  db.Do(kFoo);
  std::string error;
  EXPECT_EQ(LoadExtension(db.handle(), &error), SQLITE_OK) << error;
  db.Do("INSERT INTO foo VALUES(1, 2, 3)");
  EXPECT_EQ(LoadExtension(db.handle(), &error), SQLITE_OK) << error;
  db.Do("UPDATE foo SET b = 4");
  EXPECT_EQ(ChangesText(db), "foo 010901 c 3 1 1 me 1 1\nfoo 010901 b 4 2 2 me 1 0");
  EXPECT_EQ(db.Close(), SQLITE_OK);
}

TEST_F(Loading, WritesNothingTheSecondTime) {
  { Db(Path()).Do(kFoo); }
  Db plain(Path(), {.extension = false});
  const int64_t before = plain.Int("PRAGMA data_version");
  { Db(Path()).Do("SELECT * FROM foo"); }
  EXPECT_EQ(plain.Int("PRAGMA data_version"), before);
}

TEST_F(Loading, WritersWithoutTheExtensionFailLoudly) {
  {
    Db db(Path());
    db.Do(std::string(kFoo) + "INSERT INTO foo VALUES(1, 2, 3)");
  }
  Db plain(Path(), {.extension = false});
  EXPECT_EQ(plain.Get("SELECT * FROM foo"), "1|2|3");
  EXPECT_TRUE(Contains(plain.Error("UPDATE foo SET b = 5"), "no such")) << "never untracked";
  EXPECT_EQ(plain.Get("SELECT * FROM foo"), "1|2|3");
  EXPECT_EQ(plain.Get("PRAGMA integrity_check"), "'ok'");
}

// Its own process, so that no other connection keeps the library loaded: ctest runs it so.
TEST_F(Loading, ClosingAfterAFailure) {
  std::ofstream(Path()) << std::string(5000, 'x');
  Db db(Path(), {.extension = false});
  std::string error;
  EXPECT_NE(LoadExtension(db.handle(), &error), SQLITE_OK);
  EXPECT_TRUE(Contains(error, "file is not a database"));
  EXPECT_EQ(db.Close(), SQLITE_OK);
}

// The extension fails to load, or works; whatever it had registered when memory ran out, it works
// once it is loaded again.
TEST_F(Loading, WithLittleMemory) {
  int failed = 0;
  int rc;
  for (int64_t room = 1;; room += 250) {
    Db db(":memory:", {.extension = false});
    std::string error;
    sqlite3_hard_heap_limit64(sqlite3_memory_used() + room);
    rc = LoadExtension(db.handle(), &error);
    sqlite3_hard_heap_limit64(0);
    if (rc != SQLITE_OK) {
      failed++;
      EXPECT_EQ(db.Get("SELECT 1"), "1") << room;
      if (failed % 2 == 0) ASSERT_EQ(LoadExtension(db.handle(), &error), SQLITE_OK) << error;
    }
    if (rc == SQLITE_OK || failed % 2 == 0) {
      db.Do(kFoo);
      db.Do("INSERT INTO foo VALUES(1, 2, 3)");
      ASSERT_EQ(db.Int("SELECT count(*) FROM crsql_changes"), 2) << room;
      ASSERT_EQ(db.Get("SELECT * FROM crsql_check"), "") << room;
    }
    ASSERT_EQ(db.Close(), SQLITE_OK) << room;
    if (rc == SQLITE_OK) break;
  }
  EXPECT_GT(failed, 5);
}

// Nor does the second load pass over what failed the first.
TEST_F(Loading, TwiceOnAFileThatIsRefused) {
  Db db(Path(), {.extension = false,
                 .before = "CREATE TABLE crsql_master(key TEXT PRIMARY KEY, value);"
                           "INSERT INTO crsql_master VALUES('crsqlite_version', 160300)"});
  for (int i = 0; i < 2; i++) {
    std::string error;
    EXPECT_NE(LoadExtension(db.handle(), &error), SQLITE_OK);
    EXPECT_TRUE(Contains(error, "written by cr-sqlite"));
  }
}

#ifdef TRIBUTARY_STATIC
TEST_F(Loading, AutoExtension) {
  const auto init = reinterpret_cast<void (*)()>(sqlite3_tributary_init);
  ASSERT_EQ(sqlite3_auto_extension(init), SQLITE_OK);
  {
    Db db(":memory:", {.extension = false});
    db.Do(kFoo);
    db.Do("INSERT INTO foo VALUES(1, 2, 3)");
    EXPECT_EQ(db.Int("SELECT count(*) FROM crsql_changes"), 2);
  }
  EXPECT_EQ(sqlite3_cancel_auto_extension(init), 1);
}
#endif

}  // namespace
}  // namespace tributary::testing
