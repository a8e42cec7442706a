// Who is measured: the engines that run here, each ready behind one Engine.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "adapter/worker/worker_backend.h"
#include "cli/model_options.h"
#include "measure/matrix.h"

namespace assay::cli {

// Owns what its list borrows; the model must outlive it. Engines go before the workers that they drive.
struct Contestants {
  std::vector<measure::Contestant> list;
  std::vector<std::unique_ptr<adapter::WorkerBackend>> workers;
  std::vector<std::unique_ptr<Engine>> engines;
};

// One for each name in `engines` (direct, or an installed one as EngineSpec has it), in that order; none: direct and
// each engine that assay can install here, refused by name where it is not. An engine that cannot be started is a
// contestant with the reason, and the others go on. keep_prompts: finished prompts stay cached until their memory is
// needed. Errc::bad_value: a name is none, or comes twice.
Result<Contestants> gather_contestants(const Session& session, const LoadedModel& model, const ModelOptions& options,
                                       const std::vector<std::string>& engines, bool keep_prompts);

}  // namespace assay::cli
