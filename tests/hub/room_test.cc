// Rooms without sockets: what is appended together, encoded once, and held for a client that does
// not read.
#include "sync/hub/room.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <thread>

#include "ext/tributary.h"
#include "sync/hub/log.h"
#include "sync/hub/sqlite_room_log.h"
#include "sync/session/sqlite_replica.h"

namespace tributary::hub {
namespace {

constexpr char kTables[] =
    "CREATE TABLE note(id INTEGER PRIMARY KEY NOT NULL, text TEXT NOT NULL);";

class TempDir {
 public:
  TempDir() { path_ = mkdtemp(name_); }
  ~TempDir() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  char name_[32] = "/tmp/hub_test_XXXXXX";
  std::string path_;
};

// A client's database, or an operator's look at a room's file.
class Database {
 public:
  explicit Database(const std::string& path = ":memory:", bool make = true) {
    EXPECT_EQ(sqlite3_open(path.c_str(), &db_), SQLITE_OK);
    EXPECT_EQ(sqlite3_tributary_init(db_, nullptr, nullptr), SQLITE_OK);
    sqlite3_busy_timeout(db_, 5000);
    if (make) Do(std::string(kTables) + "SELECT crsql_as_crr('note')");
    replica_ = std::make_unique<SqliteReplica>(db_, 1);
  }
  ~Database() {
    replica_.reset();
    sqlite3_close_v2(db_);
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void Do(const std::string& sql) {
    EXPECT_EQ(sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sql << ": " << sqlite3_errmsg(db_);
  }
  std::string Get(const std::string& sql) {
    sqlite3_stmt* s = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(db_, sql.c_str(), -1, &s, nullptr), SQLITE_OK) << sql;
    std::string text;
    if (sqlite3_step(s) == SQLITE_ROW && sqlite3_column_text(s, 0) != nullptr) {
      text = reinterpret_cast<const char*>(sqlite3_column_text(s, 0));
    }
    sqlite3_finalize(s);
    return text;
  }
  // All that it holds, as one changeset.
  std::string Changeset() {
    std::string frame;
    EXPECT_TRUE(replica_->OpenChangesets({}, {}, 1 << 20).ok());
    EXPECT_TRUE(replica_->NextChangeset(&frame).ok());
    replica_->CloseChangesets();
    return frame;
  }
  SqliteReplica* replica() { return replica_.get(); }

 private:
  sqlite3* db_ = nullptr;
  std::unique_ptr<SqliteReplica> replica_;
};

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(store_.Prepare().ok()); }
  std::unique_ptr<RoomLog> Open(const std::string& name) {
    std::unique_ptr<RoomLog> log;
    const absl::Status opened = store_.Open(name, true, &log);
    EXPECT_TRUE(opened.ok()) << opened;
    return log;
  }
  std::string File(const std::string& name) const { return dir_.path() + "/" + name + ".db"; }

