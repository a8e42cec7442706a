// One run of the matrix, from options to a record.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "adapter/upstream/upstream_choice.h"
#include "cli/model_options.h"
#include "cli/models.h"
#include "record/record.h"

namespace assay::cli {

struct MatrixOptions {
  ModelOptions model;
  ShapeChoice shape;
  std::vector<std::string> engines;  // as Entrants has them
  adapter::upstream::KeySource upstream_key;
  double upstream_wait_s = 30;  // as Entrants has it
  measure::MatrixSettings settings;
  std::optional<measure::Matrix> resume{};  // an unfinished record to go on with; the options are its own
};

// Loads, measures, compares logits. Errors that are one engine's are in its row. Stopped once rows have a request of full
// length, it gives what there is, with Matrix::unfinished; before that, Errc::cancelled. Errc::bad_value, before any work: a
// length beyond the context or what the model was trained on, by the option; with `resume`: what is not as it was, by the
// record's field. Errc::full: the engines would not fit into the memory that is free.
Result<measure::Matrix> run_matrix(const Session& session, MatrixOptions options);

// The options that a record was made with.
MatrixOptions options_of(const measure::Matrix& record);

// "90", "90s", "1.5m", "2h" as seconds. Errc::bad_value names `option`.
Result<double> parse_seconds(const std::string& option, const std::string& text);

}  // namespace assay::cli
