// Merging through crsql_changes: the decision table (7.2), the order of values (7.3), clocks after
// a win (7.5) and the exact examples (7.7) of the semantics reference, with the project's own
// deviations: ties keep the larger stamp (T18), cells without a clock are not shown.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/ext/ext_test.h"

namespace tributary::testing {
namespace {

class Merging : public FooTest {};

struct MergeStep {
  const char* change;
  int impact;
  const char* changes;  // what crsql_changes holds afterwards
  const char* rows;     // what foo holds afterwards
};

struct MergeStory {
  const char* name;
  std::vector<MergeStep> steps;
};

void PrintTo(const MergeStory& story, std::ostream* out) { *out << story.name; }

class MergeStories : public ::testing::TestWithParam<MergeStory> {};

TEST_P(MergeStories, Play) {
  Db db;
  db.Do(kFoo);
  for (const MergeStep& step : GetParam().steps) {
    db.Do("BEGIN");
    EXPECT_EQ(MergeText(db, step.change), "") << step.change;
    EXPECT_EQ(db.Int("SELECT crsql_rows_impacted()"), step.impact) << step.change;
    db.Do("COMMIT");
    EXPECT_EQ(ChangesText(db), step.changes) << "after " << step.change;
    EXPECT_EQ(db.Get("SELECT * FROM foo ORDER BY a"), step.rows) << "after " << step.change;
    EXPECT_EQ(db.Int("SELECT crsql_db_version()"), 0) << "merging uses no version of our own";
    EXPECT_EQ(db.Get("SELECT * FROM crsql_check()"), "");
  }
}

const MergeStory kStories[] = {
    {"FirstCell",
     {{"foo 010901 b 5 1 10 S1 1 0", 1, "foo 010901 b 5 1 10 S1 1 0", "1|5|NULL"},
      {"foo 010901 b 5 1 10 S1 1 0", 0, "foo 010901 b 5 1 10 S1 1 0", "1|5|NULL"},
      // T18: the living row's sentinel has no stamp yet: the incoming one is kept.
      {"foo 010901 -1 NULL 1 11 S1 1 0", 0,
       "foo 010901 b 5 1 10 S1 1 0\nfoo 010901 -1 NULL 1 11 S1 1 0", "1|5|NULL"}}},
    {"VersionThenValue",
     {{"foo 010901 b 0 2 9 S3 1 0", 1, "foo 010901 b 0 2 9 S3 1 0", "1|0|NULL"},
      {"foo 010901 b 1 2 10 S1 1 0", 1, "foo 010901 b 1 2 10 S1 1 0", "1|1|NULL"},
      {"foo 010901 b 999 1 11 S1 1 0", 0, "foo 010901 b 1 2 10 S1 1 0", "1|1|NULL"},
      {"foo 010901 b 0 2 12 S2 1 0", 0, "foo 010901 b 1 2 10 S1 1 0", "1|1|NULL"},
      {"foo 010901 b 1 2 12 S2 1 0", 0, "foo 010901 b 1 2 12 S2 1 0", "1|1|NULL"},
      {"foo 010901 b 1 2 10 S1 1 0", 0, "foo 010901 b 1 2 12 S2 1 0", "1|1|NULL"},
      {"foo 010901 b 2 2 11 S1 1 0", 1, "foo 010901 b 2 2 11 S1 1 0", "1|2|NULL"}}},
    {"TiesKeepTheLargerStamp",
     {{"foo 010901 b 1 1 10 S2 1 0", 1, "foo 010901 b 1 1 10 S2 1 0", "1|1|NULL"},
      {"foo 010901 b 1 1 99 S1 1 0", 0, "foo 010901 b 1 1 10 S2 1 0", "1|1|NULL"},
      {"foo 010901 b 1 1 11 S2 1 0", 0, "foo 010901 b 1 1 11 S2 1 0", "1|1|NULL"},
      {"foo 010901 b 1 1 1 S3 1 4", 0, "foo 010901 b 1 1 1 S3 1 4", "1|1|NULL"}}},
    {"Delete",
     {{"foo 010901 b 5 1 10 S1 1 0", 1, "foo 010901 b 5 1 10 S1 1 0", "1|5|NULL"},
      {"foo 010901 -1 NULL 2 3 S2 2 0", 1, "foo 010901 -1 NULL 2 3 S2 2 0", ""},
      {"foo 010901 b 6 9 11 S1 1 0", 0, "foo 010901 -1 NULL 2 3 S2 2 0", ""},
      {"foo 010901 -1 NULL 2 9 S1 2 0", 0, "foo 010901 -1 NULL 2 3 S2 2 0", ""},
      {"foo 010901 -1 NULL 2 4 S2 2 0", 0, "foo 010901 -1 NULL 2 4 S2 2 0", ""},
      {"foo 010901 -1 NULL 2 1 S3 2 7", 0, "foo 010901 -1 NULL 2 1 S3 2 7", ""}}},
    {"AnyEvenCausalLengthIsADelete",
     {{"foo 010901 b 5 1 10 S1 1 0", 1, "foo 010901 b 5 1 10 S1 1 0", "1|5|NULL"},
      {"foo 010901 b 6 2 11 S1 2 3", 1, "foo 010901 -1 NULL 2 11 S1 2 3", ""}}},
    {"ReviveByACell",
     {{"foo 010901 b 5 1 10 S1 1 0", 1, "foo 010901 b 5 1 10 S1 1 0", "1|5|NULL"},
      {"foo 010901 -1 NULL 2 3 S2 2 0", 1, "foo 010901 -1 NULL 2 3 S2 2 0", ""},
      // Known deviation: the sentinel is not shown before it has arrived itself (crdt/row_clock.h).
      {"foo 010901 b 7 1 11 S1 3 4", 2, "foo 010901 b 7 1 11 S1 3 4", "1|7|NULL"},
      {"foo 010901 -1 NULL 3 11 S1 3 3", 0,
       "foo 010901 -1 NULL 3 11 S1 3 3\nfoo 010901 b 7 1 11 S1 3 4", "1|7|NULL"}}},
    {"ReviveALivingRow",
     {{"foo 010901 b 5 4 10 S1 1 0", 1, "foo 010901 b 5 4 10 S1 1 0", "1|5|NULL"},
      {"foo 010901 c 6 4 10 S1 1 1", 1, "foo 010901 b 5 4 10 S1 1 0\nfoo 010901 c 6 4 10 S1 1 1",
       "1|5|6"},
      // A longer causal length: of the earlier life nothing stays.
      {"foo 010901 -1 NULL 5 5 S2 5 0", 1, "foo 010901 -1 NULL 5 5 S2 5 0", "1|NULL|NULL"},
      {"foo 010901 b 1 1 5 S2 5 1", 1, "foo 010901 -1 NULL 5 5 S2 5 0\nfoo 010901 b 1 1 5 S2 5 1",
       "1|1|NULL"},
      {"foo 010901 b 2 1 6 S1 7 1", 2, "foo 010901 b 2 1 6 S1 7 1", "1|2|NULL"}}},
    {"FirstSeenInALaterLife",
     {{"foo 010901 b 5 1 10 S1 3 1", 2, "foo 010901 b 5 1 10 S1 3 1", "1|5|NULL"},
      {"foo 010901 b 9 8 11 S2 2 1", 0, "foo 010901 b 5 1 10 S1 3 1", "1|5|NULL"}}},
    {"FirstSeenAsTombstone",
     {{"foo 010901 -1 NULL 2 2 S1 2 0", 1, "foo 010901 -1 NULL 2 2 S1 2 0", ""},
      {"foo 010901 b 5 1 1 S1 1 0", 0, "foo 010901 -1 NULL 2 2 S1 2 0", ""}}},
    {"FirstSeenAsSentinel",
     {{"foo 010901 -1 NULL 1 2 S1 1 0", 1, "foo 010901 -1 NULL 1 2 S1 1 0", "1|NULL|NULL"},
      {"foo 010901 c 4 1 2 S1 1 1", 1, "foo 010901 -1 NULL 1 2 S1 1 0\nfoo 010901 c 4 1 2 S1 1 1",
       "1|NULL|4"}}},
    // A liar: one stamp, two values. Still one row per cell.
    {"OneStampForTwoValues",
     {{"foo 010901 b 0 2 10 S1 1 0", 1, "foo 010901 b 0 2 10 S1 1 0", "1|0|NULL"},
      {"foo 010901 b 1 2 10 S1 1 0", 1, "foo 010901 b 1 2 10 S1 1 0", "1|1|NULL"}}},
    {"ClocksOfNothing",
     {{"foo 010901 b 5 0 1 S1 0 0", 0, "", ""}, {"foo 010901 -1 NULL 0 1 S1 0 0", 0, "", ""}}},
};

INSTANTIATE_TEST_SUITE_P(All, MergeStories, ::testing::ValuesIn(kStories),
                         [](const auto& tested) { return std::string(tested.param.name); });

// Each beats all before it, at equal col_version, whoever is first.
constexpr const char* kAscending[] = {"NULL",
                                      "x''",
                                      "x'00'",
                                      "x'61'",
                                      "x'6100'",
                                      "x'ff'",
                                      "''",
                                      "'B'",
                                      "'a'",
                                      "'aa'",
                                      "CAST(x'c3a9'AS/**/TEXT)",
                                      "-9e999",
                                      "-1.5",
                                      "-0.0",
                                      "0.0",
                                      "2.5",
                                      "9e999",
                                      "-9223372036854775808",
                                      "-5",
                                      "0",
                                      "1",
                                      "9223372036854775807"};

TEST_F(Merging, TheOrderOfValues) {
  int64_t version = 1;
  for (size_t i = 0; i < std::size(kAscending); i++) {
    for (size_t j = 0; j < std::size(kAscending); j++) {
      version++;
      const std::string clock = " " + std::to_string(version) + " 9 S2 1 0";
      EXPECT_EQ(Merge(std::string("foo 010901 b ") + kAscending[i] + clock), "");
      // From the smaller site: a tie would not be taken over.
      const std::string other = " " + std::to_string(version) + " 9 S1 1 0";
      EXPECT_EQ(Merge(std::string("foo 010901 b ") + kAscending[j] + other), "");
      EXPECT_EQ(db_.One("SELECT b FROM foo"),
                db_.One(std::string("SELECT ") + kAscending[i > j ? i : j]))
          << kAscending[i] << " then " << kAscending[j];
    }
  }
}

TEST_F(Merging, ALocalWriteBetweenMerges) {
  EXPECT_EQ(Merge("foo 010901 b 5 1 10 S1 1 0"), "");
  db_.Do("UPDATE foo SET c = 4");  // had no clock
  EXPECT_EQ(Changes(), "foo 010901 c 4 1 1 me 1 0\nfoo 010901 b 5 1 10 S1 1 0");
  EXPECT_EQ(db_.Int("SELECT crsql_db_version()"), 1);
  db_.Do("UPDATE foo SET b = 6");
  EXPECT_EQ(Changes(), "foo 010901 c 4 1 1 me 1 0\nfoo 010901 b 6 2 2 me 1 0");
}

TEST_F(Merging, ALocalLifeAfterAForeignDeath) {
  EXPECT_EQ(Merge("foo 010901 -1 NULL 2 7 S1 2 0"), "");
  db_.Do("INSERT INTO foo VALUES(1, 2, 3)");
  EXPECT_EQ(Changes(),
            "foo 010901 -1 NULL 3 1 me 3 0\nfoo 010901 b 2 1 1 me 3 1\nfoo 010901 c 3 1 1 me 3 2");
}

TEST_F(Merging, OwnChangesComeBack) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3); UPDATE foo SET b = 4");
  const std::string before = Changes();
  EXPECT_EQ(ApplyChanges(db_, ReadChanges(db_)), "");
  EXPECT_EQ(Merge("foo 010901 b 2 1 1 me 1 0"), "");
  EXPECT_EQ(Changes(), before);
  EXPECT_EQ(db_.Int("SELECT crsql_db_version()"), 2);
}

