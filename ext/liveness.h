// Which records of a log entry still speak for their cells (R3 of the engine's design). What the
// log answers with and what a sweep of it keeps is decided here, so that the two cannot differ.
#ifndef TRIBUTARY_EXT_LIVENESS_H_
#define TRIBUTARY_EXT_LIVENESS_H_

#include "crdt/log_chunk.h"
#include "crdt/row_clock.h"
#include "ext/table.h"

namespace tributary {

// A record of a log entry that is what the row's clock says.
struct LiveRecord {
  int column = -1;  // index into the table's columns; -1 for the row's sentinel
  ColVersion version;
  Seq seq;
};

// Whether all columns of the layout have been dropped: then a row entry of it speaks for the row
// itself, as in a table of keys alone.
inline bool IsGone(const Table& table, uint32_t layout) {
  if (layout >= table.layouts().current_number()) return false;
  for (const ColumnId id : table.layouts().Get(layout)) {
    if (table.FindColumn(id) >= 0) return false;
  }
  return true;
}

// Calls `emit` with each live record of the entry, logged as (site, version), in seq order, until
// it returns false. `clock` is that of the entry's row: the implied one where the row has no
// exception.
template <typename Emit>
void ForEachLive(const Table& table, const RowClock& clock, SiteOrdinal site, DbVersion version,
                 const LogEntry& e, Emit emit) {
  const auto cell = [&](ColumnId id, Seq seq, bool is_row_entry) {
    const RowClock::CellView view = clock.Cell(id, table.layouts());
    const bool live = view.implied
                          ? is_row_entry
                          : view.version > ColVersion(0) && view.stamp == Stamp{site, version, seq};
    if (!live) return true;
    // A column that this replica has dropped has nothing to say.
    const int column = table.FindColumn(id);
    return column < 0 || emit(LiveRecord{column, view.version, seq});
  };
  const bool whole = e.kind == LogKind::kRow || e.kind == LogKind::kAllCells;
  if (e.kind == LogKind::kSentinel || (whole && (e.width == 0 || IsGone(table, e.layout)))) {
    const bool live = e.kind == LogKind::kRow ? clock.rest() == Rest::kImplied && !clock.sentinel()
                                              : clock.sentinel() == Stamp{site, version, e.seq};
    if (live) emit(LiveRecord{-1, ColVersion(clock.cl().value), e.seq});
  } else if (whole) {
    if (!table.layouts().Has(e.layout)) return;
    Seq seq = e.seq;
    // Nothing is explicit in most rows: a short cut through what `cell` would say.
    if (clock.rest() == Rest::kImplied && clock.cells().empty()) {
      if (e.kind != LogKind::kRow) return;
      for (const ColumnId id : table.layouts().Get(e.layout)) {
        const int column = table.FindColumn(id);
        if (column >= 0 && !emit(LiveRecord{column, ColVersion(1), seq})) return;
        seq = seq + 1;
      }
      return;
    }
    for (const ColumnId id : table.layouts().Get(e.layout)) {
      if (!cell(id, seq, e.kind == LogKind::kRow)) return;
      seq = seq + 1;
    }
  } else {
    for (const LogCell& c : e.cells) {
      if (!cell(c.column, c.seq, false)) return;
    }
  }
}

}  // namespace tributary

#endif  // TRIBUTARY_EXT_LIVENESS_H_
