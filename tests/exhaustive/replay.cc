#include "tests/exhaustive/replay.h"

#include <cstdio>
#include <sstream>

#include "tests/exhaustive/histories.h"

namespace tributary::exhaustive {
namespace {

struct Verb {
  OpKind kind;
  const char* name;
  int arguments;
};
constexpr Verb kVerbs[] = {{OpKind::kInsert, "insert", 2}, {OpKind::kReplace, "replace", 2},
                           {OpKind::kUpdate, "update", 3}, {OpKind::kUpdateAll, "updateall", 2},
                           {OpKind::kDelete, "delete", 1}, {OpKind::kMove, "move", 1}};

bool Deliver(const Engine& engine, const Step& step, World* world) {
  const auto s = static_cast<size_t>(step.site);
  for (size_t key = 0; key < kKeys; key++) {
    for (size_t i = 0; i < world->records[key].size(); i++) {
      const Record& r = world->records[key][i];
      if (r.name != step.name) continue;
      engine.Merge(step.site, r, &world->rows[s][key]);
      world->seen[s][key] |= 1U << i;
      std::printf("  %s\n", ToString(r).c_str());
      return true;
    }
  }
  return false;
}

bool PrintAndCompare(const Engine& engine, const World& world) {
  bool same = true;
  for (int site = 0; site < kSites; site++) {
    const auto s = static_cast<size_t>(site);
    for (size_t key = 0; key < kKeys; key++) {
      const RowState state = engine.StateOf(site, world.rows[s][key]);
      const RowState model = ModelOf(world.records[key], world.seen[s][key]);
      if (state.cl == 0 && state == model) continue;
      std::printf("    %c row %zu: %s\n", 'A' + site, key, ToString(state).c_str());
      if (state == model) continue;
      std::printf("    %c MODEL:  %s\n", 'A' + site, ToString(model).c_str());
      same = false;
    }
  }
  return same;
}

}  // namespace

std::string ToString(const Step& step) {
  std::string s(1, static_cast<char>('A' + step.site));
  if (step.delivery) return s + "<" + ToString(step.name);
  for (const Verb& verb : kVerbs) {
    if (verb.kind != step.op.kind) continue;
    s += std::string(".") + verb.name + "(" + std::to_string(step.op.key);
    if (verb.arguments > 2) s += "," + std::to_string(step.op.column);
    if (verb.arguments > 1) s += "," + std::to_string(step.op.value);
  }
  return s + ")";
}

bool ParseStep(const std::string& text, Step* step) {
  if (text.empty() || text[0] < 'A' || text[0] >= 'A' + kSites) return false;
  *step = Step();
  step->site = text[0] - 'A';
  char author;
  if (std::sscanf(text.c_str() + 1, "<%c%d.%d", &author, &step->name.version, &step->name.seq) ==
      3) {
    step->delivery = true;
    step->name.site = author - 'A';
    return true;
  }
  for (const Verb& verb : kVerbs) {
    const std::string start = std::string(".") + verb.name + "(";
    if (text.compare(1, start.size(), start) != 0) continue;
    int n[3] = {0, 0, 0};
    const int found = std::sscanf(text.c_str() + 1 + start.size(), "%d,%d,%d", &n[0], &n[1], &n[2]);
    if (found != verb.arguments || n[0] < 0 || n[0] >= kKeys) return false;
    step->op = {verb.kind, n[0], found == 3 ? n[1] : 0, found == 3 ? n[2] : n[1]};
    return step->op.column >= 0 && step->op.column < kMaxWidth;
  }
  return false;
}

bool Replay(int width, const std::string& history) {
  const Engine engine(width);
  World world;
  std::istringstream words(history);
  bool same = true;
  for (std::string word; words >> word;) {
    Step step;
    std::printf("%s\n", word.c_str());
    if (!ParseStep(word, &step)) {
      std::printf("  is no step\n");
      return false;
    }
    if (!step.delivery) {
      world.Run(engine, step.site, step.op);
    } else if (!Deliver(engine, step, &world)) {
      std::printf("  names no record\n");
      return false;
    }
    same = PrintAndCompare(engine, world);
  }
  std::printf("%s\n", same ? "all as the model says" : "NOT as the model says");
  return same;
}

}  // namespace tributary::exhaustive
