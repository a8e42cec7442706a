// A child process: started with nothing but what is named, watched, ended, and never left behind.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "process/output_reader.h"

namespace assay::process {

struct ProcessOrder {
  std::string program;                   // a path; see find_program
  std::vector<std::string> arguments;    // after the program's own name
  std::vector<std::string> environment;  // "NAME=value", over this process's own
  std::vector<int> handed_down;          // open here; become the child's 3, 4, ... in this order; all others are closed
};

// How a process ended.
struct Ending {
  bool by_signal = false;
  int number = 0;             // signal or exit code; -1: the system did not tell
  std::int64_t survivor = 0;  // its id, where SIGKILL did not end it: it is left behind, and the other two say nothing
};
// "signal 9 (killed)", "exit code 3", "no end: process 1234 outlives SIGKILL".
std::string in_words(const Ending& ending);

// Leads a process group of its own, so that the terminal's Ctrl-C does not reach it and its own children end with it.
// stdin is empty; stdout and stderr go into one pipe, which a thread here reads at all times: it never waits to print.
//
// On Linux, a child that the main thread started is killed by the system when this process dies. (The system's signal is
// bound to the thread that started the child, and would kill the children of any other thread when just that ended.)
//
// Not safe from several threads.
class ChildProcess final {
 public:
  // Errc::not_found: no such program; Errc::io: it may not be run, or the system's reason.
  static Result<ChildProcess> start(const ProcessOrder& order);

  ~ChildProcess();  // kill(), where it runs
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  std::int64_t pid() const { return ending_ ? -1 : pid_; }  // -1 when it has ended

  // Nothing while it runs. When it has ended, its group is killed and no zombie is left.
  std::optional<Ending> ended();
  // The same, but sleeps up to timeout_ns for it.
  std::optional<Ending> wait(std::int64_t timeout_ns);

  void terminate();  // SIGTERM to the group; nothing when it has ended
  // SIGKILL to the group, then waits for it, patience_ns at most: a process that sleeps in a driver ends only when that
  // lets it go. Such a one is named as Ending::survivor; a thread of its own reaps it when it ends at last.
  Ending kill(std::int64_t patience_ns = kill_patience_ns);
  static constexpr std::int64_t kill_patience_ns = 10'000'000'000;
  // Waits up to grace_ns, terminates, waits as long again, kills.
  Ending stop(std::int64_t grace_ns);

  // The last 8 KiB that it printed, as they came; everything until now, and after its end all of it.
  std::string output_end() const { return output_->tail(); }
  std::uint64_t output_bytes() const { return output_->bytes(); }  // in all

 private:
  ChildProcess(std::int64_t pid, std::unique_ptr<OutputReader> output) : pid_(pid), output_(std::move(output)) {}
  void signal_group(int signal) const;

  std::int64_t pid_ = -1;
  std::unique_ptr<OutputReader> output_;
  std::optional<Ending> ending_;
};

// A program by its name along $PATH, or a path as it is. Errc::not_found names what was looked for.
Result<std::string> find_program(std::string_view name);

}  // namespace assay::process
