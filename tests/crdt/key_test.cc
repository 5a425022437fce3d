#include "crdt/key.h"

#include <gtest/gtest.h>

#include <cctype>
#include <set>

#include "tests/crdt/damage.h"

namespace tributary {
namespace {

constexpr char kUuid[] = "01234567-89ab-cdef-0123-456789abcdef";
constexpr char kUpperUuid[] = "01234567-89AB-CDEF-0123-456789ABCDEF";
constexpr char kDigitsUuid[] = "01234567-8901-2345-6789-012345678901";

std::string Key(const std::vector<Value>& values) {
  std::string key;
  for (const Value& v : values) AppendKeyValue(v, &key);
  return key;
}

// Decodes all of `key` as `count` values; *ok tells whether it is such a key.
std::vector<Value> Decode(KeyDecoder* decoder, std::string_view key, size_t count, bool* ok) {
  ByteReader in(key);
  *ok = decoder->Decode(&in, count) && in.empty();
  return decoder->values();
}

TEST(Key, GoldenBytes) {
  EXPECT_EQ(Hex(Key({Value::Integer(0)})), "10");
  EXPECT_EQ(Hex(Key({Value::Integer(127)})), "117f");
  EXPECT_EQ(Hex(Key({Value::Integer(128)})), "120080");
  EXPECT_EQ(Hex(Key({Value::Integer(-1)})), "11ff");
  EXPECT_EQ(Hex(Key({Value::Integer(-128)})), "1180");
  EXPECT_EQ(Hex(Key({Value::Integer(-129)})), "12ff7f");
  EXPECT_EQ(Hex(Key({Value::Integer(INT64_MIN)})), "188000000000000000");
  EXPECT_EQ(Hex(Key({Value::Real(1.5)})), "203ff8000000000000");
  EXPECT_EQ(Hex(Key({Value::Text("")})), "80");
  EXPECT_EQ(Hex(Key({Value::Text("ab")})), "826162");
  EXPECT_EQ(Hex(Key({Value::Blob("ab")})), "c26162");
  EXPECT_EQ(Hex(Key({Value::Text(std::string(63, 'x'))})).substr(0, 2), "bf");
  EXPECT_EQ(Hex(Key({Value::Text(std::string(64, 'x'))})).substr(0, 6), "304078");
  EXPECT_EQ(Hex(Key({Value::Blob(std::string(62, 'x'))})).substr(0, 2), "fe");
  EXPECT_EQ(Hex(Key({Value::Blob(std::string(63, 'x'))})).substr(0, 6), "313f78");
  EXPECT_EQ(Hex(Key({Value::Text(kUuid)})), "320123456789abcdef0123456789abcdef");
  EXPECT_EQ(Hex(Key({Value::Text(kUpperUuid)})), "330123456789abcdef0123456789abcdef");
  EXPECT_EQ(Hex(Key({Value::Text(kDigitsUuid)})), "3201234567890123456789012345678901");
}

TEST(Key, RoundTripAtEveryPowerOfTwo) {
  KeyDecoder decoder;
  for (const int64_t v : BoundaryIntegers()) {
    const std::string key = Key({Value::Integer(v)});
    bool ok;
    const auto values = Decode(&decoder, key, 1, &ok);
    ASSERT_TRUE(ok) << v;
    EXPECT_TRUE(SameValue(values[0], Value::Integer(v))) << v;
    int64_t single;
    ASSERT_TRUE(DecodeIntegerKey(key, &single));
    EXPECT_EQ(single, v);
  }
}

std::vector<std::string> Texts() {
  std::vector<std::string> texts{"", "a", kUuid, kUpperUuid, kDigitsUuid};
  for (const size_t n : {35, 36, 37, 62, 63, 64, 65, 200}) texts.emplace_back(n, 'x');
  // Nearly a UUID: every single character replaced by one that does not belong there.
  for (size_t i = 0; i < 36; i++) {
    for (const char c : {'g', '-', 'A', '0'}) {
      texts.emplace_back(kUuid);
      texts.back()[i] = c;
    }
  }
  texts.emplace_back("01234567-89AB-cdef-0123-456789abcdef");
  return texts;
}

TEST(Key, AnyByteAnywhereInAUuid) {
  KeyDecoder decoder;
  for (const char* uuid : {kUuid, kUpperUuid, kDigitsUuid}) {
    for (size_t i = 0; i < 36; i++) {
      for (int c = 0; c < 256; c++) {
        std::string text = uuid;
        text[i] = static_cast<char>(c);
        const std::string key = Key({Value::Text(text)});
        bool ok;
        const auto values = Decode(&decoder, key, 1, &ok);
        ASSERT_TRUE(ok) << text;
        ASSERT_TRUE(SameValue(values[0], Value::Text(text))) << text;
        ASSERT_EQ(key.size() == 17,
                  text == uuid ||
                      (uuid != kUpperUuid && text[i] != uuid[i] && uuid[i] != '-' &&
                       (std::isdigit(c) != 0 || (c >= 'a' && c <= 'f'))) ||
                      (uuid != kUuid && uuid[i] != '-' &&
                       (std::isdigit(c) != 0 || (c >= 'A' && c <= 'F'))))
            << text;
      }
    }
  }
}

TEST(Key, RoundTripOfTextAndBlob) {
  KeyDecoder decoder;
  std::set<std::string> keys;
  for (const std::string& t : Texts()) {
    for (const Value& v : {Value::Text(t), Value::Blob(t)}) {
      const std::string key = Key({v, v});
      keys.insert(key);
      bool ok;
      const auto values = Decode(&decoder, key, 2, &ok);
      ASSERT_TRUE(ok) << t;
      EXPECT_TRUE(SameValue(values[0], v)) << t;
      EXPECT_TRUE(SameValue(values[1], v)) << t;
      ByteReader in(key);
      std::string_view skipped;
      ASSERT_TRUE(SkipKey(&in, 2, &skipped));
      EXPECT_EQ(skipped, key);
      int64_t single;
      EXPECT_FALSE(DecodeIntegerKey(key, &single));
    }
  }
  const std::vector<std::string> texts = Texts();
  EXPECT_EQ(keys.size(), 2 * std::set<std::string>(texts.begin(), texts.end()).size());
}

TEST(Key, LongerFormsOfTheSameValueAreNoKeys) {
  const std::string uuid_as_text = "a4" + Hex(kUuid);
  for (const std::string& bad :
       {std::string("1100"), std::string("12007f"), std::string("12ffff"), std::string("12ff80"),
        std::string("18ffffffffffffffff"), std::string("3001 61"), std::string("3101 61"),
        std::string("3301234567890123456789012345678901"), uuid_as_text, "a4" + Hex(kUpperUuid)}) {
    WithExactCopy(Unhex(bad), [&](std::string_view bytes) {
      KeyDecoder decoder;
      bool ok;
      Decode(&decoder, bytes, 1, &ok);
      EXPECT_FALSE(ok) << bad;
      ByteReader in(bytes);
      std::string_view skipped;
      EXPECT_FALSE(SkipKey(&in, 1, &skipped)) << bad;
    });
  }
}

TEST(Key, MalformedIsRefused) {
  for (const char* bad : {"",
                          "00",
                          "0f",
                          "19",
                          "1f",
                          "21",
                          "2f",
                          "34",
                          "7f",
                          "ff",
                          "11",
                          "20",
                          "207ff0000000000001",
                          "20ffffffffffffffff",
                          "30",
                          "31",
                          "30ff",
                          "32",
                          "33",
                          "81",
                          "c1",
                          "30ffffffffffffffffff01"}) {
    WithExactCopy(Unhex(bad), [&](std::string_view bytes) {
      KeyDecoder decoder;
      bool ok;
      Decode(&decoder, bytes, 1, &ok);
      EXPECT_FALSE(ok) << bad;
      int64_t single;
      EXPECT_FALSE(DecodeIntegerKey(bytes, &single)) << bad;
    });
  }
  int64_t single;
  EXPECT_FALSE(DecodeIntegerKey(Unhex("1010"), &single)) << "two integers";
}

TEST(Key, DamageIsRefusedOrAnotherKey) {
  const std::string long_text(70, 'x');
  const std::string key =
      Key({Value::Integer(-300), Value::Text(kUuid), Value::Real(2.5), Value::Text("abc"),
           Value::Blob("\x01\x02"), Value::Text(long_text), Value::Blob(long_text),
           Value::Text(kUpperUuid), Value::Text(kDigitsUuid), Value::Integer(1)});
  KeyDecoder decoder;
  bool ok;
  ForEachPrefix(key, [&](std::string_view prefix) {
    Decode(&decoder, prefix, 10, &ok);
    EXPECT_FALSE(ok) << prefix.size();
    ByteReader in(prefix);
    std::string_view skipped;
    EXPECT_FALSE(SkipKey(&in, 10, &skipped)) << prefix.size();
  });
  ForEachBitFlip(key, [&](std::string_view damaged) {
    const auto values = Decode(&decoder, damaged, 10, &ok);
    ByteReader in(damaged);
    std::string_view skipped;
    EXPECT_EQ(SkipKey(&in, 10, &skipped) && in.empty(), ok);
    if (ok) {
      EXPECT_EQ(Key(values), damaged);  // equal keys have equal bytes
    }
  });
}

TEST(Key, HashIsStoredAndMustNotChange) {
  EXPECT_EQ(HashKey(1, "abc"), HashKey(1, "abc"));
  EXPECT_NE(HashKey(1, "abc"), HashKey(2, "abc"));
  EXPECT_NE(HashKey(1, "abc"), HashKey(1, "abd"));
  EXPECT_EQ(HashKey(0, ""), 0x2d06800538d394c2U);  // XXH3_64bits of nothing, from its specification
}

TEST(Key, WhatIsNoKeyValueIsHarmless) {
  EXPECT_EQ(Key({{.type = static_cast<ValueType>(9)}}), "");
  EXPECT_EQ(Key({Value::Null()}), Key({Value::Blob("")}));
}

}  // namespace
}  // namespace tributary
