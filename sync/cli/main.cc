// tributary: the command-line tool. Reads the command line, runs one command, and turns its
// Status into a line on stderr and an exit code. See sync/cli/README.md.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "sqlite3.h"
#include "sync/cli/commands.h"

namespace tributary::cli {
namespace {

constexpr char kExitCodes[] =
    "Exit codes:\n"
    "  0  done                                3  no such file, or not a database\n"
    "  1  differs, problems found, refused    4  locked by another program\n"
    "  2  wrong command line                  5  failed while working\n";

std::vector<Option> GlobalOptions() {
  return {
      {"--json", "", "", "print the result as JSON"},
      {"--quiet", "-q", "", "print nothing but errors; the exit code tells"},
      {"--color", "", "WHEN", "auto (on a terminal, without NO_COLOR), always, never"},
      {"--timeout", "", "SECONDS", "how long to wait for a locked database (default 5)"},
      {"--help", "-h", "", "show help, of a command too"},
      {"--version", "", "", "show the version"},
  };
}

std::vector<Command> Commands() {
  return {InitCommand(),   SyncCommand(),    SessionCommand(), ServeCommand(), CloneCommand(),
          StatusCommand(), LogCommand(),     DiffCommand(),    CheckCommand(), SqlCommand(),
          BackupCommand(), RestoreCommand(), InspectCommand(), WaitCommand()};
}

void PrintOptions(const std::vector<Option>& options) {
  for (const Option& o : options) {
    std::string left(o.name);
    if (!o.alias.empty()) left.insert(0, std::string(o.alias) + ", ");
    if (!o.value.empty()) left += " " + std::string(o.value);
    std::printf("  %-20s %s\n", left.c_str(), std::string(o.help).c_str());
  }
}

void PrintHelp(const Style& style) {
  std::printf(
      "%s  copies of a SQLite database, edited apart, become one\n\n"
      "Usage: tributary COMMAND [OPTIONS] ...\n\n%s\n",
      style.Bold("tributary").c_str(), style.Bold("Commands").c_str());
  for (const Command& c : Commands()) {
    std::printf("  %-8s %s\n", std::string(c.name).c_str(), std::string(c.summary).c_str());
  }
  std::printf("\n%s\n", style.Bold("Options of every command").c_str());
  PrintOptions(GlobalOptions());
  std::printf(
      "\n%s\n"
      "  tributary init phone.db              replicate every table that can be\n"
      "  tributary sync phone.db laptop.db    make two copies equal, both ways\n"
      "  tributary diff phone.db laptop.db    see what differs\n\n%s",
      style.Bold("Examples").c_str(), kExitCodes);
}

// Paragraphs are wrapped anew; indented lines, the examples, stay as they are.
void PrintDetails(std::string_view details) {
  std::string paragraph;
  const auto flush = [&paragraph] {
    if (!paragraph.empty()) std::printf("%s\n", Wrap(paragraph, "").c_str());
    paragraph.clear();
  };
  while (!details.empty()) {
    const size_t end = std::min(details.find('\n'), details.size());
    const std::string_view line = details.substr(0, end);
    details.remove_prefix(std::min(end + 1, details.size()));
    if (line.empty() || line.starts_with(' ')) {
      flush();
      std::printf("%s\n", std::string(line).c_str());
    } else {
      paragraph.append(paragraph.empty() ? "" : " ").append(line);
    }
  }
  flush();
}

void PrintHelp(const Style& style, const Command& c) {
  std::printf("%s  %s\n\nUsage: tributary %s %s\n\n",
              style.Bold("tributary " + std::string(c.name)).c_str(),
              std::string(c.summary).c_str(), std::string(c.name).c_str(),
              std::string(c.usage).c_str());
  PrintDetails(c.details);
  std::printf("\n");
  if (!c.options.empty()) {
    std::printf("%s\n", style.Bold("Options").c_str());
    PrintOptions(c.options);
    std::printf("\n");
  }
  std::printf("%s\n", style.Bold("Options of every command").c_str());
  PrintOptions(GlobalOptions());
  std::printf("\n%s", kExitCodes);
}

Status UnknownCommand(const std::string& name) {
  const std::vector<Command> commands = Commands();
  std::vector<std::string_view> names;
  names.reserve(commands.size());
  for (const Command& c : commands) names.push_back(c.name);
  const std::string_view near = Nearest(name, names);
  std::string message = "unknown command '" + name + "'";
  if (near.empty() && access(name.c_str(), F_OK) == 0) {
    return {ExitCode::kUsage,
            message + "; a command comes before the file, as in: tributary status " + name};
  }
  message += near.empty() ? "; see tributary --help" : "; did you mean " + std::string(near) + "?";
  return {ExitCode::kUsage, message};
}

Status CheckArguments(const Command& c, const Arguments& args) {
  const size_t n = args.positional.size();
  if (n >= c.min_arguments && n <= c.max_arguments) return {};
  const char* problem = n < c.min_arguments ? "missing argument" : "too many arguments";
  return {ExitCode::kUsage, std::string(problem) + "; usage: tributary " + std::string(c.name) +
                                " " + std::string(c.usage)};
}

Status ReadGlobals(Context* context) {
  const Arguments& args = context->args;
  const std::string color = args.Has("--color") ? args.Get("--color") : "auto";
  if (color != "auto" && color != "always" && color != "never") {
    return {ExitCode::kUsage, "option --color is auto, always or never, not '" + color + "'"};
  }
  context->style = Style::For(color, STDOUT_FILENO);
  context->json = args.Has("--json");
  context->quiet = args.Has("--quiet");
  return args.GetSeconds("--timeout", &context->busy_timeout_seconds);
}

Status Run(const std::vector<std::string>& argv) {
  Arguments global;
  TRIBUTARY_RETURN_IF_ERROR(global.Parse(argv, GlobalOptions(), /*stop_at_positional=*/true));
  Context context;
  context.args = global;
  context.args.positional.clear();
  TRIBUTARY_RETURN_IF_ERROR(ReadGlobals(&context));
  std::vector<std::string> rest = global.rest.empty() ? global.positional : global.rest;
  bool help = global.Has("--help");
  if (!rest.empty() && rest[0] == "help") {
    help = true;
    rest.erase(rest.begin());
    if (!rest.empty() && rest[0].starts_with('-')) rest.clear();
  }
  if (rest.empty()) {
    if (global.Has("--version")) {
      std::printf(context.json ? "{\"tributary\": \"%s\", \"sqlite\": \"%s\"}\n"
                               : "tributary %s (SQLite %s)\n",
                  TRIBUTARY_VERSION, sqlite3_libversion());
      return {};
    }
    if (!help) return {ExitCode::kUsage, "no command given; see tributary --help"};
    PrintHelp(context.style);
    return {};
  }
  for (const Command& c : Commands()) {
    if (c.name != rest[0]) continue;
    std::vector<Option> options = c.options;
    for (const Option& o : GlobalOptions()) options.push_back(o);
    Arguments args;
    const Status parsed = args.Parse({rest.begin() + 1, rest.end()}, options);
    if (help || args.Has("--help")) {
      PrintHelp(context.style, c);
      return {};
    }
    TRIBUTARY_RETURN_IF_ERROR(parsed);
    context.args.Merge(args);
    TRIBUTARY_RETURN_IF_ERROR(ReadGlobals(&context));
    TRIBUTARY_RETURN_IF_ERROR(CheckArguments(c, context.args));
    return c.run(context);
  }
  return UnknownCommand(rest[0]);
}

}  // namespace
}  // namespace tributary::cli

int main(int argc, char** argv) {
  using tributary::cli::ExitCode;
  const tributary::cli::Status status = tributary::cli::Run({argv + 1, argv + argc});
  if (!status.message().empty()) {
    const std::string line = tributary::cli::OneLine(status.message(), 4000);
    std::fflush(stdout);
    std::fprintf(stderr, "tributary: %s\n", line.c_str());
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    std::fputs("tributary: cannot write the output\n", stderr);
    return static_cast<int>(ExitCode::kFailed);
  }
  return static_cast<int>(status.code());
}
