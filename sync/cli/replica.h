// A database with the extension loaded, and what every command asks of it.
#ifndef TRIBUTARY_SYNC_CLI_REPLICA_H_
#define TRIBUTARY_SYNC_CLI_REPLICA_H_

#include <string>
#include <string_view>
#include <vector>

#include "sync/cli/commands.h"
#include "sync/cli/db.h"

namespace tributary::cli {

struct TableColumns {
  std::string name;
  std::vector<std::string> keys;    // primary key columns, in key order
  std::vector<std::string> values;  // the others; no generated columns, they do not replicate
  bool operator==(const TableColumns&) const = default;
};

// True if the file has the extension's tables already, or those of cr-sqlite, which loading the
// extension upgrades; fails where the latter cannot be written. Reads only.
Status IsPrepared(const Database& db, bool* prepared);
Status IsCrsqlite(const Database& db, bool* is);

// Opens a database that has replicated tables and loads the extension; refuses any other,
// unchanged.
Status OpenReplica(const Context& context, const std::string& path, OpenMode mode, Database* db);

// Names of replicated tables, sorted.
Status ReplicatedTables(const Database& db, std::vector<std::string>* tables);
// kDifferent where that is none of them.
Status CheckReplicated(const Database& db, const std::string& table);
Status ReadColumns(const Database& db, const std::string& table, TableColumns* columns);

// Living rows of all replicated tables.
Status CountRows(const Database& db, int64_t* total);

Status OwnSiteId(const Database& db, std::string* site_id);
// Of the whole database, or of one table.
Status Digest(const Database& db, std::string* digest);
Status Digest(const Database& db, const std::string& table, std::string* digest);

// True for tables of SQLite and of the extension, which no command touches.
bool IsInternalName(std::string_view table);

// A site id as people see it: the first 8 hex digits.
std::string ShortSite(std::string_view site_id);

}  // namespace tributary::cli

#endif  // TRIBUTARY_SYNC_CLI_REPLICA_H_
