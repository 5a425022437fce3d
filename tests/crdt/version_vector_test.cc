#include "crdt/version_vector.h"

#include <gtest/gtest.h>

#include "crdt/coding.h"
#include "tests/crdt/damage.h"

namespace tributary {
namespace {

SiteId Site(uint8_t first, uint8_t last = 0) {
  SiteId id;
  id.bytes[0] = first;
  id.bytes[15] = last;
  return id;
}

VersionVector Of(const std::vector<std::pair<uint8_t, int64_t>>& entries) {
  VersionVector v;
  for (const auto& [site, version] : entries) {
    EXPECT_TRUE(v.Raise(Site(site), DbVersion(version)));
  }
  return v;
}

std::string Encoded(const VersionVector& v) {
  std::string s;
  v.Encode(&s);
  return s;
}

TEST(VersionVector, RaiseNeverLowers) {
  VersionVector v;
  EXPECT_TRUE(v.empty());
  EXPECT_EQ(v.Of(Site(1)), DbVersion(0));
  EXPECT_TRUE(v.Raise(Site(1), DbVersion(5)));
  EXPECT_TRUE(v.Raise(Site(1), DbVersion(3)));
  EXPECT_TRUE(v.Raise(Site(1), DbVersion(0)));
  EXPECT_EQ(v.Of(Site(1)), DbVersion(5));
  EXPECT_TRUE(v.Raise(Site(1), kMaxVersion));
  EXPECT_EQ(v.Of(Site(1)), kMaxVersion);
  EXPECT_TRUE(v.Raise(Site(2), DbVersion(0)));
  EXPECT_EQ(v.entries().size(), 1U) << "knowing nothing of a site is no entry";
  EXPECT_FALSE(v.Raise(Site(2), DbVersion(-1)));
  EXPECT_FALSE(v.Raise(Site(2), DbVersion(INT64_MAX)));
  EXPECT_EQ(v.entries().size(), 1U);
}

TEST(VersionVector, Covers) {
  const VersionVector v = Of({{1, 5}, {3, 7}});
  EXPECT_TRUE(v.Covers(Site(1), DbVersion(5)));
  EXPECT_FALSE(v.Covers(Site(1), DbVersion(6)));
  EXPECT_FALSE(v.Covers(Site(2), DbVersion(1)));
  EXPECT_FALSE(v.Covers(Site(4), DbVersion(1)));
  EXPECT_TRUE(v.Covers(Site(2), DbVersion(0)));
  EXPECT_TRUE(v.Covers(v));
  EXPECT_TRUE(v.Covers(VersionVector()));
  EXPECT_TRUE(v.Covers(Of({{3, 6}})));
  EXPECT_FALSE(v.Covers(Of({{1, 5}, {3, 8}})));
  EXPECT_FALSE(v.Covers(Of({{2, 1}})));
  EXPECT_FALSE(VersionVector().Covers(v));
}

TEST(VersionVector, OrderOfSitesIsUnsigned) {
  const VersionVector v = Of({{0x80, 1}, {0x7f, 2}, {0xff, 3}, {0, 4}});
  std::vector<int> firsts;
  for (const auto& e : v.entries()) firsts.push_back(e.site.bytes[0]);
  EXPECT_EQ(firsts, (std::vector<int>{0, 0x7f, 0x80, 0xff}));
}

// Every pair of vectors over three sites and versions 0 .. 2.
TEST(VersionVector, MergeMaxIsTheLeastUpperBound) {
  const auto vector = [](int n) { return Of({{1, n % 3}, {2, n / 3 % 3}, {3, n / 9}}); };
  for (int a = 0; a < 27; a++) {
    for (int b = 0; b < 27; b++) {
      VersionVector merged = vector(a);
      ASSERT_TRUE(merged.MergeMax(vector(b)));
      EXPECT_EQ(merged, Of({{1, std::max(a % 3, b % 3)},
                            {2, std::max(a / 3 % 3, b / 3 % 3)},
                            {3, std::max(a / 9, b / 9)}}));
      EXPECT_TRUE(merged.Covers(vector(a)) && merged.Covers(vector(b)));
    }
    VersionVector self = vector(a);
    ASSERT_TRUE(self.MergeMax(self));
    EXPECT_EQ(self, vector(a));
  }
}

TEST(VersionVector, GoldenBytes) {
  EXPECT_EQ(Hex(Encoded({})), "0100");
  EXPECT_EQ(Hex(Encoded(Of({{2, 300}, {1, 1}}))),
            "0102"
            "0100000000000000000000000000000001"
            "02000000000000000000000000000000ac02");
}

TEST(VersionVector, RoundTripAtEveryPowerOfTwo) {
  for (const int64_t version : BoundaryIntegers()) {
    VersionVector v = Of({{9, 9}});
    if (!v.Raise(Site(1, 1), DbVersion(version))) continue;
    VersionVector read = Of({{7, 7}});
    ASSERT_TRUE(read.Decode(Encoded(v)));
    EXPECT_EQ(read, v);
  }
}

std::string ManySites(size_t n) {
  std::string data(1, '\1');
  PutVarint(&data, n);
  for (size_t i = 0; i < n; i++) {
    data.append({0, static_cast<char>(i >> 16), static_cast<char>(i >> 8), static_cast<char>(i)});
    data.append(12, '\0');
    data.push_back(1);
  }
  return data;
}

TEST(VersionVector, NumberOfSitesIsBounded) {
  VersionVector full;
  ASSERT_TRUE(full.Decode(ManySites(VersionVector::kMaxSites)));
  const VersionVector before = full;
  EXPECT_FALSE(full.Raise(Site(1), DbVersion(1)));
  EXPECT_FALSE(full.MergeMax(Of({{1, 1}})));
  EXPECT_EQ(full, before);
  EXPECT_TRUE(full.Raise(Site(0), DbVersion(2)));
  EXPECT_TRUE(full.MergeMax(before));
  VersionVector more;
  EXPECT_FALSE(more.Decode(ManySites(VersionVector::kMaxSites + 1)));
}

TEST(VersionVector, MalformedIsRefused) {
  const std::string a = "01000000000000000000000000000000";
  const std::string b = "02000000000000000000000000000000";
  for (const std::string& bad :
       {std::string(""), std::string("01"), std::string("0200"), std::string("0101"), "0101" + a,
        "0101" + a + "00", "0101" + a + "80", "0101" + a + "ffffffffffffffff7f",
        "0101" + a + "ffffffffffffffffff01", "0101" + a + "01" + "00", "0102" + a + "01",
        "0102" + a + "01" + a + "01", "0102" + b + "01" + a + "01",
        "0102" + a + "8101" + b.substr(0, 30) + "01", "0102" + a + "818001" + b.substr(0, 30),
        "01ffffff7f" + a + "01"}) {
    WithExactCopy(Unhex(bad), [&](std::string_view bytes) {
      VersionVector v = Of({{1, 1}});
      EXPECT_FALSE(v.Decode(bytes)) << bad;
      EXPECT_TRUE(v.empty());
    });
  }
}

TEST(VersionVector, DamageIsRefusedOrAnotherVector) {
  const std::string data = Encoded(Of({{1, 300}, {2, 1}, {200, INT64_MAX - 1}}));
  ForEachPrefix(data, [](std::string_view prefix) {
    VersionVector v;
    EXPECT_FALSE(v.Decode(prefix)) << prefix.size();
  });
  ForEachBitFlip(data, [](std::string_view damaged) {
    VersionVector v;
    if (v.Decode(damaged)) {
      EXPECT_EQ(Encoded(v), damaged);
    }
  });
}

}  // namespace
}  // namespace tributary
