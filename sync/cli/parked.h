// What a replica keeps until its tables have a place for it (ext/parking.h), as people and programs
// are told.
#ifndef TRIBUTARY_SYNC_CLI_PARKED_H_
#define TRIBUTARY_SYNC_CLI_PARKED_H_

#include <cstdint>
#include <string>
#include <vector>

#include "sync/cli/db.h"
#include "sync/cli/json.h"
#include "sync/cli/output.h"

namespace tributary::cli {

// Of one table and for one reason.
struct Parked {
  std::string table;
  std::vector<std::string> columns;  // that are not there; none where more than these are missing
  int64_t cells = 0;                 // a row's own record counts as one
  std::string until;                 // what they wait for, and what to do
};

// By table; `path` is the database's name in what to do. REQUIRES: the extension is loaded.
Status LoadParked(const Database& db, const std::string& path, std::vector<Parked>* parked);
// Takes up columns and names that were changed and merges what has got its place, as the next write
// would: it may be long in coming.
Status CatchUp(const Database& db);

// A line for each.
void PrintParked(const Style& style, const std::string& path, const std::vector<Parked>& parked);
// An object for each, in an array that is open.
void WriteParked(JsonWriter* json, const std::string& path, const std::vector<Parked>& parked);

}  // namespace tributary::cli

#endif  // TRIBUTARY_SYNC_CLI_PARKED_H_
