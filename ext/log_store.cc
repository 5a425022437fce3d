#include "ext/log_store.h"

#include <algorithm>

#include "crdt/coding.h"

namespace tributary {
namespace {

constexpr char kHeadFormat = 1;

std::string EncodeHead(const LogHead& head) {
  std::string data(1, kHeadFormat);
  PutVarint(&data, static_cast<uint64_t>(head.last_version.value));
  PutVarint(&data, static_cast<uint64_t>(head.bytes));
  PutVarint(&data, static_cast<uint64_t>(head.entries));
  PutVarint(&data, static_cast<uint64_t>(head.stale));
  if (head.sweeping) {
    PutVarint(&data, static_cast<uint64_t>(head.credit));
    PutVarint(&data, head.sweep_site);
    PutVarint(&data, static_cast<uint64_t>(head.sweep_version.value));
    PutVarint(&data, static_cast<uint64_t>(head.sweep_chunk));
  }
  return data;
}

bool DecodeHead(std::string_view data, LogHead* head) {
  ByteReader in(data);
  uint8_t format;
  if (!in.Byte(&format) || format != kHeadFormat || !in.Count(&head->last_version.value) ||
      !in.Count(&head->bytes) || !in.Count(&head->entries) || !in.Count(&head->stale)) {
    return false;
  }
  head->sweeping = !in.empty();
  if (!head->sweeping) return true;
  int64_t site;
  if (!in.Count(&head->credit) || !in.Count(&site) || site > UINT32_MAX ||
      !in.Count(&head->sweep_version.value) || !in.Count(&head->sweep_chunk)) {
    return false;
  }
  head->sweep_site = static_cast<SiteOrdinal>(site);
  return in.empty();
}

}  // namespace

Status LogStore::ReadHead(LogHead* head) {
  if (held_ && head_) {
    *head = *head_;
    return {};
  }
  *head = LogHead();
  // The head, and before it what may not be counted in yet.
  TRIBUTARY_RETURN_IF_ERROR(read_head_.PrepareOnce(
      db_, "SELECT data, version FROM crsql_log WHERE site = 0 ORDER BY version DESC, chunk DESC"));
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(read_head_.Step(&row));
  ScopedReset reset(&read_head_);
  if (row && read_head_.Int(1) == kHeadVersion) {
    if (!DecodeHead(read_head_.Blob(0), head)) {
      return Status::Corrupt("the head of crsql_log is malformed");
    }
    TRIBUTARY_RETURN_IF_ERROR(CountIn(head));
  } else if (row) {
    // To go on would issue the same versions once more.
    return Status::Corrupt("crsql_log has versions of this site, but no head: it was removed");
  } else {
    head->uncounted = kMaxUncounted;  // there is none to be counted into
  }
  if (held_) head_ = *head;
  return {};
}

Status LogStore::CountIn(LogHead* head) {
  const DbVersion counted = head->last_version;
  LogChunkReader reader;
  for (DbVersion before = counted;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(read_head_.Step(&row));
    const DbVersion version(row ? read_head_.Int(1) : 0);
    if (version <= counted) return {};
    if (version != before) head->uncounted++;
    before = version;
    head->last_version = std::max(head->last_version, version);
    const std::string_view data = read_head_.Blob(0);
    head->bytes += static_cast<int64_t>(data.size());
    if (head->sweeping) head->credit += kSweepPace * static_cast<int64_t>(data.size());
    // What it made stale is not known any more: as much as it could have.
    bool all_inserts = reader.Open(data);
    while (reader.Next()) {
      head->entries++;
      all_inserts = all_inserts && reader.entry().kind == LogKind::kRow;
    }
    if (!all_inserts) head->stale += static_cast<int64_t>(data.size());
  }
}

Status LogStore::RereadHead() {
  head_.reset();
  LogHead head;
  return ReadHead(&head);
}

Status LogStore::WriteHead(const LogHead& head) {
  const std::string data = EncodeHead(head);
  TRIBUTARY_RETURN_IF_ERROR(write_head_.PrepareOnce(db_, TRIBUTARY_REPLACE
                                                    "INTO crsql_log(site, version, chunk, data) "
                                                    "VALUES (0, 9223372036854775807, 0, ?1)"));
  write_head_.BindBlob(1, data);
  TRIBUTARY_RETURN_IF_ERROR(write_head_.Run());
  if (held_) {
    head_ = head;
    head_->uncounted = 0;
  }
  return {};
}

Status LogStore::Append(SiteOrdinal site, DbVersion version, std::string_view data,
                        KeyFilterBuilder* keys) {
  if (site != last_site_ || version != last_version_) {
    TRIBUTARY_RETURN_IF_ERROR(
        next_chunk_.PrepareOnce(db_,
                                "SELECT chunk FROM crsql_log WHERE site = ?1 AND version = ?2 "
                                "ORDER BY chunk DESC LIMIT 1"));
    next_chunk_.Bind(1, site);
    next_chunk_.Bind(2, version.value);
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(next_chunk_.Step(&row));
    last_chunk_ = row ? next_chunk_.Int(0) : -1;
    next_chunk_.Reset();
    last_site_ = site;
    last_version_ = version;
  }
  TRIBUTARY_RETURN_IF_ERROR(Write(site, version, ++last_chunk_, data));
  return filters_.Appended(site, version, last_chunk_, data.size(), keys);
}

Status LogStore::Write(SiteOrdinal site, DbVersion version, int64_t chunk, std::string_view data) {
  changes_++;
  TRIBUTARY_RETURN_IF_ERROR(write_chunk_.PrepareOnce(
      db_, TRIBUTARY_REPLACE "INTO crsql_log(site, version, chunk, data) VALUES (?1, ?2, ?3, ?4)"));
  write_chunk_.Bind(1, site);
  write_chunk_.Bind(2, version.value);
  write_chunk_.Bind(3, chunk);
  write_chunk_.BindBlob(4, data);
  return write_chunk_.Run();
}

Status LogStore::Replace(const ChunkName& chunk, std::string_view data) {
  TRIBUTARY_RETURN_IF_ERROR(Write(chunk.site, chunk.version, chunk.chunk, data));
  return filters_.Lost(chunk.site, chunk.version, chunk.chunk, chunk.size - data.size());
}

Status LogStore::Remove(absl::Span<const ChunkName> run) {
  if (run.empty()) return {};
  changes_++;
  TRIBUTARY_RETURN_IF_ERROR(
      remove_run_.PrepareOnce(db_,
                              "DELETE FROM crsql_log WHERE site = ?1 AND (version, chunk) >= "
                              "(?2, ?3) AND (version, chunk) <= (?4, ?5)"));
  remove_run_.Bind(1, run.front().site);
  remove_run_.Bind(2, run.front().version.value);
  remove_run_.Bind(3, run.front().chunk);
  remove_run_.Bind(4, run.back().version.value);
  remove_run_.Bind(5, run.back().chunk);
  TRIBUTARY_RETURN_IF_ERROR(remove_run_.Run());
  for (const ChunkName& c : run) {
    TRIBUTARY_RETURN_IF_ERROR(filters_.Lost(c.site, c.version, c.chunk, c.size));
  }
  return {};
}

}  // namespace tributary
