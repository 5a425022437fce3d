// A database file that gets its name only when all of it is there and on the disk.
//
//   NewFile file;
//   TRIBUTARY_RETURN_IF_ERROR(file.Begin("new.db", "restore"));
//   ... make file.temporary(), close it ...
//   TRIBUTARY_RETURN_IF_ERROR(file.Finish());
#ifndef TRIBUTARY_SYNC_CLI_NEW_FILE_H_
#define TRIBUTARY_SYNC_CLI_NEW_FILE_H_

#include <string>
#include <string_view>

#include "sync/cli/status.h"

namespace tributary::cli {

// Whether a file or folder of that name, which is not there, could be made where it is to lie.
bool CouldBeMade(const std::string& path);

class NewFile {
 public:
  NewFile() = default;
  ~NewFile();  // removes what was not finished
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  // Refuses a target that exists or could not be made; makes nothing. `command` is who asks.
  Status Begin(const std::string& target, std::string_view command);
  const std::string& temporary() const { return temporary_; }
  // REQUIRES: no connection has it open.
  Status Finish();

 private:
  std::string target_;
  std::string temporary_;
};

}  // namespace tributary::cli

#endif  // TRIBUTARY_SYNC_CLI_NEW_FILE_H_
