// Two schemas side by side. Everything is exchanged whatever they are: what a replica has no place
// for it keeps, passes on, and merges once it has one (ext/parking.h). This tells people what that
// is, and a pair of databases that have nothing to do with each other.
#ifndef TRIBUTARY_SYNC_SESSION_SCHEMA_DIFF_H_
#define TRIBUTARY_SYNC_SESSION_SCHEMA_DIFF_H_

#include <string>
#include <string_view>
#include <vector>

#include "crdt/version_vector.h"
#include "sync/session/messages.h"

namespace tributary {

// What the receiver has no place for, one sentence each; `where` is the receiver's name in it.
// Names are all that is compared: what was renamed at the receiver is taken under its former name,
// too.
std::vector<std::string> KeptForLater(const Schema& sender, const Schema& receiver,
                                      std::string_view where);

// Both have tables, but none in common, and nobody of whom both have heard: to exchange these would
// only fill each with what it has no place for.
bool AreStrangers(const Schema& a, const Schema& b, const VersionVector& a_knows,
                  const VersionVector& b_knows);

}  // namespace tributary

#endif  // TRIBUTARY_SYNC_SESSION_SCHEMA_DIFF_H_
