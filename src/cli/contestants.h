// Who is measured: the engines that run here, each ready behind one Engine.
#pragma once

#include <string>
#include <vector>

#include "adapter/upstream/upstream_choice.h"
#include "cli/model_options.h"
#include "measure/matrix.h"
#include "roster/open.h"

namespace assay::cli {

// Owns what its list borrows; the model must outlive it.
struct Contestants {
  std::vector<measure::Contestant> list;
  std::vector<roster::Opened> engines;
};

// What is wanted. Engines are named as roster/spec.h says.
struct Entrants {
  std::vector<std::string> engines;           // in this order; none: roster::default_engines()
  adapter::upstream::KeySource upstream_key;  // sent to every upstream
  double upstream_wait_s = 30;                // for one token of an upstream, before it is left out
  bool keep_prompts = false;                  // finished prompts stay cached until their memory is needed
};

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