  TempDir dir_;
  SqliteRoomStore store_{dir_.path(), 3};
};

TEST_F(StoreTest, AppendsTogetherAndDurably) {
  const std::unique_ptr<RoomLog> log = Open("a");
  ASSERT_TRUE(log->SetSchema(kTables).ok());
  std::vector<std::string> changesets;
  for (int i = 1; i <= 10; i++) {
    Database client;
    client.Do("INSERT INTO note VALUES (" + std::to_string(i) + ", 'x')");
    changesets.push_back(client.Changeset());
  }
  std::vector<absl::Status> results;
  log->Append({changesets.begin(), changesets.end()}, &results);
  ASSERT_EQ(results.size(), 10U);
  for (const absl::Status& result : results) EXPECT_TRUE(result.ok()) << result;
  // Another connection sees it: it is committed.
  Database look(File("a"), false);
  EXPECT_EQ(look.Get("SELECT count(*) FROM note"), "10");
  EXPECT_EQ(look.Get("PRAGMA journal_mode"), "wal");
}

// One that is refused, at once or at the commit only, keeps no other from its place.
TEST_F(StoreTest, WhatIsRefusedStandsAlone) {
  const std::unique_ptr<RoomLog> log = Open("a");
  ASSERT_TRUE(log->SetSchema(kTables).ok());
  Database good;
  good.Do("INSERT INTO note VALUES (1, 'good')");
  Database also;
  also.Do("INSERT INTO note VALUES (2, 'too')");
  // Its column may be NULL; here that is refused.
  Database bad(":memory:", false);
  bad.Do(
      "CREATE TABLE note(id INTEGER PRIMARY KEY NOT NULL, text); SELECT crsql_as_crr('note');"
      "INSERT INTO note VALUES (3, NULL)");
  const std::string first = good.Changeset();
  const std::string damaged = first.substr(0, first.size() - 1) + "?";
  const std::string null = bad.Changeset();
  const std::string last = also.Changeset();
  std::vector<absl::Status> results;
  log->Append({first, damaged, null, last}, &results);
  EXPECT_TRUE(results[0].ok()) << results[0];
  EXPECT_FALSE(results[1].ok());
  EXPECT_FALSE(results[2].ok());
  EXPECT_TRUE(results[3].ok()) << results[3];
  Database look(File("a"), false);
  EXPECT_EQ(look.Get("SELECT group_concat(text) FROM note"), "good,too");
  EXPECT_EQ(look.Get("SELECT count(*) FROM crsql_check()"), "0");
}

TEST_F(StoreTest, HasALimit) {
  for (const char* name : {"a", "b", "c"}) Open(name);
  std::unique_ptr<RoomLog> log;
  const absl::Status status = store_.Open("d", true, &log);
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_NE(status.message().find("--max-rooms"), std::string_view::npos);
  EXPECT_TRUE(store_.Open("a", false, &log).ok());
  EXPECT_TRUE(absl::IsNotFound(store_.Open("d", false, &log)));
  // Those of an earlier run count, and a folder has one hub.
  SqliteRoomStore again(dir_.path(), 3);
  EXPECT_TRUE(absl::IsUnavailable(again.Prepare()));
}

TEST_F(StoreTest, NoLinksOutOfTheFolder) {
  const TempDir elsewhere;
  const Database secret(elsewhere.path() + "/secret.db");
  std::filesystem::create_symlink(elsewhere.path() + "/secret.db", File("link"));
  std::unique_ptr<RoomLog> log;
  EXPECT_FALSE(store_.Open("link", false, &log).ok());
}

// A copy is of the moment that it was begun, whatever is written meanwhile, and outlives its log.
TEST_F(StoreTest, CopiesWhileItIsWritten) {
  std::unique_ptr<RoomLog> log = Open("a");
  ASSERT_TRUE(log->SetSchema(kTables).ok());
  Database writer(File("a"), false);
  writer.Do(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
      "INSERT INTO note SELECT i, hex(randomblob(300)) FROM n");
  const std::string path = dir_.path() + "/copy";
  std::unique_ptr<RoomLog::Copy> copy;
  ASSERT_TRUE(log->BeginCopy(path, &copy).ok());
  bool done = false;
  int steps = 0;
  while (!done) {
    ASSERT_TRUE(copy->Step(&done).ok());
    writer.Do("UPDATE note SET text = 'later' WHERE id % 10 = " + std::to_string(steps++ % 10));
    if (steps == 2) log = nullptr;
  }
  EXPECT_GT(steps, 1);
  copy = nullptr;
  Database look(path, false);
  EXPECT_EQ(look.Get("SELECT count(*) || ' ' || sum(text = 'later') FROM note"), "20000 0");
  EXPECT_EQ(look.Get("SELECT count(*) FROM crsql_check()"), "0");
}

// CHECKs are the clients' business.
TEST_F(StoreTest, IgnoresChecks) {
  const std::unique_ptr<RoomLog> log = Open("a");
  ASSERT_TRUE(log->SetSchema("CREATE TABLE note(id INTEGER PRIMARY KEY NOT NULL, text TEXT NOT "
                             "NULL CHECK (text <> 'x'))")
                  .ok());
  Database client;
  client.Do("INSERT INTO note VALUES (1, 'x')");
  std::vector<absl::Status> results;
  const std::string changeset = client.Changeset();
  log->Append({changeset}, &results);
  EXPECT_TRUE(results[0].ok()) << results[0];
}

class RoomTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    Log::Silence();
    context_.store = &store_;
    context_.pool = &pool_;
    context_.metrics = &metrics_;
    context_.wake = [](const auto&) {};
    context_.on_end = [this](const Client&, const std::string&, const Session*,
                             const absl::Status& status) {
      ended_++;
      if (!status.ok()) failed_++;
    };
  }

  // A client with its session, whose bytes are carried by Carry().
  struct Peer {
    Peer(uint64_t id, Grant grant, Database* db, const SessionOptions& options)
        : client(std::make_shared<Client>(id, std::move(grant), "test")),
          session(db->replica(), options) {}
    std::shared_ptr<Client> client;
    Session session;
    uint64_t received = 0;
  };
  static Grant Writer() {
    Grant grant;
    grant.rooms = {"*"};
    grant.access = Access::kWrite;
    return grant;
  }
  std::unique_ptr<Peer> Connect(Database* db, bool live = true, Grant grant = Writer()) {
    auto peer = std::make_unique<Peer>(next_++, std::move(grant), db, SessionOptions{.live = live});
    peer->client->OfferSchema(kTables);
    return peer;
  }
  // One turn of the event loop for a connection. `read`: it takes what it is given.
  void Carry(Peer* peer, bool read = true) {
    while (peer->session.Work()) {
    }
    const std::string_view said = peer->session.output();
    if (!said.empty()) {
      peer->client->Receive(said);
      peer->session.ConsumeOutput(said.size());
      room_->Touch(peer->client, true);
    }
    if (!read) return;
    std::string bytes;
    bool left = true;
    while (left) {
      peer->client->TakeOutput(1 << 16, &bytes, &left);
      peer->received += bytes.size();
      peer->session.Receive(bytes);
    }
    if (peer->client->TakeWantsDrain()) room_->Touch(peer->client);
    while (peer->session.Work()) {
    }
  }
  template <class Done>
  bool Until(const std::vector<Peer*>& peers, const Done& done) {
    for (int i = 0; i < 5000; i++) {
      for (Peer* peer : peers) Carry(peer);
      if (done()) return true;
      usleep(1000);
    }
    return false;
  }

  Metrics metrics_;
  RoomContext context_;
  std::atomic<int> ended_ = 0;
  std::atomic<int> failed_ = 0;
  uint64_t next_ = 1;
  std::shared_ptr<Room> room_ = std::make_shared<Room>("r", &context_);
  Pool pool_{2};  // ends first
};

