// Options of commands that generate text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "engine/engine.h"

namespace assay::cli {

struct GenerationOptions {
  Sampling sampling;                  // but for the seed
  std::optional<std::uint64_t> seed;  // nullopt: a random one
  std::uint32_t max_tokens = 512;
  std::uint32_t min_tokens = 0;
  std::vector<std::string> stop;
};

// Adds --max-tokens, --min-tokens, --stop, --seed and every sampling setting with its range (docs/sampling.md).
void add_generation_options(CLI::App& command, GenerationOptions& options);

// What holds between several options. Errc::bad_value names them as the command line does.
Result<void> check_generation(const GenerationOptions& options);

// The error of a request's check with the command line's names in place of the request's: "--top-k", not "sampling top_k".
Error with_option_names(Error error);

// The seed that was given, else a new one each time, below 2^32 so that it is easily typed again.
std::uint64_t chosen_seed(const GenerationOptions& options);

// Throws CLI::ValidationError, a usage error, for a setting that would change nothing beside the others: top-k where
// the most likely token is taken anyway, a threshold of something that is off.
void refuse_idle_settings(const CLI::App& command, const GenerationOptions& options);

}  // namespace assay::cli
