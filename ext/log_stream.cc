#include "ext/log_stream.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace tributary {

Status LogStream::Malformed() const {
  return Status::Corrupt(absl::StrCat("crsql_log: a chunk of site ", site_, ", version ",
                                      version_.value,
                                      " is malformed; SELECT * FROM crsql_check() tells more"));
}

Status LogStream::Start(DbVersion first, DbVersion last) {
  TRIBUTARY_RETURN_IF_ERROR(ranges_->Take(db_,
                                          "SELECT version, data FROM crsql_log WHERE site = ?1 AND "
                                          "version BETWEEN ?2 AND ?3 ORDER BY version, chunk",
                                          &range_));
  range_.Bind(1, site_);
  range_.Bind(2, first.value);
  range_.Bind(3, last.value);
  TRIBUTARY_RETURN_IF_ERROR(StepRange());
  TRIBUTARY_RETURN_IF_ERROR(NextChunk());
  return sorted_.empty() ? Next() : Status();
}

Status LogStream::StartKey(DbVersion version, const std::vector<int64_t>& chunks, int64_t table,
                           std::string_view key) {
  version_ = version;
  Statement chunk;
  TRIBUTARY_RETURN_IF_ERROR(chunk.Prepare(
      db_, "SELECT data FROM crsql_log WHERE site = ?1 AND version = ?2 AND chunk = ?3"));
  chunk.Bind(1, site_);
  chunk.Bind(2, version.value);
  for (const int64_t number : chunks) {
    chunk.Bind(3, number);
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(chunk.Step(&row));
    if (row) TRIBUTARY_RETURN_IF_ERROR(AddSorted(chunk.Blob(0), table, key));
    chunk.Reset();
  }
  FinishSorted();
  done_ = sorted_.empty();
  return {};
}

Status LogStream::StepRange() {
  TRIBUTARY_RETURN_IF_ERROR(range_.Step(&ahead_));
  if (ahead_) next_version_ = DbVersion(range_.Int(0));
  return {};
}

Status LogStream::NextChunk() {
  while (ahead_ && next_version_ == sorted_version_) TRIBUTARY_RETURN_IF_ERROR(StepRange());
  if (!ahead_) {  // as it is from the start where there are only the entries of one key
    done_ = true;
    return {};
  }
  const bool new_version = next_version_ != version_;
  version_ = next_version_;
  // A copy, to look ahead at whether the version has another chunk. Mostly it has not.
  data_.assign(range_.Blob(1));
  TRIBUTARY_RETURN_IF_ERROR(StepRange());
  if (!reader_.Open(data_)) return Malformed();
  if (!new_version || !ahead_ || next_version_ != version_) return {};
  bool in_order;
  TRIBUTARY_RETURN_IF_ERROR(IsInOrder(&in_order));
  return in_order ? Status() : LoadSorted();
}

Status LogStream::IsInOrder(bool* in_order) {
  *in_order = true;
  Statement headers;
  TRIBUTARY_RETURN_IF_ERROR(headers.Prepare(
      db_, absl::StrCat("SELECT substr(data, 1, ", LogChunkReader::kMaxHeaderSize,
                        ") FROM crsql_log WHERE site = ?1 AND version = ?2 ORDER BY chunk")));
  headers.Bind(1, site_);
  headers.Bind(2, version_.value);
  Seq last(-1);
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(headers.Step(&row));
    if (!row) return {};
    LogChunkReader reader;
    if (!reader.Open(headers.Blob(0))) return Malformed();
    if (reader.header().first_seq < last) *in_order = false;
    last = reader.header().last_seq;
  }
}

Status LogStream::LoadSorted() {
  Statement chunks;
  TRIBUTARY_RETURN_IF_ERROR(
      chunks.Prepare(db_, "SELECT data FROM crsql_log WHERE site = ?1 AND version = ?2"));
  chunks.Bind(1, site_);
  chunks.Bind(2, version_.value);
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(chunks.Step(&row));
    if (!row) break;
    TRIBUTARY_RETURN_IF_ERROR(AddSorted(chunks.Blob(0), 0, {}));
  }
  FinishSorted();
  return {};
}

// All entries, or only those of a key. REQUIRES: a key is not empty.
Status LogStream::AddSorted(std::string_view data, int64_t table, std::string_view key) {
  LogChunkReader reader;
  if (!reader.Open(data)) return Malformed();
  while (reader.Next()) {
    const LogEntry& e = reader.entry();
    if (!key.empty() && (e.table != table || e.key != key)) continue;
    sorted_.push_back({std::string(e.key), e, reader.header()});
  }
  return reader.ok() ? Status() : Malformed();
}

void LogStream::FinishSorted() {
  std::stable_sort(sorted_.begin(), sorted_.end(), [](const Owned& a, const Owned& b) {
    if (a.entry.seq != b.entry.seq) return a.entry.seq < b.entry.seq;
    return a.entry.kind > b.entry.kind;  // a sentinel before the cell that stood in for it
  });
  for (Owned& o : sorted_) o.entry.key = o.key;
  at_ = 0;
  sorted_version_ = version_;
}

Status LogStream::Next() {
  if (!sorted_.empty()) {
    if (++at_ < sorted_.size()) return {};
    sorted_.clear();
    TRIBUTARY_RETURN_IF_ERROR(NextChunk());
    if (!sorted_.empty()) return {};
  }
  while (!done_) {
    if (reader_.Next()) return {};
    if (!reader_.ok()) return Malformed();
    TRIBUTARY_RETURN_IF_ERROR(NextChunk());
    if (!sorted_.empty()) return {};
  }
  return {};
}

}  // namespace tributary
