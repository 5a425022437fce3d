#include "crdt/row_clock.h"

#include <algorithm>

#include "crdt/coding.h"

namespace tributary {
namespace {

constexpr uint8_t kRestMask = 3;
constexpr uint8_t kHasSentinel = 4;
constexpr uint8_t kHasBirths = 8;
constexpr uint8_t kHasCausalLength = 16;
constexpr uint8_t kBornAtBase = 32;
constexpr uint8_t kKnownFlags = 63;
// No record holds more than was accepted plus what can be counted locally, so that arithmetic on
// what a damaged file says cannot overflow.
constexpr int64_t kMaxStored = 2 * kMaxCounter;

void PutCount(std::string* out, int64_t v) { PutVarint(out, static_cast<uint64_t>(v)); }

void PutStamp(std::string* out, const Stamp& s) {
  PutVarint(out, s.site);
  PutCount(out, s.version.value);
  PutCount(out, s.seq.value);
}

bool GetUint32(ByteReader* in, uint32_t* v) {
  uint64_t u;
  if (!in->Varint(&u) || u > UINT32_MAX) return false;
  *v = static_cast<uint32_t>(u);
  return true;
}

bool GetStamp(ByteReader* in, Stamp* s) {
  return GetUint32(in, &s->site) && in->Count(&s->version.value) && in->Count(&s->seq.value);
}

bool GetCounter(ByteReader* in, int64_t* v) { return in->Count(v) && *v <= kMaxStored; }

bool SameTransaction(const Stamp& a, const Stamp& b) {
  return a.site == b.site && a.version == b.version;
}

}  // namespace

int Layouts::Rank(uint32_t layout, ColumnId column) const {
  const Layout& l = layouts_[layout];
  const auto it = std::lower_bound(l.begin(), l.end(), column);
  return it != l.end() && *it == column ? static_cast<int>(it - l.begin()) : -1;
}

RowClock RowClock::Implied() {
  RowClock c;
  c.cl_ = CausalLength(1);
  c.rest_ = Rest::kImplied;
  return c;
}

RowClock RowClock::Tombstone(CausalLength cl) {
  RowClock c;
  c.cl_ = cl;
  return c;
}

bool RowClock::IsImplied() const {
  return cl_ == CausalLength(1) && rest_ == Rest::kImplied && !sentinel_ && cells_.empty() &&
         births_.empty();
}

RowClock::CellView RowClock::Cell(ColumnId column, const Layouts& layouts) const {
  if (const CellClock* c = FindExplicit(column)) return {.version = c->version, .stamp = c->stamp};
  if (rest_ == Rest::kImplied) return {.version = ColVersion(1), .implied = true};
  if (rest_ == Rest::kBase && layouts.Has(base_layout_)) {
    const int rank = layouts.Rank(base_layout_, column);
    if (rank >= 0) {
      return {.version = base_version_, .stamp = {base_.site, base_.version, base_.seq + rank}};
    }
  }
  return {};
}

const CellClock* RowClock::FindExplicit(ColumnId column) const {
  // In a merge a row's cells come in the order of its columns.
  if (cells_.empty() || cells_.back().column < column) return nullptr;
  for (const CellClock& c : cells_) {
    if (c.column == column) return &c;
  }
  return nullptr;
}

void RowClock::SetCell(ColumnId column, ColVersion version, const Stamp& stamp) {
  const CellClock cell{column, version, stamp};
  if (cells_.empty() || cells_.back().column < column) {
    cells_.push_back(cell);
    return;
  }
  auto it = cells_.begin();
  while (it->column < column) ++it;
  if (it->column == column) {
    *it = cell;
  } else {
    cells_.insert(it, cell);
  }
}

void RowClock::SetBase(ColVersion version, const Stamp& first, uint32_t layout) {
  rest_ = Rest::kBase;
  base_version_ = version;
  base_ = first;
  base_layout_ = layout;
  cells_.clear();
}

void RowClock::DropCells() {
  rest_ = Rest::kNone;
  base_version_ = ColVersion(0);
  base_ = Stamp();
  base_layout_ = 0;
  cells_.clear();
}

bool RowClock::UniformVersion(const Layouts& layouts, ColVersion* version) const {
  const Layout& columns = layouts.current();
  if (columns.empty() || MayImplySentinel(layouts)) return false;
  if (cells_.empty() && rest_ == Rest::kImplied) {
    *version = ColVersion(1);
    return true;
  }
  *version = Cell(columns[0], layouts).version;
  return std::all_of(columns.begin() + 1, columns.end(),
                     [&](ColumnId c) { return Cell(c, layouts).version == *version; });
}

Seq RowClock::FirstInsert(const Layouts& layouts, StampSource* source) {
  // A row without cells has its sentinel's.
  return source->Advance(std::max<int64_t>(static_cast<int64_t>(layouts.current().size()), 1));
}

std::optional<Seq> RowClock::Insert(bool replaced, const Layouts& layouts, StampSource* source) {
  const Layout& columns = layouts.current();
  const auto width = static_cast<int64_t>(columns.size());
  if (cl_ == CausalLength(0) && !replaced) {
    *this = Implied();
    return FirstInsert(layouts, source);
  }
  // A REPLACE that hit a row this replica has no record of: its clock was the implied one.
  if (cl_ == CausalLength(0)) *this = Implied();
  if (!IsAlive()) {
    cl_ = cl_ + 1;
    sentinel_ = source->Take();
    // A table of keys alone has no cells that a base could speak for.
    if (width > 0) {
      SetBase(ColVersion(1), {kOwnSite, source->version(), source->Advance(width)},
              layouts.current_number());
    }
    SetBirth({kOwnSite, source->version()});
    return std::nullopt;
  }
  const Stamp first = source->Take();  // burnt where the row has no sentinel, as in cr-sqlite
  if (sentinel_ || cl_ > CausalLength(1) || width == 0) {
    cl_ = cl_ + 2;
    sentinel_ = first;
    if (width == 0) DropCells();  // implied clocks are those of a first life
    SetBirth({kOwnSite, source->version()});
  }
  Update(columns, layouts, source);
  return std::nullopt;
}

void RowClock::Update(absl::Span<const ColumnId> columns, const Layouts& layouts,
                      StampSource* source) {
  ColVersion shared;
  if (columns.size() == layouts.current().size() && UniformVersion(layouts, &shared)) {
    const Seq first = source->Advance(static_cast<int64_t>(columns.size()));
    SetBase(shared + 1, {kOwnSite, source->version(), first}, layouts.current_number());
    return;
  }
  for (const ColumnId c : columns) SetCell(c, Cell(c, layouts).version + 1, source->Take());
}

void RowClock::Delete(StampSource* source) {
  cl_ = cl_ + 1;
  sentinel_ = source->Take();
  DropCells();
}

void RowClock::MoveIn(const RowClock& from, const Layouts& layouts, StampSource* source) {
  const Layout& columns = layouts.current();
  ColVersion shared;
  const bool uniform = from.UniformVersion(layouts, &shared);
  // A row that this move replaced was alive: its cells could have any version, so the new life
  // gets a longer causal length than it had (cr-sqlite keeps 1 here and can diverge).
  cl_ = IsAlive() ? cl_ + 2 : cl_ + 1;
  sentinel_ = source->Take();
  DropCells();
  if (uniform) {
    SetBase(shared + 1,
            {kOwnSite, source->version(), source->Advance(static_cast<int64_t>(columns.size()))},
            layouts.current_number());
  } else {
    for (const ColumnId c : columns) {
      cells_.push_back({c, from.Cell(c, layouts).version + 1, source->Take()});
    }
  }
  SetBirth({kOwnSite, source->version()});
}

void RowClock::Apply(MergeAction action, CausalLength cl, bool is_sentinel, ColumnId column,
                     ColVersion version, const Stamp& stamp) {
  switch (action) {
    case MergeAction::kIgnore:
      return;
    case MergeAction::kRestamp:
      if (is_sentinel || !tributary::IsAlive(cl)) {
        sentinel_ = stamp;
      } else {
        SetCell(column, version, stamp);
      }
      return;
    case MergeAction::kDelete:
      // A birth belongs to a life: a tombstone keeps its victim's.
      cl_ = cl;
      sentinel_ = stamp;
      DropCells();
      return;
    case MergeAction::kRevive:
    case MergeAction::kReviveAndSet:
      cl_ = cl;
      // Only a sentinel's own stamp, see the header.
      sentinel_ = is_sentinel ? std::optional<Stamp>(stamp) : std::nullopt;
      DropCells();
      births_.clear();
      if (action == MergeAction::kReviveAndSet) SetCell(column, version, stamp);
      return;
    case MergeAction::kCreateAndSet:
      cl_ = cl;
      SetCell(column, version, stamp);
      return;
    case MergeAction::kSet:
      SetCell(column, version, stamp);
      return;
  }
}

std::optional<Stamp> RowClock::ToImplied(const Layouts& layouts) {
  const Layout& columns = layouts.current();
  if (cl_ != CausalLength(1) || rest_ != Rest::kNone || !births_.empty()) return std::nullopt;
  if (columns.empty()) {
    if (!sentinel_ || !cells_.empty()) return std::nullopt;
    const Stamp first = *sentinel_;
    *this = Implied();
    return first;
  }
  if (sentinel_ || cells_.size() != columns.size()) return std::nullopt;
  const Stamp first = cells_[0].stamp;
  for (size_t i = 0; i < columns.size(); i++) {
    const CellClock& c = cells_[i];
    if (c.column != columns[i] || c.version != ColVersion(1) || !SameTransaction(c.stamp, first) ||
        c.stamp.seq != first.seq + static_cast<int64_t>(i)) {
      return std::nullopt;
    }
  }
  *this = Implied();
  return first;
}

void RowClock::Compact(const Layouts& layouts) {
  const Layout& columns = layouts.current();
  if (cells_.size() != columns.size() || columns.size() < 2 || MayImplySentinel(layouts)) return;
  const CellClock first = cells_[0];
  for (size_t i = 0; i < columns.size(); i++) {
    const CellClock& c = cells_[i];
    if (c.column != columns[i] || c.version != first.version ||
        !SameTransaction(c.stamp, first.stamp) ||
        c.stamp.seq != first.stamp.seq + static_cast<int64_t>(i)) {
      return;
    }
  }
  SetBase(first.version, first.stamp, layouts.current_number());
}

bool RowClock::Reattribute(SiteOrdinal peer, DbVersion last) {
  bool changed = false;
  const auto move = [&](auto* s) {
    if (s->site != kOwnSite || (s->version > last && last == DbVersion(0))) return;
    changed = true;
    if (s->version <= last) {
      s->site = peer;
    } else {
      s->version = s->version + -last.value;
    }
  };
  if (sentinel_) move(&*sentinel_);
  if (rest_ == Rest::kBase) move(&base_);
  for (CellClock& c : cells_) move(&c.stamp);
  for (Birth& b : births_) move(&b);
  return changed;
}

void RowClock::Encode(std::string* out) const {
  auto flags = static_cast<uint8_t>(rest_);
  if (sentinel_) flags |= kHasSentinel;
  const bool born_at_base =
      rest_ == Rest::kBase && births_.size() == 1 && births_[0] == Birth{base_.site, base_.version};
  if (born_at_base) {
    flags |= kBornAtBase;
  } else if (!births_.empty()) {
    flags |= kHasBirths;
  }
  if (cl_ != CausalLength(1)) flags |= kHasCausalLength;
  out->push_back(static_cast<char>(flags));
  if (cl_ != CausalLength(1)) PutCount(out, cl_.value);
  if (sentinel_) PutStamp(out, *sentinel_);
  if (rest_ == Rest::kBase) {
    PutVarint(out, base_layout_);
    PutCount(out, base_version_.value);
    PutStamp(out, base_);
  }
  if (!births_.empty() && !born_at_base) {
    PutVarint(out, births_.size());
    for (const Birth& b : births_) {
      PutVarint(out, b.site);
      PutCount(out, b.version.value);
    }
  }
  const CellClock* previous = nullptr;
  for (const CellClock& c : cells_) {
    const bool same = previous != nullptr && SameTransaction(previous->stamp, c.stamp);
    PutVarint(out, static_cast<uint64_t>(c.column) << 1 | (same ? 1 : 0));
    PutCount(out, c.version.value);
    if (!same) {
      PutVarint(out, c.stamp.site);
      PutCount(out, c.stamp.version.value);
    }
    PutCount(out, c.stamp.seq.value);
    previous = &c;
  }
}

bool RowClock::Decode(std::string_view data) {
  *this = RowClock();
  ByteReader in(data);
  uint8_t flags;
  if (!in.Byte(&flags) || (flags & ~kKnownFlags) != 0 || (flags & kRestMask) > 2) return false;
  rest_ = static_cast<Rest>(flags & kRestMask);
  cl_ = CausalLength(1);
  if ((flags & kHasCausalLength) != 0 && !GetCounter(&in, &cl_.value)) return false;
  if ((flags & kHasSentinel) != 0 && !GetStamp(&in, &sentinel_.emplace())) return false;
  if (rest_ == Rest::kBase &&
      !(GetUint32(&in, &base_layout_) && GetCounter(&in, &base_version_.value) &&
        GetStamp(&in, &base_) && base_.seq.value <= kMaxStored)) {
    return false;
  }
  if ((flags & kBornAtBase) != 0) {
    if (rest_ != Rest::kBase || (flags & kHasBirths) != 0) return false;
    births_.push_back({base_.site, base_.version});
  }
  if ((flags & kHasBirths) != 0) {
    uint64_t n;
    if (!in.Varint(&n) || n > in.remaining()) return false;
    for (uint64_t i = 0; i < n; i++) {
      Birth b;
      if (!GetUint32(&in, &b.site) || !in.Count(&b.version.value)) return false;
      births_.push_back(b);
    }
  }
  return DecodeCells(in.rest());
}

bool RowClock::DecodeCells(std::string_view data) {
  ByteReader in(data);
  while (!in.empty()) {
    CellClock c;
    uint64_t head;
    if (!in.Varint(&head) || head >> 33 != 0 || !GetCounter(&in, &c.version.value)) return false;
    c.column = static_cast<ColumnId>(head >> 1);
    if ((head & 1) != 0) {
      if (cells_.empty()) return false;
      c.stamp = cells_.back().stamp;
    } else if (!GetUint32(&in, &c.stamp.site) || !in.Count(&c.stamp.version.value)) {
      return false;
    }
    if (!in.Count(&c.stamp.seq.value)) return false;
    if (!cells_.empty() && cells_.back().column >= c.column) return false;
    cells_.push_back(c);
  }
  return true;
}

}  // namespace tributary
