// The stored form of a row's clocks.
#include <gtest/gtest.h>

#include "crdt/coding.h"
#include "crdt/row_clock.h"
#include "tests/crdt/damage.h"

namespace tributary {
namespace {

constexpr ColumnId kB = 3;
constexpr ColumnId kC = 7;

Layouts TwoColumns() {
  Layouts layouts;
  layouts.Add({kB});
  layouts.Add({kB, kC});
  return layouts;
}

std::string Encoded(const RowClock& clock) {
  std::string s;
  clock.Encode(&s);
  return s;
}

Stamp Peer(int64_t version, int64_t seq) { return {2, DbVersion(version), Seq(seq)}; }

void Set(RowClock* clock, ColumnId column, int64_t version, const Stamp& stamp) {
  clock->Apply(MergeAction::kSet, clock->cl(), false, column, ColVersion(version), stamp);
}

// One of each shape.
std::vector<RowClock> Samples() {
  const Layouts layouts = TwoColumns();
  StampSource source(DbVersion(300), Seq(200));
  std::vector<RowClock> all{RowClock(), RowClock::Implied(), RowClock::Tombstone(CausalLength(2))};
  RowClock cells = RowClock::Implied();
  Set(&cells, kB, 2, Peer(1000, 0));
  Set(&cells, kC, 3, Peer(1000, 5));
  Set(&cells, 70000, 1, Peer(1001, 0));
  all.push_back(cells);
  RowClock base = RowClock::Tombstone(CausalLength(2));
  base.Insert(false, layouts, &source);
  all.push_back(base);  // born at its base
  Set(&base, kC, 2, Peer(7, 7));
  base.SetBirth({2, DbVersion(7)});
  all.push_back(base);  // born elsewhere
  base.Apply(MergeAction::kDelete, CausalLength(4), true, 0, ColVersion(4), Peer(8, 0));
  all.push_back(base);  // a tombstone that keeps its victim's birth
  return all;
}

TEST(RowClockCoding, GoldenBytes) {
  const std::vector<RowClock> all = Samples();
  EXPECT_EQ(Hex(Encoded(all[0])), "1000");
  EXPECT_EQ(Hex(Encoded(all[1])), "01");
  EXPECT_EQ(Hex(Encoded(all[2])), "1002");
  EXPECT_EQ(Hex(Encoded(all[3])), Hex(Unhex("01 06 02 02 e807 00 0f 03 05 e0c508 01 02 e907 00")));
  EXPECT_EQ(Hex(Encoded(all[4])), Hex(Unhex("36 03 00 ac02 c801 01 01 00 ac02 c901")));
  EXPECT_EQ(Hex(Encoded(all[5])),
            Hex(Unhex("1e 03 00 ac02 c801 01 01 00 ac02 c901 01 02 07 0e 02 02 07 07")));
  EXPECT_EQ(Hex(Encoded(all[6])), Hex(Unhex("1c 04 02 08 00 01 02 07")));
}

TEST(RowClockCoding, RoundTrip) {
  for (const RowClock& clock : Samples()) {
    RowClock read = RowClock::Implied();
    ASSERT_TRUE(read.Decode(Encoded(clock)));
    EXPECT_EQ(read, clock) << Hex(Encoded(clock));
  }
}

TEST(RowClockCoding, RoundTripAtEveryPowerOfTwo) {
  for (const int64_t v : BoundaryIntegers()) {
    if (v < 0) continue;
    const bool fits = v <= 2 * kMaxCounter;
    RowClock clock;
    clock.Apply(MergeAction::kDelete, CausalLength(fits ? v : 2), true, 0, ColVersion(),
                Peer(v, v));
    Set(&clock, static_cast<ColumnId>(v), fits ? v : 1, Peer(v, v));
    Set(&clock, UINT32_MAX, 1, {UINT32_MAX, DbVersion(v), Seq(v)});
    RowClock read;
    ASSERT_TRUE(read.Decode(Encoded(clock))) << v;
    EXPECT_EQ(read, clock) << v;
  }
}

TEST(RowClockCoding, NumbersThatWouldOverflowAreRefused) {
  const auto varint = [](uint64_t v) {
    std::string s;
    PutVarint(&s, v);
    return Hex(s);
  };
  const std::string most = varint(2 * kMaxCounter);
  const std::string more = varint(2 * kMaxCounter + 1);
  RowClock clock;
  EXPECT_TRUE(clock.Decode(Unhex("10" + most)));
  EXPECT_FALSE(clock.Decode(Unhex("10" + more))) << "causal length";
  EXPECT_TRUE(clock.Decode(Unhex("02 01" + most + "00 01" + most)));
  EXPECT_FALSE(clock.Decode(Unhex("02 01" + more + "00 01 00"))) << "base's col_version";
  EXPECT_FALSE(clock.Decode(Unhex("02 01 01 00 01" + more))) << "base's seq";
  EXPECT_TRUE(clock.Decode(Unhex("00 06" + most + "00 01 00")));
  EXPECT_FALSE(clock.Decode(Unhex("00 06" + more + "00 01 00"))) << "cell's col_version";
}

TEST(RowClockCoding, MalformedIsRefused) {
  for (const char* bad : {
           "",  // no flags
           "40",
           "80",
           "03",  // unknown flags, unknown rest
           "10",
           "04",
           "0401",
           "040101",
           "02",
           "0201",
           "020101",
           "02010100",
           "0201010001",
           "20",
           "21",                    // born at a base that is not there
           "2a 00 01 00 01 00 00",  // two kinds of birth
           "08",
           "0801",
           "080101",
           "08 05 00 01",
           "08ff",
           "04 8080808010 01 00",        // site ordinal beyond 32 bits
           "02 8080808010 01 00 01 00",  // layout beyond 32 bits
           "08 01 8080808010 01",
           "00 06",
           "00 06 01",
           "00 06 01 00",
           "00 06 01 00 01",
           "00 07 01 00",                  // no cell before that could share its transaction
           "00 808080808001 01 00 01 00",  // column beyond 32 bits
           "00 06 01 8080808010 01 00",
           "00 06 01 00 01 00 06 01 00 01 01",  // the same column twice
           "00 06 01 00 01 00 04 01 00 01 01",  // descending
       }) {
    WithExactCopy(Unhex(bad), [&](std::string_view bytes) {
      RowClock clock;
      EXPECT_FALSE(clock.Decode(bytes)) << bad;
    });
  }
}

TEST(RowClockCoding, DamageIsRefusedOrHarmless) {
  const Layouts layouts = TwoColumns();
  const auto use = [&](std::string_view bytes) {
    RowClock clock;
    if (!clock.Decode(bytes)) return;
    // Whatever it says now, it can be stored, read and worked with.
    RowClock again;
    ASSERT_TRUE(again.Decode(Encoded(clock)));
    EXPECT_EQ(again, clock) << Hex(bytes);
    StampSource source(DbVersion(1), Seq(0));
    clock.ToImplied(layouts);
    clock.Compact(layouts);
    RowClock target = clock;
    target.MoveIn(clock, layouts, &source);
    clock.Insert(clock.IsAlive(), layouts, &source);
    clock.Update(layouts.current(), layouts, &source);
    clock.Delete(&source);
    ASSERT_TRUE(again.Decode(Encoded(clock)));
    ASSERT_TRUE(again.Decode(Encoded(target)));
  };
  for (const RowClock& sample : Samples()) {
    ForEachPrefix(Encoded(sample), use);
    ForEachBitFlip(Encoded(sample), use);
  }
}

}  // namespace
}  // namespace tributary
