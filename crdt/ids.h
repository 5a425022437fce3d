// Strong types for the numbers of a replicated change, so that they cannot be mixed up.
//
// A change is named for ever by (SiteId, DbVersion, Seq): the seq-th record of the db_version-th
// transaction that the site made. All of them are non-negative; 2^63 - 1 is never issued.
#ifndef TRIBUTARY_CRDT_IDS_H_
#define TRIBUTARY_CRDT_IDS_H_

#include <array>
#include <compare>
#include <cstdint>
#include <utility>

namespace tributary {

// A 64-bit integer that only compares and converts explicitly. `Tag` makes each one its own type.
template <class Tag>
struct StrongInt {
  int64_t value = 0;

  constexpr StrongInt() = default;
  constexpr explicit StrongInt(int64_t v) : value(v) {}
  constexpr auto operator<=>(const StrongInt&) const = default;
  constexpr StrongInt operator+(int64_t n) const { return StrongInt(value + n); }
  template <typename H>
  friend H AbslHashValue(H h, StrongInt i) {
    return H::combine(std::move(h), i.value);
  }
};

using DbVersion = StrongInt<struct DbVersionTag>;    // number of a transaction at its author
using Seq = StrongInt<struct SeqTag>;                // number of a record inside its transaction
using ColVersion = StrongInt<struct ColVersionTag>;  // Lamport counter of one cell; 0 = no clock
// How often the row was born and died: 0 never seen, odd alive, even deleted.
using CausalLength = StrongInt<struct CausalLengthTag>;

// The largest version that is ever issued.
inline constexpr DbVersion kMaxVersion{INT64_MAX - 1};

// The largest causal length, col_version or seq that is taken from another replica. Nobody counts
// that far honestly; it leaves room to count on locally for ever, and for the codecs to add and
// shift. ColVersions and causal lengths above it are ignored by Decide; whoever reads records from
// outside refuses them, and such seqs, with an error.
inline constexpr int64_t kMaxCounter = int64_t{1} << 56;

constexpr bool IsAlive(CausalLength cl) { return (cl.value & 1) != 0; }

// Index of a site in this database's crsql_site_id table; 0 is this replica itself. Local to one
// file: it never travels and never decides a merge.
using SiteOrdinal = uint32_t;
inline constexpr SiteOrdinal kOwnSite = 0;

// Number of a column in its table's catalog; stable under RENAME, never reused after DROP.
using ColumnId = uint32_t;

// A replica's identity as it travels: 16 random bytes (UUID v4). Order is bytewise.
struct SiteId {
  std::array<uint8_t, 16> bytes{};
  auto operator<=>(const SiteId&) const = default;
};

// Who wrote a record, and which of its records it was.
struct Stamp {
  SiteOrdinal site = kOwnSite;
  DbVersion version;
  Seq seq;
  bool operator==(const Stamp&) const = default;
};

}  // namespace tributary

#endif  // TRIBUTARY_CRDT_IDS_H_
