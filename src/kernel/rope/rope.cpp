#include "kernel/rope/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "kernel/rope/variants.h"

namespace assay::kernel {

std::vector<double> rope_frequencies(std::uint32_t dims, double theta) {
  ASSAY_ASSERT(dims % 2 == 0 && theta > 0);
  std::vector<double> frequencies(dims / 2);
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    frequencies[i] = std::pow(theta, -2.0 * static_cast<double>(i) / dims);
  }
  return frequencies;
}

void rope_scale_linear(std::span<double> frequencies, double factor) {
  for (double& f : frequencies) f /= factor;
}

void rope_scale_llama3(std::span<double> frequencies, const Llama3Rope& s) {
  for (double& f : frequencies) {
    const double turns = s.original_context * f / (2 * std::numbers::pi);  // original_context / wavelength
    if (turns > s.high_freq_factor) continue;
    if (turns < s.low_freq_factor) {
      f /= s.factor;
      continue;
    }
    // Only reached with equal factors when turns equals them too: then the frequency is kept.
    const double width = s.high_freq_factor - s.low_freq_factor;
    const double kept = width > 0 ? (turns - s.low_freq_factor) / width : 1;
    f = (1 - kept) * f / s.factor + kept * f;
  }
}

void rope_scale_yarn(std::span<double> frequencies, const YarnRope& s) {
  const double dims = 2 * static_cast<double>(frequencies.size());
  // The pair index, as a real number, that turns `turns` times over the original context.
  const auto pair_turning = [&](double turns) {
    return dims * std::log(s.original_context / (turns * 2 * std::numbers::pi)) / (2 * std::log(s.theta));
  };
  double first = pair_turning(s.beta_fast);
  double last = pair_turning(s.beta_slow);
  if (s.truncate) {
    first = std::floor(first);
    last = std::ceil(last);
  }
  first = std::max(first, 0.0);
  last = std::min(last, dims - 1);
  const double width = std::max(last - first, 0.001);
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const double stretched = std::clamp((static_cast<double>(i) - first) / width, 0.0, 1.0);
    frequencies[i] = frequencies[i] / s.factor * stretched + frequencies[i] * (1 - stretched);
  }
}

double yarn_attention_factor(double factor) { return factor > 1 ? 0.1 * std::log(factor) + 1 : 1; }

void rope_divide(std::span<double> frequencies, std::span<const float> factors) {
  ASSAY_ASSERT(frequencies.size() == factors.size());
  for (std::size_t i = 0; i < frequencies.size(); ++i) frequencies[i] /= static_cast<double>(factors[i]);
}

void rope_angles(std::span<const double> frequencies, std::uint64_t position, double magnitude, std::span<float> cos,
                 std::span<float> sin) {
  ASSAY_ASSERT(cos.size() == frequencies.size() && sin.size() == frequencies.size());
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const double angle = static_cast<double>(position) * frequencies[i];
    cos[i] = static_cast<float>(std::cos(angle) * magnitude);
    sin[i] = static_cast<float>(std::sin(angle) * magnitude);
  }
}

void rope_adjacent(Isa isa, std::span<float> head, std::span<const float> cos, std::span<const float> sin) {
  ASSAY_ASSERT(cos.size() == sin.size() && 2 * cos.size() <= head.size());
#if defined(__x86_64__)
  if (isa >= Isa::avx2) return avx2::rope_adjacent(head.data(), cos.data(), sin.data(), cos.size());
#endif
  static_cast<void>(isa);
  portable::rope_adjacent(head.data(), cos.data(), sin.data(), cos.size());
}

void rope_halves(Isa isa, std::span<float> head, std::span<const float> cos, std::span<const float> sin) {
  ASSAY_ASSERT(cos.size() == sin.size() && 2 * cos.size() <= head.size());
#if defined(__x86_64__)
  if (isa >= Isa::avx2) return avx2::rope_halves(head.data(), cos.data(), sin.data(), cos.size());
#endif
  static_cast<void>(isa);
  portable::rope_halves(head.data(), cos.data(), sin.data(), cos.size());
}

namespace portable {

void rope_adjacent(float* x, const float* cos, const float* sin, std::size_t pairs) {
  for (std::size_t i = 0; i < pairs; ++i) {
    const float a = x[2 * i];
    const float b = x[2 * i + 1];
    x[2 * i] = a * cos[i] - b * sin[i];
    x[2 * i + 1] = a * sin[i] + b * cos[i];
  }
}

void rope_halves(float* x, const float* cos, const float* sin, std::size_t pairs) {
  for (std::size_t i = 0; i < pairs; ++i) {
    const float a = x[i];
    const float b = x[i + pairs];
    x[i] = a * cos[i] - b * sin[i];
    x[i + pairs] = a * sin[i] + b * cos[i];
  }
}

}  // namespace portable
}  // namespace assay::kernel
