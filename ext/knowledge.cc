#include "ext/knowledge.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "ext/change_scan.h"
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tributary {
namespace {

// Marks the rows of crsql_tracked_peers that hold V: "TRIB", for one scope with a hash of it in
// front. Event 0 is "received", as in cr-sqlite's own use of that table.
constexpr int64_t kTag = 0x54524942;
int64_t TagOf(const Scope& scope) {
  if (scope.empty()) return kTag;
  std::string names;
  for (const std::string& name : scope) names.append(name).push_back('\0');
  const uint64_t hash = XXH3_64bits(names.data(), names.size());
  return static_cast<int64_t>(hash >> 1 & ~uint64_t{0xffffffff}) | kTag;
}

Status ReadVector(Connection* c, int64_t tag, VersionVector* known) {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(
      c->db(),
      "SELECT site_id, version FROM crsql_tracked_peers WHERE tag = ?1 AND event = 0 AND seq = 0"));
  s.Bind(1, tag);
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) return {};
    SiteId site;
    if (!ParseSiteId(s.Blob(0), &site) || !known->Raise(site, DbVersion(s.Int(1)))) {
      return Status::Corrupt("table crsql_tracked_peers has a malformed row of Tributary's");
    }
  }
}

Status HasTransfers(Connection* c, bool* has) {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(c->db(),
                "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = "
                "'crsql_transfers'"));
  return s.Step(has);
}

Status MakeTransfers(Connection* c) {
  bool has;
  TRIBUTARY_RETURN_IF_ERROR(HasTransfers(c, &has));
  if (has) return {};
  return Execute(
      c->db(),
      "CREATE TABLE IF NOT EXISTS main.crsql_transfers(sender BLOB NOT NULL, scope "
      "INTEGER NOT NULL, item INTEGER NOT NULL, header BLOB, data BLOB NOT NULL, PRIMARY "
      "KEY(sender, scope, item))");
}

// Prepares a statement on crsql_transfers whose ?1 is the name and ?2 the scope; *has is false
// where there is no such table. REQUIRES: the key outlives the statement's use.
Status PrepareTransfers(Connection* c, const char* sql, const TransferKey& key, Statement* s,
                        bool* has) {
  TRIBUTARY_RETURN_IF_ERROR(HasTransfers(c, has));
  if (!*has) return {};
  TRIBUTARY_RETURN_IF_ERROR(s->Prepare(c->db(), sql));
  s->BindBlob(1, key.name);
  s->Bind(2, TagOf(key.scope));
  return {};
}

bool ParseName(std::string_view name, Have::Unfinished* u) {
  ByteReader in(name);
  std::string_view site;
  if (!in.Bytes(u->sender.bytes.size(), &site) || !ParseSiteId(site, &u->sender)) return false;
  return in.empty() || (in.Varint(&u->epoch) && in.Varint(&u->loose) && in.empty());
}

Status ParseState(std::string_view data, TransferState* state) {
  Have have;
  std::string error;
  if (!have.Decode(data, &error) || have.unfinished.size() != 1 || have.loose.size() != 1) {
    return Status::Corrupt("table crsql_transfers has a malformed row");
  }
  state->until = std::move(have.known);
  state->received = std::move(have.unfinished[0].received);
  state->loose_pieces = static_cast<uint32_t>(have.loose[0].records);
  state->schema = have.loose[0].hash;
  return {};
}

}  // namespace

TransferKey::TransferKey(Scope of, const ChangesetHeader& header)
    : scope(std::move(of)), name(BytesOf(header.sender)) {
  if (header.epoch == 0 && header.loose == 0) return;
  PutVarint(&name, header.epoch);
  PutVarint(&name, header.loose);
}

Status ScopeOf(Connection* c, const ChangesetHeader& header, Scope* scope) {
  *scope = header.tables;
  if (!scope->empty() || header.dropped.empty()) return {};
  std::vector<std::string> dropped;
  TRIBUTARY_RETURN_IF_ERROR(c->stores().catalog.Dropped(&dropped));
  bool apart = dropped.size() + header.dropped.size() > ChangesetHeader::kMaxDropped;
  for (const std::string& name : header.dropped) {
    bool here;
    TRIBUTARY_RETURN_IF_ERROR(c->stores().catalog.Has(name, &here));
    apart = apart || here;
  }
  if (!apart) return {};
  *scope = header.dropped;
  scope->emplace(scope->begin(), kAllBut);
  return {};
}

Status LoadKnown(Connection* c, const Scope& scope, VersionVector* known) {
  *known = {};
  TRIBUTARY_RETURN_IF_ERROR(ReadVector(c, TagOf({}), known));
  if (!scope.empty()) TRIBUTARY_RETURN_IF_ERROR(ReadVector(c, TagOf(scope), known));
  SiteId own;
  TRIBUTARY_RETURN_IF_ERROR(c->stores().sites.Own(&own));
  DbVersion last;
  TRIBUTARY_RETURN_IF_ERROR(c->LastVersion(&last));
  known->Raise(own, last);
  return {};
}