TEST_F(RoomTest, ManyEncodedOnce) {
  constexpr int kReaders = 20;
  Database source;
  std::vector<std::unique_ptr<Database>> databases;
  std::vector<std::unique_ptr<Peer>> owned;
  std::vector<Peer*> peers;
  owned.push_back(Connect(&source));
  for (int i = 0; i < kReaders; i++) {
    databases.push_back(std::make_unique<Database>());
    owned.push_back(Connect(databases.back().get()));
  }
  peers.reserve(owned.size());
  for (const auto& peer : owned) peers.push_back(peer.get());
  ASSERT_TRUE(Until(peers, [&] {
    return std::all_of(peers.begin(), peers.end(), [](Peer* p) { return p->session.caught_up(); });
  }));
  const uint64_t own_before = metrics_.own_reads;
  for (int i = 1; i <= 5; i++) {
    source.Do("INSERT INTO note VALUES (" + std::to_string(i) + ", 'x')");
    peers[0]->session.LocalChanges();
    ASSERT_TRUE(Until(peers, [&] {
      return std::all_of(databases.begin(), databases.end(), [&](const auto& db) {
        return db->Get("SELECT count(*) FROM note") == std::to_string(i);
      });
    })) << i;
  }
  EXPECT_EQ(metrics_.own_reads, own_before);
  EXPECT_EQ(metrics_.shared_reads, 5U * kReaders);
  // The one who wrote is sent nothing of it.
  EXPECT_LT(peers[0]->received, 2000U);
  for (const auto& db : databases) {
    EXPECT_EQ(db->Get("SELECT crsql_digest()"), source.Get("SELECT crsql_digest()"));
  }
}

