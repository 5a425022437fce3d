#include "crdt/ids.h"

#include <gtest/gtest.h>

#include <type_traits>

#include "absl/hash/hash.h"

namespace tributary {
namespace {

static_assert(!std::is_convertible_v<int64_t, DbVersion>);
static_assert(!std::is_convertible_v<DbVersion, Seq>);
static_assert(!std::is_constructible_v<DbVersion, Seq>);

TEST(Ids, OddIsAlive) {
  for (int64_t cl = 0; cl < 6; cl++) EXPECT_EQ(IsAlive(CausalLength(cl)), cl % 2 == 1);
}

TEST(Ids, CompareAndHash) {
  EXPECT_LT(Seq(1), Seq(2));
  EXPECT_EQ(Seq(1) + 1, Seq(2));
  EXPECT_EQ(absl::HashOf(Seq(1)), absl::HashOf(Seq(1)));
  SiteId low;
  SiteId high;
  low.bytes[0] = 0x7f;
  high.bytes[0] = 0x80;
  EXPECT_LT(low, high) << "bytes are unsigned";
}

TEST(Ids, CountersLeaveRoomToCountOn) {
  EXPECT_LT(kMaxCounter, INT64_MAX / 16);
  EXPECT_LT(kMaxVersion.value, INT64_MAX);
}

}  // namespace
}  // namespace tributary
