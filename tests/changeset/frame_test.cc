#include "sync/changeset/frame.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/changeset/sample.h"
#include "tests/crdt/damage.h"

namespace tributary {
namespace {

std::string Encode(std::string_view header, std::string_view body, bool compress = true) {
  return EncodeFrame(FrameKind::kChangeset, header, body, compress);
}

// What Open, then Body say; "" if nothing.
std::string ErrorOf(std::string_view data) {
  Frame f;
  std::string error;
  std::string buffer;
  std::string_view body;
  if (f.Open(data, &error) && f.Body(&buffer, &body, &error)) {
    EXPECT_EQ(error, "");
  } else {
    EXPECT_NE(error, "");
  }
  return error;
}

// The frame with other bytes from `at` on and a checksum that fits them.
std::string Forge(std::string frame, size_t at, std::string_view bytes) {
  return Reseal(frame.replace(at, bytes.size(), bytes));
}

std::string U32(size_t v) {
  std::string s;
  for (int i = 0; i < 4; i++) s.push_back(static_cast<char>(v >> (8 * i)));
  return s;
}

std::string RandomBytes(size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::string s(n, '\0');
  for (char& c : s) c = static_cast<char>(random());
  return s;
}

void ExpectRoundTrip(const std::string& header, const std::string& body, bool compress) {
  const std::string data = Encode(header, body, compress);
  size_t size;
  std::string error;
  ASSERT_TRUE(Frame::Size(data.substr(0, kFrameFixedSize), &size, &error));
  EXPECT_EQ(size, data.size());
  WithExactCopy(data, [&](std::string_view copy) {
    Frame f;
    ASSERT_TRUE(f.Open(copy, &error)) << error;
    EXPECT_EQ(f.kind(), FrameKind::kChangeset);
    EXPECT_EQ(f.header(), header);
    EXPECT_EQ(f.body_size(), body.size());
    std::string buffer;
    std::string_view read;
    ASSERT_TRUE(f.Body(&buffer, &read, &error)) << error;
    EXPECT_EQ(read, body);
    if (!compress) {
      EXPECT_FALSE(f.compressed());
    }
  });
}

TEST(Frame, RoundTrip) {
  for (const size_t header : {0, 1, 100, 70000}) {
    for (const size_t body : {0, 1, 63, 64, 65, 1000, 300000}) {
      for (const bool compress : {false, true}) {
        ExpectRoundTrip(RandomBytes(header, 1), RandomBytes(body, 2), compress);
        ExpectRoundTrip(std::string(header, 'h'), std::string(body, '\0'), compress);
      }
    }
  }
}

constexpr size_t kHeaderSizeAt = 8;
constexpr size_t kStoredSizeAt = 12;
constexpr size_t kBodySizeAt = 16;
constexpr char kMalformed[] = "the frame is malformed: its flags or sizes cannot be";

TEST(Frame, GoldenBytes) {
  EXPECT_EQ(Hex(Encode("head", "body!")), Hex(Unhex("54524942 01 01 00 00"  // TRIB, format, kind
                                                    "04000000 05000000 05000000"
                                                    "38284b1b1ce3ae2bcaf9a00b360e83da"
                                                    "68656164 626f647921")));
  EXPECT_EQ(Reseal(Encode("head", "body!")), Encode("head", "body!"));
}

TEST(Frame, CompressesWhereItHelps) {
  const auto is_compressed = [](const std::string& body) {
    Frame f;
    std::string error;
    const std::string data = Encode("", body);
    EXPECT_TRUE(f.Open(data, &error));
    EXPECT_LE(data.size(), kFrameFixedSize + body.size());
    return f.compressed();
  };
  EXPECT_FALSE(is_compressed(""));
  EXPECT_FALSE(is_compressed(std::string(63, 'x')));
  EXPECT_TRUE(is_compressed(std::string(64, 'x')));
  EXPECT_FALSE(is_compressed(RandomBytes(5000, 3)));
}

TEST(Frame, DamageIsRefused) {
  for (const std::string& data : {Encode("header", "a small body"), Encode("", ""),
                                  Encode("h", std::string(200, 'x') + RandomBytes(20, 4))}) {
    ForEachPrefix(data, [](std::string_view prefix) {
      EXPECT_NE(ErrorOf(prefix), "") << prefix.size();
      size_t size = 1;
      std::string error;
      const bool enough = prefix.size() >= kFrameFixedSize;
      EXPECT_TRUE(Frame::Size(prefix, &size, &error));
      EXPECT_EQ(size == 0, !enough);
    });
    ForEachBitFlip(data, [](std::string_view damaged) { EXPECT_NE(ErrorOf(damaged), ""); });
    EXPECT_EQ(ErrorOf(data + "xy"), "2 bytes follow the frame");
    EXPECT_NE(ErrorOf(data + data), "");
  }
}

// What a checksum does not find: bytes that somebody made.
TEST(Frame, ForgedBitsAreRefusedOrHarmless) {
  for (const std::string& data :
       {Encode("header", "a small body"), Encode("h", std::string(200, 'x') + RandomBytes(9, 4))}) {
    ForEachBitFlip(data, [](std::string_view damaged) { ErrorOf(Reseal(std::string(damaged))); });
  }
}

TEST(Frame, Messages) {
  const std::string data = Encode("header", "body");
  EXPECT_EQ(ErrorOf(""), "the frame is cut off: it has 0 bytes of a frame's start");
  EXPECT_EQ(ErrorOf("TRI"), "the frame is cut off: it has 3 bytes of a frame's start");
  EXPECT_EQ(ErrorOf(data.substr(0, 45)), "the frame is cut off: it has 45 bytes of 46");
  const char not_ours[] = "not a frame of Tributary: it does not begin with TRIB";
  EXPECT_EQ(ErrorOf("X"), not_ours);
  EXPECT_EQ(ErrorOf("TRIX"), not_ours);
  EXPECT_EQ(ErrorOf(Forge(data, 0, "t")), not_ours);
  std::string damaged = data;
  damaged.back() ^= 1;
  EXPECT_EQ(ErrorOf(damaged), "the frame's checksum does not fit: it was damaged on its way");
  EXPECT_EQ(ErrorOf(Forge(data, 4, "\2")),
            "the frame has format version 2, this program reads 1: a newer Tributary is needed");
  EXPECT_EQ(ErrorOf(Forge(data, 4, "\xff")),
            "the frame has format version 255, this program reads 1: a newer Tributary is needed");
  EXPECT_EQ(ErrorOf(Forge(data, 4, std::string(1, '\0'))),
            "the frame has format version 0, this program reads 1");
  EXPECT_EQ(ErrorOf(Forge(data, 5, "\7")),
            "the frame is of kind 7, which this program does not know");
  EXPECT_EQ(ErrorOf(Forge(data, 6, "\2")), kMalformed);
  EXPECT_EQ(ErrorOf(Forge(data, 7, "\1")), kMalformed);
}

// A newer format may have another layout: it is named before anything else is looked at.
TEST(Frame, NewerFormatWithAnotherLayout) {
  std::string data = "TRIB\2";
  data += RandomBytes(100, 5);
  EXPECT_EQ(ErrorOf(data),
            "the frame has format version 2, this program reads 1: a newer Tributary is needed");
}

TEST(Frame, SizesAreBounded) {
  const std::string data = Encode("header", "body");
  EXPECT_EQ(ErrorOf(Forge(data, kHeaderSizeAt, U32(kMaxFrameHeader + 1))), kMalformed);
  EXPECT_EQ(ErrorOf(Forge(data, kHeaderSizeAt, U32(UINT32_MAX))), kMalformed);
  EXPECT_EQ(ErrorOf(Forge(data, kBodySizeAt, U32(5))), kMalformed);
  const std::string huge = U32(kMaxFrameBody + 1);
  EXPECT_EQ(ErrorOf(Forge(data, kStoredSizeAt, huge + huge)), kMalformed);
  const std::string most = U32(kMaxFrameBody);
  EXPECT_EQ(ErrorOf(Forge(data, kStoredSizeAt, most + most)),
            "the frame is cut off: it has 46 bytes of 1073741866");
}

// A small frame must not make its reader take much memory.
TEST(Frame, ExpansionIsBounded) {
  const size_t stored = 600;
  const std::string data =
      Forge(Encode("", std::string(stored, 'x'), false), 6, "\1");  // "compressed"
  EXPECT_EQ(ErrorOf(data), kMalformed) << "not smaller than the body";
  EXPECT_EQ(ErrorOf(Forge(data, kBodySizeAt, U32(MaxExpansion(stored) + 1))), kMalformed);
  EXPECT_EQ(ErrorOf(Forge(data, kBodySizeAt, U32(MaxExpansion(stored)))),
            "the frame's body has another size than the frame says");
  // The writer keeps to it: what would expand further stays as it is.
  const std::string zeros(MaxExpansion(10000), '\0');
  Frame f;
  std::string error;
  const std::string encoded = Encode("", zeros);
  ASSERT_TRUE(f.Open(encoded, &error));
  EXPECT_FALSE(f.compressed());
  EXPECT_EQ(ErrorOf(encoded), "");
}

TEST(Frame, CompressedBodyOfAnotherSize) {
  const std::string data = Encode("", std::string(1000, 'x'));
  for (const size_t size : {999, 1001}) {
    EXPECT_EQ(ErrorOf(Forge(data, kBodySizeAt, U32(size))),
              "the frame's body has another size than the frame says");
  }
  // The last block says nothing of what it holds.
  std::string cut = data.substr(0, data.size() - 1);
  cut = Forge(cut, kStoredSizeAt, U32(cut.size() - kFrameFixedSize));
  EXPECT_EQ(ErrorOf(cut), "the frame's body cannot be uncompressed");
}

}  // namespace
}  // namespace tributary
