// The parts of `assay models`, each with subcommands of its own.
#pragma once

#include "artifact/synth.h"
#include "cli/command.h"

namespace assay::cli {

void add_models_synth(CLI::App& models, Session& session);

// Synthesizes into `path` with progress on stderr and prints the notes there.
Result<artifact::WrittenModel> synthesize_file(const Session& session, const artifact::SynthOptions& options,
                                               const std::string& path, std::uint32_t threads);

}  // namespace assay::cli
