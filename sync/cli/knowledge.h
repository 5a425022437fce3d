// What a replica knows: its closed version vector V, one version per site.
//
// Law (K): if V[s] >= v at replica R, then R holds every cell of the transactions 1..v of site s,
// or something that beats it. R's own site is always fully known to itself.
//
// Why a sync may then skip what lies below V: let R receive from S everything that S holds with a
// stamp (site, version) above V_R. Take a cell of a transaction in V_S. Either S holds it, and sent
// it unless it is in V_R; or S holds a cell that beats it, and either sent that one, or that one is
// in V_R and R holds it or something that beats it in turn. So afterwards (K) holds at R for
// max(V_R, V_S). Cells that merely arrived (crsql_db_versions counts those) assert nothing: what
// beat their neighbours may be missing still. Hence V moves only after a whole transfer, from one
// snapshot of the sender, of everything both sides replicate.
//
// V is kept in crsql_tracked_peers, with a tag of its own. The law can break where metadata is
// thrown away (crsql_as_table) or edited by hand: sync compares digests afterwards and, where
// those differ, exchanges everything.
#ifndef TRIBUTARY_SYNC_CLI_KNOWLEDGE_H_
#define TRIBUTARY_SYNC_CLI_KNOWLEDGE_H_

#include <cstdint>
#include <map>
#include <string>

#include "sync/cli/db.h"

namespace tributary::cli {

using VersionVector = std::map<std::string, int64_t>;  // by site id

// V of the replica. REQUIRES: a read or write transaction, if it is to fit what is read next.
Status LoadKnowledge(const Database& db, VersionVector* knowledge);

// Highest version of each site of which anything arrived. A hint for reports, no knowledge.
Status LoadSeenVersions(const Database& db, VersionVector* seen);

// Writes what `gained` has above the stored V. Returns without writing if there is nothing.
Status SaveKnowledge(const Database& db, const VersionVector& gained);

int64_t VersionOf(const VersionVector& vector, const std::string& site);  // 0 if unknown
bool Covers(const VersionVector& a, const VersionVector& b);              // a >= b everywhere

}  // namespace tributary::cli

#endif  // TRIBUTARY_SYNC_CLI_KNOWLEDGE_H_