Status RaiseKnown(Connection* c, const Scope& scope, const VersionVector& known) {
  VersionVector before;
  TRIBUTARY_RETURN_IF_ERROR(LoadKnown(c, scope, &before));
  SiteId own;
  TRIBUTARY_RETURN_IF_ERROR(c->stores().sites.Own(&own));
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(
      c->db(),
      "INSERT INTO crsql_tracked_peers(site_id, version, seq, tag, event) VALUES (?1, ?2, 0, ?3, "
      "0) ON CONFLICT(site_id, tag, event) DO UPDATE SET version = excluded.version"));
  for (const VersionVector::Entry& e : known.entries()) {
    if (e.site == own || before.Covers(e.site, e.version)) continue;
    s.BindBlob(1, BytesOf(e.site));
    s.Bind(2, e.version.value);
    s.Bind(3, TagOf(scope));
    TRIBUTARY_RETURN_IF_ERROR(s.Run());
    // Who passes on the knowledge asks for all sites that have an ordinal.
    SiteOrdinal ordinal;
    TRIBUTARY_RETURN_IF_ERROR(c->stores().sites.FindOrAdd(e.site, &ordinal));
    if (scope.empty()) {
      TRIBUTARY_RETURN_IF_ERROR(c->stores().sites.RaiseSeen(ordinal, e.version));
    }
  }
  return {};
}

Status ForgetKnown(Connection* c) {
  TRIBUTARY_RETURN_IF_ERROR(Execute(
      c->db(),
      absl::StrCat("DELETE FROM crsql_tracked_peers WHERE event = 0 AND tag & 0xffffffff = ",
                   kTag)));
  TRIBUTARY_RETURN_IF_ERROR(Execute(
      c->db(),
      "INSERT INTO crsql_master(key, value) VALUES ('knowledge_epoch', 1) ON CONFLICT(key) DO "
      "UPDATE SET value = value + 1"));
  bool has;
  TRIBUTARY_RETURN_IF_ERROR(HasTransfers(c, &has));
  return has ? Execute(c->db(), "DELETE FROM crsql_transfers") : Status();
}

Status LoadEpoch(Connection* c, uint64_t* epoch) {
  Statement s;
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(c->db(), "SELECT value FROM crsql_master WHERE key = 'knowledge_epoch'"));
  TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
  *epoch = row ? static_cast<uint64_t>(s.Int(0)) : 0;
  return {};
}

Status LoadTransfer(Connection* c, const TransferKey& key, TransferState* state) {
  *state = {};
  Statement s;
  bool found;
  TRIBUTARY_RETURN_IF_ERROR(PrepareTransfers(
      c, "SELECT data FROM crsql_transfers WHERE sender = ?1 AND scope = ?2 AND item = 0", key, &s,
      &found));
  if (found) TRIBUTARY_RETURN_IF_ERROR(s.Step(&found));
  return found ? ParseState(s.Blob(0), state) : Status();
}

Status SaveTransfer(Connection* c, const TransferKey& key, const TransferState& state) {
  TRIBUTARY_RETURN_IF_ERROR(MakeTransfers(c));
  Have have;
  have.known = state.until;
  have.unfinished.push_back({.sender = {}, .received = state.received});
  have.loose.push_back(
      {.site = LoosePieces(), .records = state.loose_pieces, .hash = state.schema});
  const std::string data = have.Encode();
  Statement s;
  bool has;
  TRIBUTARY_RETURN_IF_ERROR(PrepareTransfers(
      c,
      "INSERT INTO crsql_transfers(sender, scope, item, data) VALUES (?1, ?2, 0, ?3) ON "
      "CONFLICT(sender, scope, item) DO UPDATE SET data = excluded.data",
      key, &s, &has));
  s.BindBlob(3, data);
  return s.Run();
}

Status DropTransfer(Connection* c, const TransferKey& key) {
  Statement s;
  bool has;
  TRIBUTARY_RETURN_IF_ERROR(PrepareTransfers(
      c, "DELETE FROM crsql_transfers WHERE sender = ?1 AND scope = ?2", key, &s, &has));
  return has ? s.Run() : Status();
}

Status DropSuperseded(Connection* c, const TransferKey& key) {
  const size_t site = SiteId().bytes.size();
  if (key.name.size() == site) return {};
  Statement s;
  bool has;
  TRIBUTARY_RETURN_IF_ERROR(PrepareTransfers(
      c,
      "DELETE FROM crsql_transfers WHERE substr(sender, 1, 16) = substr(?1, 1, 16) AND scope = ?2 "
      "AND sender <> ?1 AND (length(sender) > 16 OR substr(?1, 17, 1) <> x'00')",
      key, &s, &has));
  return has ? s.Run() : Status();
}

