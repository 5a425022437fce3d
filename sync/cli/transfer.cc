#include "sync/cli/transfer.h"

#include <algorithm>
#include <utility>

#include "sync/changeset/header.h"
#include "sync/cli/json.h"

namespace tributary::cli {
namespace {

// The selection of tables and columns that both have, as crsql_changesets takes it.
std::string SelectionOf(const Compatibility& compatibility) {
  std::string json = "{";
  for (const auto& [table, columns] : compatibility.accepted) {
    if (json.size() > 1) json += ',';
    json += JsonOf(Value::Text(table)) + ":[";
    for (const std::string& column : columns) {
      if (json.back() != '[') json += ',';
      json += JsonOf(Value::Text(column));
    }
    json += ']';
  }
  return json + '}';
}

// What the receiver has, as the sender is told. Knowledge is of whole replicas: with part of the
// schema left out none is used, and none gained.
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

Status CompareSchemas(const Database& sender, const Database& receiver, Compatibility* result) {
  std::vector<std::string> from;
  std::vector<std::string> to;
  TRIBUTARY_RETURN_IF_ERROR(ReplicatedTables(sender, &from));
  TRIBUTARY_RETURN_IF_ERROR(ReplicatedTables(receiver, &to));
  for (const std::string& name : from) {
    if (!std::binary_search(to.begin(), to.end(), name)) {
      result->complete = false;
      result->remarks.push_back("table " + name + " of " + sender.path() +
                                " is not replicated in " + receiver.path());
      continue;
    }
    TableColumns theirs;
    TableColumns ours;
    TRIBUTARY_RETURN_IF_ERROR(ReadColumns(sender, name, &theirs));
    TRIBUTARY_RETURN_IF_ERROR(ReadColumns(receiver, name, &ours));
    if (theirs.keys != ours.keys) {
      result->complete = false;
      result->remarks.push_back("table " + name + " has another primary key in " + receiver.path() +
                                " than in " + sender.path());
      continue;
    }
    std::set<std::string>& accepted = result->accepted[name];
    for (const std::string& column : theirs.values) {
      const bool both =
          std::find(ours.values.begin(), ours.values.end(), column) != ours.values.end();
      if (both) accepted.insert(column);
      if (both) continue;
      result->complete = false;
      std::string remark = "column ";
      remark.append(name).append(".").append(column).append(" of ").append(sender.path());
      remark.append(" does not exist in ").append(receiver.path());
      result->remarks.push_back(std::move(remark));
    }
  }
  return {};
}

Status RunTransfer(const Database& sender, const Database& receiver, const TransferOptions& options,
                   ConflictTracker* tracker, Progress* progress, TransferResult* result) {
  Compatibility compatibility;
  TRIBUTARY_RETURN_IF_ERROR(CompareSchemas(sender, receiver, &compatibility));
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
  TRIBUTARY_RETURN_IF_ERROR(HaveOf(receiver, options.everything || !compatibility.complete, &have));
  Statement changesets =
      sender.Prepare("SELECT changeset, rows, cells FROM crsql_changesets(?1, ?2, ?3)");
  changesets.BindBlob(1, have).Bind(2, options.batch_bytes);
  if (!compatibility.complete) changesets.BindText(3, SelectionOf(compatibility));
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
    int64_t begun = 0;
    TRIBUTARY_RETURN_IF_ERROR(CountBegun(frame, &begun));
    result->transactions += begun;
    result->rows += changesets.Int(1);
    result->cells += changesets.Int(2);
    result->bytes += static_cast<int64_t>(frame.size());
    if (progress->enabled()) progress->Set(result->rows, Bytes(result->bytes));
  }
  TRIBUTARY_RETURN_IF_ERROR(changesets.status());
  return tracker != nullptr ? tracker->Settle() : Status();
}

}  // namespace tributary::cli
