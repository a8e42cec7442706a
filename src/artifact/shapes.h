// Published models by name: their numbers, not their weights.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "checkpoint/model_config.h"

namespace assay::artifact {

// "qwen3-0.6b", "qwen3-4b", "llama-3.2-3b", "llama-3.1-8b", as their config.json have them. Errc::not_found lists the
// names.
Result<ModelConfig> shape_by_name(std::string_view name);

// All names, with ", " between.
std::string shape_names();

// From a config.json, for every other model. Errors name the path and the key.
Result<ModelConfig> shape_from_config(const std::string& path);

}  // namespace assay::artifact
