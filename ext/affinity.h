// SQLite's column affinities: what a declared type means and what storing does to a value.
// Source: "Datatypes in SQLite", sections 3 and 3.1.
#ifndef TRIBUTARY_EXT_AFFINITY_H_
#define TRIBUTARY_EXT_AFFINITY_H_

#include <string>
#include <string_view>

#include "crdt/value.h"

namespace tributary {

enum class Affinity { kBlob, kText, kNumeric, kInteger, kReal };

Affinity AffinityOf(std::string_view declared_type, bool strict);

// The literal that stands in for a missing value of a NOT NULL column.
std::string NeutralLiteral(Affinity affinity);

// Whether text is a well-formed number, so that a numeric column would store it as one.
bool LooksNumeric(std::string_view s);

// Whether a column of that affinity stores the value as it is.
bool StoredUnchanged(Affinity affinity, const Value& v);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_AFFINITY_H_
