#include "crdt/filter.h"

#include <gtest/gtest.h>

#include <vector>

#include "crdt/key.h"
#include "tests/crdt/damage.h"

namespace tributary {
namespace {

std::vector<uint64_t> Hashes(int from, int to) {
  std::vector<uint64_t> hashes;
  for (int i = from; i < to; i++) {
    std::string key;
    AppendKeyValue(Value::Integer(i), &key);
    hashes.push_back(HashKey(1, key));
  }
  return hashes;
}

TEST(Filter, EmptyContainsNothing) {
  EXPECT_EQ(BuildFilter({}), "");
  for (const uint64_t h : Hashes(0, 100)) EXPECT_FALSE(FilterMayContain("", h));
}

TEST(Filter, NeverAFalseNegativeAndFewFalsePositives) {
  for (const int n : {1, 2, 10, 100, 1000, 10000}) {
    const std::vector<uint64_t> hashes = Hashes(0, n);
    const std::string filter = BuildFilter(hashes);
    EXPECT_EQ(filter.size(), (static_cast<size_t>(n) * 10 + 7) / 8);
    for (const uint64_t h : hashes) ASSERT_TRUE(FilterMayContain(filter, h)) << n;
  }
  // What a few keys let through depends much on which they are: the mean over many such filters.
  for (const int n : {1, 2, 10, 100, 1000, 10000}) {
    const int filters = n < 100 ? 50 : 1;
    int wrong = 0;
    for (int f = 0; f < filters; f++) {
      const std::string filter = BuildFilter(Hashes(f * n, (f + 1) * n));
      for (const uint64_t h : Hashes(1000000, 1010000)) {
        wrong += FilterMayContain(filter, h) ? 1 : 0;
      }
    }
    EXPECT_LT(wrong / filters, 200) << n << ": more than 2 %";
  }
}

TEST(Filter, BoundaryHashes) {
  for (const int64_t v : BoundaryIntegers()) {
    const auto hash = static_cast<uint64_t>(v);
    WithExactCopy(BuildFilter({&hash, 1}),
                  [&](std::string_view filter) { EXPECT_TRUE(FilterMayContain(filter, hash)); });
  }
}

TEST(Filter, AnyBytesAreAFilter) {
  const std::vector<uint64_t> hashes = Hashes(0, 5);
  const auto ask = [&](std::string_view damaged) {
    for (const uint64_t h : hashes) FilterMayContain(damaged, h);
  };
  ForEachPrefix(BuildFilter(hashes), ask);
  ForEachBitFlip(BuildFilter(hashes), ask);
}

TEST(Filter, BytesAreStoredAndMustNotChange) {
  const uint64_t hashes[] = {0, UINT64_MAX, 0x0123456789abcdef};
  EXPECT_EQ(Hex(BuildFilter(Hashes(0, 3))), "55b013e8");
  EXPECT_EQ(Hex(BuildFilter(hashes)), "01800280");
}

}  // namespace
}  // namespace tributary
