#include "crdt/digest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "tests/crdt/damage.h"

namespace tributary {
namespace {

Digest Of(const std::vector<std::string>& records) {
  Digest d;
  for (const std::string& r : records) d.Add(r);
  return d;
}

TEST(Digest, OfNothing) {
  EXPECT_EQ(Digest().ToHex(), std::string(32, '0'));
  // XXH3_128bits of nothing, from its specification.
  EXPECT_EQ(Of({""}).ToHex(), "99aa06d3014798d86001c324468d497f");
}

TEST(Digest, OrderDoesNotCount) {
  std::vector<std::string> records{"a", "b", "", "a", std::string(1000, 'z')};
  std::sort(records.begin(), records.end());
  const Digest expected = Of(records);
  do {
    EXPECT_EQ(Of(records), expected);
  } while (std::next_permutation(records.begin(), records.end()));
}

TEST(Digest, SumsAreDigestsOfUnions) {
  // Enough additions for carries between the halves.
  Digest left;
  Digest right;
  Digest all;
  std::set<std::string> seen;
  for (int i = 0; i < 100; i++) {
    const std::string record = std::to_string(i);
    (i % 3 == 0 ? left : right).Add(record);
    all.Add(record);
    EXPECT_TRUE(seen.insert(all.ToHex()).second);
    Digest sum = left;
    sum.Add(right);
    EXPECT_EQ(sum, all);
  }
}

TEST(Digest, AddingItselfDoubles) {
  for (int i = 0; i < 50; i++) {
    const std::string record = std::to_string(i);
    Digest self = Of({record});
    self.Add(self);
    EXPECT_EQ(self, Of({record, record})) << i;
    EXPECT_NE(self, Of({record}));
  }
}

TEST(Digest, SeesEveryFlipAndPrefix) {
  const std::string record = "table key column value";
  std::set<std::string> seen{Of({record}).ToHex()};
  const auto differs = [&](std::string_view damaged) {
    Digest d;
    d.Add(damaged);
    EXPECT_TRUE(seen.insert(d.ToHex()).second);
  };
  ForEachPrefix(record, differs);
  ForEachBitFlip(record, differs);
}

}  // namespace
}  // namespace tributary
