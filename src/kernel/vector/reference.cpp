#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernel/vector/vector.h"

namespace assay::kernel::reference {

void rms_norm(std::span<const float> x, std::span<const float> weight, double eps, std::span<double> out) {
  double squares = 0;
  for (const double value : x) squares += value * value;
  const double root = std::sqrt(squares / static_cast<double>(x.size()) + eps);
  for (std::size_t i = 0; i < x.size(); ++i) out[i] = static_cast<double>(x[i]) / root * static_cast<double>(weight[i]);
}

void silu_mul(std::span<const float> gate, std::span<const float> up, std::span<double> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double g = gate[i];
    out[i] = g / (1 + std::exp(-g)) * static_cast<double>(up[i]);
  }
}

void gelu_mul(std::span<const float> gate, std::span<const float> up, std::span<double> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double g = gate[i];
    const double inner = std::sqrt(2 / std::numbers::pi) * (g + 0.044715 * g * g * g);
    // 1 + tanh(y) = 2 / (1 + e^-2y), which keeps its digits where tanh is near -1.
    out[i] = g / (1 + std::exp(-2 * inner)) * static_cast<double>(up[i]);
  }
}

void softmax(std::span<const float> x, std::span<double> out) {
  const double top = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += out[i] = std::exp(static_cast<double>(x[i]) - top);
  for (double& value : out) value /= sum;
}

}  // namespace assay::kernel::reference
