#include "ext/new_site_id.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "ext/guard.h"
#include "ext/knowledge.h"

namespace tributary {
namespace {

// :p is the ordinal that the old id gets, :n the last version that stays its. Later ones are
// numbered anew by way of negative numbers: an old and a new one of the same number must not meet.
constexpr const char* kMoves[] = {
    "UPDATE crsql_site_id SET ordinal = :p WHERE ordinal = 0",
    "INSERT INTO crsql_site_id(site_id, ordinal) VALUES (:id, 0)",
    "UPDATE crsql_log SET site = :p WHERE site = 0 AND version <= :n",
    "UPDATE crsql_log SET version = :n - version WHERE site = 0 AND version < 9223372036854775807",
    "UPDATE crsql_log SET version = -version WHERE site = 0 AND version < 0",
    "UPDATE crsql_log_late SET site = :p WHERE site = 0 AND version <= :n",
    "UPDATE crsql_log_late SET version = :n - version WHERE site = 0",
    "UPDATE crsql_log_late SET version = -version WHERE site = 0",
    ("INSERT INTO crsql_log_covered SELECT :p, min(version, :n) FROM crsql_log_covered "
     "WHERE site = 0"),
    "UPDATE crsql_log_covered SET version = max(version - :n, 0) WHERE site = 0",
    "UPDATE crsql_log_filters SET ranges = crsql_internal_reattribute(ranges, :p, :n, 0)",
    ("UPDATE crsql_rows SET clock = crsql_internal_reattribute(clock, :p, :n, 1) "
     "WHERE table_id >= 0 AND crsql_internal_reattribute(clock, :p, :n, 1) <> clock"),
};

Status Move(sqlite3* db, const SiteId& id, SiteOrdinal peer, DbVersion shared) {
  Statement s;
  for (const char* sql : kMoves) {
    TRIBUTARY_RETURN_IF_ERROR(s.Prepare(db, sql));
    for (int i = sqlite3_bind_parameter_count(s.get()); i > 0; i--) {
      switch (sqlite3_bind_parameter_name(s.get(), i)[1]) {
        case 'p':
          s.Bind(i, peer);
          break;
        case 'n':
          s.Bind(i, shared.value);
          break;
        default:
          s.BindBlob(i, BytesOf(id));
      }
    }
    TRIBUTARY_RETURN_IF_ERROR(s.Run());
  }
  return {};
}

Status ChangeSiteId(Connection* c, DbVersion shared, SiteId* id) {
  TRIBUTARY_RETURN_IF_ERROR(c->Join());
  TRIBUTARY_RETURN_IF_ERROR(c->Refresh());
  TRIBUTARY_RETURN_IF_ERROR(c->Flush());
  Stores& stores = c->stores();
  // What is pending has stamps of this site, in memory and not final yet.
  if (c->capture.state.version > DbVersion(0) || !stores.merge.empty()) {
    return Status::Error(
        "crsql_new_site_id: this transaction has written to replicated tables; COMMIT it first");
  }
  LogHead head;
  TRIBUTARY_RETURN_IF_ERROR(stores.log.ReadHead(&head));
  if (shared < DbVersion(0)) shared = head.last_version;
  if (shared > head.last_version) {
    return Status::Error(absl::StrCat("crsql_new_site_id: this file has issued ",
                                      head.last_version.value, " versions, not ", shared.value));
  }
  SiteId old_id;
  TRIBUTARY_RETURN_IF_ERROR(stores.sites.Own(&old_id));
  std::vector<SiteOrdinal> ordinals;
  TRIBUTARY_RETURN_IF_ERROR(stores.sites.All(&ordinals));
  *id = RandomSiteId();
  TRIBUTARY_RETURN_IF_ERROR(Move(c->db(), *id, ordinals.back() + 1, shared));
  stores.sites.Forget();
  stores.lookup.Forget();
  stores.log.Forget();
  c->NoteLogWrite();
  head.last_version = head.last_version + -shared.value;
  // A sweep under way walks the sites by their ordinals, of which the own is the first.
  head.sweep_site = kOwnSite;
  head.sweep_version = DbVersion(0);
  head.sweep_chunk = 0;
  TRIBUTARY_RETURN_IF_ERROR(stores.log.WriteHead(head));
  VersionVector known;
  if (shared > DbVersion(0)) known.Raise(old_id, shared);
  return RaiseKnown(c, {}, known);
}

// The ranges of a filter, ascending as they are.
bool MoveRanges(std::string_view from, SiteOrdinal peer, DbVersion shared, std::string* to) {
  std::vector<LogRange> ranges;
  if (!DecodeRanges(from, &ranges)) return false;
  for (LogRange& r : ranges) {
    if (r.site == kOwnSite && r.first_version <= shared) {
      LogRange old = r;
      old.site = peer;
      if (r.last_version > shared) {
        old.last_version = shared;
        old.last_chunk = INT64_MAX;
        r.first_version = shared + 1;
        r.first_chunk = 0;
      } else {
        r.site = peer;
      }
      AppendRange(old, to);
    }
    if (r.site == kOwnSite) {
      r.first_version = r.first_version + -shared.value;
      r.last_version = r.last_version + -shared.value;
      AppendRange(r, to);
    } else if (r.site != peer) {
      AppendRange(r, to);
    }
  }
  return true;
}

}  // namespace

Status NewSiteId(Connection* c, sqlite3_context* context, int argc, sqlite3_value** argv) {
  DbVersion shared(-1);
  if (argc == 1) {
    shared = DbVersion(sqlite3_value_int64(argv[0]));
    if (sqlite3_value_type(argv[0]) != SQLITE_INTEGER || shared < DbVersion(0)) {
      return Status::Error(
          "crsql_new_site_id: pass nothing, or what crsql_db_version() was when the file was "
          "copied");
    }
  }
  TRIBUTARY_RETURN_IF_ERROR(c->Ready());
  const ScopedHostCounters counters(c);
  ScopedSavepoint savepoint(c->db());
  TRIBUTARY_RETURN_IF_ERROR(savepoint.Begin());
  SiteId id;
  TRIBUTARY_RETURN_IF_ERROR(ChangeSiteId(c, shared, &id));
  TRIBUTARY_RETURN_IF_ERROR(savepoint.Release());
  sqlite3_result_blob(context, id.bytes.data(), static_cast<int>(id.bytes.size()),
                      SQLITE_TRANSIENT);
  return {};
}

Status Reattribute(Connection*, sqlite3_context* context, int, sqlite3_value** argv) {
  const auto peer = static_cast<SiteOrdinal>(sqlite3_value_int64(argv[1]));
  const DbVersion shared(sqlite3_value_int64(argv[2]));
  std::string moved;
  RowClock clock;
  bool ok;
  if (sqlite3_value_int(argv[3]) != 0) {
    ok = clock.Decode(BlobOf(argv[0]));
    clock.Reattribute(peer, shared);
    clock.Encode(&moved);
  } else {
    ok = MoveRanges(BlobOf(argv[0]), peer, shared, &moved);
  }
  if (!ok) {
    return Status::Corrupt(
        "crsql_new_site_id: crsql_rows or crsql_log_filters is damaged; SELECT * FROM "
        "crsql_check() tells more");
  }
  sqlite3_result_blob64(context, moved.data(), moved.size(), SQLITE_TRANSIENT);
  return {};
}

}  // namespace tributary
