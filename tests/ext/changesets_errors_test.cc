// What crsql_apply refuses: with a message that names the thing, and nothing changed.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/ext/ext_test.h"
#include "tests/support/changesets.h"

namespace tributary::testing {
namespace {

class ChangesetErrors : public ::testing::Test {
 protected:
  ChangesetErrors() {
    a_.Do(kFoo);
    b_.Do(kFoo);
    b_.Do("INSERT INTO foo VALUES(7, 'own', 'own'); SELECT crsql_version_vector()");
    a_.Do("INSERT INTO foo VALUES(1, 'two', NULL)");
    frame_ = Pieces(a_, {}).at(0);
  }
  // The error of applying it to `db`, after checking that it changed nothing, in autocommit and in
  // a transaction of the host's.
  static std::string Refusal(Db& db, const std::string& frame) {
    const std::string before = Everything(db, {"foo"});
    const Outcome alone = Apply(db, frame);
    EXPECT_NE(alone.error, "");
    EXPECT_TRUE(db.autocommit());
    EXPECT_EQ(Everything(db, {"foo"}), before);
    db.Do("BEGIN; INSERT INTO foo VALUES(8, 'host', 'host')");
    EXPECT_EQ(Apply(db, frame).error, alone.error);
    db.Do("COMMIT");
    EXPECT_EQ(db.Get("SELECT b FROM foo WHERE a = 8"), "'host'");
    db.Do("DELETE FROM foo WHERE a = 8");
    EXPECT_EQ(db.Get("SELECT * FROM crsql_check()"), "");
    return alone.error;
  }
  std::string Refusal(const std::string& frame) { return Refusal(b_, frame); }

