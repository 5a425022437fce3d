// The command line: which options a command knows, and what the user gave.
#ifndef TRIBUTARY_SYNC_CLI_ARGS_H_
#define TRIBUTARY_SYNC_CLI_ARGS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sync/cli/status.h"

namespace tributary::cli {

struct Option {
  std::string_view name;   // "--since"
  std::string_view alias;  // "-s", or empty
  std::string_view value;  // what its value is called in the help; empty: a flag
  std::string_view help;
};

class Arguments {
 public:
  // Takes the arguments apart. Options may stand anywhere, as `--name value` or `--name=value`;
  // `--` ends them, so that names beginning with a dash can be given; `-` alone is no option.
  // With `stop_at_positional`, leaves everything from the first positional argument on in `rest`.
  Status Parse(const std::vector<std::string>& in, const std::vector<Option>& options,
               bool stop_at_positional = false);

  bool Has(std::string_view name) const { return values_.contains(name); }
  std::string Get(std::string_view name) const;  // "" if not given
  // Leaves *out alone if the option was not given.
  Status GetInt(std::string_view name, int64_t min, int64_t* out) const;
  Status GetSeconds(std::string_view name, double* out) const;

  // An error where one of `options` was given, but not what it belongs to.
  Status Needs(std::string_view needed, const std::vector<std::string_view>& options) const;
  // An error where both were given.
  Status NotBoth(std::string_view one, std::string_view other) const;

  void Merge(const Arguments& other);

  std::vector<std::string> positional;
  std::vector<std::string> rest;

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

// The candidate nearest to what was typed, or "" if none is near.
std::string_view Nearest(std::string_view typed, const std::vector<std::string_view>& candidates);

}  // namespace tributary::cli

#endif  // TRIBUTARY_SYNC_CLI_ARGS_H_
