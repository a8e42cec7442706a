#include <limits>

#include "kernel/vector/exp.h"
#include "kernel/vector/variants.h"

namespace assay::kernel::portable {

float sum_of_squares(const float* x, std::size_t n) {
  std::array<float, 16> lane{};
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    for (std::size_t l = 0; l < 16; ++l) lane[l] += x[i + l] * x[i + l];
  }
  for (std::size_t l = 0; i < n; ++i, ++l) lane[l] += x[i] * x[i];
  return sum_of_lanes(lane);
}

void scale_weighted(const float* x, const float* weight, float s, float* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = x[i] * s * weight[i];
}

void silu_mul(const float* gate, const float* up, float* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = gate[i] / (1.0F + exp_clamped(-gate[i])) * up[i];
}

void gelu_mul(const float* gate, const float* up, float* out, std::size_t n) {
  using C = GeluConstants;
  for (std::size_t i = 0; i < n; ++i) {
    const float g = gate[i];
    const float z = g * (C::linear + C::cubic * (g * g));
    out[i] = g / (1.0F + exp_clamped(-z)) * up[i];
  }
}

void add(const float* x, float* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] += x[i];
}

float maximum(const float* x, std::size_t n) {
  float best = -std::numeric_limits<float>::infinity();
  for (std::size_t i = 0; i < n; ++i) best = x[i] > best ? x[i] : best;
  return best;
}

float exp_minus(float* x, float maximum, std::size_t n) {
  std::array<float, 16> lane{};
  for (std::size_t i = 0; i < n; ++i) {
    x[i] = exp_or_zero(x[i] - maximum);
    lane[i % 16] += x[i];
  }
  return sum_of_lanes(lane);
}

void multiply(float* x, float factor, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) x[i] *= factor;
}

}  // namespace assay::kernel::portable
