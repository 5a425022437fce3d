#include "sync/changeset/token.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "crdt/coding.h"

namespace tributary {
namespace {

SiteId Site(uint8_t number) {
  SiteId id;
  id.bytes.fill(number);
  return id;
}

VersionVector Vector(std::initializer_list<std::pair<uint8_t, int64_t>> entries) {
  VersionVector v;
  for (const auto& [number, version] : entries) v.Raise(Site(number), DbVersion(version));
  return v;
}

std::string Bytes(std::initializer_list<std::pair<char, uint64_t>> parts) {
  std::string data(1, '\1');
  for (const auto& [number, version] : parts) {
    data.append(8, number);
    PutVarint(&data, version);
  }
  return data;
}

TEST(Token, WhatIsLacking) {
  Token token;
  ASSERT_TRUE(token.Decode(absl::WebSafeBase64Escape(Bytes({{2, 300}, {4, 1}, {5, 0}}))));
  EXPECT_TRUE(token.LackedBy(Vector({{2, 300}, {4, 7}})).empty());
  const std::vector<Token::Gap> gaps = token.LackedBy(Vector({{2, 299}, {3, 500}}));
  ASSERT_EQ(gaps.size(), 2u);
  EXPECT_EQ(gaps[0].site, std::string(8, '\2'));
  EXPECT_EQ(gaps[0].known, DbVersion(299));
  EXPECT_EQ(gaps[0].named, DbVersion(300));
  EXPECT_EQ(gaps[1].known, DbVersion(0));
  EXPECT_EQ(gaps[1].named, DbVersion(1));
}

TEST(Token, OfWhoKnowsNothing) {
  Token token;
  ASSERT_TRUE(token.Decode(absl::WebSafeBase64Escape(Bytes({}))));
  EXPECT_TRUE(token.LackedBy({}).empty());
}

TEST(Token, Malformed) {
  const std::string data = Bytes({{2, 300}});
  const std::string whole = absl::WebSafeBase64Escape(data);
  Token token;
  ASSERT_TRUE(token.Decode(whole));
  for (size_t i = 1; i < data.size(); i++) {
    EXPECT_EQ(token.Decode(absl::WebSafeBase64Escape(data.substr(0, i))), i == 1) << i;
  }
  for (const std::string& bad : {std::string("2026-11-23"), std::string(), whole + "*",
                                 absl::WebSafeBase64Escape("\2" + data.substr(1))}) {
    EXPECT_FALSE(token.Decode(bad)) << bad;
    EXPECT_TRUE(token.LackedBy({}).empty()) << bad;
  }
}

}  // namespace
}  // namespace tributary
