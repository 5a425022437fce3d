#include "crdt/log_chunk.h"

#include <algorithm>

#include "crdt/coding.h"
#include "crdt/key.h"

namespace tributary {
namespace {

constexpr uint8_t kFormat = 1;
constexpr uint8_t kBackfill = 1;
constexpr uint64_t kKindMask = 3;
constexpr uint64_t kOtherTable = 4;
constexpr uint64_t kSuccessorKey = 8;
constexpr int kGapShift = 4;
constexpr uint64_t kMaxWidth = 65536;  // SQLite's limit on columns is 32767

std::string SuccessorKey(int64_t v) {
  std::string key;
  AppendKeyValue(Value::Integer(v + 1), &key);
  return key;
}

}  // namespace

Seq LogEntry::LastSeq() const {
  switch (kind) {
    case LogKind::kRow:
    case LogKind::kAllCells:
      return seq + (std::max<int64_t>(width, 1) - 1);
    case LogKind::kCells:
      return cells.back().seq;
    case LogKind::kSentinel:
      break;
  }
  return seq;
}

std::string LogChunkWriter::Finish(const LogHeader& header) {
  std::string data;
  data.reserve(LogChunkReader::kMaxHeaderSize + entries_.size());
  data.push_back(static_cast<char>(kFormat));
  data.push_back(static_cast<char>(header.backfill ? kBackfill : 0));
  PutVarint(&data, static_cast<uint64_t>(std::max<int64_t>(header.commit_ms, 0)));
  PutVarint(&data, header.ts);
  PutVarint(&data, static_cast<uint64_t>(first_.value));
  PutVarint(&data, static_cast<uint64_t>(next_.value - 1 - first_.value));
  data.append(entries_);
  Clear();
  return data;
}

void LogChunkWriter::Clear() {
  entries_.clear();
  first_ = next_ = Seq();
  table_ = -1;
  layout_ = 0;
  has_successor_ = false;
}

// Whether the key is the previous one + 1; it then is the previous one.
bool LogChunkWriter::TakeKey(const LogEntry& entry) {
  const bool had_successor = has_successor_;
  int64_t v;
  has_successor_ = entry.key_width == 1 && DecodeIntegerKey(entry.key, &v);
  if (!has_successor_) return false;
  const bool is_successor = had_successor && v == successor_;
  has_successor_ = v != INT64_MAX;
  if (has_successor_) successor_ = v + 1;
  return is_successor;
}

void LogChunkWriter::Add(const LogEntry& entry) {
  if (entries_.empty()) first_ = next_ = entry.seq;
  const bool other_table = entry.table != table_ || entry.layout != layout_;
  const bool successor = TakeKey(entry) && !other_table;
  uint64_t head = static_cast<uint64_t>(entry.kind);
  if (other_table) head |= kOtherTable;
  if (successor) head |= kSuccessorKey;
  head |= static_cast<uint64_t>(entry.seq.value - next_.value) << kGapShift;
  PutVarint(&entries_, head);
  if (other_table) {
    PutVarint(&entries_, static_cast<uint64_t>(entry.table));
    PutVarint(&entries_, entry.layout);
    PutVarint(&entries_, entry.width);
    PutVarint(&entries_, entry.key_width);
    table_ = entry.table;
    layout_ = entry.layout;
  }
  if (!successor) entries_.append(entry.key);
  if (entry.kind == LogKind::kCells) {
    PutVarint(&entries_, entry.cells.size());
    for (const LogCell& c : entry.cells) {
      PutVarint(&entries_, c.column);
      PutVarint(&entries_, static_cast<uint64_t>(c.seq.value - entry.seq.value));
    }
  }
  next_ = entry.LastSeq() + 1;
}

bool LogChunkReader::Open(std::string_view data) {
  // What else is left of a chunk before is never looked at, and its memory serves again.
  ok_ = true;
  header_ = LogHeader();
  entry_.cells.clear();
  ByteReader in(data);
  uint8_t format;
  uint8_t flags;
  if (!in.Byte(&format) || format != kFormat || !in.Byte(&flags) || flags > kBackfill ||
      !in.Count(&header_.commit_ms) || !in.Varint(&header_.ts) ||
      !in.Count(&header_.first_seq.value) || !in.Count(&header_.last_seq.value) ||
      header_.last_seq.value >= INT64_MAX - header_.first_seq.value) {
    return Fail();
  }
  header_.last_seq = header_.last_seq + header_.first_seq.value;
  header_.backfill = flags == kBackfill;
  next_ = header_.first_seq;
  entry_.table = -1;
  rest_ = in.rest();
  return true;
}

bool LogChunkReader::ReadTable(ByteReader* in) {
  const int64_t old_table = entry_.table;
  const uint32_t old_layout = entry_.layout;
  uint64_t layout;
  uint64_t width;
  uint64_t key_width;
  if (!in->Count(&entry_.table) || !in->Varint(&layout) || layout > UINT32_MAX ||
      !in->Varint(&width) || width > kMaxWidth || !in->Varint(&key_width) || key_width == 0 ||
      key_width > kMaxWidth) {
    return false;
  }
  entry_.layout = static_cast<uint32_t>(layout);
  entry_.width = static_cast<uint32_t>(width);
  entry_.key_width = static_cast<uint32_t>(key_width);
  return entry_.table != old_table || entry_.layout != old_layout;  // else it is no other table
}

bool LogChunkReader::ReadKey(ByteReader* in, bool successor) {
  if (!successor) return SkipKey(in, entry_.key_width, &entry_.key);
  int64_t previous;
  if (entry_.key_width != 1 || !DecodeIntegerKey(entry_.key, &previous) || previous == INT64_MAX) {
    return false;
  }
  key_ = SuccessorKey(previous);
  entry_.key = key_;
  return true;
}

bool LogChunkReader::ReadCells(ByteReader* in) {
  uint64_t n;
  if (!in->Varint(&n) || n == 0 || n > in->remaining()) return false;
  entry_.cells.resize(n);
  Seq last = entry_.seq;
  for (LogCell& c : entry_.cells) {
    uint64_t column;
    int64_t offset;
    if (!in->Varint(&column) || column > UINT32_MAX || !in->Count(&offset) ||
        offset >= INT64_MAX - entry_.seq.value || entry_.seq + offset < last) {
      return false;
    }
    last = entry_.seq + offset;
    c = {static_cast<ColumnId>(column), last};
  }
  return true;
}

bool LogChunkReader::Next() {
  if (!ok_) return false;
  // A chunk that was cut short between two entries shows here.
  if (rest_.empty()) return next_ == header_.last_seq + 1 ? false : Fail();
  ByteReader in(rest_);
  uint64_t head;
  if (!in.Varint(&head)) return Fail();
  const auto gap = static_cast<int64_t>(head >> kGapShift);
  if (gap > INT64_MAX - next_.value - static_cast<int64_t>(kMaxWidth)) return Fail();
  entry_.kind = static_cast<LogKind>(head & kKindMask);
  entry_.seq = next_ + gap;
  if ((head & kOtherTable) != 0) {
    if ((head & kSuccessorKey) != 0 || !ReadTable(&in)) return Fail();
  } else if (entry_.table < 0) {
    return Fail();
  }
  if (!ReadKey(&in, (head & kSuccessorKey) != 0)) return Fail();
  entry_.cells.clear();
  if (entry_.kind == LogKind::kCells && !ReadCells(&in)) return Fail();
  next_ = entry_.LastSeq() + 1;
  rest_ = in.rest();
  return true;
}

}  // namespace tributary
