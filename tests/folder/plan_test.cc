// Which segments are read and which may go.
#include "sync/folder/plan.h"

#include <algorithm>
#include <deque>
#include <random>

#include "tests/folder/folder_test.h"

namespace tributary::folder {
namespace {

class Segments {
 public:
  const SegmentFile* Add(int site, VersionVector base, VersionVector until, uint64_t size = 100) {
    SegmentFile& s = files_.emplace_back();
    s.path = std::to_string(files_.size());
    s.head = Head(site, std::move(base), std::move(until));
    s.head.size = size;
    list.push_back(&s);
    return &s;
  }
  SegmentFile* last() { return &files_.back(); }
  std::vector<const SegmentFile*> list;

 private:
  std::deque<SegmentFile> files_;
};

Have Knows(VersionVector v) {
  Have have;
  have.known = std::move(v);
  return have;
}

using Steps = std::vector<const SegmentFile*>;

TEST(FolderPlan, FollowsWhatSegmentsBuildOn) {
  Segments s;
  const auto* a1 = s.Add(1, {}, Vector({{1, 5}}));
  const auto* b1 = s.Add(2, Vector({{1, 5}}), Vector({{1, 5}, {2, 1}}));
  const auto* a2 = s.Add(1, Vector({{1, 5}, {2, 1}}), Vector({{1, 6}, {2, 1}}));
  const auto* gap = s.Add(3, Vector({{4, 1}}), Vector({{3, 1}, {4, 1}}));
  std::mt19937 random(1);
  for (int i = 0; i < 20; i++) {
    std::shuffle(s.list.begin(), s.list.end(), random);
    EXPECT_EQ(MakePlan(s.list, {}).steps, (Steps{a1, b1, a2}));
    EXPECT_EQ(MakePlan(s.list, Knows(Vector({{1, 5}}))).steps, (Steps{b1, a2}));
    EXPECT_EQ(MakePlan(s.list, Knows(Vector({{1, 5}, {2, 2}}))).steps, (Steps{a2}));
    EXPECT_EQ(MakePlan(s.list, Knows(Vector({{1, 9}, {2, 9}, {4, 1}}))).steps, (Steps{gap}));
    EXPECT_EQ(Reach(s.list), Vector({{1, 6}, {2, 1}}));
  }
}

TEST(FolderPlan, DamagedIsNotThere) {
  Segments s;
  s.Add(1, {}, Vector({{1, 5}}));
  s.Add(1, Vector({{1, 5}}), Vector({{1, 6}}));
  s.last()->damaged = true;
  EXPECT_EQ(Reach(s.list), Vector({{1, 5}}));
  EXPECT_TRUE(MakePlan(s.list, Knows(Vector({{1, 5}}))).steps.empty());
}

TEST(FolderPlan, ASnapshotOnlyWhereItCostsLess) {
  Segments s;
  const auto* big = s.Add(1, {}, Vector({{1, 10}}), 1000);
  const auto* small = s.Add(1, Vector({{1, 10}}), Vector({{1, 11}}), 50);
  const auto* huge = s.Add(1, Vector({{1, 11}}), Vector({{1, 12}}), 900);
  const auto* snapshot = s.Add(2, {}, Vector({{1, 12}}), 1200);
  EXPECT_EQ(MakePlan(s.list, {}).steps, (Steps{snapshot}));
  EXPECT_EQ(MakePlan(s.list, Knows(Vector({{1, 10}}))).steps, (Steps{small, huge}));
  EXPECT_EQ(MakePlan({small, huge, snapshot}, Knows(Vector({{1, 9}}))).steps, (Steps{snapshot}));
  EXPECT_EQ(MakePlan({big, small}, {}).steps, (Steps{big, small}));
}

// Segments of more sites than a vector holds: some are read, and the search ends.
TEST(FolderPlan, MoreSitesThanAVectorHolds) {
  Segments s;
  VersionVector all;
  std::vector<const SegmentFile*> fitting;
  for (size_t part = 0; part < 3; part++) {
    VersionVector until;
    for (size_t i = 0; i < VersionVector::kMaxSites / 2; i++) {
      SiteId site = Site(static_cast<uint8_t>(part + 1));
      site.bytes[14] = static_cast<uint8_t>(i >> 8);
      site.bytes[15] = static_cast<uint8_t>(i);
      until.Raise(site, DbVersion(1));
    }
    const SegmentFile* segment = s.Add(1, {}, until);
    if (all.MergeMax(until)) fitting.push_back(segment);
  }
  ASSERT_EQ(fitting.size(), 2u);
  EXPECT_EQ(MakePlan(s.list, {}).steps, fitting);
  EXPECT_EQ(MakePlan(s.list, Knows(all)).steps, Steps());
  EXPECT_EQ(Reach(s.list), all);
}

TEST(FolderPlan, LooseRecordsAreReadOnce) {
  Segments s;
  s.Add(1, Vector({{1, 5}}), Vector({{1, 5}}));
  s.last()->head.loose.push_back({Site(9), 1, 77});
  s.last()->head.beyond = Vector({{9, 3}});
  Have have = Knows(Vector({{1, 5}}));
  EXPECT_EQ(MakePlan(s.list, have).steps.size(), 1u);
  have.loose.push_back({Site(9), 1, 77});
  EXPECT_TRUE(MakePlan(s.list, have).steps.empty());
  EXPECT_TRUE(MakePlan(s.list, Knows(Vector({{1, 5}, {9, 3}}))).steps.empty());
}

TEST(FolderPlan, OnlyWhatIsReplacedAndReadGoes) {
  Segments s;
  const auto* a1 = s.Add(1, {}, Vector({{1, 5}}));
  const auto* a2 = s.Add(1, Vector({{1, 5}}), Vector({{1, 6}}));
  const auto* b = s.Add(2, Vector({{1, 6}}), Vector({{1, 6}, {2, 1}}));
  EXPECT_TRUE(Removable(s.list, Site(1), {}).empty());
  const auto* snapshot = s.Add(2, {}, Vector({{1, 6}, {2, 1}}));
  EXPECT_EQ(Removable(s.list, Site(1), {}), (Steps{a1, a2}));
  EXPECT_EQ(Removable(s.list, Site(1), {Vector({{1, 5}})}), (Steps{a1}));
  EXPECT_EQ(Removable(s.list, Site(2), {Vector({{1, 6}, {2, 1}})}), (Steps{b}));
  // Of two that replace each other, exactly one stays.
  const auto* same = s.Add(1, {}, Vector({{1, 6}, {2, 1}}));
  EXPECT_EQ(Removable(s.list, Site(1), {}), (Steps{a1, a2, same}));
  EXPECT_EQ(Removable(s.list, Site(2), {}), (Steps{b}));
  EXPECT_EQ(snapshot->head.site, Site(2));
  s.last()->head.keep = true;  // a restore point
  EXPECT_EQ(Removable(s.list, Site(1), {}), (Steps{a1, a2}));
}

// A newcomer starts from its own tables, others from what is short.
TEST(FolderPlan, NewcomersStartFromTheirOwnTables) {
  Segments s;
  const auto* small = s.Add(1, {}, Vector({{1, 5}}), 50);
  const auto* later = s.Add(1, Vector({{1, 5}}), Vector({{1, 6}}), 50);
  const auto* snapshot = s.Add(2, {}, Vector({{1, 6}}), 1000);
  s.last()->head.tables = 7;
  EXPECT_EQ(MakePlan(s.list, {}).steps, (Steps{small, later}));
  EXPECT_EQ(MakePlan(s.list, {}, 7).steps, (Steps{snapshot}));
  EXPECT_EQ(MakePlan(s.list, {}, 8).steps, (Steps{small, later}));
  EXPECT_EQ(MakePlan(s.list, Knows(Vector({{9, 4}})), 7).steps, (Steps{snapshot}));
  EXPECT_EQ(MakePlan(s.list, Knows(Vector({{1, 5}, {9, 4}})), 7).steps, (Steps{later}));
}

// Who has dropped a table no longer has what others have of it.
TEST(FolderPlan, WhoHasDroppedSomethingReplacesNobodyElse) {
  Segments s;
  const auto* a = s.Add(1, {}, Vector({{1, 5}}));
  SegmentHead other = Head(2, {}, Vector({{1, 5}, {2, 1}}));
  EXPECT_TRUE(Dominates(other, a->head));
  for (const uint64_t dropped : {HashNames({"tag"}), uint64_t{0}}) {
    other.dropped = dropped;
    EXPECT_FALSE(Dominates(other, a->head));
  }
  // It replaces its own, and what lacks the same; 0 is not known.
  SegmentHead small = a->head;
  small.dropped = 0;
  EXPECT_FALSE(Dominates(other, small));
  other.dropped = small.dropped = HashNames({"tag"});
  EXPECT_TRUE(Dominates(other, small));
  small.dropped = HashNames({"tag", "note"});
  EXPECT_FALSE(Dominates(other, small));
  small.site = other.site;
  EXPECT_TRUE(Dominates(other, small));
  other.dropped = HashNames({});
  small.site = a->head.site;
  EXPECT_TRUE(Dominates(other, small));
  // What has no content is there for its schema.
  small.base = small.until;
  EXPECT_TRUE(Dominates(other, small));
  small.schema = ChecksumOf("of later tables");
  EXPECT_FALSE(Dominates(other, small));
}

// Whatever goes, the folder knows as much as before.
TEST(FolderPlan, RemovalLosesNothing) {
  std::mt19937 random(7);
  for (int run = 0; run < 300; run++) {
    Segments s;
    std::vector<VersionVector> known(3);
    for (int step = 0; step < 12; step++) {
      const int site = static_cast<int>(random() % 3);
      VersionVector& mine = known[static_cast<size_t>(site)];
      mine.MergeMax(Reach(s.list));
      const VersionVector base = random() % 4 == 0 ? VersionVector() : Reach(s.list);
      mine.Raise(Site(static_cast<uint8_t>(site + 1)), DbVersion(step + 1));
      s.Add(site + 1, base, mine);
      std::vector<const SegmentFile*> going;
      for (uint8_t each = 1; each <= 3; each++) {  // all at once, unaware of each other
        for (const auto* r : Removable(s.list, Site(each), {})) going.push_back(r);
      }
      const VersionVector before = Reach(s.list);
      for (const auto* g : going) std::erase(s.list, g);
      ASSERT_EQ(Reach(s.list), before) << run;
    }
  }
}

TEST(FolderPlan, MergesWhenItPays) {
  Segments s;
  VersionVector base;
  EXPECT_FALSE(DueForMerge(s.list, Site(1), &base));
  s.Add(1, {}, Vector({{1, 1}}), 10 << 20);
  for (int i = 1; i < 64; i++) s.Add(1, Vector({{1, i}}), Vector({{1, i + 1}}));
  EXPECT_FALSE(DueForMerge(s.list, Site(1), &base));
  s.Add(1, Vector({{1, 64}}), Vector({{1, 65}}));
  ASSERT_TRUE(DueForMerge(s.list, Site(1), &base));
  EXPECT_EQ(base, Vector({{1, 1}}));
  EXPECT_FALSE(DueForMerge(s.list, Site(2), &base));
  s.Add(2, Vector({{1, 65}}), Vector({{1, 65}, {2, 1}}), 11 << 20);
  ASSERT_TRUE(DueForMerge(s.list, Site(2), &base));
  EXPECT_TRUE(base.empty());
}

}  // namespace
}  // namespace tributary::folder
