// Sessions between databases.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "sync/session/session.h"
#include "sync/session/sqlite_replica.h"
#include "sync/session/token_wait.h"
#include "sync/transport/memory.h"
#include "tests/support/db.h"

namespace tributary::testing {
namespace {

constexpr char kTables[] =
    "CREATE TABLE note(id INTEGER PRIMARY KEY NOT NULL, title TEXT, body TEXT);"
    "CREATE TABLE tag(name TEXT PRIMARY KEY NOT NULL, color);"
    "SELECT crsql_as_crr('note'), crsql_as_crr('tag');";

std::string Fill(int from, int to) {
  return "WITH RECURSIVE s(i) AS (SELECT " + std::to_string(from) +
         " UNION ALL SELECT i + 1 FROM s WHERE i + 1 < " + std::to_string(to) +
         ") INSERT INTO note SELECT i, 'title ' || i, hex(randomblob(100)) FROM s;";
}

struct Outcome {
  absl::Status a;
  absl::Status b;
  SessionStats stats_a;
  SessionStats stats_b;
  bool equal;
  uint64_t carried;
};

Outcome Sync(Db* a, Db* b, const SessionOptions& options = {},
             MemoryLink::Options link_options = {}) {
  SqliteReplica replica_a(a->handle(), 0.1);
  SqliteReplica replica_b(b->handle(), 0.1);
  Session session_a(&replica_a, options);
  Session session_b(&replica_b, options);
  MemoryLink link(&session_a, &session_b, std::move(link_options));
  link.Run();
  EXPECT_TRUE(session_a.closed() && session_b.closed());
  return {session_a.status(),
          session_b.status(),
          session_a.stats(),
          session_b.stats(),
          session_a.equal() && session_b.equal(),
          link.carried()};
}

std::string Digest(Db* db) { return db->Get("SELECT crsql_digest()"); }

TEST(SqliteSession, BothWaysAndEqual) {
  Db a;
  Db b;
  a.Do(kTables + Fill(0, 300) + "INSERT INTO tag VALUES ('red', 1), ('blue', 2.5)");
  b.Do(kTables + Fill(1000, 1200) + "INSERT INTO tag VALUES ('red', x'00')");
  Outcome o = Sync(&a, &b, {.piece_bytes = 1000, .window_bytes = 8000});
  ASSERT_TRUE(o.a.ok() && o.b.ok()) << o.a << o.b;
  EXPECT_TRUE(o.equal);
  EXPECT_EQ(Digest(&a), Digest(&b));
  EXPECT_EQ(b.Int("SELECT count(*) FROM note"), 500);
  EXPECT_GT(o.stats_a.sent.changesets, 10);
  EXPECT_LE(o.stats_a.most_outstanding, 8000);
  o = Sync(&a, &b);
  EXPECT_TRUE(o.equal);
  EXPECT_LT(o.carried, 200);
  a.Do("UPDATE note SET title = 'x' WHERE id = 5");
  b.Do("DELETE FROM note WHERE id = 6");
  o = Sync(&b, &a);
  EXPECT_TRUE(o.equal);
  EXPECT_EQ(o.stats_a.sent.rows + o.stats_b.sent.rows, 2);
  EXPECT_EQ(Digest(&a), Digest(&b));
}

// Looks at its database after each changeset.
class WatchedReplica : public SqliteReplica {
 public:
  explicit WatchedReplica(Db* db) : SqliteReplica(db->handle(), 0.1), db_(db) {}
  absl::Status Apply(std::string_view frame, uint64_t* rows_changed) override {
    absl::Status applied = SqliteReplica::Apply(frame, rows_changed);
    const int64_t rows = db_->Int("SELECT count(*) FROM note");
    EXPECT_TRUE(rows == 0 || rows == 200) << rows;
    EXPECT_EQ(db_->Int("SELECT count(*) FROM tag WHERE name = 'inside'"), rows / 200);
    return applied;
  }

