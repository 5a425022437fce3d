#include "tests/exhaustive/histories.h"

#include <algorithm>
#include <bit>
#include <cstdio>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tributary::exhaustive {
namespace {

void AppendTo(const Record& r, std::string* out) {
  for (const int v :
       {r.column, r.value, r.cl, r.version, r.name.site, r.name.version, r.name.seq}) {
    out->push_back(static_cast<char>(v));
  }
}

// Leaves out (as seen = kNoVariant) each state that some other equals which has seen less: whatever
// can happen to the former is among what can happen to the latter.
constexpr unsigned kNoVariant = ~0U;
void DropEqualStates(std::vector<Reached>* reached) {
  for (size_t i = reached->size(); i-- > 1;) {
    Reached& more = (*reached)[i];
    for (size_t j = 0; j < i; j++) {
      const Reached& less = (*reached)[j];
      if ((less.seen & ~more.seen) == 0 && less.row == more.row) {
        more.seen = kNoVariant;
        break;
      }
    }
  }
}

unsigned All(const std::vector<Record>& records) { return (1U << records.size()) - 1; }

}  // namespace

std::array<unsigned, kKeys> World::Run(const Engine& engine, int site, const Op& op) {
  const auto s = static_cast<size_t>(site);
  std::array<unsigned, kKeys> fresh{};
  for (const Record& r : engine.Execute(site, op, ++versions[s], &rows[s])) {
    const auto key = static_cast<size_t>(r.key);
    fresh[key] |= 1U << records[key].size();
    records[key].push_back(r);
  }
  for (size_t key = 0; key < kKeys; key++) seen[s][key] |= fresh[key];
  return fresh;
}

Histories::Histories(const Scope& scope)
    : scope_(scope), engine_(scope.width), delivery_(&engine_) {}

HistoryCounts Histories::counts() const {
  HistoryCounts counts = counts_;
  counts.delivery = delivery_.counts();
  return counts;
}

bool Histories::Run() { return Extend(World(), 0, -1, {}); }

void Histories::Report(const std::string& why) const {
  std::printf("FAILED (%d columns): a replica %s\nReplay with: exhaustive --replay %d '",
              scope_.width, why.c_str(), scope_.width);
  const char* separator = "";
  for (const Step& s : steps_) {
    std::printf("%s%s", separator, ToString(s).c_str());
    separator = " ";
  }
  std::printf("'\n");
}

// Appends the deliveries by which a state was reached.
void Histories::NoteDeliveries(int site, size_t key, const World& world,
                               const std::vector<Reached>& reached, int at) {
  const Reached& r = reached[static_cast<size_t>(at)];
  if (r.parent < 0) return;
  NoteDeliveries(site, key, world, reached, r.parent);
  steps_.push_back({.site = site,
                    .delivery = true,
                    .op = {},
                    .name = world.records[key][static_cast<size_t>(r.via)].name});
}

bool Histories::Reach(const World& world, int site, size_t key, std::vector<Reached>* reached) {
  const auto s = static_cast<size_t>(site);
  std::string why;
  if (delivery_.Walk(site, world.rows[s][key], world.seen[s][key], world.records[key], reached,
                     &why)) {
    return true;
  }
  NoteDeliveries(site, key, world, *reached, static_cast<int>(reached->size()) - 1);
  Report(why);
  return false;
}

bool Histories::Extend(const World& world, int depth, int last_site, const Sets& last_records) {
  if (depth == scope_.operations) return Finish(world);
  const size_t keys = scope_.second && depth > 0 ? kKeys : 1;
  for (int site = 0; site < kSites; site++) {
    const auto s = static_cast<size_t>(site);
    std::array<std::vector<Reached>, kKeys> reached;
    for (size_t k = 0; k < kKeys; k++) {
      if (!Reach(world, site, k, &reached[k])) return false;
      DropEqualStates(&reached[k]);
    }
    const auto settle = [&](World* w, size_t k, size_t i) {
      w->rows[s][k] = reached[k][i].row;
      w->seen[s][k] = reached[k][i].seen;
      NoteDeliveries(site, k, world, reached[k], static_cast<int>(i));
    };
    // True where the other order of the last operation and this one is the one to take.
    const auto swapped = [&](size_t k, size_t i) {
      return (reached[k][i].seen & last_records[k]) == 0;
    };
    const size_t mark = steps_.size();
    for (size_t k = 0; k < kKeys; k++) {
      for (size_t i = 0; i < reached[k].size(); i++) {
        if (reached[k][i].seen == kNoVariant) continue;
        const bool first = site < last_site && swapped(k, i);
        for (const Op& op : engine_.OpsFor(reached[k][i].row, static_cast<int>(k))) {
          if (op.kind == OpKind::kMove ? !scope_.moves : first || k >= keys) continue;
          // A move touches the other row, too.
          const size_t other = 1 - k;
          const size_t variants = op.kind == OpKind::kMove ? reached[other].size() : 1;
          for (size_t j = 0; j < variants; j++) {
            World next = world;
            if (op.kind == OpKind::kMove) {
              if (reached[other][j].seen == kNoVariant) continue;
              if (first && swapped(other, j)) continue;
              settle(&next, other, j);
            }
            settle(&next, k, i);
            if (!ExtendWith(next, depth, site, op)) return false;
            steps_.resize(mark);
          }
        }
      }
    }
  }
  return true;
}

bool Histories::ExtendWith(const World& world, int depth, int site, const Op& op) {
  World next = world;
  const Sets fresh = next.Run(engine_, site, op);
  steps_.push_back({.site = site, .delivery = false, .op = op, .name = {}});
  return Extend(next, depth + 1, site, fresh);
}

bool Histories::FinishRow(const World& world, int site, size_t key) {
  const auto s = static_cast<size_t>(site);
  const Row& row = world.rows[s][key];
  problem_.assign(1, static_cast<char>(site));
  Engine::AppendTo(row, &problem_);
  problem_.push_back(static_cast<char>(world.seen[s][key]));
  problem_.push_back(static_cast<char>(world.seen[s][key] >> 8));
  for (const Record& r : world.records[key]) AppendTo(r, &problem_);
  const XXH128_hash_t hash = XXH3_128bits(problem_.data(), problem_.size());
  if (!walked_.insert({hash.low64, hash.high64}).second) return true;
  counts_.walks++;
  return Reach(world, site, key, &final_);
}

bool Histories::Finish(const World& world) {
  counts_.histories++;
  double orders = 1;
  for (int site = 0; site < kSites; site++) {
    int missing = 0;
    for (size_t key = 0; key < kKeys; key++) {
      if (!FinishRow(world, site, key)) return false;
      const auto& records = world.records[key];
      counts_.most_records = std::max(counts_.most_records, records.size());
      missing += std::popcount(All(records) & ~world.seen[static_cast<size_t>(site)][key]);
    }
    for (int i = 2; i <= missing; i++) orders *= i;
  }
  counts_.orders += orders;
  return true;
}

}  // namespace tributary::exhaustive
