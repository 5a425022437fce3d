// One site's part of the log, as a stream of entries ordered by (version, seq).
#ifndef TRIBUTARY_EXT_LOG_STREAM_H_
#define TRIBUTARY_EXT_LOG_STREAM_H_

#include <string>
#include <utility>
#include <vector>

#include "crdt/ids.h"
#include "crdt/log_chunk.h"
#include "ext/sql.h"

namespace tributary {

class LogStream {
 public:
  // `ranges` is where the statement that reads a range of versions is taken from and goes back to.
  LogStream(sqlite3* db, StatementPool* ranges, SiteOrdinal site)
      : db_(db), ranges_(ranges), site_(site) {}
  ~LogStream() { ranges_->GiveBack(std::move(range_)); }
  LogStream(const LogStream&) = delete;
  LogStream& operator=(const LogStream&) = delete;

  // Starts at the first entry of the versions first..last.
  Status Start(DbVersion first, DbVersion last);
  // Only what these chunks of one version say of one key.
  Status StartKey(DbVersion version, const std::vector<int64_t>& chunks, int64_t table,
                  std::string_view key);
  Status Next();
  bool done() const { return done_; }

  SiteOrdinal site() const { return site_; }
  const SiteId& site_id() const { return *site_id_; }
  // Says whose part it is. `id` must outlive the stream.
  void Name(const SiteId& id) { site_id_ = &id; }
  DbVersion version() const { return version_; }
  // Valid until Next.
  const LogEntry& entry() const { return sorted_.empty() ? reader_.entry() : sorted_[at_].entry; }
  const LogHeader& header() const {
    return sorted_.empty() ? reader_.header() : sorted_[at_].header;
  }

 private:
  // An entry that owns its key.
  struct Owned {
    std::string key;
    LogEntry entry;
    LogHeader header;
  };
  Status NextChunk();
  Status StepRange();
  Status IsInOrder(bool* in_order);
  Status LoadSorted();
  Status AddSorted(std::string_view data, int64_t table, std::string_view key);
  void FinishSorted();
  Status Malformed() const;

  sqlite3* db_;
  StatementPool* ranges_;
  SiteOrdinal site_;
  const SiteId* site_id_ = nullptr;
  bool done_ = false;
  DbVersion version_{-1};
  Statement range_;     // stands one chunk ahead of reader_
  bool ahead_ = false;  // there is one, of next_version_
  DbVersion next_version_;
  std::string data_;  // what reader_ reads
  LogChunkReader reader_;
  // A version whose chunks overlap (its cells came here in several deliveries), sorted in memory.
  std::vector<Owned> sorted_;
  DbVersion sorted_version_{-1};
  size_t at_ = 0;
};

}  // namespace tributary

#endif  // TRIBUTARY_EXT_LOG_STREAM_H_
