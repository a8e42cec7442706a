#include "model/rope.h"

#include "kernel/quant/dequantize.h"
#include "kernel/rope/rope.h"

namespace assay::model {

RopeFrequencies rope_frequencies(const ModelConfig& config, const std::vector<float>& factors) {
  RopeFrequencies out;
  out.inverse = kernel::rope_frequencies(config.rope_dims, config.rope_theta);
  const RopeScaling& scaling = config.rope_scaling;
  const auto context = static_cast<double>(scaling.original_context);
  switch (scaling.kind) {
    case RopeScaling::Kind::none:
      break;
    case RopeScaling::Kind::linear:
      kernel::rope_scale_linear(out.inverse, scaling.factor);
      break;
    case RopeScaling::Kind::llama3:
      if (factors.empty()) {
        kernel::rope_scale_llama3(out.inverse, {.factor = scaling.factor,
                                                .low_freq_factor = scaling.low_freq_factor,
                                                .high_freq_factor = scaling.high_freq_factor,
                                                .original_context = context});
      }
      break;
    case RopeScaling::Kind::yarn:
      kernel::rope_scale_yarn(out.inverse, {.factor = scaling.factor,
                                            .original_context = context,
                                            .theta = config.rope_theta,
                                            .beta_fast = scaling.beta_fast,
                                            .beta_slow = scaling.beta_slow,
                                            .truncate = scaling.truncate});
      out.magnitude = scaling.attention_factor;
      break;
  }
  if (!factors.empty()) kernel::rope_divide(out.inverse, factors);
  return out;
}

RopeFrequencies rope_frequencies(const Weights& weights) {
  std::vector<float> factors;
  if (present(weights.rope_factors)) {
    factors.resize(weights.rope_factors.columns());
    kernel::dequantize_row(weights.rope_factors, 0, factors);
  }
  return rope_frequencies(weights.config, factors);
}

}  // namespace assay::model
