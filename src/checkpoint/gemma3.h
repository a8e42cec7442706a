// What makes Gemma 3 of a decoder with QK norm, for both formats. Source: huggingface/transformers, models/gemma3
// (5.24); ggml-org/llama.cpp, src/models/gemma3.cpp and conversion/gemma.py.
#pragma once

#include <cstdint>
#include <vector>

#include "checkpoint/model_config.h"

namespace assay {

inline constexpr std::uint32_t gemma3_pattern = 6;  // one layer of so many sees all positions, the last of them
inline constexpr double gemma3_global_theta = 1e6;
inline constexpr double gemma3_local_theta = 1e4;
// True but for the last layer of each run of `every`; every == 0: all true.
std::vector<bool> slides_with_pattern(std::uint32_t layers, std::uint32_t every);

// The scale of scores that GGUF files mean, which do not say it: by the size of a head, and of the 62 layers of the 27B
// model by hidden / heads.
double gemma3_gguf_scale(const ModelConfig& config);

// Of a config whose sizes, windows and ropes[0] (of layers without a window) are set: norms behind the blocks, GELU, the
// scaled embedding (sqrt(hidden) as it is: transformers rounds it to the type that it computes in), and a rope of their
// own for the layers that slide. scale: of scores.
void make_gemma3(ModelConfig& config, double local_theta, double scale);

}  // namespace assay
