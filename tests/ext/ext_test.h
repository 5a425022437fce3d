// What the tests of the extension share.
#ifndef TRIBUTARY_TESTS_EXT_EXT_TEST_H_
#define TRIBUTARY_TESTS_EXT_EXT_TEST_H_

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tests/support/changes.h"
#include "tests/support/db.h"

namespace tributary::testing {

inline ::testing::AssertionResult Contains(std::string_view text, std::string_view part) {
  if (text.find(part) != std::string_view::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "'" << text << "' does not contain '" << part << "'";
}

inline constexpr char kFoo[] =
    "CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, b, c); SELECT crsql_as_crr('foo');";

// A database with the table of the reference document's examples.
class FooTest : public ::testing::Test {
 protected:
  FooTest() { db_.Do(kFoo); }
  ~FooTest() override {
    EXPECT_EQ(db_.Get("SELECT * FROM crsql_check()"), "");
    EXPECT_EQ(db_.Get("PRAGMA integrity_check"), "'ok'");
  }

  std::string Changes() { return ChangesText(db_); }
  std::string Merge(std::string_view lines) { return MergeText(db_, lines); }
  // Merges inside a transaction, so that crsql_rows_impacted() can be read: returns that.
  int64_t Impact(std::string_view lines) {
    db_.Do("BEGIN");
    const std::string error = MergeText(db_, lines);
    EXPECT_EQ(error, "");
    const int64_t impacted = db_.Int("SELECT crsql_rows_impacted()");
    db_.Do("COMMIT");
    return impacted;
  }
  std::string Foo() { return db_.Get("SELECT * FROM foo ORDER BY a"); }

  Db db_;
};

// Two healthy databases that hold the same: tables as given, digests equal.
inline void ExpectEqual(Db& a, Db& b, std::initializer_list<const char*> tables) {
  for (const char* table : tables) EXPECT_EQ(TableText(a, table), TableText(b, table)) << table;
  EXPECT_EQ(a.Get("SELECT crsql_digest()"), b.Get("SELECT crsql_digest()"))
      << ChangesText(a) << "\n--\n"
      << ChangesText(b);
  for (Db* db : {&a, &b}) EXPECT_EQ(db->Get("SELECT * FROM crsql_check()"), "");
}

}  // namespace tributary::testing

#endif  // TRIBUTARY_TESTS_EXT_EXT_TEST_H_