bool TransferState::IsComplete(const VersionVector& known) const {
  const LogPoint first = After(DbVersion(0));
  if (received.End(LoosePieces(), first) < After(DbVersion(loose_pieces))) return false;
  const auto& all = until.entries();
  return std::all_of(all.begin(), all.end(), [&](const VersionVector::Entry& e) {
    return known.Covers(e.site, e.version) ||
           received.End(e.site, After(known.Of(e.site))) >= After(e.version);
  });
}

namespace {

// Forgets the transfers that are over. *raised: one of them has made more known.
Status EndOnce(Connection* c, const Scope& scope, bool* raised) {
  *raised = false;
  VersionVector known;
  TRIBUTARY_RETURN_IF_ERROR(LoadKnown(c, scope, &known));
  std::vector<std::pair<std::string, int64_t>> ended;
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(
      c->db(),
      "SELECT data, sender, scope, scope = ?1 AND NOT EXISTS (SELECT 1 FROM crsql_transfers h "
      "WHERE h.sender = t.sender AND h.scope = t.scope AND h.item > 0) FROM crsql_transfers t "
      "WHERE (?2 OR scope = ?1) AND item = 0"));
  s.Bind(1, TagOf(scope));
  s.Bind(2, scope.empty() ? 1 : 0);
  VersionVector gained;
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) break;
    TransferState state;
    TRIBUTARY_RETURN_IF_ERROR(ParseState(s.Blob(0), &state));
    const bool complete = s.Int(3) != 0 && state.IsComplete(known);
    if (!complete && !known.Covers(state.until)) continue;
    ended.emplace_back(s.Blob(1), s.Int(2));
    if (!gained.MergeMax(state.until)) return Status::Corrupt("too many sites are known");
  }
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(c->db(), "DELETE FROM crsql_transfers WHERE sender = ?1 AND scope = ?2"));
  for (const auto& [sender, tag] : ended) {
    s.BindBlob(1, sender);
    s.Bind(2, tag);
    TRIBUTARY_RETURN_IF_ERROR(s.Run());
  }
  *raised = !known.Covers(gained);
  return *raised ? RaiseKnown(c, scope, gained) : Status();
}

}  // namespace

Status EndTransfers(Connection* c, const Scope& scope) {
  bool has;
  TRIBUTARY_RETURN_IF_ERROR(HasTransfers(c, &has));
  while (has) TRIBUTARY_RETURN_IF_ERROR(EndOnce(c, scope, &has));
  return {};
}

Status FindComplete(Connection* c, const Scope& scope, TransferKey* key, TransferState* state) {
  *key = {};
  key->scope = scope;
  VersionVector known;
  TRIBUTARY_RETURN_IF_ERROR(LoadKnown(c, scope, &known));
  Statement s;
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(PrepareTransfers(
      c,
      "SELECT data, sender FROM crsql_transfers t WHERE ?1 NOTNULL AND scope = ?2 AND item = 0 AND "
      "EXISTS (SELECT 1 FROM crsql_transfers h WHERE h.sender = t.sender AND h.scope = t.scope AND "
      "h.item > 0)",
      *key, &s, &row));
  while (row) {
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) break;
    TRIBUTARY_RETURN_IF_ERROR(ParseState(s.Blob(0), state));
    if (!state->IsComplete(known)) continue;
    key->name = std::string(s.Blob(1));
    break;
  }
  return {};
}

Status HoldFrame(Connection* c, const TransferKey& key, std::string_view header,
                 std::string_view frame) {
  TRIBUTARY_RETURN_IF_ERROR(MakeTransfers(c));
  Statement s;
  bool has;
  TRIBUTARY_RETURN_IF_ERROR(PrepareTransfers(
      c,
      "INSERT INTO crsql_transfers(sender, scope, item, header, data) SELECT ?1, ?2, "
      "coalesce(max(item), 0) + 1, ?3, ?4 FROM crsql_transfers WHERE sender = ?1 AND scope = ?2",
      key, &s, &has));
  s.BindBlob(3, header);
  s.BindBlob(4, frame);
  return s.Run();
}

Status DropHeld(Connection* c, const TransferKey& key, int64_t item) {
  Statement s;
  bool has;
  TRIBUTARY_RETURN_IF_ERROR(PrepareTransfers(
      c, "DELETE FROM crsql_transfers WHERE sender = ?1 AND scope = ?2 AND item = ?3", key, &s,
      &has));
  if (!has) return {};
  s.Bind(3, item);
  return s.Run();
}

