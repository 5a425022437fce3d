// T11: values keep their exact identity from one replica's table to the other's, in cells and in
// keys, in UTF-8 and UTF-16 databases.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "tests/ext/ext_test.h"

namespace tributary::testing {
namespace {

std::vector<Cell> Interesting() {
  std::vector<Cell> cells = {
      Cell::Null(),
      Cell::Integer(0),
      Cell::Integer(1),
      Cell::Integer(-1),
      Cell::Integer(127),
      Cell::Integer(128),
      Cell::Integer(255),
      Cell::Integer(256),
      Cell::Integer(-128),
      Cell::Integer(-129),
      Cell::Integer(1LL << 31),
      Cell::Integer((1LL << 53) + 1),
      Cell::Integer(std::numeric_limits<int64_t>::max()),
      Cell::Integer(std::numeric_limits<int64_t>::min()),
      Cell::Real(0.5),
      Cell::Real(-1.5),
      Cell::Real(1e300),
      Cell::Real(5e-324),
      Cell::Real(0.1),
      Cell::Real(std::numeric_limits<double>::infinity()),
      Cell::Real(-std::numeric_limits<double>::infinity()),
      Cell::Text(""),
      Cell::Text("1"),
      Cell::Text("1.0"),
      Cell::Text("a"),
      Cell::Text("A"),
      Cell::Text("a "),
      Cell::Text("it's \"quoted\""),
      Cell::Text("\xc3\xa9"),
      Cell::Text("\xf0\x9f\x98\x80"),
      Cell::Text(std::string(300, 'x')),
      Cell::Text(std::string(70000, 'y')),
      Cell::Text("0190163d-8694-739b-aea5-966c26f8ad91"),
      Cell::Text("0190163D-8694-739B-AEA5-966C26F8AD91"),
      Cell::Text("0190163d-8694-739B-aea5-966c26f8ad91"),
      Cell::Text(std::string(63, 'k')),
      Cell::Text(std::string(64, 'k')),
      Cell::Blob(""),
      Cell::Blob("a"),
      Cell::Blob(std::string(1, '\0')),
      Cell::Blob(std::string("\x00\xff\x00", 3)),
      Cell::Blob(std::string(62, 'k')),
      Cell::Blob(std::string(63, 'k')),
      Cell::Blob(std::string(70000, '\0')),
  };
  return cells;
}

// Only where the database stores text as it is given.
std::vector<Cell> OnlyInUtf8() {
  return {Cell::Text(std::string("a\0b", 3)), Cell::Text(std::string(1, '\0')),
          Cell::Text("\xff\xfe"), Cell::Text("\xc3"), Cell::Text("\xed\xa0\x80")};
}

// Keys are never NULL, and in an untyped column no integral REAL.
Cell AsKey(const Cell& cell) {
  if (cell.type == SQLITE_NULL) return Cell::Text("null");
  if (cell.type == SQLITE_FLOAT && std::floor(cell.real) == cell.real) return Cell::Real(2.5);
  return cell;
}

std::string TypedRows(Db& db) {
  return db.Get("SELECT typeof(k), quote(k), typeof(v), quote(v) FROM t ORDER BY id");
}

class Values : public ::testing::TestWithParam<std::tuple<const char*, const char*>> {};

TEST_P(Values, AsCellsAndKeys) {
  const auto [encoding, peer_encoding] = GetParam();
  const std::string schema =
      "CREATE TABLE t(id INTEGER, k, v, PRIMARY KEY(id, k));"
      "SELECT crsql_as_crr('t')";
  Db a(":memory:", {.before = std::string("PRAGMA encoding = '") + encoding + "'"});
  Db b(":memory:", {.before = std::string("PRAGMA encoding = '") + peer_encoding + "'"});
  for (Db* db : {&a, &b}) db->Do(schema);
  std::vector<Cell> cells = Interesting();
  if (encoding == std::string("UTF-8") && peer_encoding == std::string("UTF-8")) {
    for (const Cell& cell : OnlyInUtf8()) cells.push_back(cell);
  }
  int id = 0;
  for (const Cell& cell : cells) {
    a.Do("INSERT INTO t VALUES(?, ?, ?)", {Cell::Integer(++id), AsKey(cell), cell});
  }
  EXPECT_EQ(ApplyChanges(b, ReadChanges(a)), "");
  EXPECT_EQ(TypedRows(a), TypedRows(b));
  ExpectEqual(a, b, {"t"});
  // Updates from one to the next value, as exceptions rather than implied clocks.
  for (size_t i = 0; i < cells.size(); i++) {
    a.Do("UPDATE t SET v = ? WHERE id = ?",
         {cells[(i + 1) % cells.size()], Cell::Integer(static_cast<int>(i + 1))});
  }
  EXPECT_EQ(ApplyChanges(b, ReadChanges(a)), "");
  ExpectEqual(a, b, {"t"});
  a.Do("DELETE FROM t WHERE id % 2");
  EXPECT_EQ(ApplyChanges(b, ReadChanges(a)), "");
  ExpectEqual(a, b, {"t"});
}

INSTANTIATE_TEST_SUITE_P(All, Values,
                         ::testing::Combine(::testing::Values("UTF-8", "UTF-16le", "UTF-16be"),
                                            ::testing::Values("UTF-8", "UTF-16le")));

TEST(ValueIdentity, IntegersAndRealsStayApart) {
  Db a, b;
  for (Db* db : {&a, &b}) db->Do(kFoo);
  a.Do(
      "INSERT INTO foo VALUES(1, 1, 1.0), (2, 0.0, ?1), (3, 9223372036854775807, "
      "9223372036854775807.0)",
      {Cell::Real(-0.0)});
  const bool keeps_negative_zero = std::signbit(a.One("SELECT c FROM foo WHERE a = 2").real);
  EXPECT_EQ(ApplyChanges(b, ReadChanges(a)), "");
  EXPECT_EQ(b.One("SELECT c FROM foo WHERE a = 1"), Cell::Real(1.0));
  EXPECT_EQ(b.One("SELECT b FROM foo WHERE a = 1"), Cell::Integer(1));
  EXPECT_EQ(std::signbit(b.One("SELECT c FROM foo WHERE a = 2").real), keeps_negative_zero);
  ExpectEqual(a, b, {"foo"});
  a.Do("UPDATE foo SET b = 1.0 WHERE a = 1");
  b.Do("UPDATE foo SET b = 1 WHERE a = 1; UPDATE foo SET c = 1 WHERE a = 1");
  SyncAll({&a, &b});
  ExpectEqual(a, b, {"foo"});
}

// REAL columns store small integral reals as integers inside the file.
TEST(ValueIdentity, RealColumns) {
  Db a, b;
  for (Db* db : {&a, &b}) {
    db->Do("CREATE TABLE t(k REAL PRIMARY KEY, v REAL, n NUMERIC); SELECT crsql_as_crr('t')");
  }
  a.Do("INSERT INTO t VALUES(1, 2, 3.0), (-0.0, -0.0, '4'), (1e20, 1e20, '0x10'), (7.5, '8', 9.5)");
  EXPECT_EQ(ApplyChanges(b, ReadChanges(a)), "");
  ExpectEqual(a, b, {"t"});
  b.Do("UPDATE t SET v = v + 1, k = k + 1");
  EXPECT_EQ(ApplyChanges(a, ReadChanges(b)), "");
  ExpectEqual(a, b, {"t"});
}

// Only a key packed by somebody else can have one.
TEST(ValueIdentity, NanIsNoKey) {
  Db db;
  db.Do("CREATE TABLE t(k NOT NULL PRIMARY KEY, c); SELECT crsql_as_crr('t')");
  EXPECT_EQ(db.Error("INSERT INTO crsql_changes VALUES('t', x'01027ff8000000000000', 'c', 5, 1, 1, "
                     "x'11110000000000000000000000000000', 1, 0)"),
            "crsql_changes: the pk of a change for table t is empty or has a NULL");
  EXPECT_EQ(db.Get("SELECT count(*) FROM t"), "0");
  EXPECT_EQ(db.Get("SELECT * FROM crsql_check()"), "");
}

TEST(ValueIdentity, NanIsStoredAsNull) {
  Db db;
  db.Do(kFoo);
  db.Do("INSERT INTO foo VALUES(1, ?1, 9e999 - 9e999)",
        {Cell::Real(std::numeric_limits<double>::quiet_NaN())});
  EXPECT_EQ(ChangesText(db), "foo 010901 b NULL 1 1 me 1 0\nfoo 010901 c NULL 1 1 me 1 1");
}

}  // namespace
}  // namespace tributary::testing
