// What a changeset says of itself before its body: whose transfer it belongs to and what it covers.
#ifndef TRIBUTARY_SYNC_CHANGESET_HEADER_H_
#define TRIBUTARY_SYNC_CHANGESET_HEADER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "crdt/coverage.h"
#include "crdt/ids.h"
#include "crdt/version_vector.h"

namespace tributary {

// Message Header of proto/changeset.proto, which says what the fields mean.
struct ChangesetHeader {
  static constexpr size_t kMaxTables = 1 << 16;  // that a changeset may name
  static constexpr size_t kMaxDropped = 1000;    // tables that a replica may have lost

  SiteId sender;
  uint64_t transfer = 0;
  uint32_t piece = 0;
  bool last = false;
  VersionVector until;
  std::vector<SiteSpan> covers;
  std::vector<std::string> tables;
  uint64_t transactions = 0;
  uint64_t rows = 0;
  uint64_t cells = 0;
  bool continues = false;
  bool continued = false;
  uint32_t loose_pieces = 0;
  std::vector<std::string> dropped;
  uint64_t loose = 0;
  uint64_t epoch = 0;

  // Transactions that begin in it: the first may be the rest of one that began in another piece.
  uint64_t begun() const { return transactions - (continues && transactions > 0 ? 1 : 0); }

  std::string Encode() const;
  // False, with a message for people and nothing kept, where the bytes are none or what they say
  // cannot be.
  bool Decode(std::string_view data, std::string* error);
};

// Message Have: what a replica knows, to ask another for the rest.
struct Have {
  struct Unfinished {
    SiteId sender;
    Coverage received;
    uint64_t loose = 0;
    uint64_t epoch = 0;
  };
  struct Loose {
    SiteId site;
    uint64_t records = 0;
    uint64_t hash = 0;
    bool operator==(const Loose&) const = default;
  };
  VersionVector known;
  // Send all there is, as what asserts nothing: for a replica whose knowledge turned out wrong.
  bool everything = false;
  std::vector<Unfinished> unfinished;
  std::vector<Loose> loose;

  std::string Encode() const;
  bool Decode(std::string_view data, std::string* error);
};

}  // namespace tributary

#endif  // TRIBUTARY_SYNC_CHANGESET_HEADER_H_
