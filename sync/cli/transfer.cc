#include "sync/cli/transfer.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace tributary::cli {
namespace {

int64_t IntegerBytes(int64_t v) {
  return v < 0 ? 8 : (static_cast<int64_t>(std::bit_width(static_cast<uint64_t>(v))) + 7) / 8;
}

int64_t ValueBytes(const Value& v) {
  if (v.type == ValueType::kInteger) return IntegerBytes(v.integer);
  return v.type == ValueType::kReal ? 8 : static_cast<int64_t>(v.bytes.size());
}

// The values of a record at their smallest width, without framing.
int64_t ChangeBytes(const Change& c) {
  return static_cast<int64_t>(c.table.size() + c.key.size() + c.column.size() + c.site.size()) +
         ValueBytes(c.value) + IntegerBytes(c.col_version) + IntegerBytes(c.db_version) +
         IntegerBytes(c.causal_length) + IntegerBytes(c.seq);
}

// Writes records in batches of whole transactions.
class BatchWriter {
 public:
  BatchWriter(const Database& db, const TransferOptions& options, TransferResult* result)
      : db_(db), options_(options), result_(result), transaction_(db) {}

  Status Start() { return writer_.Start(db_); }

  Status Write(const Change& c, ConflictTracker* tracker) {
    const bool new_transaction = c.db_version != version_ || c.site != site_;
    if (new_transaction) {
      if (batch_cells_ >= options_.batch_cells) TRIBUTARY_RETURN_IF_ERROR(Finish({}));
      site_ = c.site;
      version_ = c.db_version;
      ++result_->transactions;
    }
    if (!transaction_.open()) TRIBUTARY_RETURN_IF_ERROR(transaction_.BeginWrite());
    if (new_transaction || c.key != key_ || c.table != table_) {
      key_ = c.key;
      table_ = c.table;
      ++result_->rows;
    }
    ++result_->cells;
    ++batch_cells_;
    result_->bytes += ChangeBytes(c);
    return Merge(c, tracker);
  }

  // Ends the batch. What the receiver now knows goes into the same transaction.
  Status Finish(const VersionVector& gained) {
    if (!gained.empty()) {
      if (!transaction_.open()) TRIBUTARY_RETURN_IF_ERROR(transaction_.BeginWrite());
      TRIBUTARY_RETURN_IF_ERROR(SaveKnowledge(db_, gained));
    }
    if (!transaction_.open()) return {};
    int64_t applied = 0;
    TRIBUTARY_RETURN_IF_ERROR(writer_.Impacted(&applied));
    result_->applied += batch_cells_ > 0 ? applied : 0;
    batch_cells_ = 0;
    return transaction_.Commit();
  }

 private:
  Status Merge(const Change& c, ConflictTracker* tracker) {
    if (tracker != nullptr) TRIBUTARY_RETURN_IF_ERROR(tracker->Before(c));
    if (tracker == nullptr || !tracker->pending()) return writer_.Write(c);
    int64_t before = 0;
    int64_t after = 0;
    TRIBUTARY_RETURN_IF_ERROR(writer_.Impacted(&before));
    TRIBUTARY_RETURN_IF_ERROR(writer_.Write(c));
    TRIBUTARY_RETURN_IF_ERROR(writer_.Impacted(&after));
    tracker->After(after > before);
    return {};
  }

  const Database& db_;
  const TransferOptions& options_;
  TransferResult* result_;
  Transaction transaction_;
  ChangeWriter writer_;
  std::string site_;
  int64_t version_ = -1;
  std::string table_;
  std::string key_;
  int64_t batch_cells_ = 0;
};

bool Accepts(const Compatibility& compatibility, const Change& c) {
  if (compatibility.complete) return true;
  const auto table = compatibility.accepted.find(c.table);
  if (table == compatibility.accepted.end()) return false;
  return c.sentinel() || c.row_is_deleted() || table->second.contains(std::string(c.column));
}

// Live rows, which is what a first transfer brings.
Status CountRows(const Database& db, int64_t* total) {
  std::vector<std::string> tables;
  TRIBUTARY_RETURN_IF_ERROR(ReplicatedTables(db, &tables));
  *total = 0;
  for (const std::string& table : tables) {
    int64_t rows = 0;
    TRIBUTARY_RETURN_IF_ERROR(db.QueryInt("SELECT count(*) FROM " + QuoteName(table), &rows));
    *total += rows;
  }
  return {};
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
    accepted.insert(ours.values.begin(), ours.values.end());
    for (const std::string& column : theirs.values) {
      if (accepted.contains(column)) continue;
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
  // Knowledge is of whole replicas: with part of the schema left out, none is used and none gained.
  const bool trust = !options.everything && compatibility.complete;
  int64_t total = 0;  // known beforehand only where the receiver knows nobody but itself
  if (progress->enabled() && (!trust || receiver_knows.size() <= 1)) {
    TRIBUTARY_RETURN_IF_ERROR(CountRows(sender, &total));
  }
  progress->SetTotal(total);
  ChangeReader reader;
  TRIBUTARY_RETURN_IF_ERROR(reader.Start(sender, trust ? receiver_knows : VersionVector()));
  BatchWriter writer(receiver, options, result);
  TRIBUTARY_RETURN_IF_ERROR(writer.Start());
  Change change;
  bool collected = tracker == nullptr;
  while (reader.Next(&change)) {
    if (!Accepts(compatibility, change)) {
      ++result->left_out;
      continue;
    }
    if (!collected) {
      TRIBUTARY_RETURN_IF_ERROR(tracker->Collect(receiver, sender_knows));
      collected = true;
    }
    TRIBUTARY_RETURN_IF_ERROR(writer.Write(change, tracker));
    if (progress->enabled() && result->cells % 256 == 0) {
      progress->Set(result->rows, Count(result->cells, "cell") + ", " + Bytes(result->bytes));
    }
  }
  TRIBUTARY_RETURN_IF_ERROR(reader.status());
  const bool gains = compatibility.complete && !Covers(receiver_knows, sender_knows);
  return writer.Finish(gains ? sender_knows : VersionVector());
}

}  // namespace tributary::cli
