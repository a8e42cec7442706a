// RoPE's base and scaling from config.json, in the forms of transformers 4 and 5.
#pragma once

#include <vector>

#include "base/error.h"
#include "checkpoint/json_fields.h"
#include "checkpoint/model_config.h"

namespace assay {

// Reads rope_theta, rope_scaling, rope_parameters, original_max_position_embeddings and partial_rotary_factor of the
// whole config into the one rope of `config`, whose context_train and layers with their windows are set. Scalings default, linear, llama3 and yarn; others and unknown keys are refused by name.
// Source: huggingface/transformers, modeling_rope_utils.py (4.57 and 5.23).
Result<void> read_hf_rope(const JsonFields& fields, ModelConfig& config);

// Gemma 3's two: that of layers without a window into ropes[0], the base of the others as the result. The former may be
// scaled (rope_scaling, or "full_attention" of rope_parameters), the latter is not. A base that is not there is the class's.
Result<double> read_gemma3_rope(const JsonFields& fields, ModelConfig& config);

}  // namespace assay
