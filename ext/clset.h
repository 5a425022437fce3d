// The virtual table module `clset`: a replicated table made, and dropped, by one statement.
//
//   CREATE VIRTUAL TABLE foo_schema USING clset(id PRIMARY KEY NOT NULL, text);
//
// makes the table foo and replicates it, or does nothing at all. foo_schema itself has no columns
// to read. Dropped, it takes foo and its metadata with it; renamed to bar_schema, foo becomes bar.
#ifndef TRIBUTARY_EXT_CLSET_H_
#define TRIBUTARY_EXT_CLSET_H_

#include "ext/connection.h"

namespace tributary {

Status RegisterClset(Connection* connection);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_CLSET_H_
