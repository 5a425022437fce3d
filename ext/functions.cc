#include "ext/functions.h"

#include <chrono>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "crdt/packed.h"
#include "ext/alter.h"
#include "ext/digest_sql.h"
#include "ext/new_site_id.h"
#include "ext/sql_function.h"
#include "ext/upgrade.h"

#ifndef TRIBUTARY_COMMIT
#define TRIBUTARY_COMMIT "unknown"
#endif

namespace tributary {
namespace {

// What cr-sqlite's fork answers whose behaviour this is: hosts compare it.
constexpr int kCompatibleVersion = 170000;

using Args = sqlite3_value**;

Status AsCrr(Connection* c, sqlite3_context* context, int argc, Args argv) {
  if (argc != 1 && argc != 2) {
    return Status::Error(
        "Wrong number of args provided to crsql_as_crr. Provide the schema name and table name or "
        "just the table name.");
  }
  for (int i = 0; i < argc; i++) {
    if (sqlite3_value_type(argv[i]) == SQLITE_NULL) {
      return Status::Error("crsql_as_crr: the schema or table name is NULL");
    }
  }
  std::string warning;
  TRIBUTARY_RETURN_IF_ERROR(
      AsReplicated(c, argc == 2 ? TextOf(argv[0]) : "main", TextOf(argv[argc - 1]), &warning));
  ResultText(context, warning.empty() ? "OK" : absl::StrCat("OK, but ", warning));
  return {};
}

Status AsTable(Connection* c, sqlite3_context*, int, Args argv) {
  if (sqlite3_value_type(argv[0]) == SQLITE_NULL) {
    return Status::Error("crsql_as_table: the table name is NULL");
  }
  return AsOrdinary(c, TextOf(argv[0]));
}

// The schema, if there are two texts, and the table.
Status TableArguments(const char* who, int argc, Args argv, std::string_view* schema,
                      std::string_view* table) {
  if (argc != 1 && argc != 2) {
    return Status::Error(absl::StrCat(who, " takes the schema and the table, or only the table"));
  }
  for (int i = 0; i < argc; i++) {
    if (sqlite3_value_type(argv[i]) == SQLITE_NULL) {
      return Status::Error(absl::StrCat(who, ": the schema or table name is NULL"));
    }
  }
  *schema = argc == 2 ? TextOf(argv[0]) : "main";
  *table = TextOf(argv[argc - 1]);
  return {};
}

Status Begin(Connection* c, sqlite3_context* context, int argc, Args argv) {
  std::string_view schema;
  std::string_view table;
  TRIBUTARY_RETURN_IF_ERROR(TableArguments("crsql_begin_alter", argc, argv, &schema, &table));
  TRIBUTARY_RETURN_IF_ERROR(BeginAlter(c, schema, table));
  ResultText(context, "OK");
  return {};
}

Status Commit(Connection* c, sqlite3_context*, int argc, Args argv) {
  // The flag may follow the table alone, too.
  const bool has_flag =
      argc > 1 && (argc == 3 || sqlite3_value_type(argv[argc - 1]) == SQLITE_INTEGER);
  const bool fast = has_flag && sqlite3_value_int64(argv[--argc]) != 0;
  std::string_view schema;
  std::string_view table;
  TRIBUTARY_RETURN_IF_ERROR(TableArguments("crsql_commit_alter", argc, argv, &schema, &table));
  return CommitAlter(c, schema, table, fast);
}

Status OwnSiteId(Connection* c, sqlite3_context* context, int, Args) {
  TRIBUTARY_RETURN_IF_ERROR(c->Ready());
  SiteId id;
  TRIBUTARY_RETURN_IF_ERROR(c->stores().sites.Own(&id));
  sqlite3_result_blob(context, id.bytes.data(), static_cast<int>(id.bytes.size()),
                      SQLITE_TRANSIENT);
  return {};
}

Status CurrentVersion(Connection* c, sqlite3_context* context, int, Args) {
  DbVersion v;
  TRIBUTARY_RETURN_IF_ERROR(c->LastVersion(&v));
  sqlite3_result_int64(context, v.value);
  return {};
}

Status NextVersion(Connection* c, sqlite3_context* context, int, Args) {
  DbVersion v;
  TRIBUTARY_RETURN_IF_ERROR(c->NextVersion(&v));
  sqlite3_result_int64(context, v.value);
  return {};
}

// Seqs are handed out when the captured writes are folded, so that is done first.
Status GetSeq(Connection* c, sqlite3_context* context, int, Args) {
  TRIBUTARY_RETURN_IF_ERROR(c->Flush());
  sqlite3_result_int64(context, c->capture.state.next_seq.value);
  return {};
}

Status IncrementAndGetSeq(Connection* c, sqlite3_context* context, int, Args) {
  // Outside of a transaction there is nothing to number.
  if (sqlite3_get_autocommit(c->db()) == 0) TRIBUTARY_RETURN_IF_ERROR(c->Join());
  TRIBUTARY_RETURN_IF_ERROR(c->Flush());
  Seq& next = c->capture.state.next_seq;
  sqlite3_result_int64(context, next.value);
  if (c->joined()) next = next + 1;
  return {};
}

Status GetRowsImpacted(Connection* c, sqlite3_context* context, int, Args) {
  sqlite3_result_int64(context, c->capture.state.rows_impacted);
  return {};
}

Status SyncBit(Connection* c, sqlite3_context* context, int argc, Args argv) {
  if (argc > 1) return Status::Error("crsql_internal_sync_bit takes no argument or the new value");
  if (argc == 1) c->sync_bit = sqlite3_value_int64(argv[0]);
  sqlite3_result_int64(context, c->sync_bit);
  return {};
}

Status PackColumns(Connection*, sqlite3_context* context, int argc, Args argv) {
  if (static_cast<size_t>(argc) > kMaxPackedValues) {
    return Status::Error("Failed to pack columns: more than 255 of them");
  }
  std::vector<Value> values;
  values.reserve(static_cast<size_t>(argc));
  for (int i = 0; i < argc; i++) values.push_back(ValueOf(argv[i]));
  std::string packed;
  PackValues(values, &packed);
  sqlite3_result_blob64(context, packed.data(), packed.size(), SQLITE_TRANSIENT);
  return {};
}

Status CheckSetting(sqlite3_value* name) {
  if (TextOf(name) == "merge-equal-values") return {};
  return Status::Error(absl::StrCat("Unknown setting name ", std::string(TextOf(name)),
                                    ": there is only merge-equal-values"));
}

Status ConfigSet(Connection* c, sqlite3_context* context, int, Args argv) {
  TRIBUTARY_RETURN_IF_ERROR(CheckSetting(argv[0]));
  if (sqlite3_value_type(argv[1]) != SQLITE_INTEGER) {
    return Status::Error("crsql_config_set: merge-equal-values takes an integer, 1 for on");
  }
  TRIBUTARY_RETURN_IF_ERROR(c->Ready());
  const ScopedHostCounters counters(c);
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(c->db(),
                "INSERT INTO crsql_master(key, value) VALUES ('config.merge-equal-values', ?1) "
                "ON CONFLICT(key) DO UPDATE SET value = excluded.value"));
  s.Bind(1, sqlite3_value_int64(argv[1]));
  TRIBUTARY_RETURN_IF_ERROR(s.Run());
  c->ForgetSettings();
  sqlite3_result_value(context, argv[1]);
  return {};
}

Status ConfigGet(Connection* c, sqlite3_context* context, int, Args argv) {
  TRIBUTARY_RETURN_IF_ERROR(CheckSetting(argv[0]));
  TRIBUTARY_RETURN_IF_ERROR(c->Ready());
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(c->db(),
                                      "SELECT CAST(value AS INTEGER) FROM crsql_master "
                                      "WHERE key = 'config.merge-equal-values'"));
  bool row;
  TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
  sqlite3_result_int64(context, row ? s.Int(0) : 0);
  return {};
}

