// Finds where two copies changed the same thing without knowing of each other, and who won.
#ifndef TRIBUTARY_SYNC_CLI_CONFLICTS_H_
#define TRIBUTARY_SYNC_CLI_CONFLICTS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "sync/cli/changes.h"

namespace tributary::cli {

struct Conflict {
  std::string table;
  std::string key;     // readable
  std::string column;  // empty: the row's life or death was the question
  std::string from_sender;
  std::string from_receiver;
  std::string why;  // the rule that decided
  bool sender_won = false;
};

// Watches a transfer of changesets. Before it, remembers as hashes what the receiver changed that
// the sender does not know; an incoming change of the same cell to another value, or of the same
// row with another fate, is a conflict. Which versions were *seen* tells news from repetition; see
// knowledge.h.
class ConflictTracker {
 public:
  // Details are kept of the first `max_details` conflicts; all are counted.
  explicit ConflictTracker(size_t max_details) : max_details_(max_details) {}

  Status Collect(const Database& receiver, const VersionVector& known_to_sender);

  // Before the receiver applies a changeset.
  Status Before(std::string_view data);
  // When it has applied all: finds out who won.
  Status Settle();

  int64_t count() const { return count_; }
  bool truncated() const { return truncated_; }  // too much to remember: there may be more
  const std::vector<Conflict>& details() const { return details_; }

 private:
  using Entries = std::vector<std::pair<uint64_t, uint64_t>>;  // sorted by the first
  // 16 bytes each, so at most 32 MB for cells and rows together.
  static constexpr size_t kMaxEntries = 1'000'000;

  static const uint64_t* Find(const Entries& entries, uint64_t hash);
  // A cell in question, and its stamp at the receiver before the transfer.
  struct Question {
    size_t conflict;  // index into details_
    std::string key;
    std::string stamp;
  };
  Status Look(const Change& change);
  Status Describe(const Change& change, bool about_row, int64_t receiver_cl);
  Status DescribeCell(const Change& change, Conflict* conflict);

  size_t max_details_;
  Entries cells_;  // cell -> hash of its value
  Entries rows_;   // row -> causal length
  VersionVector seen_;
  std::unordered_set<uint64_t> reported_rows_;
  Statement lookup_;
  int64_t count_ = 0;
  bool truncated_ = false;
  std::vector<Conflict> details_;
  std::vector<Question> questions_;
};

}  // namespace tributary::cli

#endif  // TRIBUTARY_SYNC_CLI_CONFLICTS_H_
