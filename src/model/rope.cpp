#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernel/quant/dequantize.h"

namespace assay::model {
namespace {

// Below low wavelength keep, above high wavelength divide by factor, between them blend.
double llama3(double inverse, const RopeScaling& s) {
  const double wavelength = 2 * std::numbers::pi / inverse;
  const double context = s.original_context;
  if (wavelength < context / s.high_freq_factor) return inverse;
  if (wavelength > context / s.low_freq_factor) return inverse / s.factor;
  const double smooth = (context / wavelength - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor);
  return (1 - smooth) * inverse / s.factor + smooth * inverse;
}

// The (real) pair index whose wavelength turns `rotations` times within the original context.
double correction_pair(double rotations, double theta, double dims, double context) {
  return dims * std::log(context / (rotations * 2 * std::numbers::pi)) / (2 * std::log(theta));
}

void yarn(const ModelConfig& config, std::vector<double>& inverse) {
  const RopeScaling& s = config.rope_scaling;
  double low = correction_pair(s.beta_fast, config.rope_theta, config.rope_dims, s.original_context);
  double high = correction_pair(s.beta_slow, config.rope_theta, config.rope_dims, s.original_context);
  if (s.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(config.rope_dims) - 1);
  const double width = low == high ? 0.001 : high - low;
  for (std::size_t i = 0; i < inverse.size(); ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - low) / width, 0.0, 1.0);  // 0: keep, 1: interpolate
    inverse[i] = inverse[i] / s.factor * ramp + inverse[i] * (1 - ramp);
  }
}

}  // namespace

RopeFrequencies rope_frequencies(const ModelConfig& config, const std::vector<float>& factors) {
  RopeFrequencies out;
  const std::size_t pairs = config.rope_dims / 2;
  out.inverse.resize(pairs);
  for (std::size_t i = 0; i < pairs; ++i) {
    out.inverse[i] = std::pow(config.rope_theta, -2.0 * static_cast<double>(i) / config.rope_dims);
  }
  const RopeScaling& scaling = config.rope_scaling;
  switch (scaling.kind) {
    case RopeScaling::Kind::none:
      break;
    case RopeScaling::Kind::linear:
      for (double& value : out.inverse) value /= scaling.factor;
      break;
    case RopeScaling::Kind::llama3:
      if (factors.empty()) {
        for (double& value : out.inverse) value = llama3(value, scaling);
      }
      break;
    case RopeScaling::Kind::yarn:
      yarn(config, out.inverse);
      out.magnitude = scaling.attention_factor;
      break;
  }
  for (std::size_t i = 0; i < factors.size() && i < pairs; ++i) out.inverse[i] /= factors[i];
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