Status SetTs(Connection* c, sqlite3_context* context, int, Args argv) {
  uint64_t ts;
  if (sqlite3_value_type(argv[0]) == SQLITE_NULL || !absl::SimpleAtoi(TextOf(argv[0]), &ts)) {
    return Status::Error("Timestamp cannot be parsed as a valid u64");
  }
  // What was captured before keeps the timestamp that it was written under.
  TRIBUTARY_RETURN_IF_ERROR(c->Flush());
  c->ts = ts;
  ResultText(context, "OK");
  return {};
}

Status GetTs(Connection* c, sqlite3_context* context, int, Args) {
  ResultText(context, absl::StrCat(c->ts));
  return {};
}

Status SetDbVersion(Connection* c, sqlite3_context* context, int argc, Args argv) {
  if (argc != 2) {
    return Status::Error(
        "Wrong number of args provided to crsql_set_db_version. Provide the site id and db "
        "version.");
  }
  SiteId site;
  if (sqlite3_value_type(argv[0]) != SQLITE_BLOB || !ParseSiteId(BlobOf(argv[0]), &site)) {
    return Status::Error("crsql_set_db_version: the site id must be a blob of 16 bytes");
  }
  const DbVersion version(sqlite3_value_int64(argv[1]));
  if (sqlite3_value_type(argv[1]) != SQLITE_INTEGER) {
    return Status::Error("crsql_set_db_version: the db version must be an integer");
  }
  if (version < DbVersion(0) || version > kMaxDbVersion) {
    return Status::Error("crsql_set_db_version: the db version is negative or too large");
  }
  TRIBUTARY_RETURN_IF_ERROR(c->Refresh());
  SiteId own;
  TRIBUTARY_RETURN_IF_ERROR(c->stores().sites.Own(&own));
  if (site == own) {
    DbVersion last;
    TRIBUTARY_RETURN_IF_ERROR(c->LastVersion(&last));
    if (version > last) {
      return Status::Error(absl::StrCat("Unable to set the db version: this site has issued ",
                                        last.value, " versions"));
    }
  } else {
    const ScopedHostCounters counters(c);
    SiteOrdinal ordinal;
    TRIBUTARY_RETURN_IF_ERROR(c->stores().sites.FindOrAdd(site, &ordinal));
    TRIBUTARY_RETURN_IF_ERROR(c->stores().sites.RaiseSeen(ordinal, version));
  }
  ResultText(context, "OK");
  return {};
}