 private:
  Db* db_;
};

// A long transaction, cut into pieces: whatever breaks, nobody sees a part of it.
TEST(SqliteSession, ATransactionStaysWholeOverBreaks) {
  std::mt19937 random(1);
  const SessionOptions options{.piece_bytes = 2000, .window_bytes = 8000};
  for (int round = 0; round < 30; round++) {
    Db a;
    Db b;
    a.Do(std::string(kTables) + "INSERT INTO tag VALUES ('before', 1)");
    b.Do(kTables);
    a.Do("BEGIN;" + Fill(0, 200) + "INSERT INTO tag VALUES ('inside', 1); COMMIT");
    a.Do("INSERT INTO tag VALUES ('after', 1)");
    bool equal = false;
    int sessions = 0;
    do {
      if (sessions % 3 == 2) a.Do("UPDATE note SET title = 'y' || title WHERE id % 50 = 7");
      SqliteReplica replica_a(a.handle(), 0.1);
      WatchedReplica replica_b(&b);
      Session session_a(&replica_a, options);
      Session session_b(&replica_b, options);
      MemoryLink(&session_a, &session_b,
                 {.fragment = nullptr, .breaks_after = 400 + random() % 9000})
          .Run();
      equal = session_a.equal() && session_b.equal();
      ASSERT_LT(++sessions, 100);
    } while (!equal);
    EXPECT_GT(sessions, 1);
    EXPECT_EQ(Digest(&a), Digest(&b));
    EXPECT_EQ(b.Get("SELECT name FROM sqlite_schema WHERE name = 'crsql_transfers' AND "
                    "EXISTS (SELECT 1 FROM crsql_transfers)"),
              "");
  }
}

TEST(SqliteSession, ManyReplicasManyBreaks) {
  for (uint32_t seed = 0; seed < 8; seed++) {
    std::mt19937 random(seed);
    Db dbs[3];
    for (Db& db : dbs) db.Do(kTables);
    const SessionOptions options{.piece_bytes = 300, .window_bytes = 3000};
    for (int step = 0; step < 60; step++) {
      Db& db = dbs[random() % 3];
      const std::string id = std::to_string(random() % 100);
      switch (random() % 4) {
        case 0:
          db.Do("INSERT OR REPLACE INTO note VALUES (" + id + ", 't', hex(randomblob(50)))");
          break;
        case 1:
          db.Do("UPDATE note SET body = hex(randomblob(20)) WHERE id % 10 = " + id + " % 10");
          break;
        case 2:
          db.Do("DELETE FROM note WHERE id = " + id);
          break;
        default:
          Sync(&db, &dbs[(&db - dbs + 1) % 3], options,
               {.fragment = [&](size_t n) { return 1 + random() % n; },
                .breaks_after = random() % 6000});
      }
    }
    for (const auto& [x, y] : {std::pair(0, 1), {1, 2}, {0, 1}}) {
      const Outcome o = Sync(&dbs[x], &dbs[y]);
      ASSERT_TRUE(o.a.ok() && o.b.ok()) << o.a << o.b;
    }
    ASSERT_EQ(Digest(&dbs[0]), Digest(&dbs[1])) << seed;
    ASSERT_EQ(Digest(&dbs[0]), Digest(&dbs[2])) << seed;
    ASSERT_LT(Sync(&dbs[0], &dbs[2]).carried, 200);
  }
}

// What came row by row, without a promise, is passed on, in several pieces and in both directions.
TEST(SqliteSession, LooseRecords) {
  Db a;
  Db b;
  Db c;
  Db d;
  for (Db* db : {&a, &b, &c, &d}) db->Do(kTables);
  a.Do(Fill(0, 100));
  d.Do(Fill(500, 600));
  const auto copy = [](Db* from, Db* to) {
    for (const Row& row : from->Run("SELECT * FROM crsql_changes").rows) {
      to->Do("INSERT INTO crsql_changes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row);
    }
  };
  copy(&a, &b);
  copy(&d, &c);
  const Outcome o = Sync(&b, &c, {.piece_bytes = 1000, .window_bytes = 100000});
  ASSERT_TRUE(o.a.ok() && o.b.ok()) << o.a << o.b;
  EXPECT_EQ(c.Int("SELECT count(*) FROM note"), 200);
  EXPECT_EQ(Digest(&b), Digest(&c));
  EXPECT_LT(Sync(&b, &c).carried, 200);
}

TEST(SqliteSession, Live) {
  TempDir dir;
  Db a(dir.File("a.db"));
  Db b(dir.File("b.db"));
  a.Do(kTables);
  b.Do(kTables);
  Db writer(dir.File("a.db"));
  SqliteReplica replica_a(a.handle(), 1);
  SqliteReplica replica_b(b.handle(), 1);
  Session session_a(&replica_a, {.live = true});
  Session session_b(&replica_b, {.live = true});
  MemoryLink link(&session_a, &session_b);
  link.Run();
  bool changed;
  ASSERT_TRUE(replica_a.HasChanged(&changed).ok());
  for (int i = 0; i < 5; i++) {
    writer.Do(Fill(i * 10, i * 10 + 10));
    ASSERT_TRUE(replica_a.HasChanged(&changed).ok());
    EXPECT_TRUE(changed);
    ASSERT_TRUE(replica_a.HasChanged(&changed).ok());
    EXPECT_FALSE(changed);
    session_a.LocalChanges();
    link.Run();
    ASSERT_EQ(Digest(&b), Digest(&writer));
  }
  EXPECT_EQ(session_a.stats().sent.rows, 50);
  EXPECT_EQ(session_b.stats().sent.rows, 0);
  // What is written between the pieces of a stream does no harm to it.
  writer.Do(Fill(100, 400));
  session_a.LocalChanges();
  session_a.Work();
  session_a.Work();
  session_a.Rest();  // else the writer would wait for the stream's end
  writer.Do(Fill(500, 510));
  session_a.LocalChanges();
  session_a.Finish();
  link.Run();
  EXPECT_TRUE(session_a.finished()) << session_a.status();
  EXPECT_TRUE(session_a.equal());
  EXPECT_EQ(Digest(&b), Digest(&writer));
}

// Read-your-writes: who wrote here reads there, once the token is seen there.
TEST(SqliteSession, WaitingForAToken) {
  using State = TokenWait::State;
  TempDir dir;
  Db a(dir.File("a.db"));
  Db b(dir.File("b.db"));
  a.Do(kTables + Fill(0, 10));
  b.Do(kTables);
  Db writer(dir.File("a.db"));
  ASSERT_TRUE(Sync(&a, &b).equal);
  writer.Do("UPDATE note SET title = 'mine' WHERE id = 3");
  const std::string token = writer.Get("SELECT crsql_token()");
  const std::string text = token.substr(1, token.size() - 2);  // without the quotes

  SqliteReplica replica_a(a.handle(), 1);
  SqliteReplica replica_b(b.handle(), 1);
  EXPECT_EQ(TokenWait(&replica_a, text, 0).Check(0), State::kSeen);
  TokenWait wait(&replica_b, text, 1000);
  TokenWait impatient(&replica_b, text, 10);
  EXPECT_EQ(wait.Check(5), State::kWaiting);
  EXPECT_EQ(impatient.Check(9), State::kWaiting);
  EXPECT_EQ(impatient.Check(10), State::kTimedOut);
  EXPECT_TRUE(absl::IsDeadlineExceeded(impatient.status()));
  EXPECT_NE(impatient.status().message().find("transaction 2, and here is all up to 1"),
            std::string::npos)
      << impatient.status();
  ASSERT_EQ(wait.missing().size(), 1u);
  EXPECT_EQ(wait.missing()[0].named.value, 2);

  // Beside a session that brings it.
  Session session_a(&replica_a, {});
  Session session_b(&replica_b, {});
  MemoryLink(&session_a, &session_b).Run();
  ASSERT_TRUE(session_b.equal());
  EXPECT_EQ(wait.Check(1001), State::kSeen);  // late, but there
  EXPECT_TRUE(wait.status().ok());
  EXPECT_EQ(b.Get("SELECT title FROM note WHERE id = 3"), "'mine'");
  EXPECT_EQ(impatient.Check(11), State::kTimedOut);  // what is over stays so

  TokenWait none(&replica_b, "not*a token", 1000);
  EXPECT_EQ(none.Check(0), State::kFailed);
  EXPECT_TRUE(absl::IsInvalidArgument(none.status()));
}

// What overwrote the peer's is foretold too, to the byte; nobody's file changes.
TEST(SqliteSession, DryRun) {
  Db a;
  Db b;
  a.Do(kTables + Fill(0, 300));
  b.Do(kTables + Fill(1000, 1010));
  ASSERT_TRUE(Sync(&a, &b).equal);
  a.Do("UPDATE note SET title = 'a' WHERE id < 20; DELETE FROM note WHERE id = 1001");
  b.Do("INSERT INTO tag VALUES ('red', 1); INSERT INTO tag VALUES ('blue', 1)");
  const std::string digests = Digest(&a) + Digest(&b);
  const int64_t changes = a.Int("SELECT total_changes()") + b.Int("SELECT total_changes()");
  SqliteReplica replica_a(a.handle(), 1);
  SqliteReplica replica_b(b.handle(), 1);
  Session dry(&replica_a, {.dry_run = true});
  Session peer(&replica_b, {});
  MemoryLink(&dry, &peer).Run();
  ASSERT_TRUE(dry.finished() && peer.finished()) << dry.status() << peer.status();
  EXPECT_EQ(Digest(&a) + Digest(&b), digests);
  EXPECT_EQ(a.Int("SELECT total_changes()") + b.Int("SELECT total_changes()"), changes);
  EXPECT_EQ(dry.dry_run().most_to_receive, 2);
  const Outcome real = Sync(&a, &b);
  ASSERT_TRUE(real.equal);
  EXPECT_EQ(dry.stats().sent.rows, real.stats_a.sent.rows);
  EXPECT_EQ(dry.stats().sent.cells, real.stats_a.sent.cells);
  EXPECT_EQ(dry.dry_run().changeset_bytes, real.stats_a.sent.committed);
  EXPECT_EQ(real.stats_a.received.transactions, 2);
}

TEST(SqliteSession, LockedAndLater) {
  TempDir dir;
  Db a(dir.File("a.db"));
  Db b(dir.File("b.db"));
  a.Do(kTables + Fill(0, 10));
  b.Do(kTables);
  Db other(dir.File("b.db"));
  b.Do("PRAGMA busy_timeout = 50");
  other.Do("BEGIN IMMEDIATE");
  Outcome o = Sync(&a, &b);
  EXPECT_TRUE(absl::IsUnavailable(o.a)) << o.a;
  EXPECT_TRUE(absl::IsUnavailable(o.b)) << o.b;
  other.Do("COMMIT");
  EXPECT_TRUE(Sync(&a, &b).equal);
}

// Names are compared, and sent, in one encoding.
TEST(SqliteSession, DatabasesOfAnotherTextEncoding) {
  Db a;
  Db b;
  a.Do(std::string("PRAGMA encoding = 'UTF-16le';") + kTables + Fill(0, 10));
  b.Do(kTables);
  SqliteReplica replica_a(a.handle(), 0.1);
  SqliteReplica replica_b(b.handle(), 0.1);
  Schema schema_a;
  Schema schema_b;
  ASSERT_TRUE(replica_a.GetSchema(&schema_a).ok() && replica_b.GetSchema(&schema_b).ok());
  EXPECT_EQ(schema_a, schema_b);
  EXPECT_TRUE(Sync(&a, &b).equal);
  EXPECT_EQ(b.Int("SELECT count(*) FROM note"), 10);
}

TEST(SqliteSession, OtherTables) {
  Db a;
  Db b;
  a.Do(kTables + Fill(0, 10) + "INSERT INTO tag VALUES ('red', 1)");
  b.Do(
      "CREATE TABLE note(id INTEGER PRIMARY KEY NOT NULL, body TEXT, title TEXT, extra);"
      "SELECT crsql_as_crr('note'); INSERT INTO note VALUES (77, 'b', 't', 'e')");
  // a keeps what b has in a column more, b keeps a's table tag.
  Outcome o = Sync(&a, &b);
  ASSERT_TRUE(o.a.ok() && o.b.ok()) << o.a << o.b;
  EXPECT_FALSE(o.equal);
  EXPECT_EQ(a.Int("SELECT count(*) FROM note"), 11);
  EXPECT_EQ(b.Int("SELECT count(*) FROM note"), 11);
  EXPECT_EQ(a.Get("SELECT \"table\", cid, val FROM crsql_parked"), "'note'|'extra'|'e'");
  EXPECT_EQ(b.Get("SELECT \"table\", cid, val FROM crsql_parked"), "'tag'|'color'|1");
  b.Do("CREATE TABLE tag(name TEXT PRIMARY KEY NOT NULL, color); SELECT crsql_as_crr('tag')");
  a.Do("ALTER TABLE note ADD COLUMN extra; SELECT crsql_as_crr('note')");
  o = Sync(&a, &b);
  ASSERT_TRUE(o.equal) << o.a << o.b;
  EXPECT_EQ(o.stats_a.sent.rows + o.stats_b.sent.rows, 0);  // it was here
  EXPECT_EQ(Digest(&a), Digest(&b));
  EXPECT_EQ(a.Get("SELECT title, extra FROM note WHERE id = 77"), "'t'|'e'");
  EXPECT_EQ(b.Int("SELECT count(*) FROM note, tag"), 11);
}

// What a replica knows that has dropped a table is of all else. Who still has the table is sent the
// rest again until it has dropped it, too, or has heard of it from another; none of it is news.
TEST(SqliteSession, ATableThatOneHasDropped) {
  Db a;
  Db b;
  Db c;
  for (Db* db : {&a, &b, &c}) db->Do(kTables);
  a.Do(Fill(0, 100) + "INSERT INTO tag VALUES ('red', 1)");
  ASSERT_TRUE(Sync(&a, &b).equal);
  ASSERT_TRUE(Sync(&b, &c).equal);
  a.Do("DROP TABLE tag");
  a.Do(Fill(200, 210));
  b.Do("INSERT INTO tag VALUES ('blue', 2)");
  for (const uint64_t rows : {10, 0}) {
    const Outcome o = Sync(&a, &b);
    ASSERT_TRUE(o.a.ok() && o.b.ok()) << o.a << o.b;
    EXPECT_EQ(o.stats_b.rows_changed, rows);
    EXPECT_LE(o.stats_a.sent.rows, 11);
  }
  EXPECT_EQ(b.Int("SELECT count(*) FROM note"), 110);
  EXPECT_EQ(b.Get("SELECT group_concat(name) FROM (SELECT name FROM tag ORDER BY name)"),
            "'blue,red'");
  // It is kept where the table was dropped, and passed on.
  EXPECT_EQ(a.Get("SELECT val FROM crsql_parked"), "2");
  ASSERT_TRUE(Sync(&a, &c).a.ok());
  EXPECT_EQ(c.Get("SELECT group_concat(name) FROM (SELECT name FROM tag ORDER BY name)"),
            "'blue,red'");
  b.Do("DROP TABLE tag");
  Sync(&a, &b);
  EXPECT_EQ(Sync(&a, &b).stats_a.sent.rows, 0);
  EXPECT_EQ(Digest(&a), Digest(&b));
}

}  // namespace
}  // namespace tributary::testing
