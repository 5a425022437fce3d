// Transfers that come in pieces: what a replica knows meanwhile (T19), how it goes on after a
// break, what must become visible as a whole (T17), and what came as single records (T14).
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/ext/ext_test.h"
#include "tests/sim/random.h"
#include "tests/support/changesets.h"

namespace tributary::testing {
namespace {

class Transfers : public ::testing::Test {
 protected:
  Transfers() {
    for (Db* db : dbs_) db->Do(kFoo);
  }
  ~Transfers() override {
    for (Db* db : dbs_) EXPECT_EQ(db->Get("SELECT * FROM crsql_check()"), "");
  }
  // Whether `db` knows all that `of` has committed itself.
  static bool Has(Db& db, Db& of) {
    return db.One("SELECT crsql_has(?)", {of.One("SELECT crsql_token()")}).integer == 1;
  }
  static void Fill(Db& db, int from, int to) {
    db.Do(absl::StrCat("WITH n(i) AS (SELECT ", from, " UNION ALL SELECT i + 1 FROM n WHERE i < ",
                       to, ") INSERT INTO foo SELECT i, i, 'row ' || i FROM n"));
  }
  static int64_t Rows(Db& db) { return db.Int("SELECT count(*) FROM foo"); }
  // Transfers that are under way, and frames that wait.
  static std::string Waiting(Db& db) {
    if (db.Int("SELECT count(*) FROM sqlite_schema WHERE name = 'crsql_transfers'") == 0) {
      return "0|0";
    }
    return db.Get(
        "SELECT count(*) FILTER (WHERE item = 0), count(*) FILTER (WHERE item > 0) FROM "
        "crsql_transfers");
  }
  static void Equal(Db& a, Db& b) {
    ExpectEqual(a, b, {"foo"});
    EXPECT_TRUE(PiecesFor(a, b).empty());
    EXPECT_TRUE(PiecesFor(b, a).empty());
    EXPECT_EQ(Waiting(a), "0|0");
    EXPECT_EQ(Waiting(b), "0|0");
  }

