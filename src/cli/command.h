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

namespace assay::cli {

// The program's exit codes, the same for every command (docs/commands.md).
enum class Exit : int { done = 0, no = 1, usage = 2, refused = 3, engine = 4 };

// Handed to every command; lives as long as main().
struct Session {
  bool json = false;         // --json: one JSON document on stdout, no progress
  int exit_code = 0;         // what main() returns
  std::string command_line;  // "assay matrix --json", for records
  SteadyClock clock;
  StderrLog log{LogLevel::info};

  // $ASSAY_HOME, else the platform's data folder; not created.
  std::filesystem::path home() const;
  ProgressStyle progress() const { return progress_style(json); }

  void finish(Exit code) { exit_code = static_cast<int>(code); }
  // Says the error on stderr (and as {"error": {...}} on stdout with --json) and sets the exit code that fits it:
  // usage for a path that is not there, engine for a lost engine or a bug, no for everything else.
  void fail(const Error& error);
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
void add_bench(CLI::App& app, Session& session);

}  // namespace assay::cli
