#include "crdt/version_vector.h"

#include <algorithm>

#include "crdt/coding.h"

namespace tributary {
namespace {

constexpr uint8_t kFormat = 1;
constexpr size_t kSiteIdSize = sizeof(SiteId::bytes);

bool BelowSite(const VersionVector::Entry& e, const SiteId& site) { return e.site < site; }

}  // namespace

DbVersion VersionVector::Of(const SiteId& site) const {
  const auto it = std::lower_bound(entries_.begin(), entries_.end(), site, BelowSite);
  return it != entries_.end() && it->site == site ? it->version : DbVersion(0);
}

bool VersionVector::Covers(const VersionVector& other) const {
  return std::all_of(other.entries_.begin(), other.entries_.end(),
                     [this](const Entry& e) { return Covers(e.site, e.version); });
}

bool VersionVector::Raise(const SiteId& site, DbVersion version) {
  if (version < DbVersion(0) || version > kMaxVersion) return false;
  if (version == DbVersion(0)) return true;
  const auto it = std::lower_bound(entries_.begin(), entries_.end(), site, BelowSite);
  if (it != entries_.end() && it->site == site) {
    it->version = std::max(it->version, version);
    return true;
  }
  if (entries_.size() == kMaxSites) return false;
  entries_.insert(it, {site, version});
  return true;
}

bool VersionVector::MergeMax(const VersionVector& other) {
  std::vector<Entry> merged;
  auto a = entries_.begin();
  auto b = other.entries_.begin();
  while (a != entries_.end() || b != other.entries_.end()) {
    if (merged.size() == kMaxSites) return false;
    if (b == other.entries_.end() || (a != entries_.end() && a->site < b->site)) {
      merged.push_back(*a++);
    } else if (a == entries_.end() || b->site < a->site) {
      merged.push_back(*b++);
    } else {
      merged.push_back({a->site, std::max(a->version, b->version)});
      ++a;
      ++b;
    }
  }
  entries_ = std::move(merged);
  return true;
}

void VersionVector::Encode(std::string* out) const {
  out->push_back(static_cast<char>(kFormat));
  PutVarint(out, entries_.size());
  for (const Entry& e : entries_) {
    out->append(reinterpret_cast<const char*>(e.site.bytes.data()), kSiteIdSize);
    PutVarint(out, static_cast<uint64_t>(e.version.value));
  }
}

bool VersionVector::Decode(std::string_view data) {
  entries_.clear();
  ByteReader in(data);
  uint8_t format;
  uint64_t n;
  // The input bounds what is allocated.
  if (!in.Byte(&format) || format != kFormat || !in.Varint(&n) || n > kMaxSites ||
      n > in.remaining() / (kSiteIdSize + 1)) {
    return false;
  }
  std::vector<Entry> entries;
  entries.reserve(n);
  for (uint64_t i = 0; i < n; i++) {
    Entry e;
    std::string_view site;
    if (!in.Bytes(kSiteIdSize, &site) || !in.Count(&e.version.value) || e.version < DbVersion(1) ||
        e.version > kMaxVersion) {
      return false;
    }
    std::copy(site.begin(), site.end(), e.site.bytes.begin());
    if (i > 0 && e.site <= entries.back().site) return false;
    entries.push_back(e);
  }
  if (!in.empty()) return false;
  entries_ = std::move(entries);
  return true;
}

}  // namespace tributary