// A client that reads nothing is owed no more than its share, and others do not wait for it.
TEST_F(RoomTest, ASlowClientIsBounded) {
  Database source;
  Database reader;
  Database slow;
  const auto from = Connect(&source);
  const auto quick = Connect(&reader);
  const auto stalled = Connect(&slow);
  ASSERT_TRUE(Until({from.get(), quick.get(), stalled.get()}, [&] {
    return from->session.caught_up() && quick->session.caught_up() && stalled->session.caught_up();
  }));
  const std::vector<Peer*> moving = {from.get(), quick.get()};
  for (int i = 0; i < 40; i++) {
    source.Do("INSERT INTO note SELECT " + std::to_string(i * 100) +
              " + value, hex(randomblob(1000)) FROM (WITH RECURSIVE n(value) AS (SELECT 1 UNION "
              "ALL SELECT value + 1 FROM n LIMIT 100) SELECT value FROM n)");
    from->session.LocalChanges();
    ASSERT_TRUE(Until(moving, [&] {
      return reader.Get("SELECT count(*) FROM note") == std::to_string((i + 1) * 100);
    })) << i;
  }
  std::string bytes;
  bool left = true;
  stalled->client->TakeOutput(1 << 30, &bytes, &left);
  // 8 MB were written: at most a window of that waits, or a piece more.
  EXPECT_LT(bytes.size(), context_.output_bytes + 2 * context_.piece_bytes);
  stalled->session.Receive(bytes);
  if (stalled->client->TakeWantsDrain()) room_->Touch(stalled->client);
  ASSERT_TRUE(
      Until({stalled.get()}, [&] { return slow.Get("SELECT count(*) FROM note") == "4000"; }));
  EXPECT_EQ(slow.Get("SELECT crsql_digest()"), source.Get("SELECT crsql_digest()"));
}

// What is refused ends its own session, with the reason, and nobody else's.
TEST_F(RoomTest, ABadChangesetEndsItsSessionOnly) {
  Database good;
  Database bad(":memory:", false);
  bad.Do("CREATE TABLE note(id INTEGER PRIMARY KEY NOT NULL, text); SELECT crsql_as_crr('note')");
  const auto a = Connect(&good);
  ASSERT_TRUE(Until({a.get()}, [&] { return a->session.caught_up(); }));
  bad.Do("INSERT INTO note VALUES (3, NULL)");
  const auto b = Connect(&bad);
  ASSERT_TRUE(Until({a.get(), b.get()}, [&] { return b->session.closed(); }));
  EXPECT_FALSE(b->session.status().ok());
  EXPECT_NE(b->session.status().message().find("note"), std::string_view::npos)
      << b->session.status();
  EXPECT_EQ(b->session.stats().sent.committed, 0U);
  good.Do("INSERT INTO note VALUES (1, 'still')");
  a->session.LocalChanges();
  ASSERT_TRUE(Until(
      {a.get()}, [&] { return a->session.caught_up() && a->session.stats().sent.committed > 0; }));
  Database look(File("r"), false);
  EXPECT_EQ(look.Get("SELECT group_concat(text) FROM note"), "still");
  EXPECT_EQ(failed_, 1);
}

