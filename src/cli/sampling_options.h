// Options of commands that generate text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/command.h"
#include "engine/engine.h"

namespace assay::cli {

struct GenerationOptions {
  Sampling sampling;
  std::uint32_t max_tokens = 512;
  std::uint32_t min_tokens = 0;
  std::vector<std::string> stop;
};

// Adds --max-tokens, --min-tokens, --stop, --seed and every sampling setting (docs/sampling.md).
void add_generation_options(CLI::App& command, GenerationOptions& options);

}  // namespace assay::cli
