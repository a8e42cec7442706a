#include "checkpoint/gguf_export.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "checkpoint/architectures.h"
#include "checkpoint/config_check.h"
#include "checkpoint/gemma3.h"

namespace assay {
namespace {

bool is_llama(Architecture architecture) {
  return architecture == Architecture::llama || architecture == Architecture::mistral;
}

// GGUF says the sizes of attention once for all layers.
Result<void> check_same_layers(const ModelConfig& config) {
  const Attention& first = attention_of(config.layers.front());
  for (const LayerShape& layer : config.layers) {
    const Attention& a = attention_of(layer);
    if (a.heads == first.heads && a.kv_heads == first.kv_heads && a.head_dim == first.head_dim &&
        a.scale == first.scale)
      continue;
    return fail(Errc::unsupported, "layers differ in the sizes of attention: that cannot be said in GGUF");
  }
  return {};
}

void set_window(GgufWriter& writer, const std::string& prefix, const ModelConfig& config) {
  const std::uint32_t window = widest_window(config);
  if (window == 0) return;
  writer.set(prefix + "attention.sliding_window", window);
  const std::vector<bool> slides = slides_of(config);
  const bool gemma3 = config.architecture == Architecture::gemma3;
  if (slides != slides_with_pattern(config.layer_count(), gemma3 ? gemma3_pattern : 0))
    writer.set(prefix + "attention.sliding_window_pattern", slides);
}

Result<void> set_scaling(GgufWriter& writer, const std::string& prefix, const RopeScaling& scaling) {
  using Kind = RopeScaling::Kind;
  const std::string key = prefix + "rope.scaling.";
  const auto number = [&](const char* tail, double value) { writer.set(key + tail, static_cast<float>(value)); };
  if (scaling.kind == Kind::none || scaling.kind == Kind::llama3) return {};
  writer.set(key + "type", scaling.kind == Kind::linear ? "linear" : "yarn");
  number("factor", scaling.factor);
  if (scaling.kind == Kind::linear) return {};
  if (!scaling.truncate) return fail(Errc::unsupported, "YaRN without truncation of its range cannot be said in GGUF");
  writer.set(key + "original_context_length", scaling.original_context);
  number("yarn_beta_fast", scaling.beta_fast);
  number("yarn_beta_slow", scaling.beta_slow);
  // Left out where it is what a reader derives: other programs read the key in different ways.
  if (std::abs(scaling.attention_factor - yarn_mscale(scaling.factor, 1)) > 1e-9)
    number("yarn_attn_factor", scaling.attention_factor);
  return {};
}

}  // namespace

Result<void> set_gguf_config(GgufWriter& writer, const ModelConfig& config) {
  ASSAY_TRY(check_config(config));
  const std::string name(facts_of(config.architecture).gguf);
  const std::string prefix = name + ".";
  const Attention& a = attention_of(config.layers.front());
  ASSAY_TRY(check_same_layers(config));
  writer.set("general.architecture", name);
  writer.set("general.type", "model");
  if (!config.model_name.empty()) writer.set("general.name", config.model_name);
  writer.set(prefix + "block_count", config.layer_count());
  writer.set(prefix + "context_length", config.context_train);
  writer.set(prefix + "embedding_length", config.hidden);
  writer.set(prefix + "feed_forward_length", dense_of(config.layers.front()).width);
  writer.set(prefix + "attention.head_count", a.heads);
  writer.set(prefix + "attention.head_count_kv", a.kv_heads);
  writer.set(prefix + "attention.key_length", a.head_dim);
  writer.set(prefix + "attention.value_length", a.head_dim);
  writer.set(prefix + "attention.layer_norm_rms_epsilon", static_cast<float>(config.rms_eps));
  const double usual_scale = config.architecture == Architecture::gemma3
                                 ? gemma3_gguf_scale(config)
                                 : 1 / std::sqrt(static_cast<double>(a.head_dim));
  if (std::abs(a.scale / usual_scale - 1) > 1e-6) writer.set(prefix + "attention.scale", static_cast<float>(a.scale));
  writer.set(prefix + "vocab_size", config.vocab);
  writer.set(prefix + "rope.freq_base", static_cast<float>(config.ropes[0].theta));
  writer.set(prefix + "rope.dimension_count", config.ropes[0].dims);
  set_window(writer, prefix, config);
  if (config.architecture == Architecture::gemma3 && config.ropes[1].theta != gemma3_local_theta)
    writer.set(prefix + "rope.freq_base_swa", static_cast<float>(config.ropes[1].theta));
  return set_scaling(writer, prefix, config.ropes[0].scaling);
}

std::vector<float> gguf_rope_factors(const ModelConfig& config) {
  const Rope& rope = config.ropes[0];
  const RopeScaling& scaling = rope.scaling;
  std::vector<float> factors;
  if (scaling.kind != RopeScaling::Kind::llama3) return factors;
  const double context = scaling.original_context;
  for (std::uint32_t pair = 0; pair < rope.dims / 2; ++pair) {
    const double wavelength = 2 * std::numbers::pi * std::pow(rope.theta, 2.0 * pair / rope.dims);
    // 1 for short waves, the factor for long ones, and between them a mean weighted by how often a wave fits.
    const double fits =
        (context / wavelength - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor);
    const double smooth = std::clamp(fits, 0.0, 1.0);
    factors.push_back(static_cast<float>(1 / ((1 - smooth) / scaling.factor + smooth)));
  }
  return factors;
}

bool gguf_reorders(const ModelConfig& config, Role role) {
  if (!is_llama(config.architecture) || config.rope_pairs != RopePairs::halves) return false;
  return role == Role::q || role == Role::k || role == Role::q_bias || role == Role::k_bias;
}

}  // namespace assay