// cr-sqlite's triggers on crsql_site_id call it, the fork's hosts the other: nothing needs them.
Status UpdateSiteId(Connection*, sqlite3_context* context, int, Args) {
  ResultText(context, "OK");
  return {};
}

Status SetDebug(Connection*, sqlite3_context* context, int, Args argv) {
  sqlite3_result_value(context, argv[0]);
  return {};
}

Status Finalize(Connection*, sqlite3_context* context, int, Args) {
  ResultText(context, "finalized");
  return {};
}

Status GetVersion(Connection*, sqlite3_context* context, int, Args) {
  sqlite3_result_int(context, kCompatibleVersion);
  return {};
}

Status GetSha(Connection*, sqlite3_context* context, int, Args) {
  ResultText(context, TRIBUTARY_COMMIT);
  return {};
}

Status GetDigest(Connection* c, sqlite3_context* context, int argc, Args argv) {
  if (argc > 1) return Status::Error("crsql_digest takes no argument or a table's name");
  TRIBUTARY_RETURN_IF_ERROR(c->Refresh());
  TRIBUTARY_RETURN_IF_ERROR(c->Flush());
  Table* table = nullptr;
  if (argc == 1) {
    TRIBUTARY_RETURN_IF_ERROR(c->stores().catalog.Find(TextOf(argv[0]), &table));
    if (table == nullptr) {
      return Status::Error(absl::StrCat("crsql_digest: there is no replicated table ",
                                        std::string(TextOf(argv[0]))));
    }
  }
  Digest digest;
  TRIBUTARY_RETURN_IF_ERROR(DigestState(c, table, &digest));
  ResultText(context, digest.ToHex());
  return {};
}

