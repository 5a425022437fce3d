// What this replica knows (its closed version vector V, by trap T19 of the design) and the
// transfers that are under way.
//
// Law (K): if V[s] >= v here, this replica holds every cell of the transactions 1..v of site s, or
// something that beats it. Its own transactions are always known.
//
// Why a sender may skip what lies below the receiver's V: let R receive from S everything that S
// holds with a stamp (site, version) above V_R and not above V_S. Take a cell of a transaction in
// V_S. Either S holds it, and sent it unless it is in V_R; or S holds a cell that beats it, and
// either sent that one, or that one is in V_R, and R holds it or something that beats it in turn.
// So afterwards (K) holds at R for max(V_R, V_S). Cells that merely arrived assert nothing: what
// beat their neighbours may be missing still.
//
// A transfer comes in pieces, which may come in any order and, if it is interrupted, from several
// snapshots of the sender. Each says which spans of whose logs it covers. What S had live in a span
// at a later snapshot it had live, too, at an earlier one, as no cell comes back to life and what S
// knows of the span was closed; so R may join spans of several snapshots. V moves once they cover
// all between V_R and the *latest* snapshot's V_S, and what S held beyond V_S (records that came to
// it without the promise that nothing is missing) has come, too: a cell that an early piece left
// out, as something newer beat it, has that newer one in the rest or there. Spans of two senders
// cannot be joined: what beats a cell here may lie in a span that only the other sender covered.
// Nor can spans beside different sets of loose records: what one left out may be beaten by a record
// that came with it alone.
//
// Dropped tables: a replica that has lost a table (DROP TABLE, crsql_as_table) still answers V, but
// of all tables but that one, and says so. Who has the table keeps such knowledge under a scope of
// its own; who has it not takes over V and, with it, that it is of all but this table. When a lost
// table is made again, V is forgotten, so that others send everything once more; the replica's own
// transactions are not asked for: of these it lacks what it dropped, until a digest shows it.
//
// Stored: V in crsql_tracked_peers with a tag of its own, per scope; transfers in crsql_transfers
// (made when first needed): item 0 is the state as message Have (known: until; unfinished: what
// arrived), items from 1 on are frames that wait for others, with their headers.
#ifndef TRIBUTARY_EXT_KNOWLEDGE_H_
#define TRIBUTARY_EXT_KNOWLEDGE_H_

#include <string>
#include <string_view>
#include <vector>

#include "crdt/coverage.h"
#include "crdt/version_vector.h"
#include "ext/connection.h"
#include "sync/changeset/header.h"

namespace tributary {

// The tables that a transfer is about: ascending names, none for all; behind kAllBut all others.
// Knowledge of one scope says nothing of another, but that of all tables holds for each.
using Scope = std::vector<std::string>;
inline constexpr std::string_view kAllBut("\0", 1);
// The scope of a changeset, as it is here.
Status ScopeOf(Connection* c, const ChangesetHeader& header, Scope* scope);
// Forgets V, and all transfers; a new epoch begins. REQUIRES: a write transaction.
Status ForgetKnown(Connection* c);
Status LoadEpoch(Connection* c, uint64_t* epoch);

Status LoadKnown(Connection* c, const Scope& scope, VersionVector* known);
// Raises V, and what was seen of each site. REQUIRES: a write transaction.
Status RaiseKnown(Connection* c, const Scope& scope, const VersionVector& known);

// Which transfer: pieces with the same key are joined. Spans that came beside one set of loose
// records, or before the sender forgot what it knew, say nothing beside another.
struct TransferKey {
  TransferKey() = default;
  TransferKey(Scope of, const ChangesetHeader& header);
  Scope scope;
  std::string name;  // the sender, and of its header epoch and loose, if they are not 0
};

// A transfer that has not come to its end.
struct TransferState {
  VersionVector until;  // what the sender knew at its latest snapshot
  // With the pieces that cover nothing: they count as versions from 1 on of the site LoosePieces().
  Coverage received;
  uint32_t loose_pieces = 0;  // how many of these there are; known once another piece has come
  uint64_t schema = 0;        // the schema's version under which what is held was checked
  // Whether all between what is known here and what the sender knew has come.
  bool IsComplete(const VersionVector& known) const;
};
inline SiteId LoosePieces() { return {}; }
Status LoadTransfer(Connection* c, const TransferKey& key, TransferState* state);
Status SaveTransfer(Connection* c, const TransferKey& key, const TransferState& state);
Status DropTransfer(Connection* c, const TransferKey& key);
// Before the first SaveTransfer: forgets those that this one takes the place of.
Status DropSuperseded(Connection* c, const TransferKey& key);
// After more is known: other transfers of that scope may be complete by that, so that what they
// promised is known, too. Forgets those of that scope, or where it is all tables of every scope,
// from whomever, that can bring nothing any more: their states and what is held.
Status EndTransfers(Connection* c, const Scope& scope);

// A transfer of that scope that is complete but for frames that still wait, as what they waited for
// came from elsewhere; no name where there is none.
Status FindComplete(Connection* c, const Scope& scope, TransferKey* key, TransferState* state);

// Frames of that transfer that cannot be applied without others. `header` is the frame's: kept in a
// column of its own, as each further piece looks at all of them.
Status HoldFrame(Connection* c, const TransferKey& key, std::string_view header,
                 std::string_view frame);
Status DropHeld(Connection* c, const TransferKey& key, int64_t item);
struct HeldFrame {
  int64_t item;
  ChangesetHeader header;
};
Status ListHeld(Connection* c, const TransferKey& key, std::vector<HeldFrame>* held);
Status ReadHeld(Connection* c, const TransferKey& key, int64_t item, std::string* frame);

// What crsql_version_vector() answers.
Status LoadHave(Connection* c, const Scope& scope, Have* have);

// Records of a site that this replica holds above a version, counted and hashed whatever their
// order. Of more than the limit the count is limit + 1 and the hash 0.
inline constexpr uint64_t kMaxLoose = 1 << 16;  // for those that are only compared
Status HashLoose(Connection* c, SiteOrdinal site, DbVersion above, const Scope& scope,
                 uint64_t limit, uint64_t* records, uint64_t* hash);
// The highest version of a peer of which anything was seen; 0 if none.
Status SeenVersion(Connection* c, SiteOrdinal site, DbVersion* version);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_KNOWLEDGE_H_
