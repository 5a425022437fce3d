#include "crdt/version_set.h"

#include <gtest/gtest.h>

#include <set>

#include "crdt/coding.h"
#include "tests/crdt/damage.h"

namespace tributary {
namespace {

VersionRange R(int64_t first, int64_t last) { return {DbVersion(first), DbVersion(last)}; }

VersionSet Of(const std::vector<VersionRange>& ranges) {
  VersionSet set;
  for (const VersionRange& r : ranges) EXPECT_TRUE(set.AddRange(r));
  return set;
}

std::vector<VersionRange> RangesOf(const VersionSet& set) {
  return {set.ranges().begin(), set.ranges().end()};
}

std::string Encoded(const VersionSet& set) {
  std::string s;
  set.Encode(&s);
  return s;
}

// The set of the bits of a small number: bit 0 is version 1.
VersionSet FromBits(unsigned bits) {
  VersionSet set;
  for (int i = 0; i < 8; i++) {
    if ((bits >> i & 1) != 0) {
      EXPECT_TRUE(set.Add(DbVersion(i + 1)));
    }
  }
  return set;
}

void ExpectBits(const VersionSet& set, unsigned bits) {
  for (int i = 0; i < 9; i++) {
    ASSERT_EQ(set.Contains(DbVersion(i + 1)), (bits >> i & 1) != 0) << bits << " " << i;
  }
  for (size_t i = 0; i < set.ranges().size(); i++) {
    ASSERT_LE(set.ranges()[i].first, set.ranges()[i].last);
    if (i > 0) {
      ASSERT_LT(set.ranges()[i - 1].last + 1, set.ranges()[i].first);
    }
  }
}

// Every pair of subsets of 1 .. 8 against bit arithmetic.
TEST(VersionSet, AllSmallSets) {
  for (unsigned a = 0; a < 256; a++) {
    const VersionSet set = FromBits(a);
    ExpectBits(set, a);
    EXPECT_EQ(set.empty(), a == 0);
    EXPECT_EQ(set.Highest(), DbVersion(std::bit_width(a)));
    EXPECT_EQ(set.HighestClosed(), DbVersion(std::countr_one(a)));
    VersionSet gaps;
    for (const VersionRange& r : set.Gaps(DbVersion(8))) EXPECT_TRUE(gaps.AddRange(r));
    ExpectBits(gaps, ~a & 255);
    EXPECT_LE(gaps.ranges().size(), set.ranges().size() + 1);
    VersionSet read;
    ASSERT_TRUE(read.Decode(Encoded(set)));
    ASSERT_EQ(read, set);
    for (unsigned b = 0; b < 256; b++) {
      VersionSet united = set;
      ASSERT_TRUE(united.Union(FromBits(b)));
      ExpectBits(united, a | b);
      VersionSet difference = set;
      ASSERT_TRUE(difference.Difference(FromBits(b)));
      ExpectBits(difference, a & ~b);
    }
    for (int first = 1; first <= 8; first++) {
      for (int last = first; last <= 8; last++) {
        VersionSet added = set;
        ASSERT_TRUE(added.AddRange(R(first, last)));
        ExpectBits(added, a | (((1U << (last - first + 1)) - 1) << (first - 1)));
      }
    }
  }
}

TEST(VersionSet, WithItself) {
  VersionSet set = Of({R(1, 3), R(7, 9)});
  EXPECT_TRUE(set.Union(set));
  EXPECT_EQ(set, Of({R(1, 3), R(7, 9)}));
  EXPECT_TRUE(set.Difference(set));
  EXPECT_TRUE(set.empty());
}

TEST(VersionSet, GapsUntil) {
  const VersionSet set = Of({R(3, 4), R(8, 9)});
  EXPECT_EQ(set.Gaps(DbVersion(0)), std::vector<VersionRange>());
  EXPECT_EQ(set.Gaps(DbVersion(2)), (std::vector<VersionRange>{R(1, 2)}));
  EXPECT_EQ(set.Gaps(DbVersion(4)), (std::vector<VersionRange>{R(1, 2)}));
  EXPECT_EQ(set.Gaps(DbVersion(6)), (std::vector<VersionRange>{R(1, 2), R(5, 6)}));
  EXPECT_EQ(set.Gaps(kMaxVersion),
            (std::vector<VersionRange>{R(1, 2), R(5, 7), R(10, kMaxVersion.value)}));
}

TEST(VersionSet, RangesOutsideAreRefused) {
  VersionSet set = Of({R(5, 5)});
  for (const VersionRange& bad :
       {R(0, 1), R(-1, 1), R(3, 2), R(1, INT64_MAX), R(INT64_MIN, -1), R(INT64_MAX, INT64_MAX)}) {
    EXPECT_FALSE(set.AddRange(bad));
  }
  EXPECT_EQ(RangesOf(set), (std::vector<VersionRange>{R(5, 5)}));
}

TEST(VersionSet, BoundariesOfInt64) {
  for (const int64_t v : BoundaryIntegers()) {
    if (v < 1 || v > kMaxVersion.value) continue;
    VersionSet set;
    ASSERT_TRUE(set.Add(DbVersion(v)));
    EXPECT_TRUE(set.Contains(DbVersion(v)));
    EXPECT_FALSE(set.Contains(DbVersion(v - 1)));
    EXPECT_FALSE(set.Contains(DbVersion(v + 1)));
    ASSERT_TRUE(set.Union(Of({R(1, v)})));
    EXPECT_EQ(set.HighestClosed(), DbVersion(v));
    ASSERT_TRUE(set.Difference(Of({R(v, kMaxVersion.value)})));
    EXPECT_EQ(set.Highest(), DbVersion(v - 1));
    ASSERT_TRUE(set.AddRange(R(v, kMaxVersion.value)));
    EXPECT_EQ(RangesOf(set), (std::vector<VersionRange>{R(1, kMaxVersion.value)}));
    for (const VersionSet& s : {Of({R(v, v)}), Of({R(v, kMaxVersion.value)}), Of({R(1, v)})}) {
      VersionSet read;
      ASSERT_TRUE(read.Decode(Encoded(s))) << v;
      EXPECT_EQ(read, s);
    }
  }
}

VersionSet EveryOther(size_t n, int64_t start) {
  std::string data;
  PutVarint(&data, n);
  for (size_t i = 0; i < n; i++) {
    PutVarint(&data, i == 0 ? static_cast<uint64_t>(start - 1) : 0);
    PutVarint(&data, 0);
  }
  VersionSet set;
  EXPECT_TRUE(set.Decode(data));
  return set;
}

TEST(VersionSet, NumberOfRangesIsBounded) {
  VersionSet full = EveryOther(VersionSet::kMaxRanges, 1);
  const VersionSet before = full;
  EXPECT_EQ(full.ranges().size(), VersionSet::kMaxRanges);
  EXPECT_FALSE(full.Add(DbVersion(int64_t{1} << 20)));
  EXPECT_FALSE(full.Union(Of({R(1 << 20, 1 << 20)})));
  EXPECT_EQ(full, before);
  EXPECT_TRUE(full.Add(DbVersion(2)));
  VersionSet solid = Of({R(1, 1 << 18)});
  EXPECT_FALSE(solid.Difference(EveryOther(VersionSet::kMaxRanges, 2)));
  EXPECT_EQ(solid, Of({R(1, 1 << 18)}));
  std::string data;
  PutVarint(&data, VersionSet::kMaxRanges + 1);
  data.append(2 * (VersionSet::kMaxRanges + 1), '\0');
  EXPECT_FALSE(VersionSet().Decode(data));
}

TEST(VersionSet, GoldenBytes) {
  EXPECT_EQ(Hex(Encoded({})), "00");
  EXPECT_EQ(Hex(Encoded(Of({R(1, 1)}))), "010000");
  EXPECT_EQ(Hex(Encoded(Of({R(1, 300), R(302, 302), R(310, 311)}))),
            Hex(Unhex("03 00 ab02 00 00 06 01")));
}

TEST(VersionSet, MalformedIsRefused) {
  const std::string max = "feffffffffffffff7f";  // kMaxVersion
  for (const std::string& bad :
       {std::string(""), std::string("80"), std::string("01"), std::string("0100"),
        std::string("0000"), std::string("010000 00"), std::string("8180808010 0000"),
        std::string("01 00 80"), std::string("01 80 00"), "01" + max + "00", "01 01" + max,
        "02 00 00" + max + "00", std::string("01 fcffffffffffffff7f 02"),
        std::string("02 00 fcffffffffffffff7f 00 00"),
        std::string("02 00 fdffffffffffffff7f 00 00"), std::string("01 ffffffffffffffffff01 00"),
        std::string("01 00 ffffffffffffffffff01")}) {
    WithExactCopy(Unhex(bad), [&](std::string_view bytes) {
      VersionSet set = Of({R(1, 1)});
      EXPECT_FALSE(set.Decode(bytes)) << bad;
      EXPECT_TRUE(set.empty());
    });
  }
}

TEST(VersionSet, DamageIsRefusedOrAnotherSet) {
  const std::string data = Encoded(Of({R(2, 300), R(305, 305), R(70000, 1 << 30)}));
  ForEachPrefix(data, [](std::string_view prefix) {
    VersionSet set;
    EXPECT_FALSE(set.Decode(prefix)) << prefix.size();
  });
  ForEachBitFlip(data, [](std::string_view damaged) {
    VersionSet set;
    if (set.Decode(damaged)) {
      EXPECT_EQ(Encoded(set), damaged);
    }
  });
}

}  // namespace
}  // namespace tributary
