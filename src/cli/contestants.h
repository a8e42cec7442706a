// Who is measured: the engines that run here, each ready behind one Engine.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/upstream/upstream_choice.h"
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

// What is wanted. An engine's name is "direct", an installed one as EngineSpec has it, "metalrt", or a server as
// "upstream:KIND[=URL][#MODEL]".
struct Entrants {
  std::vector<std::string> engines;           // in this order; none: see default_entrants()
  adapter::upstream::KeySource upstream_key;  // sent to every upstream
  double upstream_wait_s = 30;                // for one token of an upstream, before it is left out
  bool keep_prompts = false;                  // finished prompts stay cached until their memory is needed
};

inline constexpr std::string_view upstream_prefix = "upstream:";

// direct, each engine that assay can install here (refused by name where it is not), and MetalRT where its library is.
std::vector<std::string> default_entrants();

// Whether each name means something here, without starting anything. Errc::bad_value, Errc::not_found: a name that is no
// engine, with those there are; a name twice; or, where none of them could be started, why the first could not.
Result<void> check_entrants(const Session& session, const std::vector<std::string>& engines);

// How many copies of the weights these engines keep in the machine's own memory; `direct`, which also stands for the
// model itself, is always one. Names that mean nothing count nothing.
std::size_t engines_in_memory(const Session& session, const std::vector<std::string>& engines);

// An engine that cannot be started, or a server that gives no token, is a contestant with the reason, and the others go on. Errc::bad_value: a name is
// none, or comes twice; the key's own errors.
Result<Contestants> gather_contestants(const Session& session, const LoadedModel& model, const ModelOptions& options,
                                       const Entrants& entrants);

}  // namespace assay::cli
