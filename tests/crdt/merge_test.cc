// The merge decision, case by case of the reference's table (section 7.2 and 7.3), and T18. All
// small questions against a model are tests/exhaustive's business.
#include "crdt/merge.h"

#include <gtest/gtest.h>

#include <vector>

namespace tributary {
namespace {

using enum MergeAction;

constexpr TieBreak kNoTie{};
constexpr auto kLess = std::strong_ordering::less;
constexpr auto kEqual = std::strong_ordering::equal;
constexpr auto kGreater = std::strong_ordering::greater;

MergeQuestion Sentinel(int64_t local_cl, int64_t incoming_cl) {
  return {.local_cl = CausalLength(local_cl),
          .incoming_cl = CausalLength(incoming_cl),
          .is_sentinel = true};
}

MergeQuestion Cell(int64_t local_cl, int64_t incoming_cl, int64_t local_version,
                   int64_t incoming_version) {
  return {.local_cl = CausalLength(local_cl),
          .incoming_cl = CausalLength(incoming_cl),
          .local_version = ColVersion(local_version),
          .incoming_version = ColVersion(incoming_version)};
}

void ExpectWithoutTie(const MergeQuestion& q, MergeAction action) {
  EXPECT_FALSE(NeedsTieBreak(q));
  for (const auto value : {kLess, kEqual, kGreater}) {
    for (const auto stamp : {kLess, kEqual, kGreater}) {
      EXPECT_EQ(Decide(q, {value, stamp}), action);
    }
  }
}

void ExpectByStamp(const MergeQuestion& q) {
  EXPECT_TRUE(NeedsTieBreak(q));
  EXPECT_EQ(Decide(q, {kEqual, kLess}), kIgnore);
  EXPECT_EQ(Decide(q, {kEqual, kEqual}), kIgnore);
  EXPECT_EQ(Decide(q, {kEqual, kGreater}), kRestamp);
}

TEST(Decide, ShorterCausalLengthIsIgnored) {
  ExpectWithoutTie(Cell(2, 1, 0, 9), kIgnore);
  ExpectWithoutTie(Cell(3, 2, 1, 9), kIgnore);
  ExpectWithoutTie(Sentinel(3, 2), kIgnore);
  ExpectWithoutTie(Sentinel(2, 1), kIgnore);
}

TEST(Decide, NoCausalLengthIsIgnored) {
  ExpectWithoutTie(Cell(0, 0, 0, 1), kIgnore);
  ExpectWithoutTie(Sentinel(0, 0), kIgnore);
  ExpectWithoutTie(Sentinel(0, -1), kIgnore);
  ExpectWithoutTie(Sentinel(1, -2), kIgnore);
}

TEST(Decide, LongerEvenCausalLengthDeletesWhateverTheRecord) {
  for (const int64_t local : {0, 1, 2, 3}) {
    ExpectWithoutTie(Sentinel(local, 4), kDelete);
    ExpectWithoutTie(Cell(local, 4, 1, 9), kDelete);
  }
}

TEST(Decide, EqualTombstonesKeepTheGreaterStamp) {
  ExpectByStamp(Sentinel(2, 2));
  ExpectByStamp(Cell(2, 2, 0, 1));
}

TEST(Decide, SentinelOfALongerLifeRevives) {
  ExpectWithoutTie(Sentinel(0, 1), kRevive);
  ExpectWithoutTie(Sentinel(0, 3), kRevive);
  ExpectWithoutTie(Sentinel(1, 3), kRevive);
  ExpectWithoutTie(Sentinel(2, 3), kRevive);
}

TEST(Decide, CellOfALongerLifeRevives) {
  ExpectWithoutTie(Cell(1, 3, 9, 1), kReviveAndSet);
  ExpectWithoutTie(Cell(2, 3, 0, 1), kReviveAndSet);
  ExpectWithoutTie(Cell(0, 3, 0, 1), kReviveAndSet);
  ExpectWithoutTie(Cell(0, 1, 0, 1), kCreateAndSet);
}

TEST(Decide, CellWithoutAClockOnlyTellsTheCausalLength) {
  ExpectWithoutTie(Cell(0, 1, 0, 0), kRevive);
  ExpectWithoutTie(Cell(1, 3, 5, 0), kRevive);
  ExpectWithoutTie(Cell(1, 3, 5, -1), kRevive);
  ExpectWithoutTie(Cell(1, 1, 0, 0), kIgnore);
  ExpectWithoutTie(Cell(1, 1, 1, 0), kIgnore);
}

TEST(Decide, SameLifeLargerVersionWins) {
  ExpectWithoutTie(Cell(1, 1, 1, 2), kSet);
  ExpectWithoutTie(Cell(1, 1, 0, 1), kSet);
  ExpectWithoutTie(Cell(3, 3, 2, 1), kIgnore);
}

TEST(Decide, SameVersionLargerValueWins) {
  const MergeQuestion q = Cell(1, 1, 2, 2);
  EXPECT_TRUE(NeedsTieBreak(q));
  for (const auto stamp : {kLess, kEqual, kGreater}) {
    EXPECT_EQ(Decide(q, {kGreater, stamp}), kSet);
    EXPECT_EQ(Decide(q, {kLess, stamp}), kIgnore);
  }
  ExpectByStamp(q);
}

TEST(Decide, SentinelsOfOneLifeKeepTheGreaterStamp) {
  ExpectByStamp(Sentinel(1, 1));
  ExpectByStamp(Sentinel(3, 3));
}

TEST(Decide, CountersThatNobodyReachesHonestlyAreIgnored) {
  EXPECT_EQ(Decide(Cell(1, 1, 1, kMaxCounter), kNoTie), kSet);
  ExpectWithoutTie(Cell(1, 1, 1, kMaxCounter + 1), kIgnore);
  ExpectWithoutTie(Cell(1, 1, kMaxCounter + 1, kMaxCounter + 1), kIgnore);
  ExpectWithoutTie(Cell(1, kMaxCounter + 1, 1, 2), kIgnore);
  ExpectWithoutTie(Cell(1, 3, 1, INT64_MAX), kIgnore);
  EXPECT_EQ(Decide(Sentinel(1, kMaxCounter), kNoTie), kDelete);
  ExpectWithoutTie(Sentinel(1, INT64_MAX), kIgnore);
  ExpectWithoutTie(Sentinel(INT64_MAX, INT64_MAX), kIgnore);
  MergeQuestion sentinel = Sentinel(1, 2);
  sentinel.incoming_version = ColVersion(INT64_MAX);  // no field of a sentinel
  ExpectWithoutTie(sentinel, kDelete);
}

TEST(RowsImpacted, AsCrsqliteCounts) {
  for (const bool merge_equal_values : {false, true}) {
    for (const bool is_sentinel : {false, true}) {
      const auto count = [&](MergeAction a) {
        return RowsImpacted(a, is_sentinel, merge_equal_values);
      };
      EXPECT_EQ(count(kIgnore), 0);
      EXPECT_EQ(count(kDelete), 1);
      EXPECT_EQ(count(kRevive), 1);
      EXPECT_EQ(count(kReviveAndSet), 2);
      EXPECT_EQ(count(kCreateAndSet), 1);
      EXPECT_EQ(count(kSet), 1);
      EXPECT_EQ(count(kRestamp), merge_equal_values && !is_sentinel ? 1 : 0);
      EXPECT_EQ(count(static_cast<MergeAction>(99)), 0);
    }
  }
}

TEST(CompareStamps, IsATotalOrder) {
  struct Named {
    SiteId site;
    Stamp stamp;
  };
  SiteId low;
  SiteId middle;
  SiteId high;
  low.bytes[15] = 1;
  middle.bytes[0] = 0x7f;
  high.bytes[0] = 0x80;  // bytes are unsigned
  // Ascending. Ordinals are local and play no part.
  const std::vector<Named> ascending = {{low, {9, DbVersion(7), Seq(0)}},
                                        {middle, {0, DbVersion(1), Seq(3)}},
                                        {middle, {0, DbVersion(1), Seq(0)}},
                                        {middle, {0, DbVersion(2), Seq(5)}},
                                        {high, {1, DbVersion(1), Seq(0)}}};
  for (size_t i = 0; i < ascending.size(); i++) {
    for (size_t j = 0; j < ascending.size(); j++) {
      EXPECT_EQ(CompareStamps(ascending[i].site, ascending[i].stamp, ascending[j].site,
                              ascending[j].stamp),
                i <=> j)
          << i << " " << j;
    }
  }
}

}  // namespace
}  // namespace tributary
