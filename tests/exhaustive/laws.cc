#include "tests/exhaustive/laws.h"

#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include "crdt/merge.h"
#include "tests/exhaustive/engine.h"

namespace tributary::exhaustive {
namespace {

constexpr std::strong_ordering kOrders[] = {std::strong_ordering::less, std::strong_ordering::equal,
                                            std::strong_ordering::greater};
constexpr int kSite = 0;  // at which replica the rows live

bool Broken(const char* law, const std::string& what) {
  std::printf("FAILED law: %s: %s\n", law, what.c_str());
  return false;
}

std::string Describe(const MergeQuestion& q) {
  return std::string(q.is_sentinel ? "sentinel" : "cell") + " local cl " +
         std::to_string(q.local_cl.value) + " version " + std::to_string(q.local_version.value) +
         ", incoming cl " + std::to_string(q.incoming_cl.value) + " version " +
         std::to_string(q.incoming_version.value);
}

bool CheckQuestion(const MergeQuestion& q, LawCounts* counts) {
  const bool asks = NeedsTieBreak(q);
  MergeQuestion mirrored = q;
  std::swap(mirrored.local_cl, mirrored.incoming_cl);
  std::swap(mirrored.local_version, mirrored.incoming_version);
  bool varies = false;
  for (const auto value : kOrders) {
    for (const auto stamp : kOrders) {
      counts->questions++;
      const MergeAction action = Decide(q, {value, stamp});
      if (action > MergeAction::kSet) return Broken("total", Describe(q));
      if (action != Decide(q, {})) varies = true;
      // Of two replicas that send each other the same thing, one at most gives way, and it does
      // unless there is nothing to give way to.
      const MergeAction reply = Decide(mirrored, {0 <=> value, 0 <=> stamp});
      const bool taken = action != MergeAction::kIgnore;
      if (taken && reply != MergeAction::kIgnore) return Broken("one winner", Describe(q));
      const bool nothing = q.incoming_cl == CausalLength(0) && q.local_cl == CausalLength(0);
      const bool cells = !q.is_sentinel && q.local_cl == q.incoming_cl && IsAlive(q.local_cl);
      const bool equal =
          q.local_cl == q.incoming_cl && (!cells || q.local_version == q.incoming_version) &&
          (!cells || value == std::strong_ordering::equal) && stamp == std::strong_ordering::equal;
      const bool no_clocks =
          cells && q.local_version == ColVersion(0) && q.incoming_version == ColVersion(0);
      if (!taken && reply == MergeAction::kIgnore && !nothing && !equal && !no_clocks) {
        return Broken("some winner", Describe(q));
      }
    }
  }
  if (varies != asks) return Broken("NeedsTieBreak tells", Describe(q));
  return true;
}

// A tie is a total order only as CompareValues and CompareStamps give it, so 0 <=> x mirrors it.
bool CheckQuestions(LawCounts* counts) {
  for (int64_t local = 0; local <= 5; local++) {
    for (int64_t incoming = 0; incoming <= 5; incoming++) {
      for (int64_t have = 0; have <= 3; have++) {
        for (int64_t comes = 0; comes <= 3; comes++) {
          for (const bool sentinel : {false, true}) {
            const MergeQuestion q{CausalLength(local), CausalLength(incoming), sentinel,
                                  ColVersion(have), ColVersion(comes)};
            if (!CheckQuestion(q, counts)) return false;
          }
        }
      }
    }
  }
  return true;
}

// Every record of two sites' few transactions; also cells without a clock and cells of deleted
// rows, as cr-sqlite can send them.
std::vector<Record> Universe(int width, int cls) {
  const Name names[] = {{0, 1, 0}, {0, 2, 0}, {2, 1, 1}};
  std::vector<Record> records;
  for (int cl = 1; cl <= cls; cl++) {
    for (const Name& name : names) {
      records.push_back({0, kSentinel, kNull, cl, cl, name});
      for (int column = 0; column < width; column++) {
        for (int version = 0; version <= 2; version++) {
          for (int value = 0; value <= 1; value++) {
            records.push_back({0, column, value, cl, version, name});
          }
        }
      }
    }
  }
  return records;
}

// All states that records of the universe can bring about, one row for each.
std::vector<Row> Closure(const Engine& engine, const std::vector<Record>& records) {
  std::vector<Row> rows(1);
  std::set<std::string> known{ToString(RowState())};
  for (size_t i = 0; i < rows.size(); i++) {
    for (const Record& r : records) {
      Row next = rows[i];
      engine.Merge(kSite, r, &next);
      if (known.insert(ToString(engine.StateOf(kSite, next))).second) rows.push_back(next);
    }
  }
  return rows;
}

std::vector<Record> Emitted(const Engine& engine, const Row& row) {
  std::vector<Record> records;
  engine.Emit(kSite, 0, row, &records);
  return records;
}

// A row can be alive with neither sentinel nor cells, after a cell without a clock. Then it has
// nothing to pass on, and its causal length is told in the form in which it was learnt.
std::vector<Record> Knowledge(const Engine& engine, const Row& row) {
  std::vector<Record> records = Emitted(engine, row);
  const auto cl = static_cast<int>(row.clock.cl().value);
  if (records.empty() && cl > 0) records.push_back({0, 0, 0, cl, 0, {0, 1, 0}});
  return records;
}

Row Join(const Engine& engine, const Row& a, const Row& b) {
  Row joined = a;
  for (const Record& r : Knowledge(engine, b)) engine.Merge(kSite, r, &joined);
  return joined;
}

bool CheckSteps(const Engine& engine, const std::vector<Row>& rows,
                const std::vector<Record>& records, LawCounts* counts) {
  for (const Row& row : rows) {
    const RowState before = engine.StateOf(kSite, row);
    std::vector<Row> after(records.size(), row);
    for (size_t i = 0; i < records.size(); i++) {
      counts->steps++;
      engine.Merge(kSite, records[i], &after[i]);
      std::vector<Record> all = Knowledge(engine, row);
      all.push_back(records[i]);
      const RowState state = engine.StateOf(kSite, after[i]);
      const auto what = [&] { return ToString(records[i]) + " into " + ToString(before); };
      if (state != ModelOf(all, (1U << all.size()) - 1)) return Broken("model", what());
      if (engine.Ask(kSite, after[i], records[i]) != MergeAction::kIgnore) {
        return Broken("idempotent (I4)", what());
      }
      for (const Record& r : Emitted(engine, row)) {
        if (engine.Ask(kSite, after[i], r) != MergeAction::kIgnore) {
          return Broken("monotonic (I5)", what());
        }
      }
    }
    for (size_t i = 0; i < records.size(); i++) {
      for (size_t j = 0; j < i; j++) {
        counts->commutations++;
        Row ij = after[i];
        Row ji = after[j];
        engine.Merge(kSite, records[j], &ij);
        engine.Merge(kSite, records[i], &ji);
        if (engine.StateOf(kSite, ij) != engine.StateOf(kSite, ji)) {
          return Broken("commutative (I2)", ToString(records[i]) + " and " + ToString(records[j]) +
                                                " into " + ToString(before));
        }
      }
    }
  }
  return true;
}

bool CheckJoins(const Engine& engine, const std::vector<Row>& rows, LawCounts* counts) {
  for (const Row& a : rows) {
    for (const Row& b : rows) {
      counts->joins++;
      const RowState ab = engine.StateOf(kSite, Join(engine, a, b));
      if (ab != engine.StateOf(kSite, Join(engine, b, a)) ||
          (&a == &b && ab != engine.StateOf(kSite, a))) {
        return Broken("joins commute (I2, I4)", ToString(engine.StateOf(kSite, a)) + " with " +
                                                    ToString(engine.StateOf(kSite, b)));
      }
    }
  }
  return true;
}

bool CheckAssociations(const Engine& engine, const std::vector<Row>& rows, LawCounts* counts) {
  for (const Row& b : rows) {
    for (const Row& c : rows) {
      const Row bc = Join(engine, b, c);
      for (const Row& a : rows) {
        counts->associations++;
        const Row ab = Join(engine, a, b);
        if (engine.StateOf(kSite, Join(engine, ab, c)) !=
            engine.StateOf(kSite, Join(engine, a, bc))) {
          return Broken("joins associate (I3)", ToString(engine.StateOf(kSite, a)) + " with " +
                                                    ToString(engine.StateOf(kSite, b)) + " with " +
                                                    ToString(engine.StateOf(kSite, c)));
        }
      }
    }
  }
  return true;
}

}  // namespace

bool CheckLaws(LawCounts* counts) {
  if (!CheckQuestions(counts)) return false;
  for (int width = 0; width <= 2; width++) {
    const Engine engine(width);
    const std::vector<Record> records = Universe(width, width == 2 ? 3 : 5);
    const std::vector<Row> rows = Closure(engine, records);
    counts->states += rows.size();
    counts->records += records.size();
    if (!CheckSteps(engine, rows, records, counts)) return false;
    if (!CheckJoins(engine, rows, counts)) return false;
    if (width < 2 && !CheckAssociations(engine, rows, counts)) return false;
  }
  return true;
}

}  // namespace tributary::exhaustive
