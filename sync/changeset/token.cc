#include "sync/changeset/token.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/escaping.h"
#include "crdt/coding.h"

namespace tributary {
namespace {

constexpr uint8_t kFormat = 1;  // see ext/changeset_functions.cc
constexpr size_t kPrefix = 8;

}  // namespace

bool Token::Decode(std::string_view text) {
  parts_.clear();
  std::string data;
  if (!absl::WebSafeBase64Unescape(absl::string_view(text), &data)) return false;
  ByteReader in(data);
  uint8_t format = 0;
  if (!in.Byte(&format) || format != kFormat) return false;
  std::vector<Part> parts;
  while (!in.empty()) {
    std::string_view prefix;
    int64_t version = 0;
    if (!in.Bytes(kPrefix, &prefix) || !in.Count(&version)) return false;
    if (version > 0) parts.push_back({std::string(prefix), DbVersion(version)});
  }
  parts_ = std::move(parts);
  return true;
}

std::vector<Token::Gap> Token::LackedBy(const VersionVector& known) const {
  std::vector<Gap> gaps;
  for (const Part& part : parts_) {
    DbVersion has;
    for (const VersionVector::Entry& e : known.entries()) {
      const bool same = std::memcmp(e.site.bytes.data(), part.site.data(), kPrefix) == 0;
      if (same) has = std::max(has, e.version);
    }
    if (has < part.version) gaps.push_back({part.site, has, part.version});
  }
  return gaps;
}

}  // namespace tributary
