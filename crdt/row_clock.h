// The clocks of one row: its causal length, its sentinel and one clock per cell (column).
//
// Most rows need none of this stored (R1 of the engine's design): a living row without a record is
// in its first life, every cell has col_version 1 and the stamp of the one "whole row" entry of
// the log that mentions it. That is the *implied* clock. Everything else is an *exception* and is
// stored as the record encoded here.
//
// Record format: a flag byte (bits 0-1 Rest, 2 sentinel, 3 births, 4 causal length is not 1, 5 the
// one birth is the base's transaction), then in this order, each only if flagged or needed:
//   causal length; sentinel stamp; base (layout, col_version, stamp) if Rest is kBase;
//   number of births and each (site, version); to the end, the explicit cells:
//   (column << 1 | same_transaction_as_previous_cell), col_version, [site, version], seq
// All numbers are varints; a stamp is site ordinal, version, seq.
//
// A row of a later life may lack its sentinel: where a cell of that life was the first to arrive,
// the causal length is known (every record carries it) but not who began the life. cr-sqlite lets
// the cell's stamp stand in. That diverges: a stand-in of a later transaction or of another site
// can be the larger stamp, and then the true sentinel, when it comes, loses here and nowhere else
// (A inserts, deletes, inserts again and updates; B hears of the update first). So there is no
// stand-in: the stamp stays missing, which loses every tie, until the sentinel itself arrives.
#ifndef TRIBUTARY_CRDT_ROW_CLOCK_H_
#define TRIBUTARY_CRDT_ROW_CLOCK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "crdt/ids.h"
#include "crdt/merge.h"

namespace tributary {

// The non-key columns of a table at one time, ascending. A table gains a layout at each change of
// its columns; stored records name a layout by its number, so that they never have to be rewritten.
using Layout = std::vector<ColumnId>;

// A table's layouts, by number. The last is the present one.
class Layouts {
 public:
  void Add(Layout l) { layouts_.push_back(std::move(l)); }
  bool Has(uint32_t n) const { return n < layouts_.size(); }
  const Layout& Get(uint32_t n) const { return layouts_[n]; }
  uint32_t current_number() const { return static_cast<uint32_t>(layouts_.size() - 1); }
  const Layout& current() const { return layouts_.back(); }
  // Position of a column in a layout, or -1.
  int Rank(uint32_t layout, ColumnId column) const;

 private:
  std::vector<Layout> layouts_;
};

// What clock the cells have that a record does not list.
enum class Rest : uint8_t {
  kNone = 0,     // none: col_version 0, loses to anything
  kImplied = 1,  // the row's first insert, as the log has it: col_version 1
  kBase = 2,     // one write of all columns of a layout at once: a shared col_version, and seqs
                 // that count up in column order
};

struct CellClock {
  ColumnId column = 0;
  ColVersion version;
  Stamp stamp;
  bool operator==(const CellClock&) const = default;
};

// The insert that gave the row its present (or, for a tombstone, its last) life (T20).
struct Birth {
  SiteOrdinal site = kOwnSite;
  DbVersion version;
  bool operator==(const Birth&) const = default;
};

// Hands out the stamps of one local transaction.
class StampSource {
 public:
  StampSource(DbVersion version, Seq next) : version_(version), next_(next) {}
  Stamp Take() { return Stamp{kOwnSite, version_, Advance(1)}; }
  // The first of n consecutive seqs.
  Seq Advance(int64_t n) {
    const Seq first = next_;
    next_ = next_ + n;
    return first;
  }
  DbVersion version() const { return version_; }
  Seq next() const { return next_; }

 private:
  DbVersion version_;
  Seq next_;
};

class RowClock {
 public:
  // Clock of a cell as far as the record knows it.
  struct CellView {
    ColVersion version;
    // col_version 1 by R1; the stamp must be looked up in the log. Where the column came later than
    // with the first layout that must be done for the version, too: it is 0 unless the layout of
    // the row's log entry has the column (T3).
    bool implied = false;
    Stamp stamp;  // unset where implied or where there is no clock (version 0)
  };

