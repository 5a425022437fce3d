// Which parts of the sites' logs have arrived: per site, spans between points of its log. A point
// is a version and a seq in it, so that even a part of one transaction can be named.
//
//   Coverage got;
//   got.Add({site, {DbVersion(3), Seq(0)}, {DbVersion(9), Seq(0)}});   // versions 3..8
//   got.Contains({site, {DbVersion(4), Seq(0)}, {DbVersion(6), Seq(0)}});   // true
//   got.End(site, {DbVersion(4), Seq(0)});                             // {9, 0}
//
// At most kMaxSpans spans: what would need more is refused.
#ifndef TRIBUTARY_CRDT_COVERAGE_H_
#define TRIBUTARY_CRDT_COVERAGE_H_

#include <compare>
#include <vector>

#include "absl/types/span.h"
#include "crdt/ids.h"

namespace tributary {

struct LogPoint {
  DbVersion version;
  Seq seq;
  auto operator<=>(const LogPoint&) const = default;
};

// Where all of a version has gone by.
constexpr LogPoint After(DbVersion version) { return {version + 1, Seq(0)}; }

// From begin, included, to end, not included.
struct SiteSpan {
  SiteId site;
  LogPoint begin;
  LogPoint end;
  bool operator==(const SiteSpan&) const = default;
};

class Coverage {
 public:
  static constexpr size_t kMaxSpans = 1 << 16;

  // False, and nothing changed, where begin is not before end, a number is negative or a version
  // beyond kMaxVersion + 1, or there would be too many spans.
  bool Add(const SiteSpan& span);
  // False, with what could be added added, where a span was refused.
  bool AddAll(absl::Span<const SiteSpan> spans);
  bool Contains(const SiteSpan& span) const { return End(span.site, span.begin) >= span.end; }
  // Where the first part that is missing begins, from `begin` on.
  LogPoint End(const SiteId& site, const LogPoint& begin) const;
  // Where what is there begins again, from `begin` on, a missing point; false if nowhere.
  bool Next(const SiteId& site, const LogPoint& begin, LogPoint* next) const;

  // Ascending by (site, begin); none touches another.
  absl::Span<const SiteSpan> spans() const { return spans_; }
  bool empty() const { return spans_.empty(); }
  bool operator==(const Coverage&) const = default;

 private:
  std::vector<SiteSpan> spans_;
};

}  // namespace tributary

#endif  // TRIBUTARY_CRDT_COVERAGE_H_
