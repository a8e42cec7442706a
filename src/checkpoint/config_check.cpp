#include "checkpoint/config_check.h"

#include <cmath>
#include <numbers>
#include <string>

namespace assay {
namespace {

Result<void> in_range(std::string_view what, std::uint64_t met, std::uint64_t least, std::uint64_t most) {
  if (met >= least && met <= most) return {};
  return fail(Errc::bad_value, std::string(what) + " " + std::to_string(met) + ", expected " + std::to_string(least) +
                                   " to " + std::to_string(most));
}

Result<void> positive(std::string_view what, double met) {
  if (std::isfinite(met) && met > 0) return {};
  return fail(Errc::bad_value, std::string(what) + " " + std::to_string(met) + ", expected a positive number");
}

// YaRN blends between the pairs that turn beta_fast and beta_slow times over the original context. Where the first lies
// behind the second, or outside of a head, transformers and llama.cpp stretch different pairs: no answer is the right one.
Result<void> check_yarn_range(const RopeScaling& scaling, double theta) {
  if (scaling.beta_fast < scaling.beta_slow) {
    return fail(Errc::unsupported, "YaRN beta_fast " + std::to_string(scaling.beta_fast) +
                                       ", expected at least beta_slow " + std::to_string(scaling.beta_slow));
  }
  const double least = 2 * std::numbers::pi * scaling.beta_slow;
  const double most = 2 * std::numbers::pi * scaling.beta_fast * theta;  // one pair's step beyond the last one
  if (scaling.original_context >= least && scaling.original_context <= most) return {};
  return fail(Errc::unsupported, "RoPE scaling's original context " + std::to_string(scaling.original_context) +
                                     ", expected " + std::to_string(least) + " to " + std::to_string(most) +
                                     " with these YaRN betas and RoPE base");
}

Result<void> check_scaling(const RopeScaling& scaling, double theta) {
  if (scaling.kind == RopeScaling::Kind::none) return {};
  ASSAY_TRY(positive("RoPE scaling factor", scaling.factor));
  if (scaling.kind == RopeScaling::Kind::linear) return {};
  ASSAY_TRY(in_range("RoPE scaling's original context", scaling.original_context, 1, context_max));
  if (scaling.kind == RopeScaling::Kind::llama3) {
    ASSAY_TRY(positive("RoPE scaling's low_freq_factor", scaling.low_freq_factor));
    ASSAY_TRY(positive("RoPE scaling's high_freq_factor", scaling.high_freq_factor));
    if (scaling.high_freq_factor > scaling.low_freq_factor) return {};
    return fail(Errc::bad_value, "RoPE scaling's high_freq_factor " + std::to_string(scaling.high_freq_factor) +
                                     ", expected more than low_freq_factor " + std::to_string(scaling.low_freq_factor));
  }
  ASSAY_TRY(positive("YaRN beta_fast", scaling.beta_fast));
  ASSAY_TRY(positive("YaRN beta_slow", scaling.beta_slow));
  ASSAY_TRY(check_yarn_range(scaling, theta));
  return positive("YaRN attention factor", scaling.attention_factor);
}

Result<void> check_attention(const ModelConfig& config, const Attention& a) {
  ASSAY_TRY(in_range("attention heads", a.heads, 1, heads_max));
  ASSAY_TRY(in_range("key-value heads", a.kv_heads, 1, a.heads));
  ASSAY_TRY(in_range("head dimension", a.head_dim, 2, head_dim_max));
  if (a.heads % a.kv_heads != 0) {
    return fail(Errc::bad_value, "attention heads " + std::to_string(a.heads) +
                                     ", expected a multiple of the key-value heads " + std::to_string(a.kv_heads));
  }
  if (a.head_dim % 2 != 0)
    return fail(Errc::bad_value, "head dimension " + std::to_string(a.head_dim) + ", expected an even number");
  ASSAY_TRY(positive("attention scale", a.scale));
  ASSAY_ASSERT(a.rope < config.ropes.size());
  const Rope& rope = config.ropes[a.rope];
  ASSAY_TRY(in_range("rotated dimensions", rope.dims, 2, a.head_dim));
  if (rope.dims % 2 != 0)
    return fail(Errc::bad_value, "rotated dimensions " + std::to_string(rope.dims) + ", expected an even number");
  return {};
}

}  // namespace

Result<void> check_config(const ModelConfig& config) {
  ASSAY_TRY(in_range("layers", config.layers.size(), 1, layers_max));
  ASSAY_TRY(in_range("hidden width", config.hidden, 1, width_max));
  ASSAY_TRY(in_range("vocabulary", config.vocab, 1, vocab_max));
  ASSAY_TRY(in_range("context length", config.context_train, 1, context_max));
  ASSAY_TRY(positive("RMS norm epsilon", config.rms_eps));
  ASSAY_TRY(positive("embedding scale", config.embedding_scale));
  for (const LayerShape& layer : config.layers) {
    ASSAY_TRY(in_range("feed-forward width", dense_of(layer).width, 1, width_max));
    ASSAY_TRY(check_attention(config, attention_of(layer)));
  }
  for (const Rope& rope : config.ropes) {
    ASSAY_TRY(positive("RoPE base", rope.theta));
    ASSAY_TRY(check_scaling(rope.scaling, rope.theta));
  }
  return {};
}

double yarn_mscale(double factor, double weight) { return factor <= 1 ? 1 : 0.1 * weight * std::log(factor) + 1; }

}  // namespace assay