TEST_F(Merging, ARelayKeepsTheAuthor) {
  EXPECT_EQ(Merge("foo 010901 b 5 1 10 S1 1 3"), "");
  Db other;
  other.Do(kFoo);
  EXPECT_EQ(ApplyChanges(other, ReadChanges(db_)), "");
  EXPECT_EQ(ChangesText(other), "foo 010901 b 5 1 10 S1 1 3");
  ExpectEqual(db_, other, {"foo"});
}

TEST_F(Merging, OneStatementFromAnotherDatabase) {
  TempDir dir;
  {
    Db other(dir.File("other.db"));
    other.Do(kFoo);
    other.Do("INSERT INTO foo VALUES(1, 2, 3), (2, 3, 4); DELETE FROM foo WHERE a = 1");
    other.Do("UPDATE foo SET c = 'x'; CREATE TABLE wire AS SELECT * FROM crsql_changes");
  }
  db_.Do("ATTACH '" + dir.File("other.db") + "' AS other");
  db_.Do("INSERT INTO crsql_changes SELECT * FROM other.wire");
  EXPECT_EQ(Foo(), "2|3|'x'");
  EXPECT_EQ(db_.Get("SELECT \"table\", hex(pk), cid, val, col_version, db_version, cl, seq "
                    "FROM crsql_changes"),
            db_.Get("SELECT \"table\", hex(pk), cid, val, col_version, db_version, cl, seq "
                    "FROM other.wire ORDER BY db_version, seq"));
  db_.Do("DETACH other");
}

