// Writes the version log of an upgraded file from crsql_import_log(site, version, seq, kind,
// table_id, key, column_id, ts), where a kCells row has one cell.
#ifndef TRIBUTARY_EXT_IMPORT_LOG_H_
#define TRIBUTARY_EXT_IMPORT_LOG_H_

#include <memory>
#include <vector>

#include "crdt/ids.h"
#include "ext/row_store.h"

namespace tributary {

struct ImportedVersions {
  bool named;         // those of other sites are made up (import_crsql.h)
  DbVersion repairs;  // one of this site that no user made; 0 if there is none
  DbVersion last;     // the last that this site has issued
};
// Of records with one (site, version, seq) all but the first, and what they then overlap, get the
// next free seq, in their clocks, too. REQUIRES: an empty log.
Status ImportLog(sqlite3* db, RowStore* clocks, const std::vector<std::unique_ptr<Table>>& tables,
                 const ImportedVersions& versions);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_IMPORT_LOG_H_
