// exhaustive: proves by trying everything that replicas converge, in a small scope.
//
//   exhaustive                        laws and all histories of the usual scope
//   exhaustive --long                 a larger scope, some minutes
//   exhaustive --scope OPERATIONS COLUMNS MOVES SECOND
//                                     one scope of one's own (the last two are 0 or 1)
//   exhaustive --replay COLUMNS TEXT  one history step by step; see replay.h
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/exhaustive/histories.h"
#include "tests/exhaustive/laws.h"
#include "tests/exhaustive/replay.h"

namespace tributary::exhaustive {
namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr int kLess = 1;  // some twenty times slower: one operation less
#else
constexpr int kLess = 0;
#endif

// Small scopes first, so that what is found is nearly minimal.
const std::vector<Scope> kUsual = {
    {.operations = 2, .width = 2, .moves = true, .second = true},
    {.operations = 3 - kLess, .width = 2, .moves = true, .second = true},
    {.operations = 5 - kLess, .width = 0, .moves = true, .second = true},
    {.operations = 4 - kLess, .width = 1, .moves = true, .second = true},
    {.operations = 4 - kLess, .width = 2, .moves = true, .second = false},
};
const std::vector<Scope> kLong = {
    {.operations = 6 - kLess, .width = 0, .moves = true, .second = true},
    {.operations = 5 - kLess, .width = 1, .moves = true, .second = false},
    {.operations = 4 - kLess, .width = 2, .moves = true, .second = true},
};

class Stopwatch {
 public:
  double Seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

bool RunLaws() {
  const Stopwatch watch;
  LawCounts n;
  const bool ok = CheckLaws(&n);
  std::printf("laws: %" PRIu64 " questions to Decide; %" PRIu64 " states x %" PRIu64
              " records: %" PRIu64 " steps, %" PRIu64 " commutations, %" PRIu64 " joins, %" PRIu64
              " associations; %.1f s\n",
              n.questions, n.states, n.records, n.steps, n.commutations, n.joins, n.associations,
              watch.Seconds());
  return ok;
}

bool RunHistories(const std::vector<Scope>& scopes) {
  uint64_t total = 0;
  for (const Scope& scope : scopes) {
    const Stopwatch watch;
    Histories histories(scope);
    if (!histories.Run()) return false;
    const HistoryCounts n = histories.counts();
    total += n.histories;
    std::printf("%d operations, %d columns%s%s: %" PRIu64
                " histories, %.3g orders of final delivery (up to %zu records a row; %" PRIu64
                " distinct walks, %" PRIu64 " states, %" PRIu64 " merges, %" PRIu64
                " repeats); %.1f s\n",
                scope.operations, scope.width, scope.moves ? ", key moves" : "",
                scope.second ? ", two rows" : "", n.histories, n.orders, n.most_records, n.walks,
                n.delivery.states, n.delivery.merges, n.delivery.repeats, watch.Seconds());
    std::fflush(stdout);
  }
  std::printf("all %" PRIu64 " histories converge\n", total);
  return true;
}

int Main(const std::vector<std::string>& arguments) {
  const auto number = [&](size_t i) { return std::atoi(arguments[i].c_str()); };
  if (arguments.empty()) return RunLaws() && RunHistories(kUsual) ? 0 : 1;
  if (arguments[0] == "--long" && arguments.size() == 1) {
    return RunLaws() && RunHistories(kUsual) && RunHistories(kLong) ? 0 : 1;
  }
  const bool width_ok = arguments.size() > 2 && number(arguments[0] == "--scope" ? 2 : 1) >= 0 &&
                        number(arguments[0] == "--scope" ? 2 : 1) <= kMaxWidth;
  if (arguments[0] == "--scope" && arguments.size() == 5 && width_ok) {
    return RunHistories({{number(1), number(2), number(3) != 0, number(4) != 0}}) ? 0 : 1;
  }
  if (arguments[0] == "--replay" && arguments.size() == 3 && width_ok) {
    return Replay(number(1), arguments[2]) ? 0 : 1;
  }
  std::fputs(
      "usage: exhaustive [--long | --scope OPERATIONS COLUMNS MOVES SECOND | "
      "--replay COLUMNS HISTORY]\n",
      stderr);
  return 2;
}

}  // namespace
}  // namespace tributary::exhaustive

int main(int argc, char** argv) {
  return tributary::exhaustive::Main(std::vector<std::string>(argv + 1, argv + argc));
}
