#include "crdt/coverage.h"

#include <algorithm>

namespace tributary {
namespace {

bool IsPoint(const LogPoint& p) {
  return p.version >= DbVersion(0) && p.version <= kMaxVersion + 1 && p.seq >= Seq(0);
}

// The first span of the site, or of a later one, that ends at or after the point.
std::vector<SiteSpan>::const_iterator Seek(const std::vector<SiteSpan>& spans, const SiteId& site,
                                           const LogPoint& point) {
  return std::lower_bound(spans.begin(), spans.end(), point,
                          [&](const SiteSpan& s, const LogPoint& p) {
                            return s.site != site ? s.site < site : s.end < p;
                          });
}

}  // namespace

bool Coverage::Add(const SiteSpan& span) {
  if (!IsPoint(span.begin) || !IsPoint(span.end) || span.begin >= span.end) return false;
  const auto first = Seek(spans_, span.site, span.begin);
  auto last = first;  // behind all that the span touches
  SiteSpan joined = span;
  for (; last != spans_.end() && last->site == span.site && last->begin <= span.end; ++last) {
    joined.begin = std::min(joined.begin, last->begin);
    joined.end = std::max(joined.end, last->end);
  }
  if (first == last) {
    if (spans_.size() == kMaxSpans) return false;
    spans_.insert(first, joined);
    return true;
  }
  const auto at = spans_.begin() + (first - spans_.cbegin());
  *at = joined;
  spans_.erase(first + 1, last);
  return true;
}

bool Coverage::AddAll(absl::Span<const SiteSpan> spans) {
  bool all = true;
  for (const SiteSpan& s : spans) all = Add(s) && all;
  return all;
}

LogPoint Coverage::End(const SiteId& site, const LogPoint& begin) const {
  const auto at = Seek(spans_, site, begin);
  const bool inside = at != spans_.end() && at->site == site && at->begin <= begin;
  return inside ? at->end : begin;
}

bool Coverage::Next(const SiteId& site, const LogPoint& begin, LogPoint* next) const {
  const auto at = Seek(spans_, site, begin);
  if (at == spans_.end() || at->site != site) return false;
  // A span that ends at the point holds nothing from there on.
  const auto behind = at->end > begin ? at : at + 1;
  if (behind == spans_.end() || behind->site != site) return false;
  *next = std::max(behind->begin, begin);
  return true;
}

}  // namespace tributary