TEST_F(RoomTest, FinishSaysGoodbye) {
  Database one;
  Database two;
  const auto a = Connect(&one);
  const auto b = Connect(&two);
  ASSERT_TRUE(
      Until({a.get(), b.get()}, [&] { return a->session.caught_up() && b->session.caught_up(); }));
  one.Do("INSERT INTO note VALUES (1, 'last')");
  a->session.LocalChanges();
  room_->Finish();
  ASSERT_TRUE(
      Until({a.get(), b.get()}, [&] { return a->session.closed() && b->session.closed(); }));
  EXPECT_TRUE(a->session.finished()) << a->session.status();
  EXPECT_TRUE(b->session.finished()) << b->session.status();
  EXPECT_EQ(failed_, 0);
}

// The goodbye and the end of the connection may be seen in one round, though each touches the room.
TEST_F(RoomTest, EndsOnce) {
  Database one;
  const auto a = Connect(&one);
  ASSERT_TRUE(Until({a.get()}, [&] { return a->session.caught_up(); }));
  a->session.Finish();
  while (a->session.Work()) {
  }
  a->client->Receive(a->session.output());
  a->client->SetGone();
  for (int i = 0; i < 2; i++) {
    room_->Touch(a->client);
    std::promise<void> done;
    room_->Post(false, [&](SharedLog*, const absl::Status&) { done.set_value(); });
    done.get_future().wait();
  }
  std::promise<void> last;  // the rounds before are over
  room_->Post(false, [&](SharedLog*, const absl::Status&) { last.set_value(); });
  last.get_future().wait();
  EXPECT_EQ(ended_, 1);
  EXPECT_EQ(failed_, 0);
}

TEST_F(RoomTest, WaitsEnd) {
  Database writer;
  writer.Do("INSERT INTO note VALUES (1, 'x')");
  std::promise<TokenWait::State> late;
  std::promise<TokenWait::State> seen;
  room_->Post(true, [](SharedLog*, const absl::Status&) {});
  room_->Wait(writer.Get("SELECT crsql_token()"), Room::NowMs() + 10,
              [&](const TokenWait* wait, const absl::Status&) { late.set_value(wait->state()); });
  usleep(20000);
  room_->Tick();
  EXPECT_EQ(late.get_future().get(), TokenWait::State::kTimedOut);
  room_->Wait(writer.Get("SELECT crsql_token()"), Room::NowMs() + 60000,
              [&](const TokenWait* wait, const absl::Status&) { seen.set_value(wait->state()); });
  room_->Append(writer.Changeset(), [](const absl::Status& done) { EXPECT_TRUE(done.ok()); });
  EXPECT_EQ(seen.get_future().get(), TokenWait::State::kSeen);
}

TEST_F(RoomTest, WaitsAreLimited) {
  Database writer;
  writer.Do("INSERT INTO note VALUES (1, 'x')");
  const std::string token = writer.Get("SELECT crsql_token()");
  room_->Post(true, [](SharedLog*, const absl::Status&) {});
  std::atomic<int> refused = 0;
  for (int i = 0; i < 1001; i++) {
    room_->Wait(token, Room::NowMs() + 60000, [&](const TokenWait*, const absl::Status& status) {
      if (absl::IsUnavailable(status)) refused++;
    });
  }
  std::promise<void> done;
  room_->Post(false, [&](SharedLog*, const absl::Status&) { done.set_value(); });
  done.get_future().get();
  EXPECT_EQ(refused, 1);
}

// Nobody uses it: it may be closed.
TEST_F(RoomTest, KnowsThatItIsIdle) {
  EXPECT_EQ(room_->idle_since_ms(), 0U);
  Database db;
  const auto peer = Connect(&db, false);
  ASSERT_TRUE(Until({peer.get()}, [&] { return peer->session.closed(); }));
  peer->client->SetGone();
  room_->Touch(peer->client);
  for (int i = 0; i < 1000 && room_->idle_since_ms() == 0; i++) usleep(1000);
  EXPECT_NE(room_->idle_since_ms(), 0U);
  EXPECT_EQ(ended_, 1);
}

}  // namespace
}  // namespace tributary::hub
