#include "tests/exhaustive/engine.h"

#include <cstdio>
#include <cstdlib>

#include "crdt/coding.h"
#include "crdt/value.h"

namespace tributary::exhaustive {
namespace {

// Every replica numbers the sites differently, so that an ordinal that decides shows.
SiteOrdinal OrdinalOf(int site, int author) {
  return static_cast<SiteOrdinal>((author - site + kSites) % kSites);
}

int AuthorOf(int site, SiteOrdinal ordinal) { return (site + static_cast<int>(ordinal)) % kSites; }

SiteId IdOfSite(int author) {
  SiteId id;
  id.bytes.fill(0x80);
  id.bytes[15] = static_cast<uint8_t>(0x7f + author);  // 0x7f, 0x80, 0x81: order is unsigned
  return id;
}

Stamp LocalStamp(int site, const Name& name) {
  return {OrdinalOf(site, name.site), DbVersion(name.version), Seq(name.seq)};
}

Name NameOf(int site, const Stamp& stamp) {
  return {AuthorOf(site, stamp.site), static_cast<int>(stamp.version.value),
          static_cast<int>(stamp.seq.value)};
}

Value ValueOf(int value) { return value == kNull ? Value::Null() : Value::Integer(value); }

// As the real engine does between any two uses of a clock.
void StoreAndLoad(RowClock* clock) {
  std::string data;
  clock->Encode(&data);
  RowClock decoded;
  if (!decoded.Decode(data) || decoded != *clock) {
    std::fputs("a clock record does not survive being stored\n", stderr);
    std::abort();
  }
  *clock = decoded;
}

}  // namespace

Engine::Engine(int width) : width_(width) {
  // Neither column ids nor the layout's number are what an index would be.
  layouts_.Add({5, 9});
  Layout layout{3, 7};
  layout.resize(static_cast<size_t>(width));
  layouts_.Add(layout);
}

std::vector<Op> Engine::OpsFor(const Row& row, int key) const {
  std::vector<Op> ops;
  ops.reserve(8);
  const int values = width_ > 0 ? 2 : 1;
  const bool alive = row.clock.IsAlive();
  for (int v = 0; v < values; v++) {
    ops.push_back({alive ? OpKind::kReplace : OpKind::kInsert, key, 0, v});
  }
  if (!alive) return ops;
  for (int c = 0; c < width_; c++) {
    for (int v = 0; v < 2; v++) {
      if (row.values[static_cast<size_t>(c)] != v) ops.push_back({OpKind::kUpdate, key, c, v});
    }
  }
  if (width_ == 2 && row.values[1] != 0) {
    for (int v = 0; v < 2; v++) {
      if (row.values[0] != v) ops.push_back({OpKind::kUpdateAll, key, 0, v});
    }
  }
  ops.push_back({OpKind::kDelete, key, 0, 0});
  ops.push_back({OpKind::kMove, key, 0, 0});
  return ops;
}

std::vector<Record> Engine::Execute(int site, const Op& op, int version, Rows* rows) const {
  StampSource source(DbVersion(version), Seq(0));
  const auto key = static_cast<size_t>(op.key);
  Row& row = (*rows)[key];
  Row& other = (*rows)[1 - key];
  switch (op.kind) {
    case OpKind::kInsert:
    case OpKind::kReplace: {
      if (row.clock.IsImplied()) row.clock = RowClock();  // not stored, hence not found
      const auto first = row.clock.Insert(op.kind == OpKind::kReplace, layouts_, &source);
      if (first) row.whole_row = {kOwnSite, source.version(), *first};
      SetAll(op.value, &row);
      break;
    }
    case OpKind::kUpdate: {
      const ColumnId column = IdOf(op.column);
      row.clock.Update({&column, 1}, layouts_, &source);
      row.values[static_cast<size_t>(op.column)] = op.value;
      break;
    }
    case OpKind::kUpdateAll:
      row.clock.Update(layouts_.current(), layouts_, &source);
      SetAll(op.value, &row);
      break;
    case OpKind::kDelete:
      row.clock.Delete(&source);
      row.values.fill(kNull);
      break;
    case OpKind::kMove: {
      const Row from = row;
      row.clock.Delete(&source);
      row.values.fill(kNull);
      other.clock.MoveIn(from.clock, layouts_, &source);
      other.values = from.values;
      break;
    }
  }
  std::vector<Record> all;
  std::vector<Record> fresh;
  for (int k = 0; k < kKeys; k++) {
    if (k != op.key && op.kind != OpKind::kMove) continue;
    StoreAndLoad(&(*rows)[static_cast<size_t>(k)].clock);
    Emit(site, k, (*rows)[static_cast<size_t>(k)], &all);
  }
  for (const Record& r : all) {
    if (r.name.site == site && r.name.version == version) fresh.push_back(r);
  }
  return fresh;
}

void Engine::SetAll(int value, Row* row) const {
  for (int c = 0; c < width_; c++) row->values[static_cast<size_t>(c)] = c == 0 ? value : 0;
}

// The stamp of a cell that has a clock.
Stamp Engine::StampOf(const Row& row, int column) const {
  const auto cell = row.clock.Cell(IdOf(column), layouts_);
  if (!cell.implied) return cell.stamp;
  return {row.whole_row.site, row.whole_row.version, row.whole_row.seq + column};
}

MergeAction Engine::Ask(int site, const Row& row, const Record& record) const {
  MergeQuestion q{.local_cl = row.clock.cl(),
                  .incoming_cl = CausalLength(record.cl),
                  .is_sentinel = record.column == kSentinel,
                  .incoming_version = ColVersion(record.version)};
  if (!q.is_sentinel) q.local_version = row.clock.Cell(IdOf(record.column), layouts_).version;
  TieBreak tie;
  if (NeedsTieBreak(q)) {
    std::optional<Stamp> held = row.clock.sentinel();
    if (!held && width_ == 0 && row.clock.IsImplied()) held = row.whole_row;
    if (!q.is_sentinel && IsAlive(q.local_cl)) {
      held = StampOf(row, record.column);
      tie.value = CompareValues(ValueOf(record.value),
                                ValueOf(row.values[static_cast<size_t>(record.column)]));
    }
    tie.stamp = std::strong_ordering::greater;
    if (held) {
      const Stamp stamp = LocalStamp(site, record.name);
      tie.stamp = CompareStamps(IdOfSite(record.name.site), stamp,
                                IdOfSite(AuthorOf(site, held->site)), *held);
    }
  }
  return Decide(q, tie);
}

void Engine::Merge(int site, const Record& record, Row* row) const {
  const MergeAction action = Ask(site, *row, record);
  if (action == MergeAction::kIgnore) return;
  const bool sentinel = record.column == kSentinel;
  const auto column = static_cast<size_t>(sentinel ? 0 : record.column);
  if (action == MergeAction::kDelete) row->values.fill(kNull);
  if (action == MergeAction::kSet || action == MergeAction::kCreateAndSet ||
      action == MergeAction::kReviveAndSet) {
    row->values[column] = record.value;
  }
  row->clock.Apply(action, CausalLength(record.cl), sentinel, sentinel ? 0 : IdOf(record.column),
                   ColVersion(record.version), LocalStamp(site, record.name));
  row->clock.Compact(layouts_);
  // As if the records had come in one batch.
  if (const auto first = row->clock.ToImplied(layouts_)) row->whole_row = *first;
  StoreAndLoad(&row->clock);
}

RowState Engine::StateOf(int site, const Row& row) const {
  RowState state;
  state.cl = static_cast<int>(row.clock.cl().value);
  if (row.clock.sentinel()) {
    state.sentinel = NameOf(site, *row.clock.sentinel());
  } else if (width_ == 0 && row.clock.IsImplied()) {
    state.sentinel = NameOf(site, row.whole_row);
  }
  for (int c = 0; c < width_; c++) {
    const auto cell = row.clock.Cell(IdOf(c), layouts_);
    if (cell.version == ColVersion(0)) continue;
    const auto i = static_cast<size_t>(c);
    state.cells[i] = {static_cast<int>(cell.version.value), row.values[i],
                      NameOf(site, StampOf(row, c))};
  }
  return state;
}

void Engine::Emit(int site, int key, const Row& row, std::vector<Record>* out) const {
  const RowState state = StateOf(site, row);
  if (state.sentinel) out->push_back({key, kSentinel, kNull, state.cl, state.cl, *state.sentinel});
  for (int c = 0; c < width_; c++) {
    const CellState& cell = state.cells[static_cast<size_t>(c)];
    if (cell.version > 0) {
      out->push_back({key, c, cell.value, state.cl, cell.version, cell.name});
    }
  }
}

void Engine::AppendTo(const Row& row, std::string* out) {
  const size_t start = out->size();
  out->push_back(0);
  row.clock.Encode(out);
  (*out)[start] = static_cast<char>(out->size() - start);
  for (const int v : row.values) out->push_back(static_cast<char>(v));
  PutVarint(out, row.whole_row.site);
  PutVarint(out, static_cast<uint64_t>(row.whole_row.version.value));
  PutVarint(out, static_cast<uint64_t>(row.whole_row.seq.value));
}

}  // namespace tributary::exhaustive
