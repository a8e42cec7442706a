// The parts of assay matrix: what its options say, which of them count for what it is asked to do, and its modes.
#pragma once

#include <string>
#include <vector>

#include "cli/matrix_run.h"

namespace assay::cli {

struct MatrixCommand {
  MatrixOptions run;
  std::vector<std::string> upstreams;  // KIND[=URL][#MODEL]
  std::string upstream_wait = "30s";
  std::string budget = "30s";
  std::string soak = "0";
  std::string arrivals;
  std::string arrivals_for = "30s";
  std::string parity_budget = "20s";
  std::string csv;
  std::string html;
  std::string markdown;
  std::string from;
  std::string record;
  bool no_record = false;
  bool force = false;
  bool require_all = false;
  std::string repeat;
  std::string resume;
  std::vector<std::string> compare;  // two sides, each RECORD or RECORD,RECORD,...
  std::vector<std::string> fail_on;
  double tolerance = 0;
  double see = 0;
};

enum class MatrixMode : std::uint8_t { measure, repeat, resume, from, compare };

// Adds every option; `command` must outlive the parse.
void add_matrix_options(CLI::App& app, MatrixCommand& command);

MatrixMode mode_of(const MatrixCommand& command);

// Throws CLI::ValidationError, a usage error, for an option that would be ignored: one that the mode does not look at, or
// that means nothing without another; and for a number or a time out of its range, by the option's name. Takes the times.
void check_matrix_options(const CLI::App& app, MatrixCommand& command, MatrixMode mode);

// --compare.
Result<void> compare_command(Session& session, const MatrixCommand& command);

}  // namespace assay::cli
