// A replica in memory, the simplest that keeps the law of ext/knowledge.h: one log of texts per
// site, nothing is ever beaten, transfers are tracked as the extension does.
#ifndef TRIBUTARY_TESTS_SESSION_FAKE_REPLICA_H_
#define TRIBUTARY_TESTS_SESSION_FAKE_REPLICA_H_

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sync/session/replica.h"

namespace tributary::testing {

class FakeReplica : public Replica {
 public:
  explicit FakeReplica(uint8_t number) { site_.bytes.fill(number); }

  // A transaction of this site.
  void Write(std::string text);
  const std::map<std::pair<SiteId, DbVersion>, std::string>& log() const { return log_; }

  absl::Status GetSite(SiteId* site) override;
  absl::Status GetSchema(Schema* out) override;
  absl::Status GetHave(const Tables& tables, Have* have) override;
  absl::Status OpenChangesets(const Have& have, const Tables& tables, size_t piece_bytes) override;
  absl::Status NextChangeset(std::string* frame) override;
  void CloseChangesets() override { open_ = false; }
  absl::Status Apply(std::string_view bytes, uint64_t* rows_changed) override;

  Schema tables{{"note", {"id"}, {"text"}}};
  Tables asked;  // by the last OpenChangesets
  absl::Status fail_apply;
  size_t applied = 0;

 private:
  struct Transfer {
    VersionVector until;
    Coverage received;
  };

  SiteId site_;
  VersionVector known_;
  std::map<std::pair<SiteId, DbVersion>, std::string> log_;
  std::map<SiteId, Transfer> transfers_;
  std::deque<std::string> pieces_;
  bool open_ = false;
};

}  // namespace tributary::testing

#endif  // TRIBUTARY_TESTS_SESSION_FAKE_REPLICA_H_
