// The functions and table-valued functions: results, arguments, error texts.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/ext/ext_test.h"

namespace tributary::testing {
namespace {

class Functions : public FooTest {};

TEST_F(Functions, AddNothingElse) {
  Db plain(":memory:", {.extension = false});
  const std::string functions =
      "SELECT count(*) FROM pragma_function_list WHERE name NOT GLOB "
      "'crsql_*' AND name NOT GLOB 'tributary_*'";
  EXPECT_EQ(db_.Get(functions), plain.Get(functions));
  const std::string modules =
      "SELECT count(*) FROM pragma_module_list WHERE name NOT GLOB "
      "'crsql_*' AND name NOT GLOB 'tributary_*' AND name NOT GLOB "
      "'pragma_*' AND name NOT GLOB 'json_*' AND name <> 'clset'";
  EXPECT_EQ(db_.Get(modules), plain.Get(modules));
  EXPECT_EQ(plain.Get("SELECT count(*) FROM pragma_function_list WHERE name GLOB 'crsql_*'"), "0");
  EXPECT_EQ(db_.Get("SELECT name FROM sqlite_schema WHERE name NOT GLOB '*crsql_*' AND name NOT "
                    "GLOB 'sqlite_autoindex_crsql_*' AND name <> 'foo'"),
            "");
}

TEST_F(Functions, Versions) {
  EXPECT_EQ(db_.Get("SELECT crsql_version()"), "170000");
  EXPECT_EQ(db_.Get("SELECT typeof(crsql_sha())"), "'text'");
  EXPECT_EQ(db_.Get("SELECT crsql_db_version(), crsql_next_db_version(), "
                    "crsql_peek_next_db_version(), crsql_get_seq()"),
            "0|1|1|0");
  db_.Do("INSERT INTO foo VALUES(1, 2, 3)");
  EXPECT_EQ(db_.Get("SELECT crsql_db_version(), crsql_next_db_version(), "
                    "crsql_peek_next_db_version(), crsql_get_seq()"),
            "1|2|2|0");
}

TEST_F(Functions, ABareNextDbVersionPersistsNothing) {
  TempDir dir;
  { Db(dir.File("f.db")).Do("SELECT crsql_next_db_version(), crsql_next_db_version(50)"); }
  Db db(dir.File("f.db"));
  EXPECT_EQ(db.Get("SELECT crsql_db_version(), crsql_next_db_version()"), "0|1");
}

TEST_F(Functions, SeqIsHandedOutOnce) {
  db_.Do("BEGIN");
  EXPECT_EQ(db_.Get("SELECT crsql_increment_and_get_seq(), crsql_increment_and_get_seq()"), "0|1");
  db_.Do("INSERT INTO foo VALUES(1, 2, 3)");
  EXPECT_EQ(db_.Get("SELECT crsql_get_seq()"), "4");
  db_.Do("COMMIT");
  EXPECT_EQ(db_.Get("SELECT crsql_get_seq()"), "0");
  EXPECT_EQ(Changes(), "foo 010901 b 2 1 1 me 1 2\nfoo 010901 c 3 1 1 me 1 3");
}

TEST_F(Functions, SyncBit) {
  EXPECT_EQ(db_.Get("SELECT crsql_internal_sync_bit()"), "0");
  EXPECT_EQ(db_.Get("SELECT crsql_internal_sync_bit(1)"), "1");
  EXPECT_EQ(db_.Get("SELECT crsql_internal_sync_bit()"), "1");
  db_.Do("INSERT INTO foo VALUES(1, 2, 3); UPDATE foo SET b = 5; DELETE FROM foo");
  EXPECT_EQ(Changes(), "");
  EXPECT_EQ(db_.Get("SELECT crsql_internal_sync_bit(0)"), "0");
  db_.Do("INSERT INTO foo VALUES(2, 2, 3)");
  EXPECT_EQ(Changes(), "foo 010902 b 2 1 1 me 1 0\nfoo 010902 c 3 1 1 me 1 1");
}

TEST_F(Functions, Config) {
  for (const char* sql : {"SELECT crsql_config_get('x')", "SELECT crsql_config_set('x', 1)",
                          "SELECT crsql_config_get(NULL)", "SELECT crsql_config_set(NULL, 1)"}) {
    EXPECT_TRUE(Contains(db_.Error(sql), "Unknown setting name")) << sql;
  }
  EXPECT_EQ(db_.Get("SELECT crsql_config_get('merge-equal-values')"), "0");
  EXPECT_EQ(db_.Get("SELECT crsql_config_set('merge-equal-values', 1)"), "1");
  EXPECT_EQ(db_.Get("SELECT crsql_config_get('merge-equal-values')"), "1");
}

TEST_F(Functions, ConfigSurvivesReopeningWhateverWasSet) {
  TempDir dir;
  for (const char* value : {"1", "0", "'x'", "NULL", "2.5", "x'00'"}) {
    {
      Db db(dir.File("f.db"));
      db.Run(std::string("SELECT crsql_config_set('merge-equal-values', ") + value + ")");
    }
    Db db(dir.File("f.db"));
    const std::string got = db.Get("SELECT crsql_config_get('merge-equal-values') = 1");
    if (*value == '0' || *value == '1') {
      EXPECT_EQ(got, value);
    }
  }
}

TEST_F(Functions, Ts) {
  EXPECT_EQ(db_.Get("SELECT crsql_get_ts()"), "'0'");
  for (const char* bad : {"NULL", "'-5'", "'abc'", "-5", "''", "'18446744073709551616'", "1.5"}) {
    EXPECT_EQ(db_.Error(std::string("SELECT crsql_set_ts(") + bad + ")"),
              "Timestamp cannot be parsed as a valid u64")
        << bad;
  }
  EXPECT_EQ(db_.Get("SELECT crsql_set_ts('18446744073709551615')"), "'OK'");
  EXPECT_EQ(db_.Get("SELECT crsql_get_ts()"), "'18446744073709551615'");
  db_.Do("INSERT INTO foo VALUES(1, 2, 3)");
  EXPECT_EQ(db_.Get("SELECT crsql_get_ts()"), "'0'") << "back at commit";
  db_.Do("BEGIN; SELECT crsql_set_ts(77); INSERT INTO foo VALUES(2, 2, 3); ROLLBACK");
  EXPECT_EQ(db_.Get("SELECT crsql_get_ts()"), "'0'") << "back at rollback";
}

TEST_F(Functions, SetDbVersion) {
  EXPECT_EQ(db_.Get("SELECT crsql_set_db_version(" + Site(1) + ", 5)"), "'OK'");
  EXPECT_EQ(db_.Get("SELECT crsql_set_db_version(" + Site(1) + ", 3)"), "'OK'") << "never lowers";
  EXPECT_EQ(db_.Get("SELECT db_version FROM crsql_db_versions WHERE site_id = " + Site(1)), "5");
  EXPECT_EQ(db_.Error("SELECT crsql_set_db_version(" + Site(1) + ")"),
            "Wrong number of args provided to crsql_set_db_version. Provide the site id and db "
            "version.");
  EXPECT_TRUE(Contains(db_.Error("SELECT crsql_set_db_version(crsql_site_id(), 1)"),
                       "Unable to set the db version"));
  db_.Do("INSERT INTO foo VALUES(1, 2, 3)");
  EXPECT_EQ(db_.Get("SELECT crsql_set_db_version(crsql_site_id(), 1)"), "'OK'");
  EXPECT_EQ(db_.Get("SELECT db_version FROM crsql_db_versions WHERE site_id = crsql_site_id()"),
            "1");
  for (const char* bad : {"x'01'", "NULL", "'text'", "zeroblob(17)"}) {
    EXPECT_NE(db_.Error(std::string("SELECT crsql_set_db_version(") + bad + ", 1)"), "") << bad;
  }
  EXPECT_NE(db_.Error("SELECT crsql_set_db_version(" + Site(2) + ", -1)"), "");
  EXPECT_NE(db_.Error("SELECT crsql_set_db_version(" + Site(2) + ", NULL)"), "");
  EXPECT_EQ(db_.Get("SELECT count(*) FROM crsql_db_versions"), "2");
}

TEST_F(Functions, TheSettersRollBack) {
  db_.Do("BEGIN; SELECT crsql_set_db_version(" + Site(1) +
         ", 5);"
         "SELECT crsql_config_set('merge-equal-values', 1); ROLLBACK");
  EXPECT_EQ(db_.Get("SELECT count(*) FROM crsql_db_versions WHERE site_id = " + Site(1)), "0");
  EXPECT_EQ(db_.Get("SELECT crsql_config_get('merge-equal-values')"), "0");
}

struct Packed {
  const char* values;
  const char* blob;
};

TEST_F(Functions, PackAndUnpack) {
  const std::string long_text(256, 'x');
  static constexpr Packed kPacked[] = {
      {"", "00"},
      {"NULL", "0105"},
      {"0", "0101"},
      {"1", "010901"},
      {"127", "01097f"},
      {"128", "010980"},
      {"255", "0109ff"},
      {"256", "01110100"},
      {"65535", "0111ffff"},
      {"65536", "0119010000"},
      {"2147483647", "01217fffffff"},
      {"2147483648", "012180000000"},
      {"4294967296", "01290100000000"},
      {"9223372036854775807", "01417fffffffffffffff"},
      {"-1", "0141ffffffffffffffff"},
      {"-128", "0141ffffffffffffff80"},
      {"-9223372036854775808", "01418000000000000000"},
      {"1.5", "01023ff8000000000000"},
      {"1.0", "01023ff0000000000000"},
      {"0.0", "01020000000000000000"},
      {"-0.0", "01028000000000000000"},
      {"9e999", "01027ff0000000000000"},
      {"''", "0103"},
      {"'a'", "010b0161"},
      {"x''", "0104"},
      {"x'00'", "010c0100"},
      {"1, 'a', NULL, x'01', 2.0", "0509010b0161050c0101024000000000000000"},
      {"'a' || char(0)", "010b026100"}};
  for (const Packed& p : kPacked) {
    const std::string values = p.values;
    EXPECT_EQ(db_.Get("SELECT lower(hex(crsql_pack_columns(" + values + ")))"),
              "'" + std::string(p.blob) + "'")
        << values;
    std::string want;
    if (!values.empty()) {
      const Outcome outcome = db_.Run("SELECT " + values);
      for (const Cell& cell : outcome.rows[0]) want += (want.empty() ? "" : "\n") + cell.ToSql();
    }
    EXPECT_EQ(db_.Get("SELECT cell FROM crsql_unpack_columns(x'" + std::string(p.blob) + "')"),
              want);
  }
  EXPECT_EQ(db_.Get("SELECT substr(hex(crsql_pack_columns(zeroblob(128))), 1, 6), "
                    "substr(hex(crsql_pack_columns(zeroblob(256))), 1, 8), "
                    "substr(hex(crsql_pack_columns(zeroblob(65536))), 1, 10)"),
            "'010C80'|'01140100'|'011C010000'");
}

TEST_F(Functions, UnpackRowsHaveNumbers) {
  EXPECT_EQ(db_.Get("SELECT rowid, cell FROM crsql_unpack_columns WHERE package = x'0309010105'"),
            "0|1\n1|0\n2|NULL");
}

TEST_F(Functions, UnpackErrors) {
  EXPECT_TRUE(
      Contains(db_.Error("SELECT cell FROM crsql_unpack_columns"), "Zero args passed to filter"));
  for (const char* bad : {"x''",
                          "x'01'",
                          "x'02'",
                          "x'0109'",
                          "x'010b'",
                          "x'010b05'",
                          "x'010bff61'",
                          "x'0100'",
                          "x'0106'",
                          "x'0107'",
                          "x'0149'",
                          "x'01f9'",
                          "x'014b'",
                          "x'0102'",
                          "x'0102000000'",
                          "x'0141ffff'",
                          "x'010bffffffff'",
                          "x'ff0901'",
                          "x'0143ffffffffffffffff'",
                          "NULL",
                          "5",
                          "'text'"}) {
    EXPECT_NE(db_.Error(std::string("SELECT cell FROM crsql_unpack_columns(") + bad + ")"), "")
        << bad;
  }
}

TEST_F(Functions, Uuid7) {
  EXPECT_EQ(db_.Get("SELECT typeof(crsql_uuid7()), length(crsql_uuid7())"), "'text'|36");
  std::set<std::string> seen;
  std::string last_ms;
  for (int i = 0; i < 1000; i++) {
    const std::string uuid = db_.One("SELECT crsql_uuid7()").bytes;
    ASSERT_EQ(uuid.find_first_not_of("0123456789abcdef-"), std::string::npos) << uuid;
    ASSERT_EQ(uuid[14], '7') << uuid;
    ASSERT_NE(std::string("89ab").find(uuid[19]), std::string::npos) << uuid;
    ASSERT_TRUE(seen.insert(uuid).second);
    ASSERT_LE(last_ms, uuid.substr(0, 13));
    last_ms = uuid.substr(0, 13);
  }
}

TEST_F(Functions, Digest) {
  Db other;
  other.Do(kFoo);
  EXPECT_EQ(db_.Get("SELECT crsql_digest()"), other.Get("SELECT crsql_digest()")) << "both empty";
  EXPECT_EQ(db_.Get("SELECT crsql_digest() NOT GLOB '*[^0-9a-f]*'"), "1") << "hex";
  std::set<std::string> seen = {db_.Get("SELECT crsql_digest()")};
  for (const char* sql : {"INSERT INTO foo VALUES(1, 2, 3)", "UPDATE foo SET b = 2.0",
                          "UPDATE foo SET b = '2'", "UPDATE foo SET b = 2",
                          "INSERT INTO foo VALUES(2, NULL, NULL)", "DELETE FROM foo WHERE a = 1",
                          "INSERT INTO foo VALUES(1, 2, 3)", "UPDATE foo SET a = 3 WHERE a = 2"}) {
    db_.Do(sql);
    EXPECT_TRUE(seen.insert(db_.Get("SELECT crsql_digest()")).second) << sql;
  }
  EXPECT_EQ(ApplyChanges(other, ReadChanges(db_)), "");
  EXPECT_EQ(db_.Get("SELECT crsql_digest()"), other.Get("SELECT crsql_digest()"));
  EXPECT_EQ(db_.Get("SELECT crsql_digest('foo')"), other.Get("SELECT crsql_digest('foo')"));
  EXPECT_NE(db_.Error("SELECT crsql_digest('nosuch')"), "");
}

TEST_F(Functions, DigestSeesWorkOfTheOpenTransaction) {
  db_.Do("BEGIN; INSERT INTO foo VALUES(1, 2, 3)");
  const std::string inside = db_.Get("SELECT crsql_digest()");
  db_.Do("COMMIT");
  EXPECT_EQ(db_.Get("SELECT crsql_digest()"), inside);
}

TEST_F(Functions, CheckFindsWhatIsBroken) {
  db_.Do("INSERT INTO foo VALUES(1, 2, 3), (2, 3, 4); UPDATE foo SET b = 9");
  EXPECT_EQ(db_.Get("SELECT * FROM crsql_check()"), "");
  // The base row vanishes while nothing is captured.
  db_.Do(
      "SELECT crsql_internal_sync_bit(1); DELETE FROM foo WHERE a = 1;"
      "INSERT INTO foo VALUES(7, 7, 7); SELECT crsql_internal_sync_bit(0)");
  EXPECT_NE(db_.Get("SELECT problem FROM crsql_check() WHERE \"table\" = 'foo'"), "");
  db_.Do(
      "SELECT crsql_internal_sync_bit(1); INSERT INTO foo VALUES(1, 9, 3);"
      "DELETE FROM foo WHERE a = 7; SELECT crsql_internal_sync_bit(0)");
  EXPECT_EQ(db_.Get("SELECT * FROM crsql_check()"), "");
  db_.Do("DROP TRIGGER foo__crsql_utrig");
  EXPECT_NE(db_.Get("SELECT problem FROM crsql_check() WHERE \"table\" = 'foo'"), "");
  db_.Do("SELECT crsql_as_table('foo')");
}

// Anybody can call what the triggers call, with any numbers.
TEST_F(Functions, TriggersFunctionsCheckTheirArguments) {
  for (const char* arguments : {"1, -1, 1, 2", "1, -9223372036854775808, 1, 2", "1, 2, 1, 2",
                                "1, 0, 1, 1, 1, 1, 1, 1", "1, 'x', 1, 2, 3, 4, 5, 6"}) {
    const std::string error = db_.Error("SELECT crsql_update_part(" + std::string(arguments) + ")");
    EXPECT_TRUE(Contains(error, "a trigger of table foo passes")) << arguments;
  }
  for (const char* call :
       {"crsql_after_insert(1)", "crsql_after_insert(1, 1, 1)", "crsql_after_update(1, 1)",
        "crsql_after_delete(9, 1)", "crsql_before_replace(1, NULL)"}) {
    EXPECT_NE(db_.Error(std::string("SELECT ") + call), "") << call;
  }
  EXPECT_EQ(ChangesText(db_), "");
}

TEST_F(Functions, Info) {
  EXPECT_EQ(db_.Get("SELECT name FROM pragma_table_info('crsql_info')"),
            "'table'\n'rows'\n'exceptions'\n'log_bytes'\n'tombstones'");
  db_.Do("INSERT INTO foo VALUES(1, 2, 3), (2, 3, 4), (3, 3, 4)");
  EXPECT_EQ(db_.Get("SELECT \"table\", rows, exceptions, log_bytes > 0, tombstones "
                    "FROM crsql_info()"),
            "'foo'|3|0|1|0");
  db_.Do("UPDATE foo SET b = 9 WHERE a = 1; DELETE FROM foo WHERE a = 2");
  EXPECT_EQ(db_.Get("SELECT rows, tombstones FROM crsql_info"), "2|1");
  EXPECT_GE(db_.Int("SELECT exceptions FROM crsql_info"), 1);
}

}  // namespace
}  // namespace tributary::testing
