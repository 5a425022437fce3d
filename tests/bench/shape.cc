#include "tests/bench/shape.h"

#include <array>

namespace tributary::bench {
namespace {

constexpr int kWideColumns = 20;
constexpr size_t kPoolBytes = 1 << 16;
constexpr size_t kLongestText = 256;

// Random text of which column values are slices.
const std::string& Pool() {
  static const std::string pool = [] {
    static constexpr char kAlphabet[] = "abcdefghijklmnopqrstuvwxyz      ";
    std::string text(kPoolBytes, ' ');
    for (size_t i = 0; i < text.size(); ++i) text[i] = kAlphabet[Mix(i) & 31];
    return text;
  }();
  return pool;
}

void BindText(sqlite3_stmt* stmt, int index, uint64_t hash, uint64_t length) {
  const std::string& pool = Pool();
  sqlite3_bind_text(stmt, index, pool.data() + hash % (pool.size() - kLongestText),
                    static_cast<int>(length), SQLITE_STATIC);
}

// A version 4 UUID as text, the key that applications for sync use most.
void BindUuid(sqlite3_stmt* stmt, int index, int64_t row, uint64_t salt) {
  static constexpr char kHex[] = "0123456789abcdef";
  const uint64_t high = Mix(static_cast<uint64_t>(row) * 2 + salt * 1000003);
  const uint64_t low = Mix(high ^ 0x5555);
  std::array<char, 36> text;
  size_t at = 0;
  for (int nibble = 0; nibble < 32; ++nibble) {
    if (nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20) text[at++] = '-';
    const uint64_t half = nibble < 16 ? high : low;
    text[at++] = kHex[half >> (60 - 4 * (nibble & 15)) & 15];
  }
  text[14] = '4';
  text[19] = kHex[8 + (low & 3)];
  sqlite3_bind_text(stmt, index, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
}

std::vector<Shape> MakeShapes() {
  Shape todo{
      .kind = Shape::Kind::kTodo,
      .name = "todo",
      .title = "text key + 7 columns",
      .columns = {"id", "list_id", "title", "body", "done", "priority", "updated_at", "assignee"},
      .create_sql =
          "CREATE TABLE todo(id TEXT PRIMARY KEY NOT NULL, list_id TEXT, "
          "title TEXT, body TEXT, done INT, priority INT, updated_at INT, "
          "assignee TEXT)",
      .one_column = "priority"};
  Shape narrow{.kind = Shape::Kind::kNarrow,
               .name = "narrow",
               .title = "integer key + 2 columns",
               .columns = {"id", "a", "b"},
               .create_sql = "CREATE TABLE narrow(id INTEGER PRIMARY KEY NOT NULL, a INT, b TEXT)",
               .one_column = "a"};
  Shape wide{.kind = Shape::Kind::kWide,
             .name = "wide",
             .title = "text key + 20 columns",
             .columns = {"id"},
             .create_sql = "CREATE TABLE wide(id TEXT PRIMARY KEY NOT NULL",
             .one_column = "c0"};
  for (int i = 0; i < kWideColumns; ++i) {
    wide.columns.push_back("c" + std::to_string(i));
    wide.create_sql += ", " + wide.columns.back() + (i % 2 == 1 ? " TEXT" : " INT");
  }
  wide.create_sql += ")";
  return {todo, narrow, wide};
}

}  // namespace

uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

int64_t Scattered(int64_t k, int64_t n) {
  // The factor is a prime larger than any n allowed, hence coprime to it. The products stay
  // below 2^63: k < 10^8 < 2^27, the factor < 2^32.
  return k * 2654435761LL % n;
}

const std::vector<Shape>& AllShapes() {
  static const std::vector<Shape> shapes = MakeShapes();
  return shapes;
}

const Shape* FindShape(const std::string& name) {
  for (const Shape& shape : AllShapes()) {
    if (shape.name == name) return &shape;
  }
  return nullptr;
}

std::string Shape::ColumnList() const {
  std::string list;
  for (const std::string& column : columns) list += (list.empty() ? "" : ", ") + column;
  return list;
}

std::string Shape::InsertSql() const {
  std::string marks = "?";
  for (size_t i = 1; i < columns.size(); ++i) marks += ", ?";
  return "INSERT INTO " + name + "(" + ColumnList() + ") VALUES(" + marks + ")";
}

std::string Shape::UpsertSql() const {
  std::string sql = InsertSql() + " ON CONFLICT(" + columns[0] + ") DO UPDATE SET ";
  for (size_t i = 1; i < columns.size(); ++i) {
    sql += (i > 1 ? ", " : "") + columns[i] + " = excluded." + columns[i];
  }
  return sql;
}

std::string Shape::UpdateAllSql() const {
  std::string sql = "UPDATE " + name + " SET ";
  for (size_t i = 1; i < columns.size(); ++i) {
    sql += (i > 1 ? ", " : "") + columns[i] + " = ?" + std::to_string(i + 1);
  }
  return sql + " WHERE " + columns[0] + " = ?1";
}

std::string Shape::UpdateOneSql() const {
  return "UPDATE " + name + " SET " + one_column + " = ?1 WHERE " + columns[0] + " = ?2";
}

void Shape::BindKey(sqlite3_stmt* stmt, int index, int64_t row) const {
  if (kind == Kind::kNarrow) {
    sqlite3_bind_int64(stmt, index, row + 1);
  } else {
    BindUuid(stmt, index, row, 1);
  }
}

void Shape::BindRest(sqlite3_stmt* stmt, int index, int64_t row, int64_t generation) const {
  const uint64_t hash = Mix(static_cast<uint64_t>(row * 31 + generation * 7919));
  switch (kind) {
    case Kind::kTodo:
      BindUuid(stmt, index, (row >> 5) + generation * 100000000, 7);  // 32 to a list
      BindText(stmt, index + 1, hash, 30 + hash % 21);
      BindText(stmt, index + 2, hash >> 16, 90 + (hash >> 8) % 61);
      sqlite3_bind_int64(stmt, index + 3, generation & 1);
      sqlite3_bind_int64(stmt, index + 4, (row + generation) % 5);
      sqlite3_bind_int64(stmt, index + 5, 1700000000000LL + row + generation * 1000003);
      BindText(stmt, index + 6, static_cast<uint64_t>((row + generation * 13) % 97 * 8), 8);
      break;
    case Kind::kNarrow:
      sqlite3_bind_int64(stmt, index, static_cast<int64_t>(hash & 0xffffff));
      BindText(stmt, index + 1, hash >> 24, 16);
      break;
    case Kind::kWide:
      for (int i = 0; i < kWideColumns; ++i) {
        const uint64_t cell = Mix(hash + static_cast<uint64_t>(i));
        if (i % 2 == 1) {
          BindText(stmt, index + i, cell, 20);
        } else {
          sqlite3_bind_int64(stmt, index + i, static_cast<int64_t>(cell & 0xffffff));
        }
      }
      break;
  }
}

}  // namespace tributary::bench
