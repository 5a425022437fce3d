// Keys between keys, and lists that two replicas order (crsql_fract_*). Shape and texts of what
// crsql_fract_as_ordered makes: sql/fract.sql.
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "tests/ext/ext_test.h"

namespace tributary::testing {
namespace {

class FractKey : public ::testing::Test {
 protected:
  // nullptr: an open end.
  Outcome Run(const std::string* a, const std::string* b) {
    const auto cell = [](const std::string* s) {
      return s == nullptr ? Cell::Null() : Cell::Text(*s);
    };
    return db_.Run("SELECT crsql_fract_key_between(?1, ?2)", {cell(a), cell(b)});
  }
  std::string Between(const std::string* a, const std::string* b) {
    const Outcome out = Run(a, b);
    return out.ok() ? out.rows.at(0).at(0).bytes : "error: " + out.error;
  }
  std::string Between(const std::string& a, const std::string& b) { return Between(&a, &b); }
  std::string After(const std::string& a) { return Between(&a, nullptr); }
  std::string Before(const std::string& b) { return Between(nullptr, &b); }

  Db db_;
};

TEST_F(FractKey, TheReferencesExamples) {
  EXPECT_EQ(Between(nullptr, nullptr), "a ");
  EXPECT_EQ(Before("a "), "Z~");
  EXPECT_EQ(Before("Z~"), "Z}");
  EXPECT_EQ(After("a "), "a!");
  EXPECT_EQ(Between("a0", "a1"), "a0P");
  EXPECT_EQ(Between("a0V", "a1"), "a0k");
  EXPECT_EQ(Between("Z~", "a "), "Z~P");
  EXPECT_EQ(Between("Z~", "a!"), "a ");
  EXPECT_EQ(Before("Y  "), "X~~~");
  EXPECT_EQ(After("b~~"), "c   ");
  EXPECT_EQ(Between("a0", "a0V"), "a0;");
  EXPECT_EQ(Between("a0", "a0G"), "a04");
  EXPECT_EQ(Between("b125", "b129"), "b127");
  EXPECT_EQ(Between("a0", "a1V"), "a1");
  EXPECT_EQ(Before("a0V"), "a0");
  EXPECT_EQ(Before("b999"), "b99");
  EXPECT_EQ(After(std::string(26, 'z') + "y"), std::string(27, 'z'));
  EXPECT_EQ(After("z" + std::string(26, '~')), "z" + std::string(26, '~') + "P");
}

// Where there is no number any more. cr-sqlite's answer to the first two is no key, or one that is
// not before the other.
TEST_F(FractKey, TheEndsOfAllNumbers) {
  const std::string least = "A" + std::string(26, ' ');
  EXPECT_EQ(Before(least + "!"), least + " P");
  EXPECT_EQ(Before("A" + std::string(25, ' ') + "!"), least + "P");
  EXPECT_EQ(Before(least + " P"), least + " 8");
  std::string key = After("z" + std::string(26, '~') + "~~");
  EXPECT_EQ(key, "z" + std::string(26, '~') + "~~P");
}

TEST_F(FractKey, WhatIsNoKey) {
  const auto fails = [this](const std::string& a, std::string_view why) {
    EXPECT_TRUE(Contains(After(a), "error: " + std::string(why))) << a;
    EXPECT_TRUE(Contains(Before(a), "error: " + std::string(why))) << a;
    EXPECT_TRUE(Contains(After(a), "'" + a + "'")) << a;
  };
  fails("A" + std::string(26, ' '), "Key is too small");
  fails("a1 ", "Fractional part should not end with ' ' (space)");
  for (const char* key : {"", "-1", " a", "{a", "0"}) fails(key, "head is out of range");
  for (const char* key : {"a", "b1", "Y1", "zzz"}) fails(key, "integer part of key is too long");
  for (const char* key : {"a\x1f", "a0\x7f", "a\xc3\xa4", "a\xff"}) {
    EXPECT_TRUE(Contains(After(key), "error: only printable ASCII")) << key;
  }
  EXPECT_TRUE(Contains(After(std::string("a\0", 2)), "error: only printable ASCII"));
  for (const char* b : {"a0", "a ", "Z~"}) {
    EXPECT_TRUE(Contains(Between("a0", b), "error: key_between - a must be before b: 'a0'")) << b;
  }
}

// Whatever is inserted between whichever neighbours: the order holds, and so does the form.
TEST_F(FractKey, RandomInsertionsKeepTheOrder) {
  std::mt19937 random(7);
  size_t longest = 0;
  for (int round = 0; round < 20; round++) {
    std::vector<std::string> keys;
    for (int i = 0; i < 300; i++) {
      // At random, always at the front, at the end, behind one row, before one.
      const size_t n = keys.size();
      const size_t at = round % 5 == 0   ? random() % (n + 1)
                        : round % 5 == 1 ? 0
                        : round % 5 == 2 ? n
                        : round % 5 == 3 ? std::min<size_t>(n, 1)
                                         : n - std::min<size_t>(n, 1);
      const std::string key =
          Between(at == 0 ? nullptr : &keys[at - 1], at == n ? nullptr : &keys[at]);
      ASSERT_FALSE(key.starts_with("error")) << key;
      ASSERT_TRUE(at == 0 || keys[at - 1] < key) << key;
      ASSERT_TRUE(at == n || key < keys[at]) << key;
      longest = std::max(longest, key.size());
      keys.insert(keys.begin() + static_cast<std::ptrdiff_t>(at), key);
    }
    // A fraction that ended in a space would be refused.
    for (const std::string& key : keys) ASSERT_FALSE(After(key).starts_with("error")) << key;
  }
  EXPECT_LE(longest, 60U);
}

constexpr char kTodo[] =
    "CREATE TABLE todo(id INTEGER PRIMARY KEY NOT NULL, list TEXT, text TEXT, ord TEXT);"
    "SELECT crsql_as_crr('todo'); SELECT crsql_fract_as_ordered('todo', 'ord', 'list');";
constexpr char kOrder[] = "SELECT id FROM todo ORDER BY list, ord, id";

class FractList : public ::testing::Test {
 protected:
  void ExpectOrder(Db& db, const char* order) { EXPECT_EQ(db.Get(kOrder), order); }
};

TEST_F(FractList, EndsAndMoves) {
  for (const char* type : {"TEXT", "", "BLOB", "INTEGER", "NUMERIC NOT NULL DEFAULT -1"}) {
    Db db;
    db.Do(std::string("CREATE TABLE todo(id INTEGER PRIMARY KEY, list, ord ") + type +
          "); SELECT crsql_as_crr('todo'); SELECT crsql_fract_as_ordered('todo', 'ord', 'list')");
    db.Do("INSERT INTO todo VALUES(1, NULL, 1), (2, NULL, 1), (3, NULL, -1), (4, 'x', 1)");
    ExpectOrder(db, "3\n1\n2\n4");
    db.Do("UPDATE todo SET ord = 1 WHERE id = 3");
    ExpectOrder(db, "1\n2\n3\n4");
    db.Do("UPDATE todo SET ord = '-1' WHERE id = 2");
    ExpectOrder(db, "2\n1\n3\n4");
    db.Do(
        "INSERT INTO todo_fractindex(id, after_id) VALUES(5, 2), (6, 2), (7, 3), (8, NULL), (9, "
        "77)");
    ExpectOrder(db, "9\n8\n2\n6\n5\n1\n3\n7\n4");
    db.Do("UPDATE todo_fractindex SET after_id = 7 WHERE id = 9");
    ExpectOrder(db, "8\n2\n6\n5\n1\n3\n7\n9\n4");
    db.Do("UPDATE todo_fractindex SET after_id = 4, list = 'x' WHERE id = 2");
    ExpectOrder(db, "8\n6\n5\n1\n3\n7\n9\n4\n2");
    EXPECT_EQ(db.Get("SELECT count(*) FROM todo WHERE typeof(ord) <> 'text' AND ord >= 'A'"), "0");
    EXPECT_EQ(db.Get("SELECT * FROM crsql_check()"), "");
  }
}

TEST_F(FractList, AnUpdateOfOtherColumnsThroughTheViewDoesNotMove) {
  Db db;
  db.Do(kTodo);
  db.Do("INSERT INTO todo VALUES(1, 'x', 'a', 1), (2, 'x', 'b', 1)");
  EXPECT_TRUE(
      Contains(db.Error("UPDATE todo_fractindex SET text = 'c' WHERE id = 2"), "is a view"));
  db.Do("UPDATE todo_fractindex SET text = 'c', after_id = 1 WHERE id = 2");
  EXPECT_EQ(db.Get("SELECT id, text FROM todo ORDER BY ord"), "1|'a'\n2|'c'");
  const std::string before = ChangesText(db);
  db.Do("UPDATE todo SET text = 'c' WHERE id = 2");
  EXPECT_EQ(ChangesText(db), before);
}

TEST_F(FractList, TwinsOfConcurrentInserts) {
  Db a, b;
  for (Db* db : {&a, &b}) db->Do(kTodo);
  a.Do("INSERT INTO todo VALUES(1, 'x', 'one', 1), (2, 'x', 'two', 1)");
  SyncAll({&a, &b});
  a.Do("INSERT INTO todo_fractindex(id, list, text, after_id) VALUES(10, 'x', 'a', 1)");
  b.Do("INSERT INTO todo_fractindex(id, list, text, after_id) VALUES(20, 'x', 'b', 1)");
  SyncAll({&a, &b});
  ExpectEqual(a, b, {"todo"});
  EXPECT_EQ(a.Int("SELECT count(DISTINCT ord) FROM todo"), 3) << "twins";
  // Each may be followed, concurrently, too.
  a.Do("INSERT INTO todo_fractindex(id, list, text, after_id) VALUES(11, 'x', 'a2', 10)");
  b.Do("INSERT INTO todo_fractindex(id, list, text, after_id) VALUES(21, 'x', 'b2', 20)");
  ExpectOrder(a, "1\n10\n11\n20\n2");
  ExpectOrder(b, "1\n20\n21\n10\n2");
  SyncAll({&a, &b});
  ExpectEqual(a, b, {"todo"});
  b.Do("UPDATE todo_fractindex SET after_id = 10 WHERE id = 1");
  a.Do("UPDATE todo SET ord = -1 WHERE id = 2");
  SyncAll({&a, &b});
  ExpectEqual(a, b, {"todo"});
  EXPECT_EQ(a.Get("SELECT id FROM todo ORDER BY ord LIMIT 1"), "2");
}

// Two replicas at random, in one list whose name is NULL: equal after each exchange, and what was
// placed behind a row stands behind it.
TEST_F(FractList, RandomConcurrentEdits) {
  Db a, b;
  for (Db* db : {&a, &b}) db->Do(kTodo);
  std::mt19937 random(3);
  int next = 1;
  for (int round = 0; round < 15; round++) {
    for (Db* db : {&a, &b}) {
      for (int i = 0; i < 4; i++) {
        const int id = next++;
        const int anchor = id > 8 ? 1 + static_cast<int>(random() % (id - 8)) : 0;
        const std::string to = std::to_string(id), after = std::to_string(anchor);
        switch (random() % 4) {
          case 0:
            db->Do("INSERT INTO todo VALUES(" + to + ", NULL, NULL, " +
                   (random() % 2 ? "1" : "-1") + ")");
            break;
          case 1:
            db->Do("DELETE FROM todo WHERE id = " + after);
            break;
          default:
            db->Do("INSERT INTO todo_fractindex(id, after_id) VALUES(" + to + ", " + after + ")");
            if (db->Int("SELECT count(*) FROM todo WHERE id = " + after) == 0) break;
            ASSERT_EQ(db->Int("SELECT count(*) FROM todo x, todo y WHERE x.id = " + after +
                              " AND y.id = " + to + " AND x.ord < y.ord"),
                      1);
            ASSERT_EQ(db->Int("SELECT count(*) FROM todo t, todo x, todo y WHERE x.id = " + after +
                              " AND y.id = " + to + " AND t.ord > x.ord AND t.ord < y.ord"),
                      0);
        }
      }
    }
    SyncAll({&a, &b});
    ExpectEqual(a, b, {"todo"});
  }
  EXPECT_GT(a.Int("SELECT count(*) FROM todo"), 20);
}

TEST_F(FractList, AMergeDoesNotChooseKeys) {
  Db a, b;
  for (Db* db : {&a, &b}) db->Do(kTodo);
  a.Do("DROP TRIGGER __crsql_todo_fractindex_pend_trig; INSERT INTO todo VALUES(1, 'x', 'a', 1)");
  SyncAll({&a, &b});
  ExpectEqual(a, b, {"todo"});
  EXPECT_EQ(b.Get("SELECT ord FROM todo"), "'1'");
  EXPECT_EQ(b.Int("SELECT crsql_db_version()"), 0);
  b.Do("INSERT INTO todo VALUES(2, 'x', 'b', 1), (3, 'x', 'b', -1)");
  EXPECT_EQ(b.Get("SELECT ord FROM todo WHERE id > 1 ORDER BY 1"), "'Z~'\n'a '");
}

// Odd names, a composite key, WITHOUT ROWID, a list of two columns, defaults; and a host that
// trusts no schema.
TEST_F(FractList, OddTables) {
  for (const char* end : {"", " WITHOUT ROWID", " STRICT"}) {
    Db db;
    sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    db.Do(std::string(
              "CREATE TABLE \"my [@t] \"\"#\"(\"k\"\"#\" TEXT NOT NULL, \"select\" INT NOT NULL "
              "DEFAULT (1 + 1), \"li st\" TEXT, l2 TEXT, \"or'd\" TEXT, g INT AS (1), "
              "PRIMARY KEY(\"k\"\"#\", \"select\"))") +
          end);
    db.Do(
        "SELECT crsql_as_crr('my [@t] \"#'), crsql_fract_as_ordered('MY [@t] \"#', 'OR''D', 'li "
        "st', 'l2')");
    db.Do(
        "INSERT INTO \"my [@t] \"\"#_fractindex\"(\"k\"\"#\") VALUES('a'), ('b');"
        "INSERT INTO \"my [@t] \"\"#_fractindex\"(\"k\"\"#\", \"select\", \"after_k\"\"#\", "
        "after_select)"
        "  VALUES('c', 5, 'b', 2), ('d', 6, 'b', 3);"
        "UPDATE \"my [@t] \"\"#_fractindex\" SET \"after_k\"\"#\" = 'a', after_select = 2 WHERE "
        "\"k\"\"#\" = 'b'");
    EXPECT_EQ(
        db.Get("SELECT \"k\"\"#\", \"select\", \"or'd\" FROM \"my [@t] \"\"#\" ORDER BY \"or'd\""),
        "'d'|6|'Z}'\n'c'|5|'Z~P'\n'a'|2|'a '\n'b'|2|'a!'");
    EXPECT_EQ(db.Get("SELECT * FROM crsql_check()"), "");
  }
}

TEST_F(FractList, AgainReplacesWhatWasMade) {
  Db db;
  db.Do(kTodo);
  const std::string made =
      db.Get("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2");
  db.Do("SELECT crsql_fract_as_ordered('todo', 'ord', 'list')");
  EXPECT_EQ(db.Get("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2"), made);
  db.Do("SELECT crsql_fract_as_ordered('todo', 'text')");
  db.Do("INSERT INTO todo VALUES(1, 'x', 1, 1), (2, 'y', 1, 1)");
  EXPECT_EQ(db.Get("SELECT text, ord FROM todo ORDER BY text"), "'a '|'1'\n'a!'|'1'");
  db.Do(
      "DROP VIEW todo_fractindex; ALTER TABLE todo RENAME TO done; SELECT crsql_as_crr('done');"
      "SELECT crsql_fract_as_ordered('done', 'ord')");
  EXPECT_EQ(db.Int("SELECT count(*) FROM sqlite_schema WHERE name LIKE '%fractindex%'"), 5);
}

TEST_F(FractList, AUsersViewIsNotDropped) {
  Db db;
  db.Do("CREATE TABLE t(a INTEGER PRIMARY KEY, o); CREATE VIEW t_fractindex AS SELECT 1");
  const std::string error = db.Error("SELECT crsql_fract_as_ordered('t', 'o')");
  EXPECT_TRUE(Contains(error, "t_fractindex") && Contains(error, "already exists")) << error;
  EXPECT_EQ(db.Int("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'"), 0);
  EXPECT_TRUE(db.autocommit());
}

TEST_F(FractList, FixConflict) {
  Db db;
  db.Do(
      "CREATE TABLE t(a, b, l, o TEXT, PRIMARY KEY(a, b)); SELECT crsql_as_crr('t');"
      "INSERT INTO t VALUES(1, 1, NULL, 'a '), (1, 2, NULL, 'a!'), (2, 2, NULL, 'a!'), (3, 3, 7, "
      "'a P')");
  EXPECT_EQ(
      db.Get("SELECT crsql_fract_fix_conflict_return_old_key('t', 'o', 'l', -1, 'a', 'b', 2, 2)"),
      "'a h'");
  EXPECT_EQ(db.Get("SELECT o FROM t ORDER BY a, b"), "'a '\n'a!'\n'a P'\n'a P'");
  EXPECT_EQ(ChangesText(db, "db_version = 2"), "t 0209020902 o 'a P' 2 2 me 1 0");
}

}  // namespace
}  // namespace tributary::testing
