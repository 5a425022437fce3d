// One fault in one step of a script, and what must hold after it.
#ifndef TRIBUTARY_TESTS_FAULTS_SWEEP_H_
#define TRIBUTARY_TESTS_FAULTS_SWEEP_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/faults/injector.h"
#include "tests/faults/script.h"
#include "tests/faults/session.h"

namespace tributary::faults {

// What a script does where nothing fails.
class Golden {
 public:
  // Runs it in files under `folder`.
  Golden(const Script& script, const std::string& folder);

  struct StatementResult {
    std::string text;
    bool autocommit = true;  // afterwards
    State state;             // afterwards, where that is outside of a transaction
  };
  const Script& script() const { return script_; }
  const std::string& folder() const { return folder_; }
  // A closed file as it is before that step.
  std::string Snapshot(size_t step) const;
  const StatementResult& Result(size_t step, size_t statement) const {
    return results_[step][statement];
  }
  const State& Before(size_t step) const { return before_[step]; }
  const State& After(size_t step) const { return results_[step].back().state; }
  // How many calls of each kind the step makes: on a connection that has just been opened, or
  // `warm`, on the one that ran the step before.
  int64_t Calls(size_t step, bool warm, Kind kind) const;

 private:
  const Script& script_;
  std::string folder_;
  std::vector<std::vector<StatementResult>> results_;
  std::vector<State> before_;
  std::map<std::pair<size_t, bool>, std::vector<int64_t>> calls_;

  void Record(size_t step, Session* session);
  void CountCalls(size_t step, bool warm);
};

// What the host does after an error.
enum class Recovery : uint8_t { kRollback, kRetry, kReopen };
constexpr Recovery kRecoveries[] = {Recovery::kRollback, Recovery::kRetry, Recovery::kReopen};
const char* NameOf(Recovery recovery);

struct Case {
  size_t step = 0;
  bool warm = false;
  Recovery recovery = Recovery::kRollback;
  Fault fault;
  bool to_the_end = false;  // runs the rest of the script, too
};

enum class CaseEnd : uint8_t { kNoFault, kTolerated, kFailed };
// Throws testing::TestError where something is wrong.
CaseEnd RunCase(const Golden& golden, const Case& c);

}  // namespace tributary::faults

#endif  // TRIBUTARY_TESTS_FAULTS_SWEEP_H_
