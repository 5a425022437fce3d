// Writes log entries of one (site, version) in seq order, cut into chunks.
#ifndef TRIBUTARY_EXT_LOG_WRITER_H_
#define TRIBUTARY_EXT_LOG_WRITER_H_

#include "ext/log_store.h"

namespace tributary {

class LogWriter {
 public:
  LogWriter(LogStore* log, SiteOrdinal site, DbVersion version, LogHeader header)
      : log_(log), site_(site), version_(version), header_(header) {}

  // Entries come in seq order; two may share a seq (a cell that stands in for its row's sentinel),
  // which only neighbouring chunks can say.
  Status Add(const LogEntry& entry) {
    if (!chunk_.empty() && entry.seq < chunk_.next()) TRIBUTARY_RETURN_IF_ERROR(Close());
    chunk_.Add(entry);
    entries_++;
    keys_.Add(entry.table, entry.key);
    return chunk_.size() < kChunkBytes ? Status() : Close();
  }
  // Writes what is left.
  Status Close() {
    if (chunk_.empty()) return {};
    const std::string data = chunk_.Finish(header_);
    log_->Grew(static_cast<int64_t>(data.size()), std::exchange(entries_, 0));
    return log_->Append(site_, version_, data, &keys_);
  }

 private:
  LogStore* log_;
  SiteOrdinal site_;
  DbVersion version_;
  LogHeader header_;
  LogChunkWriter chunk_;
  KeyFilterBuilder keys_;  // of the entries in chunk_
  int64_t entries_ = 0;    // of the chunk
};

}  // namespace tributary

#endif  // TRIBUTARY_EXT_LOG_WRITER_H_