  Db a_, b_, c_;
  std::vector<Db*> dbs_ = {&a_, &b_, &c_};
};

TEST_F(Transfers, KnownOnlyWhenAllIsIn) {
  for (int i = 1; i <= 8; i++) Fill(a_, i, i);
  std::vector<std::string> pieces = PiecesFor(b_, a_, 1);
  ASSERT_EQ(pieces.size(), 8);
  std::reverse(pieces.begin(), pieces.end());
  for (size_t i = 0; i < 8; i++) {
    EXPECT_FALSE(Has(b_, a_));
    EXPECT_TRUE(Contains(Known(b_, {&a_, &b_}), "{\"known\":{}")) << i;
    EXPECT_EQ(MustApply(b_, pieces[i]), 1);
    EXPECT_EQ(MustApply(b_, pieces[i]), 0);
  }
  EXPECT_TRUE(Has(b_, a_));
  EXPECT_TRUE(Contains(Known(b_, {&a_, &b_}), "{\"known\":{\"A\":8}"));
  Equal(a_, b_);
}

TEST_F(Transfers, AnInterruptedOneGoesOn) {
  for (int i = 1; i <= 20; i++) Fill(a_, i, i);
  const std::vector<std::string> pieces = PiecesFor(b_, a_, 1);
  for (const size_t i : {0, 1, 2, 7, 12, 13}) MustApply(b_, pieces[i]);
  EXPECT_EQ(PiecesFor(b_, a_, 1).size(), 14);
  // The sender goes on: overwrites what was sent and what was not, and writes more.
  a_.Do("UPDATE foo SET b = 'new' WHERE a IN (1, 5, 14); DELETE FROM foo WHERE a IN (2, 6)");
  Fill(a_, 21, 22);
  const std::vector<std::string> rest = PiecesFor(b_, a_, 1);
  MustApply(b_, rest[0]);
  // Late ones of the first.
  MustApply(b_, pieces[5]);
  MustApply(b_, pieces[19]);
  EXPECT_FALSE(Has(b_, a_));
  for (const std::string& p : rest) MustApply(b_, p);
  EXPECT_TRUE(Has(b_, a_));
  Equal(a_, b_);
}

TEST_F(Transfers, TheRestMayComeFromAnother) {
  for (int i = 1; i <= 6; i++) Fill(a_, i, i);
  Send(a_, c_);
  const std::vector<std::string> pieces = PiecesFor(b_, a_, 1);
  MustApply(b_, pieces[0]);
  MustApply(b_, pieces[3]);
  // What has arrived of a's transfer says nothing of one from c.
  EXPECT_EQ(PiecesFor(b_, c_, 1).size(), 6);
  Send(c_, b_, 1);
  EXPECT_TRUE(Has(b_, a_));
  Equal(a_, b_);
  EXPECT_TRUE(Contains(Known(b_, {&a_, &b_}), "\"unfinished\":[]"));
}

// Then the first sender has nothing left to send that could end its transfer.
TEST_F(Transfers, AnotherBringsAllOfTheRest) {
  Fill(c_, 1, 1);
  Send(c_, a_);
  Fill(a_, 2, 2);
  const std::vector<std::string> pieces = PiecesFor(b_, a_, 1);
  ASSERT_EQ(pieces.size(), 2U);
  for (size_t first : {0, 1}) {
    Db b;
    b.Do(kFoo);
    MustApply(b, pieces[first]);
    Send(c_, b);
    Send(a_, b);
    Equal(a_, b);
    EXPECT_TRUE(Has(b, a_));
  }
}

// A piece that waits for the rest of a transaction, which another sender brings as a whole.
TEST_F(Transfers, AnotherBringsWhatAPieceWaitsFor) {
  // Pieces have sites in the order of their ids.
  Db& relay =
      b_.One("SELECT crsql_site_id()").bytes < c_.One("SELECT crsql_site_id()").bytes ? b_ : c_;
  Db& author = &relay == &b_ ? c_ : b_;
  Fill(author, 1, 9);
  Send(author, relay);
  Fill(relay, 20, 20);
  for (const int64_t bytes : {1, 20, 40, 80, 160}) {
    const std::vector<std::string> pieces = PiecesFor(a_, relay, bytes);
    for (const std::string& piece : pieces) {
      Db db;
      db.Do(kFoo);
      MustApply(db, piece);
      Send(author, db);
      Send(relay, db);
      Equal(relay, db);
    }
  }
}

TEST_F(Transfers, ALargeTransactionBecomesVisibleAsAWhole) {
  Fill(a_, 1, 10);
  a_.Do("INSERT INTO foo VALUES(11, 'after', 0)");
  std::vector<std::string> pieces = PiecesFor(b_, a_, 1);
  ASSERT_EQ(pieces.size(), 11);
  sim::Random(5).Shuffle(&pieces);
  for (const std::string& p : pieces) {
    MustApply(b_, p);
    const int64_t rows = b_.Int("SELECT count(*) FROM foo WHERE a <= 10");
    EXPECT_TRUE(rows == 0 || rows == 10) << rows;
    MustApply(b_, p);
  }
  Equal(a_, b_);
}

TEST_F(Transfers, PiecesOfALargeTransactionWaitInTheFile) {
  Fill(a_, 1, 6);
  const std::vector<std::string> pieces = PiecesFor(b_, a_, 1);
  for (size_t i = 0; i < 5; i++) EXPECT_EQ(MustApply(b_, pieces[i]), 0);
  EXPECT_EQ(Waiting(b_), "1|5");
  EXPECT_EQ(Rows(b_), 0);
  EXPECT_EQ(b_.Get("SELECT count(*) FROM crsql_changes"), "0");
  EXPECT_EQ(MustApply(b_, pieces[5]), 6);
  EXPECT_EQ(Waiting(b_), "0|0");
  Equal(a_, b_);
}

TEST_F(Transfers, ALargeTransactionGoesOnAfterABreak) {
  for (const int received : {1, 2, 3, 5}) {
    Db b;
    b.Do(kFoo);
    Db a;
    a.Do(kFoo);
    Fill(a, 1, 6);
    const std::vector<std::string> pieces = PiecesFor(b, a, 1);
    ASSERT_EQ(pieces.size(), 6);
    for (int i = 0; i < received; i++) MustApply(b, pieces[i]);
    const std::vector<std::string> rest = PiecesFor(b, a, 1);
    EXPECT_EQ(rest.size(), 6 - received);
    for (const std::string& p : rest) {
      EXPECT_EQ(Rows(b), 0);
      MustApply(b, p);
    }
    EXPECT_EQ(Rows(b), 6);
    Equal(a, b);
  }
}

TEST_F(Transfers, ALargeTransactionWithHoles) {
  Fill(a_, 1, 12);
  const std::vector<std::string> pieces = PiecesFor(b_, a_, 1);
  for (const size_t i : {1, 2, 5, 9}) MustApply(b_, pieces[i]);
  // The sender has changed parts of it since, sent and unsent ones.
  a_.Do("UPDATE foo SET b = 'new', c = 'new' WHERE a IN (2, 5, 8); DELETE FROM foo WHERE a = 11");
  std::vector<std::string> rest = PiecesFor(b_, a_, 1 << 20);
  sim::Random(2).Shuffle(&rest);
  for (const std::string& p : rest) MustApply(b_, p);
  EXPECT_TRUE(Has(b_, a_));
  Equal(a_, b_);
}

TEST_F(Transfers, LargeTransactionsOfSeveralSitesWithHoles) {
  for (uint64_t seed = 1; seed <= 20; seed++) {
    sim::Random random(seed);
    Db a, b, c;
    for (Db* db : {&a, &b, &c}) db->Do(kFoo);
    Fill(c, 1, 5);
    Fill(a, 6, 9);
    Fill(c, 10, 12);
    Fill(a, 13, 13);
    Send(c, a);
    for (int round = 0; round < 4; round++) {
      std::vector<std::string> pieces = PiecesFor(b, a, round == 1 ? 40 : 1);
      random.Shuffle(&pieces);
      for (const std::string& p : pieces) {
        if (random.OneIn(2)) MustApply(b, p);
        const std::string seen = b.Get(
            "SELECT count(*) FILTER (WHERE a <= 5) IN (0, 5), count(*) FILTER (WHERE a BETWEEN 6 "
            "AND 9) IN (0, 4), count(*) FILTER (WHERE a BETWEEN 10 AND 12) IN (0, 3) FROM foo");
        ASSERT_EQ(seen, "1|1|1") << "seed " << seed;
      }
    }
    Send(a, b, 1);
    EXPECT_TRUE(Has(b, a)) << "seed " << seed;
    Equal(a, b);
  }
}

TEST_F(Transfers, ABackfillGoesOnAfterABreak) {
  Db a;
  a.Do("CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, b, c)");
  Fill(a, 1, 9);
  a.Do("SELECT crsql_as_crr('foo')");
  std::vector<std::string> pieces = PiecesFor(b_, a, 1);
  for (const size_t i : {0, 1, 4}) EXPECT_EQ(MustApply(b_, pieces[i]), 1);
  pieces = PiecesFor(b_, a, 1);
  EXPECT_EQ(pieces.size(), 6);
  std::reverse(pieces.begin(), pieces.end());
  int64_t rows = 3;
  for (const std::string& p : pieces) {
    MustApply(b_, p);
    EXPECT_EQ(Rows(b_), ++rows);
  }
  Equal(a, b_);
}

TEST_F(Transfers, WhatWaitsIsForgottenWhenItCameFromAnother) {
  Fill(a_, 1, 6);
  Send(a_, c_);
  std::vector<std::string> pieces = PiecesFor(b_, a_, 1);
  MustApply(b_, pieces[0]);
  MustApply(b_, pieces[3]);
  Send(c_, b_, 1);
  EXPECT_EQ(Waiting(b_), "0|0");
  // Late pieces of the transfer that was given up.
  for (const std::string& p : pieces) EXPECT_EQ(MustApply(b_, p), 0);
  Equal(a_, b_);
  Fill(a_, 7, 9);
  Send(a_, b_, 1);
  Equal(a_, b_);
}

TEST_F(Transfers, WhatWaitsIsForgottenWhenTheSenderSendsAgain) {
  Fill(a_, 1, 6);
  Send(a_, c_);
  MustApply(b_, PiecesFor(b_, a_, 1)[0]);
  Fill(a_, 7, 7);
  // The large one comes from c; the transfer of a goes on with what is left.
  Send(c_, b_, 1);
  Fill(a_, 8, 8);
  Send(a_, b_, 1);
  Equal(a_, b_);
}

TEST_F(Transfers, PiecesOfTwoSendersAtOnce) {
  Fill(a_, 1, 6);
  Fill(c_, 4, 9);
  Send(a_, c_);
  const std::vector<std::string> from_a = PiecesFor(b_, a_, 1), from_c = PiecesFor(b_, c_, 1);
  for (size_t i = 0; i < std::max(from_a.size(), from_c.size()); i++) {
    if (i < from_a.size()) MustApply(b_, from_a[i]);
    if (i < from_c.size()) MustApply(b_, from_c[i]);
  }
  EXPECT_TRUE(Has(b_, a_));
  EXPECT_TRUE(Has(b_, c_));
  Equal(b_, c_);
}

// --- T14

TEST_F(Transfers, RecordsAreNotKnowledge) {
  Fill(a_, 1, 3);
  a_.Do("UPDATE foo SET b = 'x' WHERE a = 2");
  ASSERT_EQ(ApplyEach(b_, ReadChanges(a_, "pk = crsql_pack_columns(2)")), "");
  EXPECT_FALSE(Has(b_, a_));
  EXPECT_TRUE(Contains(Known(b_, {&a_, &b_}), "{\"known\":{}"));
  EXPECT_TRUE(Contains(Known(b_, {&a_, &b_}), "\"loose\":[{\"site\":\"A\""));
  // They are passed on by changesets, assert nothing there, and are not sent for ever.
  Send(b_, c_);
  EXPECT_EQ(TableText(c_, "foo"), "2|'x'|'row 2'");
  EXPECT_FALSE(Has(c_, a_));
  EXPECT_TRUE(PiecesFor(c_, b_).empty());
  EXPECT_TRUE(PiecesFor(b_, c_).empty());
  // The transaction itself makes them known.
  Send(a_, c_, 1);
  EXPECT_TRUE(Has(c_, a_));
  Equal(a_, c_);
  Send(c_, b_, 1);
  Equal(b_, c_);
}

TEST_F(Transfers, AllRecordsAreNoKnowledgeEither) {
  Fill(a_, 1, 20);
  ASSERT_EQ(ApplyChanges(b_, ReadChanges(a_)), "");
  ASSERT_EQ(ApplyChanges(c_, ReadChanges(a_)), "");
  EXPECT_TRUE(PiecesFor(c_, b_).empty());
  EXPECT_FALSE(PiecesFor(b_, a_).empty());
  EXPECT_EQ(b_.Get("SELECT crsql_digest()"), a_.Get("SELECT crsql_digest()"));
  Send(a_, b_, 1);
  Equal(a_, b_);
  EXPECT_TRUE(Has(b_, a_));
  EXPECT_FALSE(Has(c_, a_));
  Send(b_, c_, 1);
  Equal(a_, c_);
}

TEST_F(Transfers, DifferentRecordsOnBothSides) {
  for (int i = 1; i <= 6; i++) Fill(a_, i, i);
  ASSERT_EQ(ApplyEach(b_, ReadChanges(a_, "db_version IN (1, 3)")), "");
  ASSERT_EQ(ApplyEach(c_, ReadChanges(a_, "db_version IN (3, 5)")), "");
  Send(b_, c_, 1);
  Send(c_, b_, 1);
  EXPECT_EQ(TableText(b_, "foo"), TableText(c_, "foo"));
  EXPECT_EQ(Rows(b_), 3);
  EXPECT_TRUE(PiecesFor(c_, b_).empty());
  EXPECT_TRUE(PiecesFor(b_, c_).empty());
  SendAll(dbs_);
  Equal(a_, b_);
  Equal(a_, c_);
}

// V waits for the pieces that cover nothing.
TEST_F(Transfers, RecordsThatBeatWhatIsKnown) {
  Fill(a_, 1, 1);
  Send(a_, c_);
  c_.Do("UPDATE foo SET b = 'c'");
  // b holds the first only as beaten by a record of c's.
  ASSERT_EQ(ApplyEach(b_, ReadChanges(c_, "site_id = crsql_site_id()")), "");
  Send(a_, b_);
  for (const bool backwards : {false, true}) {
    Db d;
    d.Do(kFoo);
    std::vector<std::string> pieces = PiecesFor(d, b_, 1);
    ASSERT_GT(pieces.size(), 1);
    if (backwards) std::reverse(pieces.begin(), pieces.end());
    for (const std::string& p : pieces) {
      // Who claims to know a's write shows it, or what has overwritten it.
      if (Has(d, a_)) EXPECT_EQ(TableText(d, "foo"), "1|'c'|'row 1'");
      MustApply(d, p);
    }
    EXPECT_TRUE(Has(d, a_));
    EXPECT_EQ(TableText(d, "foo"), "1|'c'|'row 1'");
    EXPECT_TRUE(PiecesFor(d, b_).empty());
  }
}

// Such a transfer is over where all of it is known: a piece that comes twice opens none anew.
TEST_F(Transfers, APieceAgainAfterATransferWithRecords) {
  Fill(a_, 1, 1);
  Fill(a_, 2, 2);
  ASSERT_EQ(ApplyEach(b_, ReadChanges(a_, "db_version = 2")), "");
  Fill(b_, 3, 3);
  const std::vector<std::string> pieces = PiecesFor(c_, b_, 1);
  ASSERT_GT(pieces.size(), 1);
  MustApplyAll(c_, pieces);
  EXPECT_EQ(Waiting(c_), "0|0");
  const Cell have = Have(c_);
  for (const std::string& p : pieces) {
    EXPECT_EQ(MustApply(c_, p), 0);
    EXPECT_EQ(Waiting(c_), "0|0");
    EXPECT_EQ(Have(c_), have);
  }
}

// --- what a relay has lost

constexpr char kGone[] =
    "CREATE TABLE gone(a INTEGER PRIMARY KEY NOT NULL, b); SELECT crsql_as_crr('gone')";

TEST_F(Transfers, ARelayThatLostATable) {
  for (const char* lose : {"DROP TABLE gone", "SELECT crsql_as_table('gone')"}) {
    Db a, b, c, d;
    for (Db* db : {&a, &b, &c, &d}) db->Do(kFoo);
    for (Db* db : {&a, &b, &d}) db->Do(kGone);
    a.Do("INSERT INTO gone VALUES(1, 1)");
    Fill(a, 1, 1);
    Send(a, b);
    b.Do(lose);
    // c never had it, and takes over what b knows; d had.
    Send(b, c);
    EXPECT_TRUE(Has(c, a)) << lose;
    Send(c, d, 1);
    EXPECT_FALSE(Has(d, a)) << lose;
    EXPECT_EQ(Rows(d), 1);
    // What it knows of all other tables does not pass for more.
    Send(b, d);
    EXPECT_FALSE(Has(d, a)) << lose;
    c.Do(kGone);
    EXPECT_FALSE(Has(c, a)) << lose;
    for (Db* db : {&c, &d}) {
      Send(a, *db);
      EXPECT_TRUE(Has(*db, a)) << lose;
      EXPECT_EQ(TableText(*db, "gone"), "1|1") << lose;
      ExpectEqual(a, *db, {"foo", "gone"});
      EXPECT_TRUE(PiecesFor(*db, a).empty());
    }
    for (Db* db : {&a, &b, &c, &d}) EXPECT_EQ(db->Get("SELECT * FROM crsql_check()"), "");
  }
}

// What arrived while the sender lacked the table does not count once it has it again.
TEST_F(Transfers, ASenderThatLosesATableMeanwhile) {
  for (Db* db : dbs_) db->Do(kGone);
  for (int i = 1; i <= 4; i++) Fill(a_, i, i);
  a_.Do("INSERT INTO gone VALUES(1, 1)");
  for (int i = 5; i <= 8; i++) Fill(a_, i, i);
  Send(a_, b_);
  b_.Do("DROP TABLE gone");
  const std::vector<std::string> pieces = PiecesFor(c_, b_, 1);
  ASSERT_EQ(pieces.size(), 8);
  for (size_t i = 0; i < 7; i++) MustApply(c_, pieces[i]);
  b_.Do(kGone);
  Send(a_, b_);
  EXPECT_EQ(TableText(b_, "gone"), "1|1");
  MustApply(c_, pieces[7]);
  EXPECT_FALSE(Has(c_, a_));
  Send(b_, c_);
  Send(b_, c_);
  EXPECT_TRUE(Has(c_, a_));
  EXPECT_EQ(TableText(c_, "gone"), "1|1");
}

// The same where the receiver never had it, but makes it later.
TEST_F(Transfers, ASenderThatLostATableForAWhile) {
  for (Db* db : {&a_, &b_}) db->Do(kGone);
  a_.Do("INSERT INTO gone VALUES(1, 1)");
  for (int i = 1; i <= 4; i++) Fill(a_, i, i);
  Send(a_, b_);
  b_.Do("DROP TABLE gone");
  const std::vector<std::string> pieces = PiecesFor(c_, b_, 1);
  for (size_t i = 0; i + 1 < pieces.size(); i++) MustApply(c_, pieces[i]);
  // The last one comes from a sender that has all.
  b_.Do(kGone);
  Send(a_, b_);
  c_.Do(kGone);
  Send(b_, c_);
  Send(a_, c_);
  EXPECT_EQ(TableText(c_, "gone"), "1|1");
  EXPECT_TRUE(Has(c_, a_));
}

TEST_F(Transfers, ATableThatWasMadeAgain) {
  for (const char* lose : {"DROP TABLE foo", "SELECT crsql_as_table('foo'); DROP TABLE foo"}) {
    Db a, b;
    for (Db* db : {&a, &b}) db->Do(kFoo);
    Fill(a, 1, 2);
    Send(a, b);
    b.Do(lose);
    b.Do(kFoo);
    Send(a, b);
    EXPECT_EQ(Rows(b), 2) << lose;
    ExpectEqual(a, b, {"foo"});
    EXPECT_TRUE(Has(b, a));
  }
}

// Another table that takes the name of a lost one.
TEST_F(Transfers, ATableThatWasRenamedToALostOne) {
  Fill(a_, 1, 2);
  Send(a_, b_);
  b_.Do("DROP TABLE foo");
  b_.Do(kGone);
  b_.Do("ALTER TABLE gone RENAME TO foo; SELECT crsql_as_crr('foo')");
  EXPECT_FALSE(Has(b_, a_));
}

TEST_F(Transfers, ATableThatWasRenamedAndLost) {
  for (Db* db : dbs_) db->Do(kGone);
  a_.Do("INSERT INTO gone VALUES(1, 1)");
  Send(a_, b_);
  b_.Do("ALTER TABLE gone RENAME TO other; SELECT crsql_as_table('other')");
  c_.Do("ALTER TABLE gone RENAME TO other");
  Send(b_, c_);
  EXPECT_FALSE(Has(c_, a_));
}

// --- tokens

TEST_F(Transfers, TokensOnRelays) {
  const auto token = [](Db& db) { return db.One("SELECT crsql_token()"); };
  const auto has = [](Db& db, const Cell& t) { return db.One("SELECT crsql_has(?)", {t}).integer; };
  const Cell nothing = token(a_);
  for (Db* db : dbs_) EXPECT_EQ(has(*db, nothing), 1);
  Fill(a_, 1, 2);
  const Cell first = token(a_);
  EXPECT_LT(first.bytes.size(), 20);
  EXPECT_EQ(has(a_, first), 1);
  EXPECT_EQ(has(b_, first), 0);
  Send(a_, b_);
  EXPECT_EQ(has(b_, first), 1);
  Fill(b_, 3, 3);
  Send(b_, c_);
  EXPECT_EQ(has(c_, first), 1);
  EXPECT_EQ(has(c_, token(b_)), 1);
  EXPECT_EQ(has(a_, token(c_)), 0);
  EXPECT_EQ(has(a_, first), 1);
  // Not what is not committed.
  a_.Do("BEGIN");
  Fill(a_, 9, 9);
  EXPECT_EQ(token(a_).bytes, first.bytes);
  a_.Do("ROLLBACK");
  EXPECT_EQ(token(a_).bytes, first.bytes);
  for (const char* bad : {"NULL", "''", "'!'", "'Ag'", "'AQE'", "x'00'", "1"}) {
    EXPECT_EQ(a_.Error(absl::StrCat("SELECT crsql_has(", bad, ")")),
              "crsql_has: malformed token: pass what crsql_token() returned")
        << bad;
  }
}

TEST_F(Transfers, NotWhileATransactionOfOnesOwnIsOpen) {
  Fill(a_, 1, 2);
  a_.Do("BEGIN; UPDATE foo SET b = 'open' WHERE a = 1");
  // What was overwritten could not be sent, and what overwrote it neither.
  const std::string error = a_.Error("SELECT * FROM crsql_changesets");
  EXPECT_TRUE(Contains(error, "crsql_changesets: this transaction has written")) << error;
  a_.Do("ROLLBACK");
  Send(a_, b_);
  Equal(a_, b_);
  // Merged rows may be passed on before they are committed.
  Fill(a_, 3, 3);
  b_.Do("BEGIN");
  Send(a_, b_);
  Send(b_, c_);
  b_.Do("ROLLBACK");
  EXPECT_EQ(Rows(c_), 3);
  Send(a_, b_);
  Equal(b_, c_);
}

TEST_F(Transfers, WritingWhileTheyAreRead) {
  Fill(a_, 1, 3);
  Fill(b_, 7, 8);
  const std::string from_b = PiecesFor(a_, b_)[0];
  for (const bool apply : {false, true}) {
    sqlite3_stmt* s;
    ASSERT_EQ(sqlite3_prepare_v2(a_.handle(), "SELECT changeset FROM crsql_changesets(NULL, 1)", -1,
                                 &s, nullptr),
              SQLITE_OK);
    ASSERT_EQ(sqlite3_step(s), SQLITE_ROW);
    if (apply) {
      MustApply(a_, from_b);
    } else {
      a_.Do("UPDATE foo SET b = 'x' WHERE a = 3");
    }
    EXPECT_EQ(sqlite3_step(s), SQLITE_ERROR);
    EXPECT_TRUE(Contains(sqlite3_errmsg(a_.handle()), "has written to replicated tables since"));
    sqlite3_finalize(s);
  }
  Send(a_, b_);
  Equal(a_, b_);
}

TEST_F(Transfers, AppliedFromATableOrFromTheOtherDatabaseItself) {
  for (int i = 1; i <= 5; i++) Fill(a_, i, i);
  b_.Do("CREATE TABLE inbox(data BLOB)");
  for (const std::string& p : PiecesFor(b_, a_, 1)) {
    b_.Do("INSERT INTO inbox VALUES(?)", {Cell::Blob(p)});
  }
  EXPECT_EQ(b_.Get("SELECT crsql_apply(data) FROM inbox"), "1\n1\n1\n1\n1");
  Equal(a_, b_);
  // One's own changesets are no news.
  EXPECT_EQ(a_.Get("SELECT crsql_apply(changeset) FROM crsql_changesets(NULL, 1)"),
            "0\n0\n0\n0\n0");
}

}  // namespace
}  // namespace tributary::testing
