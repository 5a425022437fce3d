// What a replica knows (ext/knowledge.h), as the command line asks for it.
#ifndef TRIBUTARY_SYNC_CLI_KNOWLEDGE_H_
#define TRIBUTARY_SYNC_CLI_KNOWLEDGE_H_

#include <string>
#include <string_view>

#include "crdt/version_vector.h"
#include "sync/changeset/header.h"
#include "sync/cli/db.h"

namespace tributary::cli {

SiteId SiteOf(std::string_view bytes);

// The closed version vector. REQUIRES: a read or write transaction, if it is to fit what is read
// next.
Status LoadKnowledge(const Database& db, VersionVector* knowledge);

// The header of what crsql_changesets made.
Status ReadHeader(std::string_view changeset, ChangesetHeader* header);

// Highest version of each site of which anything arrived. A hint for reports, no knowledge.
Status LoadSeenVersions(const Database& db, VersionVector* seen);

}  // namespace tributary::cli

#endif  // TRIBUTARY_SYNC_CLI_KNOWLEDGE_H_
