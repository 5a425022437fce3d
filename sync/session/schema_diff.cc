#include "sync/session/schema_diff.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace tributary {
namespace {

const TableSchema* Find(const Schema& schema, std::string_view name) {
  const auto at =
      std::lower_bound(schema.begin(), schema.end(), name,
                       [](const TableSchema& t, std::string_view n) { return t.name < n; });
  return at != schema.end() && at->name == name ? &*at : nullptr;
}

}  // namespace

std::vector<std::string> KeptForLater(const Schema& sender, const Schema& receiver,
                                      std::string_view where) {
  std::vector<std::string> kept;
  for (const TableSchema& from : sender) {
    const TableSchema* to = Find(receiver, from.name);
    if (to == nullptr || to->key != from.key) {
      kept.push_back(absl::StrCat("table ", from.name, " is kept for later ", where, ": it ",
                                  to == nullptr ? "is not replicated" : "has another primary key"));
      continue;
    }
    std::vector<std::string> missing;
    std::set_difference(from.columns.begin(), from.columns.end(), to->columns.begin(),
                        to->columns.end(), std::back_inserter(missing));
    if (missing.empty()) continue;
    kept.push_back(absl::StrCat("table ", from.name, " is kept in part for later ", where,
                                ": it lacks column ", absl::StrJoin(missing, ", ")));
  }
  return kept;
}

bool AreStrangers(const Schema& a, const Schema& b, const VersionVector& a_knows,
                  const VersionVector& b_knows) {
  if (a.empty() || b.empty()) return false;
  const auto& heard = a_knows.entries();
  return std::none_of(a.begin(), a.end(),
                      [&](const TableSchema& t) { return Find(b, t.name) != nullptr; }) &&
         std::none_of(heard.begin(), heard.end(), [&](const VersionVector::Entry& e) {
           return b_knows.Of(e.site) > DbVersion(0);
         });
}

}  // namespace tributary
