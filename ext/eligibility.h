// Whether a table can be replicated, and if not, why and what to do.
#ifndef TRIBUTARY_EXT_ELIGIBILITY_H_
#define TRIBUTARY_EXT_ELIGIBILITY_H_

#include <string>
#include <string_view>

#include "ext/sql.h"

namespace tributary {

// Fails with the reason. *name is the table's name as the schema spells it; *warning says what
// should be known of a table that can be replicated.
Status CheckEligible(sqlite3* db, std::string_view schema, std::string_view table,
                     std::string* name, std::string* warning);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_ELIGIBILITY_H_