// A UUID version 7 (RFC 9562): 48 bits of milliseconds, then random ones; keys grow with time.
Status Uuid7(Connection*, sqlite3_context* context, int, Args) {
  unsigned char b[16];
  sqlite3_randomness(sizeof b, b);
  const auto ms = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                            std::chrono::system_clock::now().time_since_epoch())
                                            .count());
  for (int i = 0; i < 6; i++) b[i] = static_cast<unsigned char>(ms >> (40 - 8 * i));
  b[6] = (b[6] & 0x0f) | 0x70;
  b[8] = (b[8] & 0x3f) | 0x80;
  std::string text;
  for (int i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
    text.push_back("0123456789abcdef"[b[i] >> 4]);
    text.push_back("0123456789abcdef"[b[i] & 15]);
  }
  ResultText(context, text);
  return {};
}

constexpr int kI = SQLITE_INNOCUOUS;
constexpr int kD = SQLITE_DETERMINISTIC;
constexpr int kX = SQLITE_DIRECTONLY;

constexpr SqlFunction kFunctions[] = {
    {"crsql_as_crr", -1, 0, Function<AsCrr>},
    {"crsql_as_table", 1, 0, Function<AsTable>},
    {"crsql_begin_alter", -1, kX, Function<Begin>},
    {"crsql_commit_alter", -1, kX, Function<Commit>},
    {"crsql_site_id", 0, kI | kD, Function<OwnSiteId>},
    {"crsql_new_site_id", 0, kX, Function<NewSiteId>},
    {"crsql_new_site_id", 1, kX, Function<NewSiteId>},
    {"crsql_internal_reattribute", 4, kX, Function<Reattribute>},
    {"crsql_db_version", 0, kI, Function<CurrentVersion>},
    {"crsql_next_db_version", -1, kI, Function<NextVersion>},
    {"crsql_peek_next_db_version", 0, kI, Function<NextVersion>},
    {"crsql_get_seq", 0, kI, Function<GetSeq>},
    {"crsql_increment_and_get_seq", 0, kI, Function<IncrementAndGetSeq>},
    {"crsql_rows_impacted", 0, kI, Function<GetRowsImpacted>},
    {"crsql_internal_sync_bit", -1, kI, Function<SyncBit>},
    {"crsql_pack_columns", -1, kI | kD, Function<PackColumns>},
    {"crsql_config_set", 2, 0, Function<ConfigSet>},
    {"crsql_config_get", 1, kI, Function<ConfigGet>},
    {"crsql_set_ts", 1, 0, Function<SetTs>},
    {"crsql_get_ts", -1, 0, Function<GetTs>},
    {"crsql_set_db_version", -1, 0, Function<SetDbVersion>},
    {"crsql_finalize", -1, kX, Function<Finalize>},
    {"crsql_update_site_id", 2, kI | kD, Function<UpdateSiteId>},
    {"crsql_set_debug", 1, kX, Function<SetDebug>},
    {"crsql_version", 0, kI | kD, Function<GetVersion>},
    {"crsql_sha", 0, kI | kD, Function<GetSha>},
    {"crsql_digest", -1, kI, Function<GetDigest>},
    {"crsql_uuid7", 0, kI, Function<Uuid7>},
};

}  // namespace

Status RegisterFunctions(Connection* c) { return RegisterSqlFunctions(c, kFunctions); }

}  // namespace tributary
