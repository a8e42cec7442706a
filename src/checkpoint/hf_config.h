// config.json of HF and MLX folders: the same numbers as GGUF metadata gives.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "checkpoint/model_config.h"

namespace assay {

// MLX affine quantization of one module's weight.
struct AffineFormat {
  std::uint32_t bits = 4;    // 4 or 8
  std::uint32_t group = 64;  // 32, 64 or 128 columns share scale and bias
};

struct AffineQuantization {
  AffineFormat usual;
  std::map<std::string, std::optional<AffineFormat>, std::less<>> modules;  // by HF module name; nullopt: not quantized

  // What the weight of this module is stored as, if it is quantized at all.
  std::optional<AffineFormat> of(std::string_view module) const;
};

struct HfConfig {
  ModelConfig model;         // tied_head only where tied says so
  std::optional<bool> tied;  // tie_word_embeddings; absent: tied where lm_head.weight is missing
  std::optional<AffineQuantization> quantization;
};

// `text` is the file's content; both the form of transformers 4 (rope_theta, rope_scaling, torch_dtype) and of
// transformers 5 (rope_parameters, dtype, layer_types). model_type llama, mistral, qwen2, qwen3 or gemma3_text. Every key is
// understood, known not to matter, null, at a value that changes nothing, or refused by name (Errc::unsupported).
Result<HfConfig> read_hf_config(std::string_view text);

}  // namespace assay
