#include "ext/filter_check.h"

#include <algorithm>

namespace tributary {

Status FilterCheck::Load(sqlite3* db, bool* ok) {
  *ok = true;
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(db, "SELECT ranges, filter FROM crsql_log_filters"));
  std::vector<LogRange> ranges;
  bool row;
  for (;;) {
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) break;
    ranges.clear();
    *ok = DecodeRanges(s.Blob(0), &ranges) && *ok;
    for (const LogRange& r : ranges) blocks_.push_back({r, filters_.size()});
    filters_.emplace_back(s.Blob(1));
  }
  std::sort(blocks_.begin(), blocks_.end(),
            [](const Block& a, const Block& b) { return Begin(a.range) < Begin(b.range); });
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(db, "SELECT site, version FROM crsql_log_covered"));
  for (;;) {
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) break;
    covered_[static_cast<SiteOrdinal>(s.Int(0))] = DbVersion(s.Int(1));
  }
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(db, "SELECT site, version, chunk FROM crsql_log_late"));
  for (;;) {
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) return {};
    late_.emplace(static_cast<SiteOrdinal>(s.Int(0)), DbVersion(s.Int(1)), s.Int(2));
  }
}

void FilterCheck::Start(SiteOrdinal site, DbVersion version, int64_t chunk, size_t size) {
  const Place place{site, version, chunk};
  small_ = size < kOwnFilterBytes;
  const auto covered = covered_.find(site);
  loose_ =
      small_ && (covered == covered_.end() || version > covered->second || late_.contains(place));
  std::erase_if(here_, [&](const Block& b) { return End(b.range) < place; });
  for (; next_ < blocks_.size() && Begin(blocks_[next_].range) <= place; next_++) {
    if (End(blocks_[next_].range) >= place) here_.push_back(blocks_[next_]);
  }
}

bool FilterCheck::Finds(int64_t table, std::string_view key) const {
  if (loose_) return true;
  const KeyProbe probe(table, key);
  return std::any_of(here_.begin(), here_.end(), [&](const Block& b) {
    return (small_ || b.range.single()) && KeyFilterMayContain(filters_[b.filter], probe);
  });
}

}  // namespace tributary
