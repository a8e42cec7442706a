#include "checkpoint/gemma3.h"

#include <cmath>

namespace assay {

std::vector<bool> slides_with_pattern(std::uint32_t layers, std::uint32_t every) {
  std::vector<bool> slides(layers, true);
  for (std::uint32_t layer = 0; layer < layers; ++layer) slides[layer] = every == 0 || layer % every != every - 1;
  return slides;
}

double gemma3_gguf_scale(const ModelConfig& config) {
  constexpr std::size_t layers_27b = 62;
  const Attention& a = attention_of(config.layers.front());
  return 1 / std::sqrt(static_cast<double>(config.layers.size() == layers_27b ? config.hidden / a.heads : a.head_dim));
}

void make_gemma3(ModelConfig& config, double local_theta, double scale) {
  config.embedding_scale = std::sqrt(static_cast<double>(config.hidden));
  config.ropes.resize(1);
  config.ropes.push_back({.theta = local_theta, .dims = config.ropes[0].dims, .scaling = {}});
  each_attention(config, [&](Attention& a) {
    a.qk_norm = true;
    a.scale = scale;
    a.rope = a.window != 0 ? 1 : 0;
  });
  each_dense(config, [](Dense& dense) { dense.activation = Activation::gelu_tanh; });
  for (LayerShape& layer : config.layers) layer.post_norms = true;
}

}  // namespace assay
