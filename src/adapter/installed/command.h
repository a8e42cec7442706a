// Runs a program of others (pip, cmake, a compiler) to its end: its lines as they come, a log, and an end on request.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace assay::adapter {

struct Command {
  std::vector<std::string> words;        // the program first; looked for on PATH where it has no slash
  std::vector<std::string> environment;  // "NAME=value", set beside or in place of what this process has
  std::string log;                       // file that the command and all that it prints are appended to; "": none
};

struct CommandWatch {
  std::function<void(std::string_view line)> line = {};  // stdout and stderr, without the newline
  std::function<bool()> go_on = {};                      // asked at least 5 times a second; false ends the command
};

// Runs in a process group of its own with nothing on stdin, and returns the exit code. Whatever the program started in
// its group is dead when this returns. Errc::not_found: no such program; Errc::cancelled: go_on said no;
// Errc::engine_lost: a signal ended it, by name; Errc::io, Errc::full: the log cannot be written.
Result<int> run_command(const Command& command, const CommandWatch& watch = {});

// The same, where every exit code but 0 is Errc::bad_value with the command, the code and the last lines that it printed.
Result<void> run_to_success(const Command& command, const CommandWatch& watch = {});

// Path of a program on PATH that may be run, or "".
std::string find_program(std::string_view name);

}  // namespace assay::adapter
