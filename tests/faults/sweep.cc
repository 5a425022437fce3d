#include "tests/faults/sweep.h"

#include <filesystem>

namespace tributary::faults {
namespace {

using testing::Outcome;
using testing::TestError;

void Require(bool condition, const std::string& what) {
  if (!condition) throw TestError(what);
}

void Must(const Outcome& outcome, const std::string& what) {
  if (outcome.ok()) return;
  throw TestError(what + " fails: " + std::to_string(outcome.code) + " " + outcome.error);
}

// A closed database has left neither journal nor log behind; one that was given up may have.
void CopyDatabase(const std::string& from, const std::string& to) {
  for (const char* suffix : {"-journal", "-wal", "-shm"}) std::filesystem::remove(to + suffix);
  std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing);
}

std::string Difference(const State& is, const State& should) {
  size_t at = 0;
  while (at < is.text.size() && at < should.text.size() && is.text[at] == should.text[at]) at++;
  if (at == is.text.size() && at == should.text.size()) return "the digests differ";
  const size_t from = at > 60 ? at - 60 : 0;
  return "is:     ..." + is.text.substr(from, 200) + "\nshould: ..." +
         should.text.substr(from, 200);
}

void RequireState(Session* session, const State& should, const std::string& when) {
  const State is = StateOf(session);
  Require(is == should, when + ", the state differs\n" + Difference(is, should));
}

// Such a step begins without a connection, unless that of the step before is kept.
bool OpensItself(const std::vector<std::string>& statements) { return statements[0] == ".open"; }

bool IsExpected(Kind kind, int code) {
  const int primary = code & 0xff;
  switch (kind) {
    case Kind::kMalloc:
    case Kind::kNew:
      // SQLITE_ABORT: where nothing could report it at once, the transaction cannot be committed.
      return primary == SQLITE_NOMEM || code == SQLITE_IOERR_NOMEM || primary == SQLITE_ABORT;
    case Kind::kFull:
      return primary == SQLITE_FULL;
    case Kind::kOpen:
      return primary == SQLITE_CANTOPEN;
    case Kind::kBusy:
      return primary == SQLITE_BUSY;
    default:
      return primary == SQLITE_IOERR;
  }
}

class Runner {
 public:
  Runner(const Golden& golden, const Case& c)
      : golden_(golden),
        case_(c),
        statements_(golden.script().steps[c.step].statements),
        path_(golden.folder() + "/work.db"),
        session_(path_) {}

  CaseEnd Run() {
    const sqlite3_int64 memory = sqlite3_memory_used();
    CopyDatabase(golden_.Snapshot(case_.warm ? case_.step - 1 : case_.step), path_);
    if (case_.warm || !OpensItself(statements_)) Must(session_.Open(), "open");
    if (case_.warm) RunWithoutFault(case_.step - 1, 0);
    const size_t failed = RunArmed();
    const CaseEnd end = FaultsInjected() == 0          ? CaseEnd::kNoFault
                        : failed == statements_.size() ? CaseEnd::kTolerated
                                                       : CaseEnd::kFailed;
    if (failed < statements_.size()) {
      const size_t next = Recover(failed);
      Disarm();
      RunWithoutFault(case_.step, next);
    }
    Disarm();
    const State& after = golden_.After(case_.step);
    RequireState(&session_, after, "at the end of the step");
    Require(session_.autocommit(), "a transaction is open at the end of the step");
    Reopen();
    RequireState(&session_, after, "at the end of the step, opened again");
    if (case_.to_the_end) {
      for (size_t i = case_.step + 1; i < golden_.script().steps.size(); i++) {
        RunWithoutFault(i, 0);
        RequireState(&session_, golden_.After(i), "later, after " + golden_.script().steps[i].name);
      }
    }
    Require(session_.Close() == SQLITE_OK, "sqlite3_close");
    Require(sqlite3_memory_used() == memory, "memory of SQLite's is leaked");
    return end;
  }

 private:
  void RunWithoutFault(size_t step, size_t from) {
    const std::vector<std::string>& statements = golden_.script().steps[step].statements;
    for (size_t i = from; i < statements.size(); i++) {
      CheckResult(step, i, session_.Run(statements[i]));
    }
  }

  void CheckResult(size_t step, size_t i, const Outcome& outcome) {
    const std::string what = "without a fault, " + golden_.script().steps[step].statements[i];
    Must(outcome, what);
    Require(outcome.ToText() == golden_.Result(step, i).text,
            what + " returns " + outcome.ToText());
  }

  // Returns the statement that fails, or their number.
  size_t RunArmed() {
    Arm(case_.fault);
    for (size_t i = 0; i < statements_.size(); i++) {
      const Outcome outcome = session_.Run(statements_[i]);
      if (outcome.ok()) {
        Require(outcome.ToText() == golden_.Result(case_.step, i).text,
                "silently wrong: " + statements_[i] + " returns " + outcome.ToText());
        continue;
      }
      const std::string what =
          statements_[i] + " fails with " + std::to_string(outcome.code) + " " + outcome.error;
      Require(FaultsInjected() > 0, "without a fault, " + what);
      Require(outcome.code != kEscaped, what);
      Require(IsExpected(case_.fault.kind, outcome.code), "not the fault's code: " + what);
      return i;
    }
    return statements_.size();
  }

