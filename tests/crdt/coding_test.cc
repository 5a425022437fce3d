#include "crdt/coding.h"

#include <gtest/gtest.h>

#include "tests/crdt/damage.h"

namespace tributary {
namespace {

std::string Varint(uint64_t v) {
  std::string s;
  PutVarint(&s, v);
  return s;
}

TEST(Coding, VarintGoldenBytes) {
  EXPECT_EQ(Hex(Varint(0)), "00");
  EXPECT_EQ(Hex(Varint(127)), "7f");
  EXPECT_EQ(Hex(Varint(128)), "8001");
  EXPECT_EQ(Hex(Varint(300)), "ac02");
  EXPECT_EQ(Hex(Varint(INT64_MAX)), "ffffffffffffffff7f");
  EXPECT_EQ(Hex(Varint(UINT64_MAX)), "ffffffffffffffffff01");
}

TEST(Coding, VarintRoundTripAtEveryPowerOfTwo) {
  std::string all;
  for (const int64_t v : BoundaryIntegers()) PutVarint(&all, static_cast<uint64_t>(v));
  ByteReader in(all);
  for (const int64_t v : BoundaryIntegers()) {
    uint64_t read;
    ASSERT_TRUE(in.Varint(&read));
    EXPECT_EQ(read, static_cast<uint64_t>(v));
  }
  EXPECT_TRUE(in.empty());
}

TEST(Coding, VarintPrefixesAreRefusedAndNothingIsRead) {
  for (const int64_t v : BoundaryIntegers()) {
    ForEachPrefix(Varint(static_cast<uint64_t>(v)), [](std::string_view prefix) {
      ByteReader in(prefix);
      uint64_t read;
      EXPECT_FALSE(in.Varint(&read));
      EXPECT_EQ(in.remaining(), prefix.size());
    });
  }
}

TEST(Coding, VarintHasOneEncoding) {
  for (const int64_t v : BoundaryIntegers()) {
    ForEachBitFlip(Varint(static_cast<uint64_t>(v)), [](std::string_view damaged) {
      ByteReader in(damaged);
      uint64_t read;
      if (!in.Varint(&read)) return;
      EXPECT_EQ(Varint(read), damaged.substr(0, damaged.size() - in.remaining()));
    });
  }
  uint64_t read;
  EXPECT_FALSE(ByteReader(Unhex("8000")).Varint(&read)) << "longer than needed";
  EXPECT_FALSE(ByteReader(Unhex("ffffffffffffffffff02")).Varint(&read)) << "65 bits";
  EXPECT_FALSE(ByteReader(Unhex("ffffffffffffffffffff01")).Varint(&read)) << "11 bytes";
}

TEST(Coding, CountIsNonNegative) {
  for (const int64_t v : BoundaryIntegers()) {
    const std::string bytes = Varint(static_cast<uint64_t>(v));
    ByteReader in(bytes);
    int64_t read;
    ASSERT_EQ(in.Count(&read), v >= 0);
    EXPECT_EQ(in.remaining(), v >= 0 ? 0 : bytes.size());
    if (v >= 0) {
      EXPECT_EQ(read, v);
    }
  }
  int64_t read;
  EXPECT_FALSE(ByteReader("").Count(&read));
}

TEST(Coding, BytesAreBounded) {
  ByteReader in("abc");
  std::string_view out;
  EXPECT_FALSE(in.Bytes(4, &out));
  EXPECT_FALSE(in.Bytes(UINT64_MAX, &out));
  EXPECT_TRUE(in.Bytes(2, &out));
  EXPECT_EQ(out, "ab");
  uint8_t byte;
  EXPECT_TRUE(in.Byte(&byte));
  EXPECT_EQ(byte, 'c');
  EXPECT_FALSE(in.Byte(&byte));
  EXPECT_TRUE(in.Bytes(0, &out));
  EXPECT_EQ(out, "");
  EXPECT_EQ(in.rest(), "");
}

}  // namespace
}  // namespace tributary
