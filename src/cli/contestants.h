// Who is measured: the engines that run here, each ready behind one Engine.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/model_options.h"
#include "measure/matrix.h"

namespace assay::cli {

// Owns what its list borrows; the model must outlive it.
struct Contestants {
  std::vector<measure::Contestant> list;
  std::vector<std::unique_ptr<Engine>> engines;
};

// keep_prompts: finished prompts stay cached until their memory is needed.
Result<Contestants> gather_contestants(const Session& session, const LoadedModel& model, const ModelOptions& options,
                                       const std::vector<std::string>& engines, bool keep_prompts);

}  // namespace assay::cli
