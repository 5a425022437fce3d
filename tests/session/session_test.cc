// Sessions between replicas in memory: what is exchanged, in how many bytes, what a broken one
// leaves behind, back-pressure and live push.
#include "sync/session/session.h"

#include <gtest/gtest.h>

#include <random>

#include "sync/transport/memory.h"
#include "tests/session/fake_replica.h"

namespace tributary::testing {
namespace {

struct Outcome {
  absl::Status a;
  absl::Status b;
  SessionStats stats_a;
  SessionStats stats_b;
  bool equal;
  uint64_t carried;
};

Outcome Sync(FakeReplica* a, FakeReplica* b, const SessionOptions& options = {},
             MemoryLink::Options link_options = {}) {
  Session session_a(a, options);
  Session session_b(b, options);
  MemoryLink link(&session_a, &session_b, std::move(link_options));
  link.Run();
  EXPECT_TRUE(session_a.closed());
  EXPECT_TRUE(session_b.closed());
  return {session_a.status(),
          session_b.status(),
          session_a.stats(),
          session_b.stats(),
          session_a.equal() && session_b.equal(),
          link.carried()};
}

void WriteMany(FakeReplica* replica, int count, size_t size, const std::string& what) {
  for (int i = 0; i < count; i++) {
    std::string text = what + std::to_string(i) + " ";
    while (text.size() < size) {
      text.append(std::to_string(text.size() * 7919 + static_cast<size_t>(i)));
    }
    replica->Write(std::move(text));
  }
}

TEST(Session, EqualReplicasExchangeLittle) {
  FakeReplica a(1);
  FakeReplica b(2);
  Outcome nothing = Sync(&a, &b);
  EXPECT_TRUE(nothing.equal);
  EXPECT_LT(nothing.carried, 200);
  // However many sites there are.
  for (uint8_t i = 3; i < 60; i++) {
    FakeReplica other(i);
    other.Write("x");
    ASSERT_TRUE(Sync(&a, &other).equal);
    ASSERT_TRUE(Sync(&b, &a).equal);
  }
  Outcome again = Sync(&a, &b);
  EXPECT_TRUE(again.equal);
  EXPECT_LT(again.carried, 200);
  EXPECT_EQ(a.log().size(), 57);
  RecordProperty("bytes", static_cast<int>(again.carried));
}

TEST(Session, BothDirectionsInFragments) {
  for (uint32_t seed = 0; seed < 50; seed++) {
    std::mt19937 random(seed);
    FakeReplica a(1);
    FakeReplica b(2);
    WriteMany(&a, static_cast<int>(random() % 60), random() % 300, "a");
    WriteMany(&b, static_cast<int>(random() % 60), random() % 300, "b");
    SessionOptions options{
        .live = false, .piece_bytes = 1 + random() % 1000, .window_bytes = 1 + random() % 20000};
    const Outcome o =
        Sync(&a, &b, options, {.fragment = [&](size_t n) { return 1 + random() % n; }});
    ASSERT_TRUE(o.a.ok() && o.b.ok()) << o.a.message() << o.b.message();
    EXPECT_TRUE(o.equal);
    EXPECT_EQ(a.log(), b.log());
    // Nothing goes there and back.
    EXPECT_EQ(o.stats_a.sent.transactions + o.stats_b.sent.transactions, a.log().size());
    EXPECT_EQ(o.stats_a.rows_changed, o.stats_b.sent.rows);
  }
}

TEST(Session, ResumesAfterABreakAnywhere) {
  FakeReplica whole_a(1);
  FakeReplica whole_b(2);
  WriteMany(&whole_a, 20, 60, "a");
  WriteMany(&whole_b, 12, 60, "b");
  const SessionOptions options{.live = false, .piece_bytes = 100, .window_bytes = 2000};
  uint64_t total;
  {
    FakeReplica a = whole_a;
    FakeReplica b = whole_b;
    total = Sync(&a, &b, options).carried;
  }
  for (uint64_t bytes = 1; bytes < total; bytes++) {
    FakeReplica a = whole_a;
    FakeReplica b = whole_b;
    const Outcome first = Sync(&a, &b, options, {.fragment = nullptr, .breaks_after = bytes});
    ASSERT_FALSE(first.a.ok() && first.b.ok());
    const size_t arrived = a.log().size() + b.log().size() - 32;
    const Outcome second = Sync(&a, &b, options);
    ASSERT_TRUE(second.equal) << bytes;
    ASSERT_EQ(a.log(), b.log()) << bytes;
    // What had arrived is not sent again.
    ASSERT_EQ(second.stats_a.sent.rows + second.stats_b.sent.rows + arrived, 32) << bytes;
  }
}

TEST(Session, BreaksAgainAndAgain) {
  for (uint32_t seed = 0; seed < 20; seed++) {
    std::mt19937 random(seed);
    FakeReplica a(1);
    FakeReplica b(2);
    FakeReplica c(3);
    WriteMany(&a, 30, 50, "a");
    WriteMany(&b, 30, 50, "b");
    WriteMany(&c, 30, 50, "c");
    FakeReplica* all[] = {&a, &b, &c};
    const SessionOptions options{.live = false, .piece_bytes = 100, .window_bytes = 1000};
    for (int i = 0; i < 40; i++) {
      FakeReplica* from = all[random() % 3];
      FakeReplica* to = all[random() % 3];
      if (from == to) continue;
      Sync(from, to, options,
           {.fragment = [&](size_t n) { return 1 + random() % n; },
            .breaks_after = random() % 3000});
      if (i < 20) from->Write("later");
    }
    Sync(&a, &b);
    Sync(&b, &c);
    Sync(&a, &b);
    ASSERT_EQ(a.log(), b.log());
    ASSERT_EQ(a.log(), c.log());
  }
}

TEST(Session, TheWindowBoundsWhatIsOnItsWay) {
  FakeReplica a(1);
  FakeReplica b(2);
  WriteMany(&a, 2000, 500, "a");
  const SessionOptions options{.live = false, .piece_bytes = 4000, .window_bytes = 50000};
  Session session_a(&a, options);
  Session session_b(&b, options);
  // b reads but never works beyond the greeting: it commits nothing.
  const auto step = [&](bool b_works) {
    while (session_a.Work()) {
    }
    if (b_works) session_b.Work();
    session_b.Receive(session_a.output());
    session_a.ConsumeOutput(session_a.output().size());
    session_a.Receive(session_b.output());
    session_b.ConsumeOutput(session_b.output().size());
  };
  for (int i = 0; i < 4; i++) step(true);
  for (int i = 0; i < 100; i++) step(false);
  EXPECT_LE(session_a.stats().most_outstanding, options.window_bytes);
  EXPECT_GT(session_a.stats().most_outstanding, options.window_bytes / 2);
  EXPECT_LE(session_a.stats().sent.bytes, options.window_bytes + 1000);
  for (int i = 0; i < 100000 && !session_a.closed(); i++) step(true);
  EXPECT_TRUE(session_a.finished());
  EXPECT_LE(session_a.stats().most_outstanding, options.window_bytes);
  EXPECT_EQ(a.log(), b.log());
}

TEST(Session, NothingIsBufferedForWhoDoesNotRead) {
  FakeReplica a(1);
  FakeReplica b(2);
  WriteMany(&a, 3000, 3000, "a");
  const SessionOptions options{.live = false, .piece_bytes = 1 << 16, .window_bytes = 1 << 30};
  Session session_a(&a, options);
  Session session_b(&b, options);
  session_a.Receive(session_b.output());
  session_b.ConsumeOutput(session_b.output().size());
  session_b.Receive(session_a.output());
  session_b.Work();
  session_a.Receive(session_b.output());
  while (session_a.Work()) {
  }
  EXPECT_LT(session_a.output().size(), 2 << 20);
}

TEST(Session, OneLongChangesetMayExceedTheWindow) {
  FakeReplica a(1);
  FakeReplica b(2);
  WriteMany(&a, 3, 100000, "a");
  const Outcome o = Sync(&a, &b, {.live = false, .piece_bytes = 100, .window_bytes = 1000});
  EXPECT_TRUE(o.equal);
  EXPECT_EQ(a.log(), b.log());
}

TEST(Session, TooLongChangesetsAreRefusedByTheSender) {
  FakeReplica a(1);
  FakeReplica b(2);
  WriteMany(&a, 3, 100000, "a");
  const Outcome o = Sync(&a, &b, {.live = false, .max_frame_bytes = 1000});
  EXPECT_EQ(o.a.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(o.b.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(b.applied, 0);
}

TEST(Session, LivePush) {
  FakeReplica a(1);
  FakeReplica b(2);
  a.Write("old");
  const SessionOptions options{.live = true};
  Session session_a(&a, options);
  Session session_b(&b, options);
  MemoryLink link(&session_a, &session_b);
  link.Run();
  EXPECT_TRUE(session_a.caught_up() && session_b.caught_up());
  EXPECT_FALSE(session_a.closed());
  for (int i = 0; i < 10; i++) {
    FakeReplica& writer = i % 2 == 0 ? a : b;
    writer.Write("new " + std::to_string(i));
    // The other is told of a change, too, that it has nothing to do with.
    session_a.LocalChanges();
    session_b.LocalChanges();
    link.Run();
    ASSERT_EQ(a.log(), b.log());
  }
  EXPECT_EQ(session_a.stats().sent.transactions, 6);
  EXPECT_EQ(session_b.stats().sent.transactions, 5);
  b.Write("last");
  session_b.LocalChanges();
  session_b.Finish();
  link.Run();
  EXPECT_TRUE(session_a.finished() && session_b.finished());
  EXPECT_TRUE(session_a.equal());
  EXPECT_EQ(a.log(), b.log());
}

TEST(Session, WhoIsNotLiveEndsIt) {
  FakeReplica a(1);
  FakeReplica b(2);
  a.Write("x");
  Session session_a(&a, {.live = true});
  Session session_b(&b, {.live = false});
  MemoryLink(&session_a, &session_b).Run();
  EXPECT_TRUE(session_a.finished() && session_b.finished());
  EXPECT_EQ(a.log(), b.log());
}

TEST(Session, ALiveChainPassesOn) {
  FakeReplica a(1);
  FakeReplica b(2);
  FakeReplica c(3);
  Session ab(&a, {.live = true});
  Session ba(&b, {.live = true});
  Session bc(&b, {.live = true});
  Session cb(&c, {.live = true});
  MemoryLink left(&ab, &ba);
  MemoryLink right(&bc, &cb);
  for (int i = 0; i < 3; i++) {
    a.Write("from a");
    ab.LocalChanges();
    left.Run();
    ba.Rest();
    bc.LocalChanges();
    right.Run();
    bc.Rest();
    ASSERT_EQ(a.log(), c.log());
  }
}

TEST(Session, TheSameReplicaIsRefused) {
  FakeReplica a(1);
  FakeReplica b(1);
  a.Write("x");
  const Outcome o = Sync(&a, &b);
  EXPECT_EQ(o.a.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(o.b.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(o.a.message().find("copied"), std::string::npos);
}

TEST(Session, DifferentSchemas) {
  FakeReplica a(1);
  FakeReplica b(2);
  a.tables = {{"both", {"k"}, {"x"}}, {"key", {"k"}, {}}, {"less", {"k"}, {"x", "y"}}};
  b.tables = {
      {"both", {"k"}, {"x"}}, {"key", {"l"}, {}}, {"less", {"k"}, {"x"}}, {"new", {"k"}, {}}};
  a.Write("x");
  Session session_a(&a, {});
  Session session_b(&b, {});
  MemoryLink(&session_a, &session_b).Run();
  EXPECT_TRUE(session_a.finished() && session_b.finished()) << session_a.status();
  EXPECT_FALSE(session_a.equal());
  EXPECT_EQ(a.log(), b.log());
  EXPECT_EQ(a.asked, Replica::Tables());
  EXPECT_EQ(b.asked, Replica::Tables());
  EXPECT_EQ(
      session_a.kept_here(),
      (std::vector<std::string>{"table key is kept for later here: it has another primary key",
                                "table new is kept for later here: it is not replicated"}));
  EXPECT_EQ(
      session_a.kept_there(),
      (std::vector<std::string>{"table key is kept for later there: it has another primary key",
                                "table less is kept in part for later there: it lacks column y"}));
  EXPECT_EQ(session_b.kept_here().size(), 2);
  EXPECT_EQ(session_b.kept_there().size(), 2);
}

// A wrong pair of databases; not so where all tables have got other names meanwhile, or where one
// has none yet.
TEST(Session, StrangersAreRefused) {
  FakeReplica a(1);
  FakeReplica b(2);
  a.Write("x");
  b.Write("y");
  b.tables = {{"other", {"k"}, {}}};
  const Outcome o = Sync(&a, &b);
  EXPECT_EQ(o.a.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(o.b.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(o.a.message().find("no table in common"), std::string::npos) << o.a;
  EXPECT_EQ(a.log().size() + b.log().size(), 2);
  b.tables.clear();
  ASSERT_TRUE(Sync(&a, &b).a.ok());
  EXPECT_EQ(a.log(), b.log());
  b.tables = {{"other", {"k"}, {}}};
  a.Write("z");
  ASSERT_TRUE(Sync(&a, &b).a.ok());
  EXPECT_EQ(a.log(), b.log());
}

// A peer of an earlier version asks for tables by their names; what it is sent is of these.
TEST(Session, APeerThatAsksByName) {
  FakeReplica a(1);
  a.Write("x");
  Session session(&a, {});
  HelloMessage hello;
  hello.site.bytes.fill(2);
  hello.schema = 1;
  SchemaMessage schema{{{"new", {"k"}, {}}, {"note", {"id"}, {"text"}}}};
  WantMessage want;
  want.tables = {"note"};
  want.window = want.max_frame = 1 << 20;
  session.Receive(hello.Encode() + schema.Encode() + want.Encode());
  while (session.Work()) {
  }
  EXPECT_TRUE(session.status().ok()) << session.status();
  EXPECT_EQ(session.stats().sent.changesets, 1);
  EXPECT_EQ(a.asked, Replica::Tables{"note"});
}

TEST(Session, ADryRunTellsWhatASessionDoes) {
  FakeReplica a(1);
  FakeReplica b(2);
  WriteMany(&a, 30, 200, "a");
  WriteMany(&b, 7, 50, "b");
  for (const auto& [mine, its] : {std::pair(&a, &b), std::pair(&b, &a)}) {
    const auto before = std::pair(mine->log(), its->log());
    Session dry(mine, {.piece_bytes = 300, .window_bytes = 2000, .dry_run = true});
    Session peer(its, {.live = true, .piece_bytes = 300, .window_bytes = 2000});
    MemoryLink link(&dry, &peer);
    link.Run();
    ASSERT_TRUE(dry.finished() && peer.finished()) << dry.status() << peer.status();
    EXPECT_FALSE(dry.equal() || peer.equal());
    EXPECT_EQ(std::pair(mine->log(), its->log()), before);
    EXPECT_EQ(mine->applied + its->applied, 0);
    EXPECT_LT(link.carried(), 1000);  // none of the changesets
    EXPECT_EQ(dry.stats().sent.transactions, mine->log().size());
    EXPECT_EQ(dry.dry_run().most_to_receive, its->log().size());
    EXPECT_FALSE(dry.dry_run().receives_more);
    EXPECT_EQ(peer.stats().sent.changesets + peer.stats().received.changesets, 0);

    FakeReplica real_mine = *mine;
    FakeReplica real_its = *its;
    const Outcome real = Sync(&real_mine, &real_its, {.piece_bytes = 300, .window_bytes = 2000});
    ASSERT_TRUE(real.equal);
    // Headers say what the sender knows, which is more once it has received something.
    const auto bytes = static_cast<double>(real.stats_a.sent.committed);
    EXPECT_NEAR(static_cast<double>(dry.dry_run().changeset_bytes), bytes, bytes / 20);
    EXPECT_EQ(dry.stats().sent.changesets, real.stats_a.sent.changesets);
  }
  ASSERT_TRUE(Sync(&a, &b).equal);
  Session dry(&a, {.dry_run = true});
  Session peer(&b, {});
  MemoryLink(&dry, &peer).Run();
  EXPECT_TRUE(dry.equal() && peer.equal());
}

TEST(Session, ADryRunOfDifferentSchemas) {
  FakeReplica a(1);
  FakeReplica b(2);
  b.tables.push_back({"other", {"k"}, {}});
  a.Write("x");
  b.Write("y");
  Session dry(&a, {.dry_run = true});
  Session peer(&b, {});
  MemoryLink(&dry, &peer).Run();
  EXPECT_TRUE(dry.finished() && peer.finished()) << dry.status() << peer.status();
  EXPECT_EQ(dry.kept_here().size(), 1);
  EXPECT_EQ(dry.stats().sent.transactions, 1);
  EXPECT_EQ(dry.dry_run().most_to_receive, 1);
  EXPECT_FALSE(dry.dry_run().receives_more);
  EXPECT_EQ(a.log().size() + b.log().size(), 2);
}

TEST(Session, AFailureIsToldToBoth) {
  FakeReplica a(1);
  FakeReplica b(2);
  a.Write("x");
  b.fail_apply = absl::UnavailableError("the database is locked by another program");
  const Outcome o = Sync(&a, &b);
  EXPECT_EQ(o.b.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(o.a.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(o.a.message(), "the other side: the database is locked by another program");
  EXPECT_EQ(o.stats_a.sent.committed, 0);
  b.fail_apply = absl::OkStatus();
  EXPECT_TRUE(Sync(&a, &b).equal);
}

}  // namespace
}  // namespace tributary::testing
