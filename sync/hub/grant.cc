#include "sync/hub/grant.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "sync/changeset/frame.h"
#include "sync/changeset/reader.h"

namespace tributary::hub {
namespace {

absl::Status NotOwn(const SiteId& bound, const SiteId& other) {
  const auto hex = [](const SiteId& site) {
    return absl::BytesToHexString(
        {reinterpret_cast<const char*>(site.bytes.data()), site.bytes.size()});
  };
  return absl::PermissionDeniedError(absl::StrCat("the token is for changes of site ", hex(bound),
                                                  " alone, and this is one of ", hex(other)));
}

}  // namespace

bool Grant::AllowsRoom(std::string_view room) const {
  return std::any_of(rooms.begin(), rooms.end(),
                     [room](const std::string& r) { return r == "*" || r == room; });
}

absl::Status CheckSize(std::string_view changeset, size_t max_bytes) {
  Frame frame;
  std::string error;
  if (!frame.Open(changeset, &error)) return absl::InvalidArgumentError(error);
  if (frame.body_size() <= max_bytes) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("a changeset has ", frame.body_size(),
                                                    " bytes uncompressed, more than ", max_bytes,
                                                    ", the limit of --max-frame"));
}

absl::Status CheckBound(const SiteId& bound, std::string_view changeset, const Have& room) {
  Frame frame;
  ChangesetHeader header;
  std::string error;
  std::string buffer;
  std::string_view body;
  ChangesetReader reader;
  if (!frame.Open(changeset, &error) || !header.Decode(frame.header(), &error) ||
      !frame.Body(&buffer, &body, &error) || !reader.Open(body, &error)) {
    return absl::InvalidArgumentError(error);
  }
  if (header.sender != bound) return NotOwn(bound, header.sender);
  for (const SiteSpan& span : header.covers) {
    if (span.site != bound) return NotOwn(bound, span.site);
  }
  for (const TransactionInfo& transaction : reader.transactions()) {
    if (transaction.site != bound) return NotOwn(bound, transaction.site);
  }
  for (const VersionVector::Entry& e : header.until.entries()) {
    if (e.site != bound && !room.known.Covers(e.site, e.version)) return NotOwn(bound, e.site);
  }
  return absl::OkStatus();
}

}  // namespace tributary::hub