TEST_F(Merging, RowsImpacted) {
  EXPECT_EQ(Impact("foo 010901 b 5 1 10 S1 1 0\nfoo 010901 c 6 1 10 S1 1 1"), 2);
  EXPECT_EQ(db_.Int("SELECT crsql_rows_impacted()"), 0) << "reset at commit";
  EXPECT_EQ(Impact("foo 010902 b 5 1 10 S1 3 1"), 2);
  EXPECT_EQ(Merge("foo 010903 b 5 1 10 S1 1 2"), "");
  EXPECT_EQ(db_.Int("SELECT crsql_rows_impacted()"), 0) << "autocommit";
  db_.Do("UPDATE foo SET b = 8");
  EXPECT_EQ(db_.Int("SELECT crsql_rows_impacted()"), 0) << "local writes do not count";
}

TEST_F(Merging, MergeEqualValues) {
  EXPECT_EQ(db_.Get("SELECT crsql_config_get('merge-equal-values')"), "0");
  EXPECT_EQ(db_.Get("SELECT crsql_config_set('merge-equal-values', 1)"), "1");
  EXPECT_EQ(Impact("foo 010901 b 5 1 10 S1 1 0"), 1);
  EXPECT_EQ(Impact("foo 010901 b 5 1 3 S2 1 0"), 1);
  EXPECT_EQ(Changes(), "foo 010901 b 5 1 3 S2 1 0");
  EXPECT_EQ(Impact("foo 010901 b 5 1 11 S1 1 0"), 0);
  EXPECT_EQ(Impact("foo 010901 -1 NULL 2 4 S1 2 0"), 1);
  EXPECT_EQ(Impact("foo 010901 -1 NULL 2 4 S2 2 0"), 0);
  EXPECT_EQ(Changes(), "foo 010901 -1 NULL 2 4 S2 2 0");
}

