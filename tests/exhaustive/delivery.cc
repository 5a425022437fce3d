#include "tests/exhaustive/delivery.h"

#include <algorithm>

namespace tributary::exhaustive {

bool Delivery::Check(int site, const Reached& at, const std::vector<Record>& records,
                     std::string* why) {
  counts_.states++;
  const RowState state = engine_->StateOf(site, at.row);
  const RowState expected = ModelOf(records, at.seen);
  if (state != expected) {
    *why = "has " + ToString(state) + "; the model says " + ToString(expected);
    return false;
  }
  // I4: what was seen (its own records, too) changes nothing when it comes again.
  for (size_t i = 0; i < records.size(); i++) {
    if ((at.seen >> i & 1) == 0) continue;
    counts_.repeats++;
    if (engine_->Ask(site, at.row, records[i]) != MergeAction::kIgnore) {
      *why = "would take " + ToString(records[i]) + " twice";
      return false;
    }
  }
  // I7, and relaying: what it would pass on was written by somebody, and says all it knows.
  emitted_.clear();
  engine_->Emit(site, records.empty() ? 0 : records[0].key, at.row, &emitted_);
  for (const Record& r : emitted_) {
    const auto it = std::find(records.begin(), records.end(), r);
    if (it == records.end() || (at.seen >> (it - records.begin()) & 1) == 0) {
      *why = "would pass on what nobody wrote: " + ToString(r);
      return false;
    }
  }
  if (ModelOf(emitted_, (1U << emitted_.size()) - 1) != expected) {
    *why = "would pass on less than it knows";
    return false;
  }
  // Complete delivery leaves no cell of a living row to chance.
  if (at.seen == (1U << records.size()) - 1 && at.row.clock.IsAlive()) {
    for (int c = 0; c < engine_->width(); c++) {
      if (state.cells[static_cast<size_t>(c)].version == 0) {
        *why = "holds every record, and a cell without a clock";
        return false;
      }
    }
  }
  return true;
}

bool Delivery::Walk(int site, const Row& row, unsigned seen, const std::vector<Record>& records,
                    std::vector<Reached>* reached, std::string* why) {
  std::vector<int> missing;
  for (size_t i = 0; i < records.size(); i++) {
    if ((seen >> i & 1) == 0) missing.push_back(static_cast<int>(i));
  }
  const size_t sets = size_t{1} << missing.size();
  for (auto& states : by_set_) states.clear();
  by_set_.resize(std::max(by_set_.size(), sets));
  reached->clear();
  reached->push_back({.seen = seen, .row = row});
  by_set_[0].push_back(0);
  if (!Check(site, reached->back(), records, why)) return false;
  for (size_t set = 0; set < sets; set++) {
    for (const int from : by_set_[set]) {
      for (size_t m = 0; m < missing.size(); m++) {
        if ((set >> m & 1) != 0) continue;
        const auto record = static_cast<size_t>(missing[m]);
        Reached next{(*reached)[static_cast<size_t>(from)].seen | 1U << record,
                     (*reached)[static_cast<size_t>(from)].row, from, missing[m]};
        engine_->Merge(site, records[record], &next.row);
        counts_.merges++;
        std::vector<int>& twins = by_set_[set | size_t{1} << m];
        const bool known = std::any_of(twins.begin(), twins.end(), [&](int i) {
          return (*reached)[static_cast<size_t>(i)].row == next.row;
        });
        if (known) continue;
        twins.push_back(static_cast<int>(reached->size()));
        reached->push_back(std::move(next));
        if (!Check(site, reached->back(), records, why)) return false;
      }
    }
  }
  return true;
}

}  // namespace tributary::exhaustive
