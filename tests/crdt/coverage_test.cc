#include "crdt/coverage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace tributary {
namespace {

SiteId Site(uint8_t first) {
  SiteId id;
  id.bytes[0] = first;
  return id;
}

LogPoint P(int64_t version, int64_t seq) { return {DbVersion(version), Seq(seq)}; }

SiteSpan S(uint8_t site, const LogPoint& begin, const LogPoint& end) {
  return {Site(site), begin, end};
}

std::vector<SiteSpan> SpansOf(const Coverage& c) { return {c.spans().begin(), c.spans().end()}; }

// --- against a naive model
// ------------------------------------------------------------------------ Points (0..3, 0..3) as
// numbers 0..15: a set of numbers per site.

constexpr int kPoints = 16;
LogPoint At(int n) { return P(n / 4, n % 4); }

class Model {
 public:
  void Add(uint8_t site, int begin, int end) {
    for (int i = begin; i < end; i++) there_[site].insert(i);
  }
  int End(uint8_t site, int begin) const {
    while (Has(site, begin)) begin++;
    return begin;
  }
  // -1 if nowhere.
  int Next(uint8_t site, int begin) const {
    while (begin < kPoints && !Has(site, begin)) begin++;
    return begin < kPoints ? begin : -1;
  }
  std::vector<SiteSpan> Spans() const {
    std::vector<SiteSpan> spans;
    for (const auto& [site, points] : there_) {
      for (int at = Next(site, 0); at >= 0; at = Next(site, End(site, at))) {
        spans.push_back(S(site, At(at), At(End(site, at))));
      }
    }
    return spans;
  }

