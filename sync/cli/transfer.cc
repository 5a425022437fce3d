#include "sync/cli/transfer.h"

#include "sync/cli/knowledge.h"
#include "sync/cli/replica.h"

namespace tributary::cli {
namespace {

// What the receiver has, as the sender is told.
Status HaveOf(const Database& receiver, bool everything, std::string* have) {
  if (everything) {
    *have = Have{.everything = true}.Encode();
    return {};
  }
  Statement s = receiver.Prepare("SELECT crsql_version_vector()");
  if (s.Step()) *have = s.Bytes(0);
  return s.status();
}

}  // namespace

Status RunTransfer(const Database& sender, const Database& receiver, const TransferOptions& options,
                   ConflictTracker* tracker, Progress* progress, TransferResult* result) {
  Transaction snapshot(sender);
  TRIBUTARY_RETURN_IF_ERROR(snapshot.BeginRead());
  VersionVector sender_knows;
  VersionVector receiver_knows;
  TRIBUTARY_RETURN_IF_ERROR(LoadKnowledge(sender, &sender_knows));
  TRIBUTARY_RETURN_IF_ERROR(LoadKnowledge(receiver, &receiver_knows));
  int64_t total = 0;  // known beforehand only where the receiver knows nobody but itself
  if (progress->enabled() && receiver_knows.entries().size() <= 1) {
    TRIBUTARY_RETURN_IF_ERROR(CountRows(sender, &total));
  }
  progress->Part(sender.path() + " → " + receiver.path(), Progress::Unit::kRows, total);
  std::string have;
  TRIBUTARY_RETURN_IF_ERROR(HaveOf(receiver, options.everything, &have));
  Statement changesets = sender.Prepare("SELECT changeset FROM crsql_changesets(?1, ?2)");
  changesets.BindBlob(1, have).Bind(2, options.batch_bytes);
  Statement apply = receiver.Prepare("SELECT crsql_apply(?1)");
  bool collected = tracker == nullptr;
  while (changesets.Step()) {
    if (!collected) {
      TRIBUTARY_RETURN_IF_ERROR(tracker->Collect(receiver, sender_knows));
      collected = true;
    }
    const std::string_view frame = changesets.Bytes(0);
    if (tracker != nullptr) TRIBUTARY_RETURN_IF_ERROR(tracker->Before(frame));
    apply.BindBlobView(1, frame);
    if (!apply.Step()) return apply.status();
    result->applied += apply.Int(0);
    apply.Reset();
    TRIBUTARY_RETURN_IF_ERROR(apply.status());
    ChangesetHeader header;
    TRIBUTARY_RETURN_IF_ERROR(ReadHeader(frame, &header));
    result->transactions += static_cast<int64_t>(header.begun());
    result->rows += static_cast<int64_t>(header.rows);
    result->cells += static_cast<int64_t>(header.cells);
    result->bytes += static_cast<int64_t>(frame.size());
    if (progress->enabled()) progress->Set(result->rows, Bytes(result->bytes));
  }
  TRIBUTARY_RETURN_IF_ERROR(changesets.status());
  return tracker != nullptr ? tracker->Settle() : Status();
}

}  // namespace tributary::cli