  RowClock() = default;                     // never seen: causal length 0
  static RowClock Implied();                // first life, all implied
  static RowClock Tombstone(CausalLength);  // dead, no stamp yet
  bool IsImplied() const;                   // nothing to store
  bool IsAlive() const { return tributary::IsAlive(cl_); }

  CausalLength cl() const { return cl_; }
  Rest rest() const { return rest_; }
  const std::optional<Stamp>& sentinel() const { return sentinel_; }
  uint32_t base_layout() const { return base_layout_; }
  ColVersion base_version() const { return base_version_; }
  const Stamp& base() const { return base_; }
  absl::Span<const CellClock> cells() const { return cells_; }
  absl::Span<const Birth> births() const { return births_; }
  CellView Cell(ColumnId column, const Layouts& layouts) const;
  // Whether this may be the clock of a row whose first insert, before the table had any column,
  // implies its sentinel. Only a death may then take the implied clocks away.
  bool MayImplySentinel(const Layouts& layouts) const {
    return rest_ == Rest::kImplied && layouts.Get(0).empty();
  }

  // --- local writes; each takes its stamps in the order in which cr-sqlite numbers its records.
  // An insert. `replaced`: the key was alive and no delete was reported (INSERT OR REPLACE). Then
  // the row enters its next life, if not its first, with all cells written again. Returns the seq
  // of a first insert, whose clock stays implied, or nothing.
  std::optional<Seq> Insert(bool replaced, const Layouts& layouts, StampSource* source);
  // What Insert does for a row never seen: the seq of its first record.
  static Seq FirstInsert(const Layouts& layouts, StampSource* source);
  // An update of some columns, ascending.
  void Update(absl::Span<const ColumnId> columns, const Layouts& layouts, StampSource* source);
  void Delete(StampSource* source);
  // The row arrives here from another key; `from` is its clock before it left.
  void MoveIn(const RowClock& from, const Layouts& layouts, StampSource* source);

  // --- merging; `action` is what Decide said about a record stamped `stamp`.
  // Column and version are ignored where the record is a sentinel.
  void Apply(MergeAction action, CausalLength cl, bool is_sentinel, ColumnId column,
             ColVersion version, const Stamp& stamp);
  // Gives the row back its implied clock if the cells are exactly those of a whole first insert;
  // then returns the stamp of its first record. REQUIRES: the row was never stored before.
  std::optional<Stamp> ToImplied(const Layouts& layouts);
  // Replaces explicit cells by a base where that says the same in less space.
  void Compact(const Layouts& layouts);

  void SetBirth(Birth b) { births_.assign(1, b); }

  // This site's versions up to `last` become those of the site `peer`, the later ones are numbered
  // from 1 on. False where that changes nothing.
  bool Reattribute(SiteOrdinal peer, DbVersion last);

  void Encode(std::string* out) const;
  // False, with the clock unspecified, where the bytes are no record. Causal length, col_versions
  // and a base's seq beyond twice kMaxCounter are none.
  bool Decode(std::string_view data);

  bool operator==(const RowClock&) const = default;

 private:
  const CellClock* FindExplicit(ColumnId column) const;
  void SetCell(ColumnId column, ColVersion version, const Stamp& stamp);
  void SetBase(ColVersion version, const Stamp& first, uint32_t layout);
  // All cells lose their clocks, as when the row dies or enters another life.
  void DropCells();
  // True, with the shared version, where all columns of the present layout have the same one.
  bool UniformVersion(const Layouts& layouts, ColVersion* version) const;
  bool DecodeCells(std::string_view data);

  CausalLength cl_;
  Rest rest_ = Rest::kNone;
  uint32_t base_layout_ = 0;
  ColVersion base_version_;
  Stamp base_;
  std::optional<Stamp> sentinel_;
  absl::InlinedVector<CellClock, 2> cells_;  // explicit ones, ascending by column
  absl::InlinedVector<Birth, 1> births_;
};

}  // namespace tributary

#endif  // TRIBUTARY_CRDT_ROW_CLOCK_H_
