// The simulator: random histories on the real extension. See episode.h for the kinds.
//
//   sim                                 one run of about 75 seconds, from seed 1
//   sim --seconds 600 --seed 1000       longer, other seeds
//   sim --kind wild --seed 42 --steps 60   one episode again, with its SQL
//
// A failure prints the seed, the command that replays it, and the SQL of the shortest prefix of
// the episode that fails.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "tests/sim/episode.h"
#include "tests/sim/schema.h"
#include "tests/support/db.h"

namespace tributary::sim {
namespace {

struct Kind {
  const char* name;
  void (*run)(Episode*);
};
constexpr Kind kKinds[] = {
    {"oracle", RunOracle}, {"wild", RunWild}, {"twin", RunTwin}, {"schema", RunSchema}};

struct Options {
  uint64_t seed = 1;
  int steps = 0;  // 0: from the seed, short and long ones
  double seconds = 75;
  const Kind* kind = nullptr;
  bool keep_going = false;
};

// Returns what went wrong, or "".
std::string RunOne(const Kind& kind, uint64_t seed, int steps, Counts* counts,
                   std::vector<std::string>* log) {
  Episode episode{.seed = seed, .steps = steps, .counts = counts};
  std::string problem;
  try {
    kind.run(&episode);
  } catch (const std::exception& e) {
    problem = e.what();
  }
  counts->episodes++;
  if (log != nullptr) *log = std::move(episode.log);
  return problem;
}

int StepsOf(uint64_t seed) {
  constexpr int kSteps[] = {60, 25, 120, 60, 250};
  return kSteps[seed % std::size(kSteps)];
}

// The fewest steps with which the episode still fails (they are a prefix of the same history).
int Shrink(const Kind& kind, uint64_t seed, int steps) {
  for (int fewer = 1; fewer < steps; fewer++) {
    Counts ignored;
    if (!RunOne(kind, seed, fewer, &ignored, nullptr).empty()) return fewer;
  }
  return steps;
}

void Report(const Kind& kind, uint64_t seed, int all_steps, const std::string& problem) {
  const int steps = Shrink(kind, seed, all_steps);
  Counts ignored;
  std::vector<std::string> log;
  const std::string shortest = RunOne(kind, seed, steps, &ignored, &log);
  std::printf("\nFAILED: %s\n", problem.c_str());
  std::printf("replay: sim --kind %s --seed %llu --steps %d\n", kind.name,
              static_cast<unsigned long long>(seed), all_steps);
  std::printf("shortest prefix: --steps %d: %s\n", steps, shortest.c_str());
  const char* folder = std::getenv("TMPDIR");
  const std::string path = std::string(folder != nullptr ? folder : "/tmp") + "/sim-" + kind.name +
                           "-" + std::to_string(seed) + ".sql";
  if (std::FILE* file = std::fopen(path.c_str(), "w")) {
    for (const std::string& line : log) std::fprintf(file, "%s\n", line.c_str());
    std::fclose(file);
    std::printf("its SQL: %s\n", path.c_str());
  }
  std::fflush(stdout);
}

void PrintCounts(const Counts& counts, double seconds) {
  std::printf(
      "%lld episodes in %.0f s: %lld statements, %lld rows written, %lld changes applied in "
      "%lld deliveries, %lld changesets of %lld transfers, %lld claims of knowledge, %lld "
      "rollbacks, %lld expected errors, "
      "%lld reopenings, %lld "
      "comparisons\n",
      static_cast<long long>(counts.episodes), seconds, static_cast<long long>(counts.statements),
      static_cast<long long>(counts.writes), static_cast<long long>(counts.applies),
      static_cast<long long>(counts.deliveries), static_cast<long long>(counts.pieces),
      static_cast<long long>(counts.transfers), static_cast<long long>(counts.laws),
      static_cast<long long>(counts.rollbacks), static_cast<long long>(counts.errors),
      static_cast<long long>(counts.reopens), static_cast<long long>(counts.comparisons));
  std::printf("generated:");
  for (const auto& [feature, n] : counts.features) {
    std::printf(" %s %lld;", feature.c_str(), static_cast<long long>(n));
  }
  std::printf("\nnot generated:\n");
  for (const std::string& line : LeftOut()) std::printf("  %s\n", line.c_str());
}

bool Parse(int argc, char** argv, Options* options) {
  for (int i = 1; i < argc; i++) {
    const std::string name = argv[i];
    if (name == "--keep-going") {
      options->keep_going = true;
      continue;
    }
    if (i + 1 >= argc) return false;
    const std::string value = argv[++i];
    if (name == "--seed") {
      options->seed = std::stoull(value);
    } else if (name == "--steps") {
      options->steps = std::stoi(value);
    } else if (name == "--seconds") {
      options->seconds = std::stod(value);
    } else if (name == "--kind") {
      for (const Kind& kind : kKinds) {
        if (value == kind.name) options->kind = &kind;
      }
      if (options->kind == nullptr) return false;
    } else {
      return false;
    }
  }
  return true;
}

int Main(int argc, char** argv) {
  Options options;
  if (!Parse(argc, argv, &options)) {
    std::fprintf(stderr,
                 "usage: sim [--seed N] [--steps M] [--seconds S] [--kind oracle|wild|twin|schema] "
                 "[--keep-going]\n");
    return 2;
  }
  // A kind with a seed but no time is one episode.
  bool timed = options.kind == nullptr;
  for (int i = 1; i < argc; i++) timed = timed || std::strcmp(argv[i], "--seconds") == 0;
  Counts counts;
  int failures = 0;
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&start] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  for (uint64_t seed = options.seed;; seed++) {
    for (const Kind& kind : kKinds) {
      if (options.kind != nullptr && options.kind != &kind) continue;
      const int steps = options.steps > 0 ? options.steps : StepsOf(seed);
      const std::string problem = RunOne(kind, seed, steps, &counts, nullptr);
      if (problem.empty()) continue;
      failures++;
      Report(kind, seed, steps, problem);
    }
    if (!timed || elapsed() > options.seconds || (failures > 0 && !options.keep_going)) break;
  }
  PrintCounts(counts, elapsed());
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace tributary::sim

int main(int argc, char** argv) { return tributary::sim::Main(argc, argv); }
