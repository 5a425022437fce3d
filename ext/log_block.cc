#include "ext/log_block.h"

#include <algorithm>
#include <bit>
#include <tuple>

namespace tributary {

bool LogBlock::Add(SiteOrdinal site, DbVersion version, int64_t chunk, std::string_view data) {
  LogChunkReader reader;
  if (!reader.Open(data)) return false;
  chunks_.push_back({site, version, chunk});
  while (reader.Next()) {
    const LogEntry& e = reader.entry();
    if (e.kind != LogKind::kRow) continue;
    int64_t integer;
    if (DecodeIntegerKey(e.key, &integer)) {
      AddInteger(integer, e);
      continue;
    }
    rows_.push_back({.hash = HashKey(e.table, e.key),
                     .table = e.table,
                     .seq = e.seq,
                     .key = static_cast<uint32_t>(keys_.size()),
                     .size = static_cast<uint32_t>(e.key.size()),
                     .chunk = static_cast<uint32_t>(chunks_.size() - 1),
                     .layout = e.layout});
    keys_.append(e.key);
  }
  return reader.ok();
}

void LogBlock::AddInteger(int64_t key, const LogEntry& e) {
  const auto chunk = static_cast<uint32_t>(chunks_.size() - 1);
  if (!runs_.empty()) {
    Run& r = runs_.back();
    const auto next = static_cast<int64_t>(r.count) + 1;
    const bool follows = r.table == e.table && r.layout == e.layout && r.chunk == chunk &&
                         key > r.first &&
                         static_cast<uint64_t>(key) - static_cast<uint64_t>(r.first) == r.count + 1;
    if (follows && r.count == 0) r.stride = e.seq.value - r.seq.value;
    if (follows && e.seq == r.seq + r.stride * next) {
      r.count++;
      return;
    }
  }
  runs_.push_back({.table = e.table,
                   .first = key,
                   .count = 0,
                   .seq = e.seq,
                   .stride = 0,
                   .chunk = chunk,
                   .layout = e.layout});
}

void LogBlock::Seal() {
  std::sort(runs_.begin(), runs_.end(), [](const Run& a, const Run& b) {
    return std::tie(a.table, a.first) < std::tie(b.table, b.first);
  });
  if (rows_.empty()) return;
  slots_.assign(std::bit_ceil(rows_.size() * 2), 0);
  const size_t mask = slots_.size() - 1;
  for (uint32_t i = 0; i < rows_.size(); i++) {
    size_t at = rows_[i].hash & mask;
    while (slots_[at] != 0) at = (at + 1) & mask;
    slots_[at] = i + 1;
  }
}

bool LogBlock::Find(const KeyProbe& probe, std::string_view key, Found* found) const {
  const auto set = [&](uint32_t at, Seq seq, uint32_t layout) {
    const Chunk& chunk = chunks_[at];
    *found = {{chunk.site, chunk.version, seq}, chunk.number, layout};
    return true;
  };
  if (probe.is_integer) {
    auto run =
        std::upper_bound(runs_.begin(), runs_.end(), probe, [](const KeyProbe& p, const Run& r) {
          return std::tie(p.table, p.integer) < std::tie(r.table, r.first);
        });
    if (run == runs_.begin()) return false;
    run--;
    if (run->table != probe.table) return false;
    const uint64_t n = static_cast<uint64_t>(probe.integer) - static_cast<uint64_t>(run->first);
    return n <= run->count &&
           set(run->chunk, run->seq + run->stride * static_cast<int64_t>(n), run->layout);
  }
  if (slots_.empty()) return false;
  const size_t mask = slots_.size() - 1;
  for (size_t at = probe.hash & mask; slots_[at] != 0; at = (at + 1) & mask) {
    const Row& r = rows_[slots_[at] - 1];
    if (r.hash == probe.hash && r.table == probe.table && keys_.compare(r.key, r.size, key) == 0) {
      return set(r.chunk, r.seq, r.layout);
    }
  }
  return false;
}

size_t LogBlock::bytes() const {
  return sizeof *this + chunks_.capacity() * sizeof(Chunk) + runs_.capacity() * sizeof(Run) +
         rows_.capacity() * sizeof(Row) + keys_.capacity() + slots_.capacity() * sizeof(uint32_t);
}

}  // namespace tributary
