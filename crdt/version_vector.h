// What a replica knows: per site the version up to which it holds every transaction, directly or
// beaten by something it also holds. Sync, tokens and acknowledgements are built on it.
//
//   VersionVector known;
//   known.Raise(site, DbVersion(12));
//   known.Covers(site, DbVersion(11));   // true
//   known.MergeMax(peer);                // after a complete transfer from that peer
//
// A version never sinks. At most kMaxSites sites: what would need more is refused.
//
// Format: format byte 1; varint number of sites; then, ascending by site id, its 16 bytes and its
// version as a varint, 1 .. 2^63 - 2. Each vector has exactly one encoding.
#ifndef TRIBUTARY_CRDT_VERSION_VECTOR_H_
#define TRIBUTARY_CRDT_VERSION_VECTOR_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "crdt/ids.h"

namespace tributary {

class VersionVector {
 public:
  static constexpr size_t kMaxSites = 1 << 16;

  struct Entry {
    SiteId site;
    DbVersion version;
    bool operator==(const Entry&) const = default;
  };

  // The version up to which all of that site is known; 0 if none.
  DbVersion Of(const SiteId& site) const;
  bool Covers(const SiteId& site, DbVersion version) const { return version <= Of(site); }
  // True where all that `other` knows is known here.
  bool Covers(const VersionVector& other) const;

  // Raises one site's version, never lowers it; 0 changes nothing. False, with nothing changed,
  // where the version is not 0 .. kMaxVersion or there would be too many sites.
  bool Raise(const SiteId& site, DbVersion version);
  // Raises each site to the larger of both. False, with nothing changed, where there would be too
  // many sites.
  bool MergeMax(const VersionVector& other);

  // Ascending by site; no version is 0.
  absl::Span<const Entry> entries() const { return entries_; }
  bool empty() const { return entries_.empty(); }

  void Encode(std::string* out) const;
  // False, with the vector empty, where `data` is not exactly the encoding of one.
  bool Decode(std::string_view data);

  bool operator==(const VersionVector&) const = default;

 private:
  std::vector<Entry> entries_;
};

}  // namespace tributary

#endif  // TRIBUTARY_CRDT_VERSION_VECTOR_H_
