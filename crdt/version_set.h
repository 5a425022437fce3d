// A set of transactions of one site, by version, as sorted ranges: what has arrived of a transfer,
// what is missing, what a version log holds.
//
//   VersionSet have;
//   have.AddRange({DbVersion(1), DbVersion(7)});
//   have.Add(DbVersion(9));
//   have.HighestClosed();            // 7: all of 1..7 is there
//   have.Gaps(DbVersion(10));        // {8, 10}
//
// Versions are 1 .. 2^63 - 2. A set holds at most kMaxRanges ranges: what would need more is
// refused, so that neither a peer nor a file can make it grow without bound.
//
// Format (numbers are varints): number of ranges; then per range, ascending, its first version less
// the smallest that it could be (1; after another range that one's last + 2, as neighbours are
// one range), and its last version less its first. Each set has exactly one encoding.
#ifndef TRIBUTARY_CRDT_VERSION_SET_H_
#define TRIBUTARY_CRDT_VERSION_SET_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "crdt/ids.h"

namespace tributary {

// From first to last, both included.
struct VersionRange {
  DbVersion first;
  DbVersion last;
  bool operator==(const VersionRange&) const = default;
};

class VersionSet {
 public:
  static constexpr size_t kMaxRanges = 1 << 16;

  // The first three return false, and change nothing, where a version is not 1 .. kMaxVersion,
  // where first > last, or where the set would need more than kMaxRanges ranges.
  bool Add(DbVersion version) { return AddRange({version, version}); }
  bool AddRange(VersionRange range);
  bool Union(const VersionSet& other);
  // Takes out what is in `other`. False, with nothing changed, where that needs too many ranges.
  bool Difference(const VersionSet& other);

  bool empty() const { return ranges_.empty(); }
  bool Contains(DbVersion version) const;
  // The largest v for which all of 1 .. v is there; 0 if 1 is missing.
  DbVersion HighestClosed() const;
  // The largest version; 0 if empty.
  DbVersion Highest() const { return ranges_.empty() ? DbVersion(0) : ranges_.back().last; }
  // What is missing of 1 .. until. At most one range more than the set has.
  std::vector<VersionRange> Gaps(DbVersion until) const;
  absl::Span<const VersionRange> ranges() const { return ranges_; }

  void Encode(std::string* out) const;
  // False, with the set empty, where `data` is not exactly the encoding of a set.
  bool Decode(std::string_view data);

  bool operator==(const VersionSet&) const = default;

 private:
  // Ascending, and at least one version lies between two ranges.
  std::vector<VersionRange> ranges_;
};

}  // namespace tributary

#endif  // TRIBUTARY_CRDT_VERSION_SET_H_