TEST_F(Merging, ATransactionThatIsRolledBack) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3)");
  const std::string before = Changes();
  const std::string digest = db_.Get("SELECT crsql_digest()");
  db_.Do("BEGIN");
  EXPECT_EQ(Merge("foo 010901 b 5 9 10 S1 1 0\nfoo 010902 b 5 1 10 S1 1 1\n"
                  "foo 010901 -1 NULL 2 11 S1 2 0"),
            "");
  EXPECT_EQ(Foo(), "2|5|NULL");
  db_.Do("ROLLBACK");
  EXPECT_EQ(Foo(), "1|2|3");
  EXPECT_EQ(Changes(), before);
  EXPECT_EQ(db_.Get("SELECT crsql_digest()"), digest);
  EXPECT_EQ(Merge("foo 010901 b 5 9 10 S1 1 0"), "");
  EXPECT_EQ(Foo(), "1|5|3");
}

// Merges, local writes and savepoints mixed in one transaction.
TEST_F(Merging, MixedWithLocalWrites) {
  db_.Do("BEGIN; INSERT INTO foo VALUES(1, 'own', 0)");
  EXPECT_EQ(Merge("foo 010901 b 'theirs' 2 10 S1 1 0"), "");
  db_.Do("UPDATE foo SET b = 'mine'; SAVEPOINT s");
  EXPECT_EQ(Merge("foo 010901 b 'lost' 9 11 S1 1 0"), "");
  db_.Do("UPDATE foo SET c = 5; ROLLBACK TO s; UPDATE foo SET c = 1; COMMIT");
  EXPECT_EQ(Foo(), "1|'mine'|1");
  EXPECT_EQ(Changes(), "foo 010901 b 'mine' 3 1 me 1 2\nfoo 010901 c 1 2 1 me 1 3");
}

TEST_F(Merging, Ts) {
  db_.Do(
      "INSERT INTO crsql_changes(\"table\", pk, cid, val, col_version, db_version, site_id, cl, "
      "seq, ts) VALUES('foo', x'010901', 'b', 1, 1, 1, " +
      Site(1) + ", 1, 0, '1234')");
  EXPECT_EQ(db_.Get("SELECT * FROM crsql_changes").find("1234"), std::string::npos) << "hidden";
  EXPECT_EQ(db_.Get("SELECT count(*) FROM pragma_table_info('crsql_changes')"), "9");
  EXPECT_TRUE(db_.Run("SELECT ts FROM crsql_changes").ok());
}

}  // namespace
}  // namespace tributary::testing
