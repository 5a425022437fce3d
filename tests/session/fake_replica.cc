#include "tests/session/fake_replica.h"

#include <algorithm>

#include "crdt/coding.h"
#include "sync/changeset/frame.h"

namespace tributary::testing {
namespace {

std::string_view Bytes(const SiteId& site) {
  return {reinterpret_cast<const char*>(site.bytes.data()), site.bytes.size()};
}

}  // namespace

void FakeReplica::Write(std::string text) {
  const DbVersion version = known_.Of(site_) + 1;
  log_[{site_, version}] = std::move(text);
  known_.Raise(site_, version);
}

absl::Status FakeReplica::GetSite(SiteId* site) {
  *site = site_;
  return absl::OkStatus();
}

absl::Status FakeReplica::GetSchema(Schema* out) {
  *out = tables;
  return absl::OkStatus();
}

absl::Status FakeReplica::GetHave(const Tables&, Have* have) {
  *have = {};
  have->known = known_;
  for (const auto& [sender, t] : transfers_) have->unfinished.push_back({sender, t.received});
  return absl::OkStatus();
}

absl::Status FakeReplica::OpenChangesets(const Have& have, const Tables& tables,
                                         size_t piece_bytes) {
  if (open_) return absl::InternalError("a stream is open already");
  open_ = true;
  asked = tables;
  pieces_.clear();
  ChangesetHeader header;
  header.sender = site_;
  header.until = known_;
  header.tables = tables;
  std::string body;
  const auto finish = [&] {
    if (header.covers.empty()) return;
    pieces_.push_back(EncodeFrame(FrameKind::kChangeset, header.Encode(), body, true));
    body.clear();
    header.covers.clear();
    header.transactions = header.rows = header.cells = 0;
  };
  for (const auto& [id, text] : log_) {
    const auto& [site, version] = id;
    const SiteSpan span{site, {version, Seq(0)}, After(version)};
    bool has = have.known.Covers(site, version);
    for (const Have::Unfinished& u : have.unfinished) {
      has = has || (u.sender == site_ && u.received.Contains(span));
    }
    if (has) continue;
    body.append(Bytes(site));
    PutVarint(&body, static_cast<uint64_t>(version.value));
    PutVarint(&body, text.size());
    body.append(text);
    header.covers.push_back(span);
    header.transactions++;
    header.rows++;
    header.cells++;
    if (body.size() >= piece_bytes) finish();
  }
  finish();
  return absl::OkStatus();
}

absl::Status FakeReplica::NextChangeset(std::string* frame) {
  frame->clear();
  if (!open_) return absl::InternalError("no stream is open");
  if (pieces_.empty()) return absl::OkStatus();
  *frame = std::move(pieces_.front());
  pieces_.pop_front();
  return absl::OkStatus();
}

absl::Status FakeReplica::Apply(std::string_view bytes, uint64_t* rows_changed) {
  if (open_) return absl::InternalError("a stream is open while something is applied");
  if (!fail_apply.ok()) return fail_apply;
  Frame frame;
  ChangesetHeader header;
  std::string error;
  std::string buffer;
  std::string_view body;
  if (!frame.Open(bytes, &error) || !header.Decode(frame.header(), &error) ||
      !frame.Body(&buffer, &body, &error)) {
    return absl::UnknownError(error);
  }
  std::map<std::pair<SiteId, DbVersion>, std::string> news;
  ByteReader in(body);
  while (!in.empty()) {
    std::string_view site_bytes;
    std::string_view text;
    int64_t version;
    int64_t size;
    if (!in.Bytes(16, &site_bytes) || !in.Count(&version) || !in.Count(&size) ||
        !in.Bytes(static_cast<size_t>(size), &text)) {
      return absl::UnknownError("malformed body");
    }
    SiteId site;
    std::copy(site_bytes.begin(), site_bytes.end(), site.bytes.begin());
    news.try_emplace({site, DbVersion(version)}, text);
  }
  const size_t before = log_.size();
  log_.merge(news);
  *rows_changed += log_.size() - before;
  applied++;
  Transfer& t = transfers_[header.sender];
  t.until.MergeMax(header.until);
  t.received.AddAll(header.covers);
  const auto all = t.until.entries();
  const bool complete = std::all_of(all.begin(), all.end(), [&](const VersionVector::Entry& e) {
    return known_.Covers(e.site, e.version) ||
           t.received.End(e.site, After(known_.Of(e.site))) >= After(e.version);
  });
  if (complete) {
    known_.MergeMax(t.until);
    transfers_.erase(header.sender);
  }
  return absl::OkStatus();
}

}  // namespace tributary::testing
