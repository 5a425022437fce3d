// Every allocation and every call into the VFS fails, one at a time, in a scripted session.
//
//   faults_test                      a share of the points, evenly spread
//   faults_test --full               all of them, on new and on used connections; takes long
//   faults_test --script short --step merge   only these; also --kind, --points
//   faults_test --script short --step merge --kind new --n 17 --once --cold --retry   one case
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>

#include "tests/faults/sweep.h"

namespace tributary::faults {
namespace {

struct Options {
  bool full = false;
  int64_t points = 12;  // of each sweep, by default
  std::map<std::string, std::string> only;
  bool Wants(const std::string& what, const std::string& name) const {
    const auto it = only.find(what);
    return it == only.end() || it->second == name;
  }
};

// What the processes that run the cases report.
struct Shared {
  int64_t next = 0;  // the point to go on with, should the process die
  int64_t injected[std::size(kKinds)] = {};
  int64_t tolerated[std::size(kKinds)] = {};
  int64_t failed_calls = 0;
  int64_t defects = 0;
};
Shared* shared;

struct Sweep {
  size_t step;
  Kind kind;
  bool persistent;
  bool warm;
  int64_t calls;  // that could fail
  int64_t points;
};

std::string Command(const Golden& golden, const Case& c) {
  std::string text = "faults_test --script " + golden.script().name + " --step '" +
                     golden.script().steps[c.step].name + "' --kind " + NameOf(c.fault.kind) +
                     " --n " + std::to_string(c.fault.n);
  text += c.fault.persistent ? " --persistent" : " --once";
  text += c.warm ? " --warm" : " --cold";
  return text + " --" + NameOf(c.recovery);
}

void ReportDefect(const Golden& golden, const Case& c, const std::string& what) {
  std::printf("FAILED: %s\nreplay: %s\n", what.c_str(), Command(golden, c).c_str());
  std::fflush(stdout);
  shared->defects++;
}

Case CaseAt(const Sweep& sweep, int64_t point, const Options& options) {
  Case c{.step = sweep.step, .warm = sweep.warm};
  c.fault = {.kind = sweep.kind, .persistent = sweep.persistent};
  const int64_t recoveries = options.full ? std::size(kRecoveries) : 1;
  c.fault.n = 1 + point / recoveries * sweep.calls / sweep.points;
  c.recovery = kRecoveries[point % static_cast<int64_t>(std::size(kRecoveries))];
  c.to_the_end = point % 16 == 0;
  return c;
}

int64_t PointsOf(const Sweep& sweep, const Options& options) {
  return sweep.points * static_cast<int64_t>(options.full ? std::size(kRecoveries) : 1);
}

void RunPoints(const Golden& golden, const Sweep& sweep, const Options& options) {
  for (int64_t end = PointsOf(sweep, options); shared->next < end;) {
    const Case c = CaseAt(sweep, shared->next++, options);
    alarm(60);
    try {
      const CaseEnd result = RunCase(golden, c);
      const auto kind = static_cast<size_t>(c.fault.kind);
      if (result != CaseEnd::kNoFault) shared->injected[kind]++;
      if (result == CaseEnd::kTolerated) shared->tolerated[kind]++;
      if (result == CaseEnd::kFailed) shared->failed_calls++;
    } catch (const std::exception& e) {
      ReportDefect(golden, c, e.what());
      // The connection was left behind, perhaps with a lock.
      std::fflush(stdout);
      _exit(0);
    }
  }
}

// In processes of its own: a fault may bring one down.
void RunSweep(const Golden& golden, const Sweep& sweep, const Options& options) {
  shared->next = 0;
  const int64_t defects = shared->defects;
  constexpr int64_t kEnough = 4;
  while (shared->next < PointsOf(sweep, options) && shared->defects < defects + kEnough) {
    std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
      RunPoints(golden, sweep, options);
      std::fflush(stdout);
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (status == 0) continue;
    const std::string how = WIFSIGNALED(status)
                                ? std::string("signal ") + strsignal(WTERMSIG(status))
                                : "exit code " + std::to_string(WEXITSTATUS(status));
    ReportDefect(golden, CaseAt(sweep, shared->next - 1, options), "the process dies: " + how);
  }
}

int64_t Share(const Golden& golden, Kind kind, bool warm, const Options& options) {
  if (golden.script().utf16 && !IsMemory(kind)) return 0;  // no different from the short one's
  if (options.full) return golden.script().large ? 200 : INT64_MAX;
  // An allocation wants a connection whose caches are filled, a read one where they are not.
  if (options.only.count("step") == 0 && warm != IsMemory(kind)) return 0;
  if (golden.script().wal) return IsMemory(kind) ? 0 : options.points / 2;
  if (golden.script().utf16) return options.points / 3;
  if (golden.script().few) return options.points / 4;
  if (!golden.script().large) return options.points;
  const bool often = IsMemory(kind) || kind == Kind::kRead || kind == Kind::kWrite;
  return often ? std::max<int64_t>(1, options.points / 12) : 0;
}

void RunScript(const Script& script, const Options& options) {
  const testing::TempDir folder;
  const Golden golden(script, folder.File(""));
  for (size_t step = 0; step < script.steps.size(); step++) {
    if (!options.Wants("step", script.steps[step].name)) continue;
    for (const Kind kind : kKinds) {
      if (!options.Wants("kind", NameOf(kind))) continue;
      for (const bool warm : {false, true}) {
        if (warm && step == 0) continue;
        const int64_t calls = golden.Calls(step, warm, kind);
        const int64_t points = std::min(calls, Share(golden, kind, warm, options));
        for (const bool persistent : {false, true}) {
          // SQLite sleeps ten seconds before it gives up on locks in shared memory.
          if (persistent && kind == Kind::kBusy && script.wal) continue;
          RunSweep(golden, {step, kind, persistent, warm, calls, points}, options);
        }
      }
    }
  }
}

// A single case, in this process: for a debugger.
void RunOne(const Script& script, const Options& options) {
  const testing::TempDir folder;
  const Golden golden(script, folder.File(""));
  const auto has = [&](const std::string& name) { return options.only.count(name) > 0; };
  Case c{.warm = has("warm")};
  while (!options.Wants("step", script.steps.at(c.step).name)) c.step++;
  for (const Kind kind : kKinds) {
    if (options.Wants("kind", NameOf(kind))) c.fault.kind = kind;
  }
  for (const Recovery recovery : kRecoveries) {
    if (has(NameOf(recovery))) c.recovery = recovery;
  }
  c.fault.n = std::stoll(options.only.at("n"));
  c.fault.persistent = has("persistent");
  static constexpr const char* kEnds[] = {"no such call", "the fault is tolerated",
                                          "a statement fails, all is well afterwards"};
  std::printf("%s\n", kEnds[static_cast<int>(RunCase(golden, c))]);
}

void Print() {
  int64_t memory = 0;
  int64_t io = 0;
  std::string kinds;
  for (const Kind kind : kKinds) {
    const int64_t n = shared->injected[static_cast<int>(kind)];
    (IsMemory(kind) ? memory : io) += n;
    kinds += std::string(kinds.empty() ? "" : ", ") + NameOf(kind) + " " + std::to_string(n) +
             " (" + std::to_string(shared->tolerated[static_cast<int>(kind)]) + ")";
  }
  std::printf("faults injected, in brackets those that no statement needed to report: %s\n",
              kinds.c_str());
  std::printf("%lld allocation faults, %lld I/O faults, %lld statements failed, %lld defects\n",
              static_cast<long long>(memory), static_cast<long long>(io),
              static_cast<long long>(shared->failed_calls),
              static_cast<long long>(shared->defects));
}

}  // namespace

int Main(const Options& options) {
  shared = static_cast<Shared*>(
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  *shared = {};
  InstallHooks();
  Script wal = ShortScript("wal");
  wal.wal = true;
  Script utf16 = ShortScript("utf16");
  utf16.utf16 = true;
  for (const Script& script :
       {ShortScript("short"), wal, utf16, ChangesetScript(), LargeScript()}) {
    if (!options.Wants("script", script.name)) continue;
    if (options.only.count("n") > 0) {
      RunOne(script, options);
      return 0;
    }
    RunScript(script, options);
  }
  Print();
  return shared->defects == 0 ? 0 : 1;
}

}  // namespace tributary::faults

int main(int argc, char** argv) {
  tributary::faults::Options options;
  for (int i = 1; i < argc; i++) {
    const std::string name = std::string(argv[i]).substr(2);
    if (name == "full") {
      options.full = true;
    } else if (name == "points") {
      options.points = std::stoll(argv[++i]);
    } else if (i + 1 < argc && argv[i + 1][0] != '-') {
      options.only[name] = argv[++i];
    } else {
      options.only[name] = "";
    }
  }
  try {
    return tributary::faults::Main(options);
  } catch (const std::exception& e) {
    std::printf("FAILED: %s\n", e.what());
    return 1;
  }
}
