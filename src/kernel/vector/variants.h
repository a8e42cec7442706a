// The variants behind vector.h. Each has the contract of the function that calls it.
#pragma once

#include <array>
#include <cstddef>

#include "kernel/isa.h"

namespace assay::kernel {

// Sixteen lanes added in halves: the last step of every sum.
inline float sum_of_lanes(std::array<float, 16> lane) {
  for (std::size_t half = 8; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) lane[i] += lane[i + half];
  }
  return lane[0];
}

// z = g (linear + cubic g^2) of gelu_mul.
struct GeluConstants {
  static constexpr float linear = 1.5957691216F;  // 2 sqrt(2 / pi)
  static constexpr float cubic = 0.0713548162726F;
};

#define ASSAY_VECTOR_VARIANT                                                                    \
  float sum_of_squares(const float* x, std::size_t n);                                          \
  void scale_weighted(const float* x, const float* weight, float s, float* out, std::size_t n); \
  void silu_mul(const float* gate, const float* up, float* out, std::size_t n);                 \
  void gelu_mul(const float* gate, const float* up, float* out, std::size_t n);                 \
  void add(const float* x, float* out, std::size_t n);                                          \
  float maximum(const float* x, std::size_t n);                                                 \
  float exp_minus(float* x, float maximum, std::size_t n); /* x = e^(x - maximum); the sum */   \
  void multiply(float* x, float factor, std::size_t n);

namespace portable {
ASSAY_VECTOR_VARIANT
}
#if defined(__x86_64__)
namespace avx2 {
ASSAY_VECTOR_VARIANT
}
#endif

#undef ASSAY_VECTOR_VARIANT

}  // namespace assay::kernel
