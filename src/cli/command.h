// What every command shares: the session, exit codes, and how an error leaves the program.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/stop.h"
#include "base/style.h"
#include "roster/surroundings.h"

namespace assay::cli {

// The program's exit codes, the same for every command (docs/commands.md).
enum class Exit : int { done = 0, no = 1, usage = 2, refused = 3, engine = 4 };

// Handed to every command; lives as long as main().
struct Session {
  bool json = false;  // --json: one JSON document on stdout, no progress
  Colour colour = Colour::automatic;
  int exit_code = 0;         // what main() returns
  std::string command_line;  // "assay matrix --json", for records
  SteadyClock clock;
  StderrLog log{LogLevel::info};
  mutable Stop stop;  // asked by a signal while an Interrupt lives; what takes long looks at it

  // $ASSAY_HOME, else the platform's data folder; not created.
  std::filesystem::path home() const;
  ProgressStyle progress() const { return progress_style(json); }
  roster::Surroundings surroundings() const { return {clock, stop, progress(), home() / "engines"}; }

  void finish(Exit code) { exit_code = static_cast<int>(code); }
  // Says the error on stderr (and as {"error": {...}} on stdout with --json) and sets the exit code that fits it:
  // usage for a path that is not there, engine for a lost engine or a bug, no for everything else.
  void fail(const Error& error);
  // Refuses the words of the command line: the option, what was met, what was expected. Exit code 2.
  void refuse(const std::string& detail);
  // "assay: DETAIL" and a newline, as it goes to stderr.
  std::string error_line(const std::string& detail) const;
  // Colour for what goes to this descriptor, where it is a terminal that wants it; none with --json.
  Style style(int descriptor) const;
  // Prints the document on stdout: indented, UTF-8, a newline at the end. Invalid UTF-8 becomes U+FFFD.
  void print(const Json& document) const;
};

// Each command adds itself: its options, help with an example, and its callback.
void add_render(CLI::App& app, Session& session);
void add_run(CLI::App& app, Session& session);
void add_chat(CLI::App& app, Session& session);
void add_tokenize(CLI::App& app, Session& session);
void add_models(CLI::App& app, Session& session);
void add_matrix(CLI::App& app, Session& session);
void add_parity(CLI::App& app, Session& session);
void add_engines(CLI::App& app, Session& session);
void add_doctor(CLI::App& app, Session& session);
void add_generated(CLI::App& app, Session& session);  // completions and man, made of all commands before them

// Columns for a page on this descriptor: those of its terminal, else 80.
std::size_t page_columns(int descriptor);

}  // namespace assay::cli
