#include "tests/exhaustive/model.h"

#include <algorithm>

namespace tributary::exhaustive {
namespace {

bool Beats(const Record& r, const CellState& held) {
  if (held.version == 0) return true;
  if (r.version != held.version) return r.version > held.version;
  if (r.value != held.value) return r.value > held.value;
  return GreaterName(r.name, held.name);
}

}  // namespace

bool GreaterName(const Name& a, const Name& b) {
  if (a.site != b.site) return a.site > b.site;
  if (a.version != b.version) return a.version > b.version;
  return a.seq < b.seq;
}

RowState ModelOf(const std::vector<Record>& records, unsigned seen) {
  RowState state;
  for (size_t i = 0; i < records.size(); i++) {
    if ((seen >> i & 1) != 0) state.cl = std::max(state.cl, records[i].cl);
  }
  for (size_t i = 0; i < records.size(); i++) {
    const Record& r = records[i];
    if ((seen >> i & 1) == 0 || r.cl != state.cl) continue;
    if (r.column == kSentinel || r.cl % 2 == 0) {
      if (!state.sentinel || GreaterName(r.name, *state.sentinel)) state.sentinel = r.name;
    } else if (r.version > 0 && Beats(r, state.cells[static_cast<size_t>(r.column)])) {
      state.cells[static_cast<size_t>(r.column)] = {r.version, r.value, r.name};
    }
  }
  return state;
}

std::string ToString(const Name& name) {
  std::string s(1, static_cast<char>('A' + name.site));
  s += std::to_string(name.version);
  s += '.';
  s += std::to_string(name.seq);
  return s;
}

std::string ToString(const Record& record) {
  std::string s = ToString(record.name) + " key " + std::to_string(record.key);
  if (record.column == kSentinel) {
    s += " sentinel";
  } else {
    s += " column " + std::to_string(record.column) + " = " + std::to_string(record.value) +
         " version " + std::to_string(record.version);
  }
  return s + " cl " + std::to_string(record.cl);
}

std::string ToString(const RowState& state) {
  std::string s = "cl " + std::to_string(state.cl);
  if (state.sentinel) s += " sentinel " + ToString(*state.sentinel);
  for (size_t c = 0; c < state.cells.size(); c++) {
    const CellState& cell = state.cells[c];
    if (cell.version == 0) continue;
    s += ", column " + std::to_string(c) + " = " + std::to_string(cell.value) + " version " +
         std::to_string(cell.version) + " " + ToString(cell.name);
  }
  return s;
}

}  // namespace tributary::exhaustive