  Db a_, b_;
  std::string frame_;
};

TEST_F(ChangesetErrors, NoBlob) {
  for (const char* value : {"NULL", "1", "1.5", "'TRIB'", "''"}) {
    EXPECT_EQ(b_.Error(absl::StrCat("SELECT crsql_apply(", value, ")")),
              "crsql_apply: the changeset must be a blob, as crsql_changesets made it");
  }
  EXPECT_TRUE(Contains(b_.Error("SELECT crsql_apply()"), "wrong number of arguments"));
}

TEST_F(ChangesetErrors, NotExactlyOneFrame) {
  EXPECT_TRUE(Contains(Refusal(""), "crsql_apply: the frame is cut off"));
  EXPECT_TRUE(Contains(Refusal("TRAB" + frame_), "does not begin with TRIB"));
  EXPECT_TRUE(Contains(Refusal(frame_ + "x"), "1 bytes follow the frame"));
  EXPECT_TRUE(Contains(Refusal(frame_ + frame_), "bytes follow the frame"));
  for (size_t n = 0; n < frame_.size(); n += 1 + n / 16) {
    EXPECT_TRUE(Contains(Refusal(frame_.substr(0, n)), "the frame is cut off")) << n;
  }
}

TEST_F(ChangesetErrors, FlippedBits) {
  for (size_t bit = 0; bit < frame_.size() * 8; bit += bit < size_t{36} * 8 ? 1 : 5) {
    std::string damaged = frame_;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    EXPECT_TRUE(Contains(Apply(b_, damaged).error, "crsql_apply: ")) << bit;
  }
  EXPECT_EQ(TableText(b_, "foo"), "7|'own'|'own'");
  std::string damaged = frame_;
  damaged.back() ^= 1;
  EXPECT_EQ(Refusal(damaged),
            "crsql_apply: the frame's checksum does not fit: it was damaged on its way");
}

// What stays well-formed as a frame may be anything inside: no crash, no half-done work.
TEST_F(ChangesetErrors, FlippedBytesInsideAGoodFrame) {
  int refused = 0;
  for (size_t i = 36; i < frame_.size(); i++) {
    for (const unsigned char mask : {1, 0x80, 0x7f, 0xff}) {
      std::string damaged = frame_;
      damaged[i] = static_cast<char>(static_cast<unsigned char>(damaged[i]) ^ mask);
      Db db;
      db.Do(kFoo);
      const Outcome outcome = Apply(db, Resealed(damaged));
      if (!outcome.ok()) {
        refused++;
        EXPECT_EQ(db.Get("SELECT count(*) FROM foo"), "0") << outcome.error;
        EXPECT_TRUE(Contains(outcome.error, "crsql_")) << outcome.error;
      }
      EXPECT_EQ(db.Get("SELECT * FROM crsql_check()"), "");
    }
  }
  EXPECT_GT(refused, 100);
}

TEST_F(ChangesetErrors, OtherKindsAndVersions) {
  std::string other = frame_;
  other[5] = 9;
  EXPECT_TRUE(Contains(Refusal(Resealed(other)), "the frame is of kind 9"));
  other = frame_;
  other[4] = 2;
  EXPECT_TRUE(Contains(Refusal(Resealed(other)), "format version 2"));
  other = frame_;
  other[6] = 2;
  EXPECT_TRUE(Contains(Refusal(Resealed(other)), "malformed"));
}

TEST_F(ChangesetErrors, OtherSchemas) {
  const auto parked = [](Db& db, const std::string& frame) {
    EXPECT_EQ(MustApply(db, frame), 0);
    return db.Get("SELECT DISTINCT reason FROM crsql_parked");
  };
  Db fox;
  fox.Do(kFoo);
  EXPECT_EQ(parked(fox, Forged(frame_, "foo", "fox")), "'table fox is not replicated here'");
  EXPECT_TRUE(Contains(Refusal(Forged(frame_, "foo", std::string("f\0o", 3))), "table f"));
  // The column that is named, though it is NULL there.
  const size_t columns = frame_.rfind(
      "\x1a\x01"
      "b\x1a\x01"
      "c");
  ASSERT_NE(columns, std::string::npos);
  Db x;
  x.Do(kFoo);
  MustApply(x, Forged(frame_,
                      "\x1a\x01"
                      "c",
                      "\x1a\x01"
                      "x"));
  EXPECT_EQ(x.Get("SELECT cid, reason FROM crsql_parked"), "'x'|'table foo has no column x here'");
  EXPECT_EQ(x.Int("SELECT count(*) FROM foo"), 1);
  Db z;
  z.Do(kFoo);
  EXPECT_TRUE(Contains(parked(z, Forged(frame_,
                                        "\x12\x01"
                                        "a",
                                        "\x12\x01"
                                        "z")),
                       "the primary key of table foo has other columns here"));
  Db text;
  text.Do("CREATE TABLE foo(a TEXT PRIMARY KEY NOT NULL, b, c); SELECT crsql_as_crr('foo')");
  const std::string reason = parked(text, frame_);
  EXPECT_TRUE(Contains(reason, "table foo")) << reason;
  EXPECT_TRUE(Contains(reason, "key column a")) << reason;
}

TEST_F(ChangesetErrors, AColumnOrTableThatIsMissingHere) {
  Db less;
  less.Do("CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, b); SELECT crsql_as_crr('foo')");
  EXPECT_EQ(MustApply(less, frame_), 1);
  Db none;
  EXPECT_EQ(MustApply(none, frame_), 0);
  for (Db* db : {&less, &none}) {
    EXPECT_EQ(db->Get("SELECT DISTINCT \"table\" FROM crsql_parked"), "'foo'");
  }
  // Later it will do, by itself.
  none.Do(kFoo);
  less.Do("ALTER TABLE foo ADD COLUMN c; SELECT crsql_as_crr('foo')");
  for (Db* db : {&less, &none}) {
    ExpectEqual(*db, a_, {"foo"});
    EXPECT_EQ(db->Get("SELECT * FROM crsql_parked"), "");
  }
}

TEST_F(ChangesetErrors, APieceThatHasToWaitIsCheckedAtOnce) {
  // Random, so that no piece is compressed, in which nothing could be forged.
  a_.Do("INSERT INTO foo VALUES(2, randomblob(200), 1), (3, randomblob(200), 2)");
  std::vector<std::string> pieces = PiecesFor(b_, a_, 1);
  ASSERT_EQ(pieces.size(), 3);
  EXPECT_TRUE(Contains(Refusal(Forged(pieces[1], "foo", std::string("f\0o", 3))), "table f"));
  MustApplyAll(b_, pieces);
  EXPECT_EQ(b_.Int("SELECT count(*) FROM foo"), 4);
}

TEST_F(ChangesetErrors, CopiedAndRestoredFiles) {
  const TempDir dir;
  const std::string path = dir.File("a.db"), copy = dir.File("copy.db");
  Db a(path);
  a.Do(kFoo);
  a.Do("INSERT INTO foo VALUES(1, 2, 3)");
  std::filesystem::copy_file(path, copy);
  a.Do("INSERT INTO foo VALUES(2, 2, 3)");
  const std::string frame = Pieces(a, {}).at(0);
  Send(a, b_);
  b_.Do("INSERT INTO foo VALUES(9, 9, 9)");
  const std::string of_b = Pieces(b_, {}).at(0);
  Db twin(copy);
  const std::string before = Everything(twin, {"foo"});
  EXPECT_TRUE(Contains(Apply(twin, frame).error, "this one's own site id"));
  // Through another replica.
  EXPECT_TRUE(Contains(Apply(twin, of_b).error, "this file has only issued"));
  EXPECT_EQ(Everything(twin, {"foo"}), before);
}

TEST_F(ChangesetErrors, Json) {
  EXPECT_TRUE(Contains(b_.Error("SELECT crsql_changeset_json('x')"),
                       "crsql_changeset_json: the changeset must be a blob"));
  EXPECT_TRUE(Contains(b_.Error("SELECT crsql_changeset_json(x'00')"), "crsql_changeset_json: "));
  EXPECT_TRUE(
      Contains(b_.Error("SELECT crsql_version_vector_json(x'00')"), "crsql_version_vector_json: "));
  EXPECT_TRUE(Contains(b_.Error("SELECT crsql_version_vector('[\"bar\"]')"),
                       "crsql_version_vector: table bar is not replicated here"));
}

}  // namespace
}  // namespace tributary::testing
