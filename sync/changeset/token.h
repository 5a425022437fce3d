// What crsql_token() returns, for those who must know more of it than crsql_has() tells: text that
// names what a replica knows, short enough for an HTTP header.
//
// Format: web-safe base64, without padding, of the format byte 1 and, per site, the first 8 bytes
// of its id and the version up to which it is known, as a varint.
#ifndef TRIBUTARY_SYNC_CHANGESET_TOKEN_H_
#define TRIBUTARY_SYNC_CHANGESET_TOKEN_H_

#include <string>
#include <string_view>
#include <vector>

#include "crdt/version_vector.h"

namespace tributary {

class Token {
 public:
  // False, with nothing in it, where `text` is no token.
  bool Decode(std::string_view text);

  // What of it a replica lacks that knows `known`; empty where it knows all that the token names.
  struct Gap {
    std::string site;  // the first 8 bytes
    DbVersion known;
    DbVersion named;
  };
  std::vector<Gap> LackedBy(const VersionVector& known) const;

 private:
  struct Part {
    std::string site;
    DbVersion version;
  };
  std::vector<Part> parts_;
};

}  // namespace tributary

#endif  // TRIBUTARY_SYNC_CHANGESET_TOKEN_H_
