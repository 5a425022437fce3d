#include "crdt/filter.h"

#include <gtest/gtest.h>

#include <vector>

#include "crdt/key.h"
#include "crdt/key_filter.h"
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

std::string IntegerKey(int64_t v) {
  std::string key;
  AppendKeyValue(Value::Integer(v), &key);
  return key;
}

// Keys that count up in pieces of `piece` make the filter that they make when they come at once.
TEST(KeyFilter, RunsGoOnFromOneBuilderToTheNext) {
  for (const int64_t piece : {1, 2, 127, 128, 129, 500}) {
    KeyFilterBuilder whole;
    KeyFilterBuilder pieces;
    KeyFilterBuilder next;
    for (int64_t i = 1; i <= 1000; i++) {
      whole.Add(7, IntegerKey(i));
      next.Add(7, IntegerKey(i));
      if (i % piece == 0 || i == 1000) pieces.TakeFrom(&next);
      ASSERT_EQ(next.empty(), i % piece == 0 || i == 1000);
    }
    const std::string filter = pieces.Finish(10);
    for (int64_t i = 1; i <= 1000; i++) {
      ASSERT_TRUE(KeyFilterMayContain(filter, KeyProbe(7, IntegerKey(i)))) << piece;
    }
    if (piece < 128) EXPECT_EQ(Hex(filter), Hex(whole.Finish(10))) << piece;
  }
}

TEST(KeyFilter, TakesKeysOfAllKinds) {
  KeyFilterBuilder all;
  std::vector<std::pair<int64_t, std::string>> keys;
  for (int64_t piece = 0; piece < 40; piece++) {
    KeyFilterBuilder next;
    for (int64_t i = 0; i < piece * 7; i++) {
      std::string key;
      if ((piece + i / 5) % 3 == 0) {
        AppendKeyValue(Value::Text(std::to_string(i * piece)), &key);
      } else {
        key = IntegerKey(piece * 100 + i);
      }
      next.Add(1 + i / 50, key);
      keys.emplace_back(1 + i / 50, key);
    }
    all.TakeFrom(&next);
  }
  const std::string filter = all.Finish(16);
  for (const auto& [table, key] : keys) {
    ASSERT_TRUE(KeyFilterMayContain(filter, KeyProbe(table, key)));
  }
}

}  // namespace
}  // namespace tributary
