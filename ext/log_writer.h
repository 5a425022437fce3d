// Writes log entries of one (site, version) in seq order, cut into chunks.
#ifndef TRIBUTARY_EXT_LOG_WRITER_H_
#define TRIBUTARY_EXT_LOG_WRITER_H_

#include "ext/log_store.h"

namespace tributary {

class LogWriter {
 public:
  LogWriter(LogStore* log, SiteOrdinal site, DbVersion version, LogHeader header)
      : log_(log), site_(site), version_(version), header_(header), draft_(log->TakeDraft()) {}
  ~LogWriter() { log_->GiveBack(std::move(draft_)); }
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // Entries come in seq order; two may share a seq (a cell that stands in for its row's sentinel),
  // which only neighbouring chunks can say.
  // `hash`: HashKey of the entry's key, if that is known.
  Status Add(const LogEntry& entry, std::optional<uint64_t> hash = {}) {
    if (!draft_.chunk.empty() && entry.seq < draft_.chunk.next()) {
      TRIBUTARY_RETURN_IF_ERROR(Close());
    }
    draft_.chunk.Add(entry);
    entries_++;
    draft_.keys.Add(entry.table, entry.key, hash);
    return draft_.chunk.size() < kChunkBytes ? Status() : Close();
  }
  // Writes what is left.
  Status Close() {
    if (draft_.chunk.empty()) return {};
    const std::string data = draft_.chunk.Finish(header_);
    log_->Grew(static_cast<int64_t>(data.size()), std::exchange(entries_, 0));
    return log_->Append(site_, version_, data, &draft_.keys);
  }

 private:
  LogStore* log_;
  SiteOrdinal site_;
  DbVersion version_;
  LogHeader header_;
  LogStore::Draft draft_;
  int64_t entries_ = 0;  // of the chunk
};

}  // namespace tributary

#endif  // TRIBUTARY_EXT_LOG_WRITER_H_
