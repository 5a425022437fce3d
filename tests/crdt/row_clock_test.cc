#include "crdt/row_clock.h"

#include <gtest/gtest.h>

namespace tributary {
namespace {

constexpr ColumnId kB = 3;
constexpr ColumnId kC = 7;
constexpr DbVersion kNow(9);

Layouts TwoColumns() {
  Layouts layouts;
  layouts.Add({kB});
  layouts.Add({kB, kC});
  return layouts;
}

Layouts NoColumns() {
  Layouts layouts;
  layouts.Add({});
  return layouts;
}

Stamp Peer(int64_t version, int64_t seq) { return {2, DbVersion(version), Seq(seq)}; }
Stamp Own(int64_t seq) { return {kOwnSite, kNow, Seq(seq)}; }
StampSource Source() { return StampSource(kNow, Seq(0)); }

void Set(RowClock* clock, ColumnId column, int64_t version, const Stamp& stamp) {
  clock->Apply(MergeAction::kSet, clock->cl(), false, column, ColVersion(version), stamp);
}

void ExpectCell(const RowClock& clock, const Layouts& layouts, ColumnId column, int64_t version,
                const Stamp& stamp) {
  const RowClock::CellView cell = clock.Cell(column, layouts);
  EXPECT_EQ(cell.version, ColVersion(version));
  EXPECT_FALSE(cell.implied);
  EXPECT_EQ(cell.stamp, stamp);
}

void ExpectNoCell(const RowClock& clock, const Layouts& layouts, ColumnId column) {
  ExpectCell(clock, layouts, column, 0, Stamp());
}

TEST(Layouts, Rank) {
  const Layouts layouts = TwoColumns();
  EXPECT_EQ(layouts.current_number(), 1U);
  EXPECT_EQ(layouts.Rank(1, kB), 0);
  EXPECT_EQ(layouts.Rank(1, kC), 1);
  EXPECT_EQ(layouts.Rank(1, 5), -1);
  EXPECT_EQ(layouts.Rank(1, 8), -1);
  EXPECT_EQ(layouts.Get(0), Layout{kB});
  EXPECT_TRUE(layouts.Has(1));
  EXPECT_FALSE(layouts.Has(2));
}

TEST(RowClock, NeverSeen) {
  const RowClock clock;
  EXPECT_EQ(clock.cl(), CausalLength(0));
  EXPECT_FALSE(clock.IsAlive());
  EXPECT_FALSE(clock.IsImplied());
  ExpectNoCell(clock, TwoColumns(), kB);
}

TEST(RowClock, FirstInsertIsImplied) {
  const Layouts layouts = TwoColumns();
  StampSource source = Source();
  RowClock clock;
  EXPECT_EQ(clock.Insert(false, layouts, &source), Seq(0));
  EXPECT_TRUE(clock.IsImplied());
  EXPECT_EQ(clock.Cell(kB, layouts).version, ColVersion(1));
  EXPECT_TRUE(clock.Cell(kB, layouts).implied);
  EXPECT_EQ(source.next(), Seq(2));
  RowClock of_keys;
  EXPECT_EQ(of_keys.Insert(false, NoColumns(), &source), Seq(2));
  EXPECT_EQ(source.next(), Seq(3)) << "the sentinel of a table of keys takes a seq";
}

TEST(RowClock, WhatIsNotImplied) {
  EXPECT_FALSE(RowClock::Tombstone(CausalLength(2)).IsImplied());
  RowClock with_sentinel = RowClock::Implied();
  with_sentinel.Apply(MergeAction::kRestamp, CausalLength(1), true, 0, ColVersion(), Peer(1, 0));
  EXPECT_FALSE(with_sentinel.IsImplied());
  RowClock with_cell = RowClock::Implied();
  Set(&with_cell, kB, 2, Peer(1, 0));
  EXPECT_FALSE(with_cell.IsImplied());
  RowClock with_birth = RowClock::Implied();
  with_birth.SetBirth({2, DbVersion(1)});
  EXPECT_FALSE(with_birth.IsImplied());
  RowClock partial;
  partial.Apply(MergeAction::kCreateAndSet, CausalLength(1), false, kB, ColVersion(1), Peer(1, 0));
  EXPECT_FALSE(partial.IsImplied());
}

// Reference, 5.1: insert, update, delete, insert again.
TEST(RowClock, LocalLifeAsInTheReference) {
  const Layouts layouts = TwoColumns();
  StampSource source = Source();
  RowClock clock;
  clock.Insert(false, layouts, &source);
  const ColumnId b[] = {kB};
  clock.Update(b, layouts, &source);
  ExpectCell(clock, layouts, kB, 2, Own(2));
  EXPECT_TRUE(clock.Cell(kC, layouts).implied);
  const ColumnId both[] = {kB, kC};
  clock.Update(both, layouts, &source);
  ExpectCell(clock, layouts, kB, 3, Own(3));
  ExpectCell(clock, layouts, kC, 2, Own(4));
  clock.Delete(&source);
  EXPECT_EQ(clock.cl(), CausalLength(2));
  EXPECT_EQ(clock.sentinel(), Own(5));
  ExpectNoCell(clock, layouts, kB);
  EXPECT_EQ(clock.Insert(false, layouts, &source), std::nullopt);
  EXPECT_EQ(clock.cl(), CausalLength(3));
  EXPECT_EQ(clock.sentinel(), Own(6));
  EXPECT_EQ(clock.rest(), Rest::kBase);
  EXPECT_EQ(clock.base_version(), ColVersion(1));
  EXPECT_EQ(clock.base_layout(), 1U);
  EXPECT_EQ(clock.base(), Own(7));
  ExpectCell(clock, layouts, kB, 1, Own(7));
  ExpectCell(clock, layouts, kC, 1, Own(8));
  ASSERT_EQ(clock.births().size(), 1U);
  EXPECT_EQ(clock.births()[0], (Birth{kOwnSite, kNow}));
}

TEST(RowClock, UpdateOfAllColumnsWithOneVersionIsABase) {
  const Layouts layouts = TwoColumns();
  StampSource source = Source();
  RowClock clock = RowClock::Implied();
  const ColumnId both[] = {kB, kC};
  clock.Update(both, layouts, &source);
  EXPECT_EQ(clock.rest(), Rest::kBase);
  EXPECT_TRUE(clock.cells().empty());
  ExpectCell(clock, layouts, kC, 2, Own(1));
  clock.Update({}, layouts, &source);
  EXPECT_EQ(source.next(), Seq(2));
  // A base of a layout that is gone or unknown says nothing of other columns.
  ExpectNoCell(clock, layouts, 8);
  Layouts fewer;
  fewer.Add({kB});
  ExpectNoCell(clock, fewer, kB);
}

TEST(RowClock, ReplaceOfALivingRow) {
  const Layouts layouts = TwoColumns();
  StampSource source = Source();
  RowClock unknown;  // no record of it: its clock was the implied one
  EXPECT_EQ(unknown.Insert(true, layouts, &source), std::nullopt);
  EXPECT_EQ(unknown.cl(), CausalLength(1));
  EXPECT_EQ(unknown.sentinel(), std::nullopt);
  ExpectCell(unknown, layouts, kB, 2, Own(1));  // seq 0 is burnt
  ExpectCell(unknown, layouts, kC, 2, Own(2));

  RowClock with_sentinel = RowClock::Tombstone(CausalLength(2));
  with_sentinel.Insert(false, layouts, &source);
  with_sentinel.Insert(true, layouts, &source);
  EXPECT_EQ(with_sentinel.cl(), CausalLength(5));
  EXPECT_EQ(with_sentinel.sentinel(), Own(6));
  ExpectCell(with_sentinel, layouts, kC, 2, Own(8));

  RowClock later_life;  // its sentinel has not arrived
  later_life.Apply(MergeAction::kReviveAndSet, CausalLength(3), false, kB, ColVersion(1),
                   Peer(4, 2));
  later_life.Insert(true, layouts, &source);
  EXPECT_EQ(later_life.cl(), CausalLength(5));
  EXPECT_EQ(later_life.sentinel(), Own(9));
  ExpectCell(later_life, layouts, kB, 2, Own(10));
  ExpectCell(later_life, layouts, kC, 1, Own(11));
}

TEST(RowClock, ReplaceInATableOfKeysBeginsALife) {
  const Layouts layouts = NoColumns();
  StampSource source = Source();
  RowClock clock = RowClock::Implied();
  clock.Insert(true, layouts, &source);
  EXPECT_EQ(clock.cl(), CausalLength(3));
  EXPECT_EQ(clock.sentinel(), Own(0));
  EXPECT_EQ(clock.rest(), Rest::kNone);
}

TEST(RowClock, MoveInWritesEveryColumn) {
  const Layouts layouts = TwoColumns();
  StampSource source = Source();
  RowClock uniform;
  uniform.MoveIn(RowClock::Implied(), layouts, &source);
  EXPECT_EQ(uniform.cl(), CausalLength(1));
  EXPECT_EQ(uniform.sentinel(), Own(0));
  EXPECT_EQ(uniform.rest(), Rest::kBase);
  ExpectCell(uniform, layouts, kB, 2, Own(1));
  ExpectCell(uniform, layouts, kC, 2, Own(2));

  RowClock mixed = RowClock::Implied();
  Set(&mixed, kB, 4, Peer(1, 0));
  RowClock onto_dead = RowClock::Tombstone(CausalLength(2));
  onto_dead.MoveIn(mixed, layouts, &source);
  EXPECT_EQ(onto_dead.cl(), CausalLength(3));
  ExpectCell(onto_dead, layouts, kB, 5, Own(4));
  ExpectCell(onto_dead, layouts, kC, 2, Own(5));

  RowClock onto_living = RowClock::Implied();
  onto_living.MoveIn(mixed, layouts, &source);
  EXPECT_EQ(onto_living.cl(), CausalLength(3)) << "longer than that of the row it replaced";
  EXPECT_EQ(onto_living.births()[0], (Birth{kOwnSite, kNow}));

  RowClock of_keys;
  of_keys.MoveIn(RowClock::Implied(), NoColumns(), &source);
  EXPECT_EQ(of_keys.sentinel(), Own(9));
  EXPECT_EQ(source.next(), Seq(10));
}

TEST(RowClock, ApplyIgnoreAndRestamp) {
  const Layouts layouts = TwoColumns();
  RowClock clock = RowClock::Implied();
  clock.Apply(MergeAction::kIgnore, CausalLength(4), true, 0, ColVersion(4), Peer(1, 0));
  EXPECT_TRUE(clock.IsImplied());
  clock.Apply(MergeAction::kRestamp, CausalLength(1), false, kB, ColVersion(1), Peer(1, 0));
  ExpectCell(clock, layouts, kB, 1, Peer(1, 0));
  EXPECT_TRUE(clock.Cell(kC, layouts).implied);
  clock.Apply(MergeAction::kRestamp, CausalLength(1), true, 0, ColVersion(1), Peer(1, 1));
  EXPECT_EQ(clock.sentinel(), Peer(1, 1));
  RowClock dead = RowClock::Tombstone(CausalLength(2));
  dead.Apply(MergeAction::kRestamp, CausalLength(2), false, kB, ColVersion(1), Peer(2, 0));
  EXPECT_EQ(dead.sentinel(), Peer(2, 0));
  EXPECT_TRUE(dead.cells().empty());
}

TEST(RowClock, ApplyDeleteKeepsTheBirthAndReviveDropsIt) {
  const Layouts layouts = TwoColumns();
  RowClock clock = RowClock::Implied();
  clock.SetBirth({1, DbVersion(5)});
  clock.Apply(MergeAction::kDelete, CausalLength(2), true, 0, ColVersion(2), Peer(1, 0));
  EXPECT_EQ(clock.cl(), CausalLength(2));
  EXPECT_EQ(clock.sentinel(), Peer(1, 0));
  EXPECT_EQ(clock.births().size(), 1U);
  clock.Apply(MergeAction::kRevive, CausalLength(3), true, 0, ColVersion(3), Peer(2, 0));
  EXPECT_EQ(clock.cl(), CausalLength(3));
  EXPECT_EQ(clock.sentinel(), Peer(2, 0));
  EXPECT_TRUE(clock.births().empty());
  ExpectNoCell(clock, layouts, kB);
}

// What made replicas diverge for ever when a cell's stamp stood in for the missing sentinel's: A
// inserts, deletes, inserts again and updates; B hears of the update first.
TEST(RowClock, CellOfANewLifeLeavesTheSentinelOpen) {
  const Layouts layouts = TwoColumns();
  RowClock clock = RowClock::Implied();
  clock.Apply(MergeAction::kReviveAndSet, CausalLength(3), false, kB, ColVersion(2), Peer(4, 0));
  EXPECT_EQ(clock.cl(), CausalLength(3));
  EXPECT_EQ(clock.sentinel(), std::nullopt);
  ExpectCell(clock, layouts, kB, 2, Peer(4, 0));
  ExpectNoCell(clock, layouts, kC);
  clock.Apply(MergeAction::kRestamp, CausalLength(3), true, 0, ColVersion(3), Peer(3, 0));
  EXPECT_EQ(clock.sentinel(), Peer(3, 0));
  RowClock by_zero_cell;
  by_zero_cell.Apply(MergeAction::kRevive, CausalLength(3), false, kB, ColVersion(0), Peer(4, 0));
  EXPECT_EQ(by_zero_cell.sentinel(), std::nullopt);
  EXPECT_TRUE(by_zero_cell.cells().empty());
}

TEST(RowClock, CellsStaySorted) {
  const Layouts layouts = TwoColumns();
  RowClock clock;
  clock.Apply(MergeAction::kCreateAndSet, CausalLength(1), false, kC, ColVersion(1), Peer(1, 1));
  Set(&clock, kB, 1, Peer(1, 0));
  Set(&clock, 9, 1, Peer(1, 2));
  Set(&clock, kC, 2, Peer(2, 0));
  ASSERT_EQ(clock.cells().size(), 3U);
  EXPECT_EQ(clock.cells()[0].column, kB);
  EXPECT_EQ(clock.cells()[1].column, kC);
  EXPECT_EQ(clock.cells()[1].version, ColVersion(2));
  EXPECT_EQ(clock.cells()[2].column, 9U);
}

RowClock Merged(int64_t b_version, const Stamp& b, int64_t c_version, const Stamp& c) {
  RowClock clock;
  clock.Apply(MergeAction::kCreateAndSet, CausalLength(1), false, kB, ColVersion(b_version), b);
  Set(&clock, kC, c_version, c);
  return clock;
}

TEST(RowClock, ToImplied) {
  const Layouts layouts = TwoColumns();
  RowClock whole = Merged(1, Peer(1, 4), 1, Peer(1, 5));
  EXPECT_EQ(whole.ToImplied(layouts), Peer(1, 4));
  EXPECT_TRUE(whole.IsImplied());
  EXPECT_EQ(whole.ToImplied(layouts), std::nullopt) << "it is already";

  const RowClock others[] = {
      Merged(2, Peer(1, 4), 1, Peer(1, 5)),
      Merged(1, Peer(1, 4), 1, Peer(1, 6)),
      Merged(1, Peer(1, 4), 1, Peer(2, 5)),
      Merged(1, Peer(1, 4), 2, Peer(1, 5)),
      Merged(1, Peer(1, 4), 1, {3, DbVersion(1), Seq(5)}),
  };
  for (RowClock other : others) {
    const RowClock before = other;
    EXPECT_EQ(other.ToImplied(layouts), std::nullopt);
    EXPECT_EQ(other, before);
  }
  RowClock partial;
  partial.Apply(MergeAction::kCreateAndSet, CausalLength(1), false, kB, ColVersion(1), Peer(1, 0));
  EXPECT_EQ(partial.ToImplied(layouts), std::nullopt);
  Set(&partial, 9, 1, Peer(1, 1));
  EXPECT_EQ(partial.ToImplied(layouts), std::nullopt) << "another column";
  RowClock with_sentinel = Merged(1, Peer(1, 4), 1, Peer(1, 5));
  with_sentinel.Apply(MergeAction::kRestamp, CausalLength(1), true, 0, ColVersion(1), Peer(1, 3));
  EXPECT_EQ(with_sentinel.ToImplied(layouts), std::nullopt);
  RowClock with_birth = Merged(1, Peer(1, 4), 1, Peer(1, 5));
  with_birth.SetBirth({2, DbVersion(1)});
  EXPECT_EQ(with_birth.ToImplied(layouts), std::nullopt);
  EXPECT_EQ(RowClock::Tombstone(CausalLength(2)).ToImplied(layouts), std::nullopt);
}

TEST(RowClock, ToImpliedInATableOfKeys) {
  const Layouts layouts = NoColumns();
  RowClock clock;
  clock.Apply(MergeAction::kRevive, CausalLength(1), true, 0, ColVersion(1), Peer(1, 4));
  EXPECT_EQ(clock.ToImplied(layouts), Peer(1, 4));
  EXPECT_TRUE(clock.IsImplied());
  RowClock without;
  without.Apply(MergeAction::kRevive, CausalLength(1), false, 0, ColVersion(0), Peer(1, 4));
  EXPECT_EQ(without.ToImplied(layouts), std::nullopt);
  RowClock with_dropped_column;
  with_dropped_column.Apply(MergeAction::kRevive, CausalLength(1), true, 0, ColVersion(1),
                            Peer(1, 4));
  Set(&with_dropped_column, kB, 1, Peer(1, 5));
  EXPECT_EQ(with_dropped_column.ToImplied(layouts), std::nullopt);
}

TEST(RowClock, CompactSaysTheSame) {
  const Layouts layouts = TwoColumns();
  RowClock clock = Merged(4, Peer(1, 4), 4, Peer(1, 5));
  clock.Compact(layouts);
  EXPECT_EQ(clock.rest(), Rest::kBase);
  EXPECT_TRUE(clock.cells().empty());
  ExpectCell(clock, layouts, kB, 4, Peer(1, 4));
  ExpectCell(clock, layouts, kC, 4, Peer(1, 5));
  const RowClock others[] = {
      Merged(4, Peer(1, 4), 5, Peer(1, 5)),
      Merged(4, Peer(1, 4), 4, Peer(1, 6)),
      Merged(4, Peer(1, 4), 4, Peer(2, 5)),
      Merged(4, Peer(1, 4), 4, {3, DbVersion(1), Seq(5)}),
  };
  for (RowClock other : others) {
    const RowClock before = other;
    other.Compact(layouts);
    EXPECT_EQ(other, before);
  }
  RowClock other_columns;
  Set(&other_columns, kB, 1, Peer(1, 0));
  Set(&other_columns, 9, 1, Peer(1, 1));
  const RowClock before = other_columns;
  other_columns.Compact(layouts);
  EXPECT_EQ(other_columns, before);
  Layouts one;
  one.Add({kB});
  RowClock single;
  Set(&single, kB, 1, Peer(1, 0));
  single.Compact(one);
  EXPECT_EQ(single.rest(), Rest::kNone) << "one cell is no shorter as a base";
}

// Every stamp of this site, and no other's, moves to the peer or is numbered anew.
TEST(RowClock, Reattribute) {
  const auto clock = [](SiteOrdinal site, int64_t first, int64_t second, int64_t birth) {
    const auto stamp = [site](int64_t version) { return Stamp{site, DbVersion(version), Seq(7)}; };
    RowClock c;
    c.Apply(MergeAction::kRevive, CausalLength(3), true, 0, ColVersion(3), stamp(first));
    Set(&c, kB, 1, stamp(second));
    Set(&c, kC, 1, Peer(4, 0));
    c.SetBirth({site, DbVersion(birth)});
    return c;
  };
  RowClock moved = clock(kOwnSite, 5, 4, 3);
  EXPECT_TRUE(moved.Reattribute(9, DbVersion(5)));
  EXPECT_EQ(moved, clock(9, 5, 4, 3));
  EXPECT_FALSE(moved.Reattribute(8, DbVersion(5))) << "none is this site's any more";
  moved = clock(kOwnSite, 5, 4, 3);
  EXPECT_TRUE(moved.Reattribute(9, DbVersion(2)));
  EXPECT_EQ(moved, clock(kOwnSite, 3, 2, 1));
  EXPECT_FALSE(moved.Reattribute(9, DbVersion(0)));
  EXPECT_FALSE(RowClock::Implied().Reattribute(9, DbVersion(5)));
  const Layouts layouts = TwoColumns();
  StampSource source(DbVersion(6), Seq(0));
  RowClock based = RowClock::Implied();
  based.Update(layouts.current(), layouts, &source);
  ASSERT_EQ(based.rest(), Rest::kBase);
  EXPECT_TRUE(based.Reattribute(9, DbVersion(6)));
  EXPECT_EQ(based.base(), (Stamp{9, DbVersion(6), Seq(0)}));
}

TEST(RowClock, EqualityDoesNotRememberDroppedCells) {
  const Layouts layouts = TwoColumns();
  StampSource source = Source();
  RowClock clock = RowClock::Implied();
  clock.Update(layouts.current(), layouts, &source);
  clock.Apply(MergeAction::kDelete, CausalLength(2), true, 0, ColVersion(2), Peer(1, 0));
  RowClock same;
  same.Apply(MergeAction::kDelete, CausalLength(2), true, 0, ColVersion(2), Peer(1, 0));
  EXPECT_EQ(clock, same);
}

TEST(RowClock, ActionOutOfRangeIsHarmless) {
  RowClock clock = RowClock::Implied();
  clock.Apply(static_cast<MergeAction>(99), CausalLength(5), false, kB, ColVersion(5), Peer(1, 0));
  EXPECT_TRUE(clock.IsImplied());
}

}  // namespace
}  // namespace tributary
