#include "ext/sweep.h"

#include <algorithm>
#include <string>
#include <vector>

#include "ext/liveness.h"

namespace tributary {
namespace {

// Below this much garbage a sweep is not worth its reads.
constexpr int64_t kMinStaleBytes = 64 << 10;
// Small commits save up for a share of this size, so that most do nothing at all.
constexpr int64_t kMinShare = 16 << 10;
// What is decided at once, in the order of keys: entries of one row share a look-up of its clock.
constexpr int64_t kBatchBytes = 256 << 10;
// A chunk is rewritten if at least one part in so many of it goes.
constexpr size_t kWorthwhile = 8;

class Sweeper {
 public:
  Sweeper(Connection* c, LogHead* head) : stores_(c->stores()), db_(c->db()), head_(head) {}

  Status Run() {
    while (head_->sweeping && head_->credit > 0) {
      TRIBUTARY_RETURN_IF_ERROR(ReadBatch());
      TRIBUTARY_RETURN_IF_ERROR(MarkAll());
      for (Chunk& chunk : chunks_) Decide(&chunk);
      TRIBUTARY_RETURN_IF_ERROR(SaveBirths());
      TRIBUTARY_RETURN_IF_ERROR(WriteBatch());
    }
    head_->credit = std::max<int64_t>(head_->credit, 0);
    stores_.lookup.Forget();
    return {};
  }

 private:
  enum class Fate : uint8_t { kKeep, kShrink, kRemove };
  struct Chunk {
    LogStore::ChunkName name;
    LogHeader header;
    uint32_t first;  // its entries are items_[first, end)
    uint32_t end = 0;
    Fate fate = Fate::kKeep;
    std::string data;  // where it shrinks
  };
  // An entry; its key and cells are in keys_ and cells_.
  struct Item {
    uint32_t chunk;
    LogEntry entry;  // without key and cells
    size_t key;
    size_t key_size;
    size_t cells;
    size_t cell_count;
    bool live = true;
    bool trimmed = false;  // some of its cells are stale
  };
  // A birth that only its row entry tells.
  struct PendingBirth {
    Table* table;
    uint32_t item;
    RowClock clock;
  };

  std::string_view Key(const Item& i) const { return {keys_.data() + i.key, i.key_size}; }

  Status ReadBatch() {
    chunks_.clear();
    items_.clear();
    keys_.clear();
    cells_.clear();
    births_.clear();
    TRIBUTARY_RETURN_IF_ERROR(read_.PrepareOnce(
        db_,
        "SELECT site, version, chunk, data FROM crsql_log "
        "WHERE (site, version, chunk) >= (?1, ?2, ?3) ORDER BY site, version, chunk"));
    read_.Bind(1, head_->sweep_site);
    read_.Bind(2, head_->sweep_version.value);
    read_.Bind(3, head_->sweep_chunk);
    ScopedReset reset(&read_);
    for (int64_t left = kBatchBytes; left > 0 && head_->credit > 0;) {
      bool row;
      TRIBUTARY_RETURN_IF_ERROR(read_.Step(&row));
      if (!row) {
        head_->sweeping = false;
        return {};
      }
      head_->sweep_site = static_cast<SiteOrdinal>(read_.Int(0));
      head_->sweep_version = DbVersion(read_.Int(1));
      head_->sweep_chunk = read_.Int(2) + 1;
      if (head_->sweep_version == DbVersion(kHeadVersion)) continue;
      const std::string_view data = read_.Blob(3);
      head_->credit -= static_cast<int64_t>(data.size());
      left -= static_cast<int64_t>(data.size());
      ReadChunk(data);
    }
    return {};
  }

  // A malformed chunk is left alone: crsql_check and whoever reads it report it.
  void ReadChunk(std::string_view data) {
    LogChunkReader reader;
    const size_t first = items_.size();
    bool ok = reader.Open(data);
    while (ok && reader.Next()) {
      const LogEntry& e = reader.entry();
      items_.push_back({.chunk = static_cast<uint32_t>(chunks_.size()),
                        .entry = {.table = e.table,
                                  .layout = e.layout,
                                  .width = e.width,
                                  .key_width = e.key_width,
                                  .kind = e.kind,
                                  .seq = e.seq},
                        .key = keys_.size(),
                        .key_size = e.key.size(),
                        .cells = cells_.size(),
                        .cell_count = e.cells.size()});
      keys_.append(e.key);
      cells_.insert(cells_.end(), e.cells.begin(), e.cells.end());
    }
    ok = ok && reader.ok();
    if (!ok) items_.resize(first);
    chunks_.push_back(
        {.name = {head_->sweep_site, head_->sweep_version, head_->sweep_chunk - 1, data.size()},
         .header = reader.header(),
         .first = static_cast<uint32_t>(first),
         .end = static_cast<uint32_t>(items_.size())});
  }

