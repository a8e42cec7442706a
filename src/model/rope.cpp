#include "model/rope.h"

#include "kernel/quant/dequantize.h"
#include "kernel/rope/rope.h"

namespace assay::model {

RopeFrequencies rope_frequencies(const Rope& rope, const std::vector<float>& factors) {
  RopeFrequencies out;
  out.inverse = kernel::rope_frequencies(rope.dims, rope.theta);
  const RopeScaling& scaling = rope.scaling;
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
                                            .theta = rope.theta,
                                            .beta_fast = scaling.beta_fast,
                                            .beta_slow = scaling.beta_slow,
                                            .truncate = scaling.truncate});
      out.magnitude = scaling.attention_factor;
      break;
  }
  if (!factors.empty()) kernel::rope_divide(out.inverse, factors);
  return out;
}

std::vector<RopeFrequencies> rope_frequencies(const Weights& weights) {
  std::vector<float> factors;
  if (present(weights.rope_factors)) {
    factors.resize(weights.rope_factors.columns());
    kernel::dequantize_row(weights.rope_factors, 0, factors);
  }
  std::vector<RopeFrequencies> out;
  out.reserve(weights.config.ropes.size());
  for (const Rope& rope : weights.config.ropes) out.push_back(rope_frequencies(rope, factors));
  return out;
}

}  // namespace assay::model
