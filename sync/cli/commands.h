// The commands of the tool: what each is called, takes and does.
#ifndef TRIBUTARY_SYNC_CLI_COMMANDS_H_
#define TRIBUTARY_SYNC_CLI_COMMANDS_H_

#include <string>
#include <string_view>
#include <vector>

#include "sync/cli/args.h"
#include "sync/cli/output.h"
#include "sync/cli/status.h"

namespace tributary::cli {

// What a command is run with. Results go to stdout (as JSON if `json`), only if it went well or
// the result is itself the news; errors are the returned Status, which main prints on stderr.
struct Context {
  Arguments args;
  bool json = false;
  bool quiet = false;  // no result on stdout, no progress: only errors and the exit code
  Style style;
  double busy_timeout_seconds = 5;

  bool human() const { return !json && !quiet; }
  const std::string& arg(size_t i) const { return args.positional[i]; }
};

struct Command {
  std::string_view name;
  std::string_view usage;    // after the name
  std::string_view summary;  // one line
  std::string_view details;  // paragraphs and examples for --help
  std::vector<Option> options;
  size_t min_arguments;
  size_t max_arguments;
  Status (*run)(const Context&);
};

// A Status of kDifferent without a message is a result, not an error: exit code 1, nothing to add.
inline Status Different() { return {ExitCode::kDifferent, ""}; }

inline constexpr size_t kAnyNumber = static_cast<size_t>(-1);

Command InitCommand();
Command SyncCommand();
Command SessionCommand();
Command ServeCommand();
Command CloneCommand();
Command StatusCommand();
Command LogCommand();
Command DiffCommand();
Command CheckCommand();
Command SqlCommand();
Command BackupCommand();
Command RestoreCommand();
Command InspectCommand();
Command WaitCommand();

Status RunFolderSync(const Context& context);  // sync --folder

}  // namespace tributary::cli

#endif  // TRIBUTARY_SYNC_CLI_COMMANDS_H_
