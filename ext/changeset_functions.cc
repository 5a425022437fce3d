#include "ext/changeset_functions.h"

#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "crdt/coding.h"
#include "ext/apply.h"
#include "ext/changeset_table.h"
#include "ext/knowledge.h"
#include "ext/sql_function.h"
#include "sync/changeset/json.h"

namespace tributary {
namespace {

using Args = sqlite3_value**;

// Tokens: format byte, then per site the first bytes of its id and its version as a varint; in
// base64 for URLs. A prefix of 64 random bits tells a team's sites apart.
constexpr uint8_t kTokenFormat = 1;
constexpr size_t kTokenPrefix = 8;

void ResultText(sqlite3_context* context, std::string_view s) {
  sqlite3_result_text64(context, s.data(), s.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

// What was written and not yet folded counts, too.
Status Prepare(Connection* c, const char* who, int argc, Args argv, Scope* scope) {
  TRIBUTARY_RETURN_IF_ERROR(c->Refresh());
  if (argc > 0) TRIBUTARY_RETURN_IF_ERROR(ParseScope(c, who, argv[0], scope));
  return c->Flush();
}

Status GetVersionVector(Connection* c, sqlite3_context* context, int argc, Args argv) {
  Scope scope;
  TRIBUTARY_RETURN_IF_ERROR(Prepare(c, "crsql_version_vector", argc, argv, &scope));
  Have have;
  TRIBUTARY_RETURN_IF_ERROR(LoadHave(c, scope, &have));
  const std::string data = have.Encode();
  sqlite3_result_blob64(context, data.data(), data.size(), SQLITE_TRANSIENT);
  return {};
}

Status GetVersionVectorJson(Connection* c, sqlite3_context* context, int argc, Args argv) {
  Have have;
  if (argc == 1) {
    std::string error = "pass what crsql_version_vector() returned";
    if (sqlite3_value_type(argv[0]) != SQLITE_BLOB || !have.Decode(BlobOf(argv[0]), &error)) {
      return Status::Error(absl::StrCat("crsql_version_vector_json: ", error));
    }
  } else {
    Scope scope;
    TRIBUTARY_RETURN_IF_ERROR(Prepare(c, "crsql_version_vector_json", 0, argv, &scope));
    TRIBUTARY_RETURN_IF_ERROR(LoadHave(c, scope, &have));
  }
  ResultText(context, HaveToJson(have));
  return {};
}

Status Apply(Connection* c, sqlite3_context* context, int, Args argv) {
  if (sqlite3_value_type(argv[0]) != SQLITE_BLOB) {
    return Status::Error("crsql_apply: the changeset must be a blob, as crsql_changesets made it");
  }
  int64_t rows;
  TRIBUTARY_RETURN_IF_ERROR(ApplyChangeset(c, BlobOf(argv[0]), &rows));
  sqlite3_result_int64(context, rows);
  return {};
}

Status GetToken(Connection* c, sqlite3_context* context, int, Args) {
  TRIBUTARY_RETURN_IF_ERROR(c->Refresh());
  VersionVector known;
  TRIBUTARY_RETURN_IF_ERROR(LoadKnown(c, {}, &known));
  std::string data(1, static_cast<char>(kTokenFormat));
  for (const VersionVector::Entry& e : known.entries()) {
    data.append(BytesOf(e.site).substr(0, kTokenPrefix));
    PutVarint(&data, static_cast<uint64_t>(e.version.value));
  }
  ResultText(context, absl::WebSafeBase64Escape(data));
  return {};
}

Status HasToken(Connection* c, sqlite3_context* context, int, Args argv) {
  std::string data;
  const Status malformed =
      Status::Error("crsql_has: malformed token: pass what crsql_token() returned");
  if (!absl::WebSafeBase64Unescape(TextOf(argv[0]), &data)) {
    return Status::Error(malformed.message());
  }
  ByteReader in(data);
  uint8_t format;
  if (!in.Byte(&format) || format != kTokenFormat) return Status::Error(malformed.message());
  TRIBUTARY_RETURN_IF_ERROR(c->Refresh());
  VersionVector known;
  TRIBUTARY_RETURN_IF_ERROR(LoadKnown(c, {}, &known));
  bool all = true;
  while (!in.empty()) {
    std::string_view prefix;
    int64_t version;
    if (!in.Bytes(kTokenPrefix, &prefix) || !in.Count(&version)) {
      return Status::Error(malformed.message());
    }
    bool has = version == 0;
    for (const VersionVector::Entry& e : known.entries()) {
      const bool same = BytesOf(e.site).substr(0, kTokenPrefix) == prefix;
      has = has || (same && e.version.value >= version);
    }
    all = all && has;
  }
  sqlite3_result_int(context, all ? 1 : 0);
  return {};
}

Status ToJson(Connection*, sqlite3_context* context, int, Args argv) {
  std::string json;
  std::string error = "the changeset must be a blob";
  if (sqlite3_value_type(argv[0]) != SQLITE_BLOB ||
      !ChangesetToJson(BlobOf(argv[0]), &json, &error)) {
    return Status::Error(absl::StrCat("crsql_changeset_json: ", error));
  }
  ResultText(context, json);
  return {};
}

constexpr SqlFunction kFunctions[] = {
    {"crsql_version_vector", 0, SQLITE_INNOCUOUS, Function<GetVersionVector>},
    {"crsql_version_vector", 1, SQLITE_INNOCUOUS, Function<GetVersionVector>},
    {"crsql_version_vector_json", 0, SQLITE_INNOCUOUS, Function<GetVersionVectorJson>},
    {"crsql_version_vector_json", 1, SQLITE_INNOCUOUS, Function<GetVersionVectorJson>},
    {"crsql_apply", 1, SQLITE_DIRECTONLY, Function<Apply>},
    {"crsql_token", 0, SQLITE_INNOCUOUS, Function<GetToken>},
    {"crsql_has", 1, SQLITE_INNOCUOUS, Function<HasToken>},
    {"crsql_changeset_json", 1, SQLITE_INNOCUOUS | SQLITE_DETERMINISTIC, Function<ToJson>},
};

}  // namespace

Status RegisterChangesetFunctions(Connection* c) { return RegisterSqlFunctions(c, kFunctions); }

}  // namespace tributary