 private:
  bool Has(uint8_t site, int point) const {
    const auto at = there_.find(site);
    return at != there_.end() && at->second.count(point) > 0;
  }
  std::map<uint8_t, std::set<int>> there_;
};

void ExpectSame(const Coverage& coverage, const Model& model) {
  ASSERT_EQ(SpansOf(coverage), model.Spans());
  for (uint8_t site = 0; site < 4; site++) {
    for (int i = 0; i < kPoints; i++) {
      ASSERT_EQ(coverage.End(Site(site), At(i)), At(model.End(site, i)));
      const int next = model.Next(site, i);
      LogPoint found;
      ASSERT_EQ(coverage.Next(Site(site), At(i), &found), next >= 0);
      if (next >= 0) {
        ASSERT_EQ(found, At(next));
      }
      for (int j = i + 1; j < kPoints; j++) {
        ASSERT_EQ(coverage.Contains(S(site, At(i), At(j))), model.End(site, i) >= j);
      }
    }
  }
}

// Random sets of points of two sites; to some of them every span is added.
TEST(Coverage, AllSpansAddedToManySets) {
  std::mt19937 random(1);
  for (int round = 0; round < 300; round++) {
    Coverage coverage;
    Model model;
    const auto point = [&] { return static_cast<int>(random() % kPoints); };
    for (int n = static_cast<int>(random() % 7); n > 0; n--) {
      int begin = point();
      int end = point();
      if (begin > end) std::swap(begin, end);
      const auto site = static_cast<uint8_t>(1 + random() % 2);
      ASSERT_EQ(coverage.Add(S(site, At(begin), At(end))), begin < end);
      model.Add(site, begin, end);
    }
    ExpectSame(coverage, model);
    if (round % 10 != 0) continue;
    for (int begin = 0; begin < kPoints; begin++) {
      for (int end = begin + 1; end < kPoints; end++) {
        Coverage more = coverage;
        Model more_model = model;
        ASSERT_TRUE(more.Add(S(2, At(begin), At(end))));
        more_model.Add(2, begin, end);
        ASSERT_EQ(SpansOf(more), more_model.Spans());
      }
    }
  }
}

TEST(Coverage, OrderOfAddingDoesNotMatter) {
  const std::vector<SiteSpan> spans{S(1, P(1, 0), P(2, 5)), S(1, P(2, 5), P(3, 0)),
                                    S(1, P(4, 0), P(5, 0)), S(2, P(1, 0), P(9, 0)),
                                    S(1, P(2, 0), P(2, 7))};
  std::vector<int> order{0, 1, 2, 3, 4};
  do {
    Coverage c;
    for (const int i : order) ASSERT_TRUE(c.Add(spans[static_cast<size_t>(i)]));
    ASSERT_EQ(SpansOf(c), (std::vector<SiteSpan>{S(1, P(1, 0), P(3, 0)), S(1, P(4, 0), P(5, 0)),
                                                 S(2, P(1, 0), P(9, 0))}));
  } while (std::next_permutation(order.begin(), order.end()));
}

// The example of the header file.
TEST(Coverage, Example) {
  Coverage got;
  EXPECT_TRUE(got.empty());
  EXPECT_TRUE(got.Add(S(1, P(3, 0), P(9, 0))));
  EXPECT_TRUE(got.Contains(S(1, P(4, 0), P(6, 0))));
  EXPECT_FALSE(got.Contains(S(1, P(4, 0), P(9, 1))));
  EXPECT_FALSE(got.Contains(S(2, P(4, 0), P(6, 0))));
  EXPECT_EQ(got.End(Site(1), P(4, 0)), P(9, 0));
  EXPECT_EQ(got.End(Site(1), P(2, 0)), P(2, 0));
  EXPECT_EQ(After(DbVersion(8)), P(9, 0));
}

// A point between two versions is none of either: (3, 7) and (4, 0) do not touch.
TEST(Coverage, EndOfAVersionIsNotTheNext) {
  Coverage c;
  EXPECT_TRUE(c.Add(S(1, P(3, 0), P(3, 7))));
  EXPECT_TRUE(c.Add(S(1, P(4, 0), P(5, 0))));
  EXPECT_EQ(c.spans().size(), 2U);
  EXPECT_FALSE(c.Contains(S(1, P(3, 0), P(4, 0))));
  EXPECT_TRUE(c.Add(S(1, P(3, 7), P(4, 0))));
  EXPECT_EQ(SpansOf(c), (std::vector<SiteSpan>{S(1, P(3, 0), P(5, 0))}));
}

TEST(Coverage, WhatIsNoSpanIsRefused) {
  Coverage c;
  ASSERT_TRUE(c.Add(S(1, P(5, 0), P(6, 0))));
  const Coverage before = c;
  const LogPoint most = After(kMaxVersion);
  for (const SiteSpan& bad :
       {S(1, P(1, 0), P(1, 0)), S(1, P(2, 0), P(1, 0)), S(1, P(1, 1), P(1, 0)),
        S(1, P(-1, 0), P(1, 0)), S(1, P(0, -1), P(1, 0)), S(1, P(1, 0), P(2, -1)),
        S(1, P(INT64_MIN, 0), P(1, 0)), S(1, most, most), S(1, P(1, INT64_MIN), P(2, 0))}) {
    EXPECT_FALSE(c.Add(bad));
  }
  EXPECT_EQ(c, before);
  EXPECT_TRUE(c.Add(S(1, P(0, 0), most)));
  EXPECT_EQ(SpansOf(c), (std::vector<SiteSpan>{S(1, P(0, 0), most)}));
  EXPECT_TRUE(c.Add(S(1, most, {most.version, Seq(INT64_MAX)})));
  EXPECT_EQ(c.End(Site(1), P(0, 0)), P(INT64_MAX, INT64_MAX));
}

TEST(Coverage, AddAllAddsWhatItCan) {
  Coverage c;
  EXPECT_FALSE(c.AddAll({S(1, P(1, 0), P(2, 0)), S(1, P(2, 0), P(2, 0)), S(2, P(1, 0), P(2, 0))}));
  EXPECT_EQ(c.spans().size(), 2U);
  EXPECT_TRUE(c.AddAll({}));
}

TEST(Coverage, NumberOfSpansIsBounded) {
  Coverage c;
  for (size_t i = 0; i < Coverage::kMaxSpans; i++) {
    const auto version = static_cast<int64_t>(2 * i);
    ASSERT_TRUE(c.Add(S(1, P(version, 0), P(version + 1, 0))));
  }
  const Coverage full = c;
  EXPECT_FALSE(c.Add(S(2, P(0, 0), P(1, 0))));
  EXPECT_FALSE(c.Add(S(0, P(0, 0), P(1, 0))));
  EXPECT_EQ(c, full);
  EXPECT_TRUE(c.Add(S(1, P(0, 0), P(2, 0)))) << "fills a gap";
  EXPECT_EQ(c.spans().size(), Coverage::kMaxSpans - 1);
  EXPECT_TRUE(c.Add(S(2, P(0, 0), P(1, 0))));
  EXPECT_TRUE(c.Add(S(1, P(0, 0), P(INT64_MAX, 0))));
  EXPECT_EQ(c.spans().size(), 2U);
}

}  // namespace
}  // namespace tributary