  // Marks what is stale, row by row in the order of the stored clocks.
  Status MarkAll() {
    std::vector<uint32_t> order(items_.size());
    for (uint32_t i = 0; i < order.size(); i++) order[i] = i;
    std::sort(order.begin(), order.end(), [this](uint32_t a, uint32_t b) {
      const Item& x = items_[a];
      const Item& y = items_[b];
      if (x.entry.table != y.entry.table) return x.entry.table < y.entry.table;
      const int keys = Key(x).compare(Key(y));
      return keys != 0 ? keys < 0 : a < b;
    });
    rows_.clear();
    std::vector<RowStore::RowName> names;
    Table* table = nullptr;
    bool readable = true;
    for (size_t i = 0; i < order.size();) {
      const Item& first = items_[order[i]];
      if (i == 0 || items_[order[i - 1]].entry.table != first.entry.table) {
        // A table that cannot be read as it is now may be repaired: its entries stay.
        readable = stores_.catalog.Get(first.entry.table, &table).ok();
      }
      size_t end = i + 1;
      while (end < order.size() && items_[order[end]].entry.table == first.entry.table &&
             Key(items_[order[end]]) == Key(first)) {
        end++;
      }
      const absl::Span<const uint32_t> items(order.data() + i, end - i);
      if (readable && table == nullptr) {
        for (const uint32_t item : items) items_[item].live = false;  // no longer replicated
      } else if (readable) {
        names.push_back({table, Key(first)});
        rows_.push_back(items);
      }
      i = end;
    }
    return MarkRows(names);
  }

  Status MarkRows(const std::vector<RowStore::RowName>& names) {
    size_t next = 0;
    const auto mark_implied = [&](size_t end) {
      for (; next < end; next++) {
        MarkRow(names[next].table, RowClock::Implied(), false, rows_[next]);
      }
    };
    RowClock clock;
    TRIBUTARY_RETURN_IF_ERROR(
        stores_.rows.ReadAll(names, [&](size_t i, std::string_view record) -> Status {
          mark_implied(i);
          next = i + 1;
          // A clock that cannot be read: its row's entries stay.
          if (clock.Decode(record)) MarkRow(names[i].table, clock, true, rows_[i]);
          return {};
        }));
    mark_implied(names.size());
    return {};
  }

  void MarkRow(Table* table, const RowClock& clock, bool stored, absl::Span<const uint32_t> items) {
    for (const uint32_t i : items) {
      Item& item = items_[i];
      if (!stored && item.entry.kind == LogKind::kRow) continue;
      Mark(*table, clock, &item);
      // The birth of a first life; later lives have theirs in the clock (T20).
      if (!item.live && item.entry.kind == LogKind::kRow && stored && clock.births().empty() &&
          clock.cl() <= CausalLength(2)) {
        births_.push_back({table, i, clock});
      }
    }
  }

  void Mark(const Table& table, const RowClock& clock, Item* item) {
    LogEntry& e = item->entry;
    const Chunk& chunk = chunks_[item->chunk];
    // Columns that this replica does not know (yet).
    const bool whole = e.kind == LogKind::kRow || e.kind == LogKind::kAllCells;
    if (whole && !table.layouts().Has(e.layout)) return;
    if (e.kind != LogKind::kCells) {
      // One live cell keeps it: all of them take no more room than one.
      item->live = false;
      ForEachLive(table, clock, chunk.name.site, chunk.name.version, e, [item](const LiveRecord&) {
        item->live = true;
        return false;
      });
      return;
    }
    const auto cells = cells_.begin() + static_cast<std::ptrdiff_t>(item->cells);
    e.cells.assign(cells, cells + static_cast<std::ptrdiff_t>(item->cell_count));
    size_t kept = 0;
    ForEachLive(table, clock, chunk.name.site, chunk.name.version, e, [&](const LiveRecord& r) {
      cells_[item->cells + kept++] = {table.columns()[r.column].id, r.seq};
      return true;
    });
    e.cells.clear();
    item->live = kept > 0;
    item->trimmed = kept < item->cell_count;
    // Decide may yet keep the chunk as it is; it then never looks at its items again.
    item->cell_count = kept;
    if (kept > 0) e.seq = cells_[item->cells].seq;
  }

