#include "tests/bench/unit.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "tests/bench/database.h"

namespace tributary::bench {
namespace {

constexpr int64_t kPollMs = 200;

// Child to parent, one line each: "S step", "V metric value", "E message".
int report_fd = -1;

volatile sig_atomic_t stop_asked = 0;

void SendLine(std::string line) {
  for (char& c : line) {
    if (c == '\n') c = ' ';
  }
  line += '\n';
  // Shorter than PIPE_BUF or not, there is one writer; a parent that is gone ends the child.
  if (write(report_fd, line.data(), line.size()) < 0) _exit(4);
}

void HandleLine(const std::string& line, std::string* step, UnitResult* result) {
  const std::string rest = line.size() > 2 ? line.substr(2) : "";
  if (line[0] == 'S') {
    *step = rest;
  } else if (line[0] == 'E') {
    result->error = *step + ": " + rest;
  } else if (line[0] == 'V') {
    int metric = 0;
    double value = 0;
    if (std::sscanf(rest.c_str(), "%d %lf", &metric, &value) == 2) {
      result->values[static_cast<Metric>(metric)] = value;
    }
  }
}

// Reads until the child closes its end. False at the deadline, or when asked to stop.
bool Collect(int fd, int timeout_s, std::string* step, UnitResult* result) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(timeout_s);
  std::string buffer;
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0 || StopAsked()) return false;
    pollfd waiting{fd, POLLIN, 0};
    // In steps, because a signal may come just before the call.
    const auto wait = std::min<int64_t>(left.count(), kPollMs);
    const int ready = poll(&waiting, 1, static_cast<int>(wait));
    if (ready == 0) continue;
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return false;
    char bytes[4096];
    const ssize_t got = read(fd, bytes, sizeof bytes);
    if (got <= 0) return true;
    buffer.append(bytes, static_cast<size_t>(got));
    size_t end = 0;
    while ((end = buffer.find('\n')) != std::string::npos) {
      if (end > 0) HandleLine(buffer.substr(0, end), step, result);
      buffer.erase(0, end + 1);
    }
  }
}

}  // namespace

void AskToStop() { stop_asked = 1; }

bool StopAsked() { return stop_asked != 0; }

UnitResult RunUnit(int timeout_s, const std::function<void()>& body) {
  UnitResult result;
  int ends[2];
  if (pipe(ends) != 0) {
    result.error = "no pipe";
    return result;
  }
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) {
    close(ends[0]);
    close(ends[1]);
    result.error = "no process";
    return result;
  }
  if (child == 0) {
    close(ends[0]);
    report_fd = ends[1];
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    body();
    _exit(0);
  }
  close(ends[1]);
  std::string step = "start";
  const bool in_time = Collect(ends[0], timeout_s, &step, &result);
  close(ends[0]);
  if (!in_time) kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (StopAsked()) {
    result.error = step + ": interrupted";
  } else if (!in_time) {
    result.error = step + ": not done after " + std::to_string(timeout_s) + " s";
  } else if (WIFSIGNALED(status)) {
    result.error = step + ": ended by signal " + std::to_string(WTERMSIG(status));
  } else if (WEXITSTATUS(status) != 0 && result.error.empty()) {
    result.error = step + ": exit status " + std::to_string(WEXITSTATUS(status));
  }
  return result;
}

void BeginStep(const std::string& step) { SendLine("S " + step); }

void ReportValue(Metric metric, double value) {
  char line[64];
  std::snprintf(line, sizeof line, "V %d %.17g", static_cast<int>(metric), value);
  SendLine(line);
}

void Measure(Metric metric, double operations, const std::function<void()>& work) {
  BeginStep(InfoOf(metric).label);
  const double start = CpuSeconds();
  work();
  ReportValue(metric, (CpuSeconds() - start) * 1e6 / operations);
}

void Fail(const std::string& message) {
  SendLine("E " + message.substr(0, 1000));
  _exit(3);
}

}  // namespace tributary::bench
