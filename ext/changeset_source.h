// Makes changesets of what this replica holds and another lacks: walks the version log, site by
// site, and cuts it into pieces.
#ifndef TRIBUTARY_EXT_CHANGESET_SOURCE_H_
#define TRIBUTARY_EXT_CHANGESET_SOURCE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "ext/change_scan.h"
#include "ext/knowledge.h"
#include "sync/changeset/builder.h"

namespace tributary {

class ChangesetSource {
 public:
  explicit ChangesetSource(Connection* connection) : c_(connection), scan_(connection) {}

  // Starts at the first piece; there is none where nothing is lacking. A piece ends at the first
  // transaction that makes its body as long as max_bytes; a longer transaction is cut.
  // REQUIRES: the connection is ready, and what it captured is flushed.
  Status Start(const Have& have, Scope scope, size_t max_bytes);
  Status Next();
  void Stop();
  bool done() const { return done_; }

  // The present piece.
  const std::string& frame() const { return frame_; }
  const ChangesetHeader& header() const { return header_; }

 private:
  // A part of a site's log that is to be sent.
  struct Segment {
    SiteOrdinal ordinal;
    SiteId site;
    LogPoint begin;
    LogPoint end;
    bool loose;  // beyond what this replica knows: sent, but not covered
  };
  Status Plan(const Have& have);
  void PlanKnown(const Have& have, SiteOrdinal ordinal, const SiteId& site);
  Status PlanLoose(const Have& have, SiteOrdinal ordinal, const SiteId& site);
  Status Fill(bool* full);
  Status FillFrom(const Segment& segment, bool* full);
  bool MustCut(const LogPoint& at) const;
  bool IsBackfill() const;
  Status AddEntry(const Segment& segment);
  void AddParked(const ParkedRecord& record);
  uint32_t TableNumber(Table* table);
  bool Wanted(const Segment& s);
  void BeginTransaction(const Segment& segment, const LogHeader& header);
  bool MustBegin(const Segment& segment) const;
  void Cover(const Segment& segment, const LogPoint& end);
  void Finish(bool last);
  Status CheckUnchanged();

  Connection* c_;
  ChangeScan scan_;
  bool done_ = true;
  Scope scope_;
  std::vector<LiveRecord> wanted_;  // of the present entry
  size_t max_bytes_ = 0;
  ChangesetHeader common_;  // what all pieces say
  std::vector<Segment> segments_;
  size_t segment_ = 0;
  bool scanning_ = false;
  LogPoint covered_;  // of the present segment, by pieces before and this one's spans so far
  uint32_t piece_ = 0;
  uint32_t loose_pieces_ = 0;
  uint64_t loose_hash_ = 0;
  bool inside_ = false;  // the piece begins in a transaction that must stay whole
  bool cut_inside_ = false;
  bool ends_whole_ = false;  // the piece goes on with the rest of such a one: cut behind it
  std::optional<std::pair<SiteOrdinal, DbVersion>> transaction_;  // of the builder's last row
  std::vector<SiteSpan> covers_;
  ChangesetBuilder builder_;
  absl::flat_hash_map<Table*, uint32_t> tables_;
  // What is parked names tables and columns that are not here.
  std::vector<TableNames> parked_names_;
  std::vector<std::optional<uint32_t>> parked_numbers_;  // of these, in the present piece
  std::vector<std::pair<DbVersion, Seq>> parked_last_;   // the last record of each
  Table* last_table_ = nullptr;
  uint32_t last_number_ = 0;
  int64_t writes_ = 0;  // of this connection when the scan began
  std::string frame_;
  ChangesetHeader header_;
};

}  // namespace tributary

#endif  // TRIBUTARY_EXT_CHANGESET_SOURCE_H_
