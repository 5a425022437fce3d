// Reads the changes that this replica knows, in the order (db_version, seq), from the log: drops
// what is stale (R3), takes values from the base tables (R4). Cost: proportional to what the range
// of versions holds.
#ifndef TRIBUTARY_EXT_CHANGE_SCAN_H_
#define TRIBUTARY_EXT_CHANGE_SCAN_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "crdt/log_chunk.h"
#include "ext/connection.h"
#include "ext/liveness.h"
#include "ext/log_stream.h"
#include "ext/parking.h"
#include "ext/row_reader.h"

namespace tributary {

struct ChangeFilter {
  DbVersion first{0};
  DbVersion last = kMaxDbVersion;
  std::optional<SiteOrdinal> site;
  Table* table = nullptr;          // only this one
  std::optional<std::string> key;  // of that table: only this row
  std::optional<std::string> cid;
  // Also what is parked (ext/parking.h), of those versions and that site, whatever else is asked;
  // or nothing else.
  bool parked = false;
  bool only_parked = false;
};

class ChangeScan {
 public:
  explicit ChangeScan(Connection* connection) : c_(connection) {}
  ~ChangeScan();
  ChangeScan(const ChangeScan&) = delete;
  ChangeScan& operator=(const ChangeScan&) = delete;

  // Starts at the first record. May be called again. REQUIRES: the connection is ready.
  Status Start(const ChangeFilter& filter);
  Status Next();
  // The same, past all records of the present log entry.
  Status SkipEntry() {
    if (!at_parked_) at_ = records_.size();
    return Next();
  }
  bool done() const { return log_done_ && !at_parked_; }
  // The present record if it is a parked one: then what follows here is not to be asked, but for
  // db_version() and seq().
  const ParkedRecord* parked() const { return at_parked_ ? &parked_.record() : nullptr; }
  Seq seq() const { return at_parked_ ? parked_.record().seq : record().seq; }
  // Of the log entry, or of the parked record.
  Seq first_seq() const { return at_parked_ ? parked_.record().seq : entry().seq; }
  void Stop();

  // The present record; valid until Next. Site ids stay as long as the connection.
  const LiveRecord& record() const { return records_[at_]; }
  // All of the present log entry, ascending by seq.
  const std::vector<LiveRecord>& records() const { return records_; }
  const LogEntry& entry() const { return stream_->entry(); }
  const RowReader& row() const { return *reader_; }
  Table* table() const { return table_; }
  std::string_view key() const { return stream_->entry().key; }
  std::string_view packed_key();
  // The column's name, or kSentinelCid.
  const char* cid() const;
  CausalLength cl() const { return clock_.cl(); }
  DbVersion db_version() const {
    return at_parked_ ? parked_.record().version : stream_->version();
  }
  SiteOrdinal site() const { return stream_->site(); }
  const SiteId& site_id() const { return stream_->site_id(); }
  uint64_t ts() const { return stream_->header().ts; }
  const LogHeader& header() const { return stream_->header(); }
  // The cell's value, or null for the sentinel. Valid until Next.
  sqlite3_value* value() const;

 private:
  Status StartRow(const ChangeFilter& filter);
  Status StartParked(const ChangeFilter& filter);
  std::unique_ptr<LogStream> MakeStream(SiteOrdinal site);
  Status Use(std::unique_ptr<LogStream> stream);
  Status AddStream(SiteOrdinal site, DbVersion first, DbVersion last);
  Status AddKeyStream(SiteOrdinal site, DbVersion version, const std::vector<int64_t>& chunks);
  Status NextEntry();
  Status NextOfLog();
  void Choose();
  Status Expand(bool* any);
  bool Wanted(const LiveRecord& record) const;
  bool Later(size_t a, size_t b) const;

  RowReader* Reader();

  Connection* c_;
  // From the first Start on. The host may call sqlite3_close meanwhile: that fails, and the scan
  // must be able to go on.
  std::shared_ptr<Stores> stores_;
  ChangeFilter filter_;
  bool log_done_ = true;
  bool at_parked_ = false;
  ParkedScan parked_;
  std::vector<std::unique_ptr<LogStream>> streams_;
  std::vector<size_t> heap_;  // streams by their next entry, the earliest on top
  LogStream* stream_ = nullptr;
  Table* table_ = nullptr;
  RowClock clock_;
  std::vector<LiveRecord> records_;
  size_t at_ = 0;
  std::string packed_;
  bool decoded_ = false;  // key_ holds the present entry's key
  KeyDecoder key_;
  absl::flat_hash_map<Table*, std::unique_ptr<RowReader>> readers_;
  RowReader* reader_ = nullptr;  // of table_
};

}  // namespace tributary

#endif  // TRIBUTARY_EXT_CHANGE_SCAN_H_
