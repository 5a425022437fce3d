// Changesets and version vectors as JSON, for people.
#ifndef TRIBUTARY_SYNC_CHANGESET_JSON_H_
#define TRIBUTARY_SYNC_CHANGESET_JSON_H_

#include <string>
#include <string_view>

#include "sync/changeset/header.h"

namespace tributary {

// {"known": {SITE: VERSION...}, "unfinished": [...], "loose": [...]}
std::string HaveToJson(const Have& have);

// The header's fields, the transactions, and per row its table, key and cells. Blobs are
// {"blob": "HEX"}. False, with a message for people, where `data` is no well-formed frame.
bool ChangesetToJson(std::string_view data, std::string* json, std::string* error);

}  // namespace tributary

#endif  // TRIBUTARY_SYNC_CHANGESET_JSON_H_
