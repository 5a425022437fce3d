#include "crdt/packed.h"

#include <gtest/gtest.h>

#include "tests/crdt/damage.h"

namespace tributary {
namespace {

std::string Pack(const std::vector<Value>& values) {
  std::string s;
  PackValues(values, &s);
  return s;
}

std::string PackOne(const Value& v) {
  std::string s;
  PackValue(v, &s);
  return s;
}

TEST(Packed, GoldenBytesOfTheReference) {
  EXPECT_EQ(Hex(Pack({})), "00");
  EXPECT_EQ(Hex(Pack({Value::Integer(1), Value::Text("a"), Value::Null(), Value::Blob("\x01"),
                      Value::Real(2.0)})),
            "05"
            "0901"
            "0b0161"
            "05"
            "0c0101"
            "024000000000000000");
  EXPECT_EQ(Hex(PackOne(Value::Integer(0))), "01");
  EXPECT_EQ(Hex(PackOne(Value::Integer(128))), "0980");
  EXPECT_EQ(Hex(PackOne(Value::Integer(255))), "09ff");
  EXPECT_EQ(Hex(PackOne(Value::Integer(256))), "110100");
  EXPECT_EQ(Hex(PackOne(Value::Integer(int64_t{1} << 31))), "2180000000");
  EXPECT_EQ(Hex(PackOne(Value::Integer(-1))), "41ffffffffffffffff");
  EXPECT_EQ(Hex(PackOne(Value::Real(1.5))), "023ff8000000000000");
  EXPECT_EQ(Hex(PackOne(Value::Real(-0.0))), "028000000000000000");
  EXPECT_EQ(Hex(PackOne(Value::Text("a"))), "0b0161");
  EXPECT_EQ(Hex(PackOne(Value::Text(""))), "03");
  EXPECT_EQ(Hex(PackOne(Value::Blob(""))), "04");
  EXPECT_EQ(Hex(PackOne(Value::Null())), "05");
  EXPECT_EQ(Hex(PackOne(Value::Text(std::string(128, 'x')))).substr(0, 4), "0b80");
  EXPECT_EQ(Hex(PackOne(Value::Text(std::string(256, 'x')))).substr(0, 6), "130100");
  EXPECT_EQ(Hex(PackOne(Value::Text(std::string(65536, 'x')))).substr(0, 8), "1b010000");
}

TEST(Packed, RoundTripAtEveryPowerOfTwo) {
  for (const int64_t v : BoundaryIntegers()) {
    const std::string packed = Pack({Value::Integer(v)});
    std::vector<Value> values;
    ASSERT_TRUE(UnpackValues(packed, &values));
    ASSERT_EQ(values.size(), 1U);
    EXPECT_TRUE(SameValue(values[0], Value::Integer(v))) << v;
  }
}

TEST(Packed, RoundTripOfMany) {
  const std::string text(300, 't');
  std::vector<Value> values{Value::Text(text), Value::Blob(std::string_view("\0\xff", 2)),
                            Value::Real(-0.0), Value::Null()};
  while (values.size() < kMaxPackedValues) values.push_back(Value::Integer(7));
  const std::string packed = Pack(values);
  std::vector<Value> read;
  ASSERT_TRUE(UnpackValues(packed, &read));
  ASSERT_EQ(read.size(), values.size());
  for (size_t i = 0; i < read.size(); i++) EXPECT_TRUE(SameValue(read[i], values[i])) << i;
}

TEST(Packed, ReadsAsCrsqliteDoes) {
  std::vector<Value> values;
  const std::string trailing = Unhex("01 0901 ffff");
  ASSERT_TRUE(UnpackValues(trailing, &values)) << "bytes after the last value are ignored";
  EXPECT_TRUE(SameValue(values[0], Value::Integer(1)));
  const std::string wide = Unhex("01 11 0080");
  ASSERT_TRUE(UnpackValues(wide, &values)) << "wider than needed, and unsigned";
  EXPECT_TRUE(SameValue(values[0], Value::Integer(128)));
}

TEST(Packed, MalformedIsRefused) {
  std::vector<Value> values;
  for (const char* bad : {"", "01", "01 00", "01 06", "01 07", "01 09", "01 02 00", "01 0b",
                          "01 0b 01", "01 0c ff 00", "01 49 000000000000000000", "01 fb 00",
                          "01 43 ffffffffffffffff 61", "02 05"}) {
    WithExactCopy(Unhex(bad), [&](std::string_view bytes) {
      EXPECT_FALSE(UnpackValues(bytes, &values)) << bad;
    });
  }
}

TEST(Packed, DamageIsRefusedOrHarmless) {
  const std::string packed =
      Pack({Value::Integer(300), Value::Text("abc"), Value::Real(1.5), Value::Blob("\x01\x02"),
            Value::Null(), Value::Integer(-2), Value::Text("")});
  std::vector<Value> values;
  ForEachPrefix(packed, [&](std::string_view prefix) {
    EXPECT_FALSE(UnpackValues(prefix, &values)) << prefix.size();
  });
  ForEachBitFlip(packed, [&](std::string_view damaged) {
    if (!UnpackValues(damaged, &values)) return;
    // Every view lies inside the input: reading it all is what AddressSanitizer watches.
    std::string again;
    PackValues(values, &again);
    std::vector<Value> same;
    ASSERT_TRUE(UnpackValues(again, &same));
    ASSERT_EQ(same.size(), values.size());
    for (size_t i = 0; i < same.size(); i++) EXPECT_TRUE(SameValue(same[i], values[i]));
  });
}

TEST(Packed, TypeOutOfRangeIsHarmless) {
  EXPECT_EQ(PackOne({.type = static_cast<ValueType>(9)}), "");
}

}  // namespace
}  // namespace tributary
