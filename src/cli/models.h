// The parts of `assay models`, each with subcommands of its own.
#pragma once

#include "artifact/store.h"
#include "artifact/synth.h"
#include "cli/command.h"

namespace assay::cli {

// The models kept under $ASSAY_HOME.
inline artifact::Store store_of(const Session& session) { return artifact::Store(session.home() / "models"); }

void add_models_store(CLI::App& models, Session& session);  // import, list, remove, dedupe
void add_models_verify(CLI::App& models, Session& session);
void add_models_info(CLI::App& models, Session& session);
void add_models_convert(CLI::App& models, Session& session);
void add_models_synth(CLI::App& models, Session& session);

// Which random weights: of a named shape or of a config.json.
struct ShapeChoice {
  std::string shape;
  std::string config;
  std::string quant = "q4_0";
  std::uint64_t seed = 1;
  std::uint32_t context = 0;  // 0: the shape's
  bool pure = false;          // the head gets the same type

  bool given() const { return !shape.empty() || !config.empty(); }
  // "qwen3-0.6b", or the name of the folder that the config.json lies in.
  std::string title() const;
};
// Errc::bad_value: both or neither of shape and config; Errc::not_found, unsupported name what is not known.
Result<artifact::SynthOptions> synth_options(const ShapeChoice& choice);

// A file of these weights in $ASSAY_HOME/cache: the one that is there, or a new one.
Result<std::string> cached_synth(const Session& session, const ShapeChoice& choice, std::uint32_t threads);

// Synthesizes into `path` with progress on stderr and prints the notes there.
Result<artifact::WrittenModel> synthesize_file(const Session& session, const artifact::SynthOptions& options,
                                               const std::string& path, std::uint32_t threads);

}  // namespace assay::cli