  void Decide(Chunk* chunk) {
    bool all = true;
    for (uint32_t i = chunk->first; i < chunk->end; i++) {
      all = all && items_[i].live && !items_[i].trimmed;
    }
    if (all) return;
    LogChunkWriter writer;
    int64_t dropped = 0;
    LogEntry entry;
    for (uint32_t i = chunk->first; i < chunk->end; i++) {
      const Item& item = items_[i];
      if (!item.live) {
        dropped++;
        continue;
      }
      entry = item.entry;
      entry.key = Key(item);
      const auto cells = cells_.begin() + static_cast<std::ptrdiff_t>(item.cells);
      entry.cells.assign(cells, cells + static_cast<std::ptrdiff_t>(item.cell_count));
      writer.Add(entry);
    }
    chunk->fate = writer.empty() ? Fate::kRemove : Fate::kShrink;
    if (!writer.empty()) {
      chunk->data = writer.Finish(chunk->header);
      if (chunk->data.size() > chunk->name.size - chunk->name.size / kWorthwhile) {
        chunk->fate = Fate::kKeep;
        return;
      }
    }
    head_->bytes -= static_cast<int64_t>(chunk->name.size - chunk->data.size());
    head_->entries -= dropped;
  }

  Status SaveBirths() {
    stores_.rows.DropPending();
    for (PendingBirth& b : births_) {
      const Item& item = items_[b.item];
      const Chunk& chunk = chunks_[item.chunk];
      if (chunk.fate == Fate::kKeep) continue;
      b.clock.SetBirth({chunk.name.site, chunk.name.version});
      stores_.rows.PutLater(b.table, Key(item), b.clock);
    }
    return stores_.rows.PutPending();
  }

  Status WriteBatch() {
    std::vector<LogStore::ChunkName> run;  // to be removed at once
    for (const Chunk& chunk : chunks_) {
      const bool remove = chunk.fate == Fate::kRemove;
      if (!run.empty() && (!remove || run.front().site != chunk.name.site)) {
        TRIBUTARY_RETURN_IF_ERROR(stores_.log.Remove(run));
        run.clear();
      }
      if (remove) run.push_back(chunk.name);
      if (chunk.fate == Fate::kShrink) {
        TRIBUTARY_RETURN_IF_ERROR(stores_.log.Replace(chunk.name, chunk.data));
      }
    }
    return stores_.log.Remove(run);
  }

  Stores& stores_;
  sqlite3* db_;
  LogHead* head_;
  Statement read_;
  std::vector<Chunk> chunks_;
  std::vector<Item> items_;
  std::vector<absl::Span<const uint32_t>> rows_;  // the items of each row, while they are marked
  std::string keys_;
  std::vector<LogCell> cells_;
  std::vector<PendingBirth> births_;
};

void BeginSweep(LogHead* head) {
  head->sweeping = true;
  head->sweep_site = kOwnSite;
  head->sweep_version = DbVersion(0);
  head->sweep_chunk = 0;
  head->credit = 0;
  head->stale = 0;  // from here on, what this sweep may not find any more
}

}  // namespace

int64_t EntriesNamed(const RowClock& clock, const Layouts& layouts) {
  const absl::Span<const CellClock> cells = clock.cells();
  int64_t n = clock.sentinel() ? 1 : 0;
  if (clock.rest() != Rest::kNone && (cells.empty() || cells.size() < layouts.current().size())) {
    n++;
  }
  for (size_t i = 0; i < cells.size(); i++) {
    n += i == 0 || cells[i].stamp.version != cells[i - 1].stamp.version ||
         cells[i].stamp.site != cells[i - 1].stamp.site;
  }
  return n;
}

Status SweepLog(Connection* c, int64_t newly_named, LogHead* head) {
  const LogStore::Growth grown = c->stores().log.TakeGrowth();
  head->bytes += grown.bytes;
  head->entries += grown.entries;
  const int64_t stale = grown.entries - newly_named;
  if (stale > 0 && head->entries > 0 && grown.entries > 0) {
    // What went stale may have been logged in transactions of another size than this one's.
    head->stale += stale * std::max(grown.bytes / grown.entries, head->bytes / head->entries);
  }
  if (!head->sweeping) {
    if (head->stale > kMinStaleBytes && head->stale > head->bytes / 2) BeginSweep(head);
    return {};
  }
  head->credit += kSweepPace * grown.bytes;
  // Rows being merged have their clocks in memory: what is written to them here would be lost.
  if (head->credit < kMinShare || !c->stores().merge.empty()) return {};
  return Sweeper(c, head).Run();
}

Status SweepLog(Connection* c, int64_t newly_named) {
  LogStore& log = c->stores().log;
  if (log.growth().entries == 0) return {};
  LogHead head;
  TRIBUTARY_RETURN_IF_ERROR(log.ReadHead(&head));
  TRIBUTARY_RETURN_IF_ERROR(SweepLog(c, newly_named, &head));
  return log.WriteHead(head);
}

Status SweepSoon(Connection* c) {
  LogHead head;
  TRIBUTARY_RETURN_IF_ERROR(c->stores().log.ReadHead(&head));
  head.stale += head.bytes;
  if (!head.sweeping && head.stale > kMinStaleBytes) BeginSweep(&head);
  return c->stores().log.WriteHead(head);
}

}  // namespace tributary
