#include "crdt/key_filter.h"

#include "crdt/coding.h"
#include "crdt/filter.h"

namespace tributary {
namespace {

// Shorter runs are cheaper as hashes: every run is looked at one by one.
constexpr uint64_t kMinRun = 128;

uint64_t ZigZag(int64_t v) {
  return (static_cast<uint64_t>(v) << 1) ^ static_cast<uint64_t>(v >> 63);
}
int64_t UnZigZag(uint64_t v) { return static_cast<int64_t>((v >> 1) ^ (~(v & 1) + 1)); }

}  // namespace

bool KeyFilterBuilder::Continues(int64_t table, int64_t key) const {
  // Modulo 2^64; a run never passes the largest key, since the next one would be the smallest.
  return in_run_ && table == run_.table &&
         static_cast<uint64_t>(key) == static_cast<uint64_t>(run_.first) + run_.count + 1 &&
         key > run_.first;
}

template <typename Hash>
void KeyFilterBuilder::AddInteger(int64_t table, int64_t integer, const Hash& hash) {
  if (!Continues(table, integer)) {
    in_run_ = true;
    run_ = {.table = table, .first = integer};
    hashes_.push_back(hash());
    return;
  }
  run_.count++;
  if (run_.count + 1 < kMinRun) {
    hashes_.push_back(hash());
  } else if (run_.count + 1 == kMinRun) {
    hashes_.resize(hashes_.size() - run_.count);
    runs_.push_back(run_);
  } else {
    runs_.back().count = run_.count;
  }
}

void KeyFilterBuilder::Add(int64_t table, std::string_view key, std::optional<uint64_t> hash) {
  const auto hash_of_key = [&] { return hash ? *hash : HashKey(table, key); };
  int64_t integer;
  if (DecodeIntegerKey(key, &integer)) {
    AddInteger(table, integer, hash_of_key);
  } else {
    in_run_ = false;
    hashes_.push_back(hash_of_key());
  }
}

void KeyFilterBuilder::TakeFrom(KeyFilterBuilder* other) {
  const Run run = other->run_;
  if (other->runs_.empty() && other->in_run_ && other->hashes_.size() == run.count + 1) {
    // One short run, which may go on one that is here.
    for (uint64_t i = 0; i <= run.count; i++) {
      AddInteger(run.table, run.first + static_cast<int64_t>(i), [&] { return other->hashes_[i]; });
    }
  } else {
    hashes_.insert(hashes_.end(), other->hashes_.begin(), other->hashes_.end());
    runs_.insert(runs_.end(), other->runs_.begin(), other->runs_.end());
    run_ = run;
    in_run_ = other->in_run_;
  }
  other->Clear();
}

std::string KeyFilterBuilder::Finish(uint64_t bits_per_key) {
  std::string filter;
  PutVarint(&filter, runs_.size());
  for (const Run& r : runs_) {
    PutVarint(&filter, static_cast<uint64_t>(r.table));
    PutVarint(&filter, ZigZag(r.first));
    PutVarint(&filter, r.count);
  }
  filter += BuildFilter(hashes_, bits_per_key);
  Clear();
  return filter;
}

void KeyFilterBuilder::Clear() {
  runs_.clear();
  hashes_.clear();
  in_run_ = false;
}

bool KeyFilterMayContain(std::string_view filter, const KeyProbe& probe) {
  ByteReader in(filter);
  uint64_t runs;
  if (!in.Varint(&runs)) return true;
  for (; runs > 0; runs--) {
    uint64_t table;
    uint64_t first;
    uint64_t count;
    if (!in.Varint(&table) || !in.Varint(&first) || !in.Varint(&count)) return true;
    if (!probe.is_integer || table != static_cast<uint64_t>(probe.table)) continue;
    const int64_t low = UnZigZag(first);
    if (probe.integer >= low &&
        static_cast<uint64_t>(probe.integer) - static_cast<uint64_t>(low) <= count) {
      return true;
    }
  }
  return FilterMayContain(in.rest(), probe.hash);
}

}  // namespace tributary