Status ListHeld(Connection* c, const TransferKey& key, std::vector<HeldFrame>* held) {
  held->clear();
  Statement s;
  bool has;
  TRIBUTARY_RETURN_IF_ERROR(PrepareTransfers(c,
                                             "SELECT item, header FROM crsql_transfers WHERE "
                                             "sender = ?1 AND scope = ?2 AND item > 0 ORDER "
                                             "BY item",
                                             key, &s, &has));
  while (has) {
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&has));
    if (!has) break;
    HeldFrame& h = held->emplace_back();
    h.item = s.Int(0);
    std::string error;
    if (!h.header.Decode(s.Blob(1), &error)) {
      return Status::Corrupt(absl::StrCat("table crsql_transfers has a malformed frame: ", error));
    }
  }
  return {};
}

Status ReadHeld(Connection* c, const TransferKey& key, int64_t item, std::string* frame) {
  Statement s;
  bool found;
  TRIBUTARY_RETURN_IF_ERROR(PrepareTransfers(
      c, "SELECT data FROM crsql_transfers WHERE sender = ?1 AND scope = ?2 AND item = ?3", key, &s,
      &found));
  if (found) {
    s.Bind(3, item);
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&found));
  }
  if (!found) return Status::Corrupt("a held frame has vanished from crsql_transfers");
  frame->assign(s.Blob(0));
  return {};
}

Status SeenVersion(Connection* c, SiteOrdinal site, DbVersion* version) {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(c->db(), "SELECT seen FROM crsql_peers WHERE ordinal = ?1"));
  s.Bind(1, site);
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
  *version = DbVersion(row ? s.Int(0) : 0);
  return {};
}

Status HashLoose(Connection* c, SiteOrdinal site, DbVersion above, const Scope& scope,
                 uint64_t limit, uint64_t* records, uint64_t* hash) {
  *records = 0;
  *hash = 0;
  ChangeScan scan(c);
  TRIBUTARY_RETURN_IF_ERROR(scan.Start({.first = above + 1, .site = site, .parked = true}));
  std::string text;
  while (!scan.done()) {
    const ParkedRecord* parked = scan.parked();
    const std::string& table = parked != nullptr ? parked->table : scan.table()->name();
    if (scope.empty() || std::binary_search(scope.begin(), scope.end(), table)) {
      const DbVersion version = scan.db_version();
      // The same of a record here as there, where it may be parked.
      text = table;
      text.push_back('\0');
      text.append(parked != nullptr ? parked->cid : scan.cid());
      text.push_back('\0');
      for (const int64_t n :
           {version.value, scan.seq().value,
            parked != nullptr ? parked->col_version.value : scan.record().version.value}) {
        PutVarint(&text, static_cast<uint64_t>(n));
      }
      text.append(parked != nullptr ? parked->pk : scan.packed_key());
      *hash += XXH3_64bits(text.data(), text.size());
      if (++*records > limit) {
        *hash = 0;
        return {};
      }
    }
    TRIBUTARY_RETURN_IF_ERROR(scan.Next());
  }
  return {};
}

Status LoadHave(Connection* c, const Scope& scope, Have* have) {
  *have = {};
  TRIBUTARY_RETURN_IF_ERROR(LoadKnown(c, scope, &have->known));
  Statement s;
  bool has;
  TransferKey any;
  any.scope = scope;
  TRIBUTARY_RETURN_IF_ERROR(PrepareTransfers(
      c, "SELECT data, sender FROM crsql_transfers WHERE ?1 NOTNULL AND scope = ?2 AND item = 0",
      any, &s, &has));
  while (has) {
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&has));
    if (!has) break;
    TransferState state;
    TRIBUTARY_RETURN_IF_ERROR(ParseState(s.Blob(0), &state));
    Have::Unfinished u;
    if (!ParseName(s.Blob(1), &u)) {
      return Status::Corrupt("table crsql_transfers has a malformed sender");
    }
    for (const SiteSpan& span : state.received.spans()) {
      if (span.site != LoosePieces()) u.received.Add(span);
    }
    if (!u.received.empty()) have->unfinished.push_back(std::move(u));
  }
  std::vector<SiteOrdinal> sites;
  TRIBUTARY_RETURN_IF_ERROR(c->stores().sites.All(&sites));
  for (const SiteOrdinal site : sites) {
    if (site == kOwnSite) continue;
    Have::Loose loose;
    DbVersion seen;
    TRIBUTARY_RETURN_IF_ERROR(c->stores().sites.IdOf(site, &loose.site));
    TRIBUTARY_RETURN_IF_ERROR(SeenVersion(c, site, &seen));
    const DbVersion known = have->known.Of(loose.site);
    if (seen <= known) continue;
    TRIBUTARY_RETURN_IF_ERROR(
        HashLoose(c, site, known, scope, kMaxLoose, &loose.records, &loose.hash));
    // Too many to be hashed are named, too: whoever compares must know of them.
    if (loose.records > 0) have->loose.push_back(loose);
  }
  return {};
}

}  // namespace tributary
