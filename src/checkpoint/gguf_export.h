// A model's numbers and tensor order as a GGUF file has them, wherever the model came from.
#pragma once

#include <cstdint>
#include <vector>

#include "base/error.h"
#include "checkpoint/gguf_writer.h"
#include "checkpoint/model_config.h"
#include "checkpoint/tensors.h"

namespace assay {

// Sets general.architecture, general.name and every key below the architecture, so that config_from_gguf gives the same
// maths. mistral becomes "llama", the name under which other programs load it. Errc::unsupported: GGUF has no word for
// it (YaRN without truncation). llama3 scaling is a tensor, see gguf_rope_factors.
Result<void> set_gguf_config(GgufWriter& writer, const ModelConfig& config);

// rope_factors (rope_dims / 2), what RoPE's frequencies are divided by; empty where the scaling is not llama3.
// Source: Llama 3.1 reference code (meta-llama/llama-models, apply_scaling), solved for the divisor.
std::vector<float> gguf_rope_factors(const ModelConfig& config);

// llama and mistral files hold the rows of q and k (weight and bias) so that RoPE turns neighbours. True where
// a tensor of `config` (rope_pairs halves) must be reordered for that.
bool gguf_reorders(const ModelConfig& config, Role role);

// Row of the halves order that becomes row `row` of the file; rows of one head stay together.
constexpr std::uint64_t gguf_source_row(std::uint64_t row, std::uint32_t head_dim) {
  const std::uint64_t in_head = row % head_dim;
  return row - in_head + in_head / 2 + (in_head % 2) * (head_dim / 2);
}

}  // namespace assay
