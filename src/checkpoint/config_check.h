// Checks that hold for a model's numbers whatever file they came from.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "checkpoint/model_config.h"

namespace assay {

// Bounds that keep every product of two sizes below 2^63 and every list small. Published dense models stay under
// 130 layers, 16,384 wide, 53,248 between gate and down, 256,000 tokens.
inline constexpr std::uint32_t layers_max = 1024;
inline constexpr std::uint32_t width_max = 1U << 20U;  // hidden, ffn
inline constexpr std::uint32_t heads_max = 4096;
inline constexpr std::uint32_t head_dim_max = 4096;
inline constexpr std::uint32_t vocab_max = 1U << 24U;
inline constexpr std::uint32_t context_max = 1U << 28U;

// Errc::bad_value names the number, what was met and what was expected.
Result<void> check_config(const ModelConfig& config);

// YaRN's multiplier of cos and sin by its scale: 0.1 * weight * ln(factor) + 1, and 1 for factors up to 1
// (Peng et al., "YaRN", 2023, equation 22).
double yarn_mscale(double factor, double weight);

}  // namespace assay