  // The first statement of the transaction that `statement` is in.
  size_t StartOf(size_t statement) const {
    while (statement > 0 && !golden_.Result(case_.step, statement - 1).autocommit) statement--;
    return statement;
  }

  // Whether the transaction could go on with the statement that failed; else it says that it must
  // be rolled back.
  bool GoesOn(size_t from) {
    for (size_t i = from; i < statements_.size(); i++) {
      const Outcome outcome = session_.Run(statements_[i]);
      if ((outcome.code & 0xff) == SQLITE_ABORT) return false;
      CheckResult(case_.step, i, outcome);
    }
    return true;
  }

  // Does what a host does after `failed` failed, and returns the statement to go on with.
  size_t Recover(size_t failed) {
    const bool open = !session_.autocommit();
    if (case_.recovery == Recovery::kRollback && open && case_.fault.persistent) {
      (void)session_.Run("ROLLBACK");  // may fail likewise
    }
    Disarm();
    if (case_.recovery == Recovery::kRetry && open && StartOf(failed) != failed && GoesOn(failed)) {
      return statements_.size();
    }
    if (case_.recovery == Recovery::kReopen) {
      Reopen();
    } else if (!session_.is_open()) {
      Must(session_.Open(), "open after a failed one");
    } else if (!session_.autocommit()) {
      Must(session_.Run("ROLLBACK"), "ROLLBACK after the fault");
    }
    const size_t start = StartOf(failed);
    const State& before =
        start == 0 ? golden_.Before(case_.step) : golden_.Result(case_.step, start - 1).state;
    const State is = StateOf(&session_);
    if (is == before) return start;
    const Golden::StatementResult& result = golden_.Result(case_.step, failed);
    if (result.autocommit && is == result.state) return failed + 1;
    throw TestError("after " + statements_[failed] +
                    " failed, between the states before and after\n" + Difference(is, before));
  }

  void Reopen() {
    if (session_.is_open()) Require(session_.Close() == SQLITE_OK, "sqlite3_close");
    Must(session_.Open(), "open again");
    RequireHealthy(&session_);
  }

  const Golden& golden_;
  const Case& case_;
  const std::vector<std::string>& statements_;
  const std::string path_;
  Session session_;
};

}  // namespace

const char* NameOf(Recovery recovery) {
  static constexpr const char* kNames[] = {"rollback", "retry", "reopen"};
  return kNames[static_cast<int>(recovery)];
}

Golden::Golden(const Script& script, const std::string& folder)
    : script_(script), folder_(folder), results_(script.steps.size()) {
  MakeFile(Snapshot(0), script);
  for (size_t i = 0; i < script.steps.size(); i++) {
    const std::string path = Snapshot(i + 1);
    if (i > 0) {
      before_.push_back(After(i - 1));
    } else {
      // In a copy, as to open it makes the storage, which is for the first step to do.
      CopyDatabase(Snapshot(0), path);
      Session session(path);
      Must(session.Open(), "open");
      before_.push_back(StateOf(&session));
      Require(session.Close() == SQLITE_OK, "sqlite3_close");
    }
    CopyDatabase(Snapshot(i), path);
    Session session(path);
    if (!OpensItself(script.steps[i].statements)) Must(session.Open(), "open");
    Record(i, &session);
    Require(session.Close() == SQLITE_OK, "sqlite3_close");
  }
  for (size_t i = 0; i < script.steps.size(); i++) {
    CountCalls(i, false);
    if (i > 0) CountCalls(i, true);
  }
}

std::string Golden::Snapshot(size_t step) const {
  return folder_ + "/" + script_.name + std::to_string(step) + ".db";
}

void Golden::Record(size_t step, Session* session) {
  for (const std::string& sql : script_.steps[step].statements) {
    const Outcome outcome = session->Run(sql);
    Must(outcome, sql);
    StatementResult result{.text = outcome.ToText(), .autocommit = session->autocommit()};
    if (result.autocommit) result.state = StateOf(session);
    results_[step].push_back(std::move(result));
  }
  RequireHealthy(session);
}

void Golden::CountCalls(size_t step, bool warm) {
  RunCase(*this, {.step = step, .warm = warm});
  for (const Kind kind : kKinds) calls_[{step, warm}].push_back(CallsSeen(kind));
}

int64_t Golden::Calls(size_t step, bool warm, Kind kind) const {
  return calls_.at({step, warm})[static_cast<int>(kind)];
}

CaseEnd RunCase(const Golden& golden, const Case& c) { return Runner(golden, c).Run(); }

}  // namespace tributary::faults
